//! Databases in all kinds of states, as values: what the page is to show.

use std::collections::BTreeMap;
use std::time::Duration;

use segue::history::{Deployment, DeploymentState, ProgressRow};
use segue::migration::{Kind, Name};
use segue::readiness::Goal;
use segue::status::{Entry, EntryState, Reading, Stage, Stale, Status, View};

mod backfill;

/// File name safe; the view.
pub type Case = (&'static str, View);

const COLUMN: &str = "2026-03-02-14-00-00-add-col.sql";
const ORDERS: &str = "2026-03-02-14-05-00-index-orders.sql";
const EVENTS: &str = "2026-03-02-14-10-00-index-events-by-customer-and-day.sql";
const VALIDATE: &str = "2026-03-02-14-15-00-validate-orders-customer.sql";
const RENAME: &str = "2026-03-16-10-00-00-rename-index.sql";

/// What one of them is told to be otherwise.
fn entry(name: &str, kind: Kind, state: EntryState, deployment: Option<i64>) -> Entry {
    Entry {
        name: Name::new(name),
        kind,
        at: deployment.map(|_| "2026-11-21T23:41:07.251904Z".to_owned()),
        state,
        is_modified: false,
        is_missing: false,
        deployment,
        partner: None,
        ends: Vec::new(),
        backfill: None,
    }
}

fn applied(name: &str, deployment: i64) -> Entry {
    entry(name, Kind::Batch, EntryState::Applied, Some(deployment))
}

fn pending(name: &str) -> Entry {
    entry(name, Kind::Batch, EntryState::Pending, None)
}

fn concurrent(name: &str, state: EntryState) -> Entry {
    let begun = !matches!(state, EntryState::Pending);
    Entry {
        partner: Some(Name::new(COLUMN)),
        ..entry(name, Kind::Concurrent, state, begun.then_some(42))
    }
}

fn running(phase: &str, counts: Option<(u64, u64)>, waits_for: Option<&str>) -> EntryState {
    EntryState::Running(
        Some(4711),
        Some(ProgressRow {
            pid: 4711,
            phase: phase.to_owned(),
            done: counts.map(|(done, _)| done),
            total: counts.map(|(_, total)| total),
            waits_for: waits_for.map(ToOwned::to_owned),
            ends_wait: waits_for.map(|_| {
                "ended by its own COMMIT, or by `SELECT pg_terminate_backend(20188)`".to_owned()
            }),
            partitions: None,
        }),
    )
}

/// What earlier deployments have applied.
fn earlier() -> Vec<Entry> {
    [
        ("2026-01-12-09-30-00-create-orders.sql", 38),
        ("2026-01-20-11-00-00-create-customers.sql", 39),
        ("2026-02-03-16-45-00-customers-language.sql", 40),
        ("2026-02-11-08-15-00-create-coupons.sql", 41),
    ]
    .map(|(name, deployment)| applied(name, deployment))
    .into()
}

fn deployment(id: i64, state: DeploymentState) -> Deployment {
    let is_ready = matches!(state, DeploymentState::Ready | DeploymentState::Settled);
    Deployment {
        id,
        state,
        migration: Some(Name::new(VALIDATE)),
        fingerprint: "sha256:0".to_owned(),
        tail: Vec::new(),
        started_at: "2026-11-21T23:41:07.011904Z".to_owned(),
        ready_at: is_ready.then(|| "2026-11-21T23:41:07.251904Z".to_owned()),
        settled_at: (state == DeploymentState::Settled)
            .then(|| "2026-11-21T23:52:40.7Z".to_owned()),
        error: None,
        is_held: state == DeploymentState::Running,
    }
}

fn past() -> Vec<Deployment> {
    let one = |id, day: u32, migration: &str, settled: &str| Deployment {
        migration: Some(Name::new(migration)),
        started_at: format!("2026-{:02}-{day:02}T09:30:00.1Z", 10 - (41 - id)),
        ready_at: Some(format!("2026-{:02}-{day:02}T09:30:00.384Z", 10 - (41 - id))),
        settled_at: Some(format!("2026-{:02}-{day:02}T{settled}Z", 10 - (41 - id))),
        ..deployment(id, DeploymentState::Settled)
    };
    vec![
        one(41, 11, "2026-02-11-08-15-00-create-coupons.sql", "09:30:00.384"),
        Deployment {
            ready_at: None,
            settled_at: None,
            error: Some("2026-02-03-16-45-00-customers-language.sql:3:1: relation `customer` does not exist".to_owned()),
            state: DeploymentState::Failed,
            ..one(40, 3, "2026-02-03-16-45-00-customers-language.sql", "09:30:00")
        },
        one(39, 20, "2026-01-20-11-00-00-create-customers.sql", "09:48:12"),
        one(38, 12, "2026-01-12-09-30-00-create-orders.sql", "09:30:00.384"),
    ]
}

fn view(stage: Stage, reason: &str, entries: Vec<Entry>, newest: Vec<Deployment>) -> View {
    let mut entries = entries;
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut past = newest.clone();
    past.extend(self::past());
    View {
        project: "shop".to_owned(),
        goal: Goal::Ready,
        is_ready: matches!(stage, Stage::Ready | Stage::Settled),
        reason: reason.to_owned(),
        stage,
        since: "2026-11-21T23:41:07.251904Z".to_owned(),
        status: Some(Status {
            project: "shop".to_owned(),
            entries,
            deployments: if newest.is_empty() {
                self::past().into_iter().take(1).collect()
            } else {
                newest
            },
            is_standby: false,
            schema_version: None,
        }),
        seen_at: Some("2026-11-21T23:47:12.002Z".to_owned()),
        stale: None,
        past,
        readings: BTreeMap::new(),
    }
}

fn with_tail(mut newest: Deployment, names: &[&str]) -> Deployment {
    newest.tail = names.iter().map(|name| Name::new(name)).collect();
    newest
}

/// Ready, one build at work, one waiting, one to come.
pub fn building() -> View {
    let whom = "pid 20188 (alice, `psql`), idle in transaction for 3m: SELECT * FROM events";
    let mut entries = earlier();
    entries.push(applied(COLUMN, 42));
    entries.push(concurrent(
        ORDERS,
        running(
            "building index: scanning table",
            Some((187_420, 416_667)),
            None,
        ),
    ));
    entries.push(concurrent(
        EVENTS,
        running("waiting for old snapshots", Some((1, 2)), Some(whom)),
    ));
    entries.push(concurrent(VALIDATE, EntryState::Pending));
    let newest = with_tail(
        deployment(42, DeploymentState::Ready),
        &[ORDERS, EVENTS, VALIDATE],
    );
    let mut view = view(
        Stage::Ready,
        "deployment 42 is ready",
        entries,
        vec![newest],
    );
    view.readings.insert(
        Name::new(ORDERS),
        Reading {
            percent: Some(44),
            rate: Some(2_310),
            left: Some(Duration::from_secs(99)),
        },
    );
    view
}

/// A little later: the first is further, and the second waits for nobody.
pub fn further() -> View {
    let mut view = building();
    for entry in &mut status(&mut view).entries {
        match entry.name.as_str() {
            ORDERS => {
                let phase = "building index: loading tuples in tree";
                entry.state = running(phase, Some((61, 100)), None);
            }
            EVENTS => entry.state = running("building index: scanning table", None, None),
            _ => {}
        }
    }
    view
}

pub fn settled() -> View {
    let mut entries = earlier();
    entries.push(applied(COLUMN, 42));
    for name in [ORDERS, EVENTS] {
        entries.push(concurrent(name, EntryState::Applied));
    }
    let newest = with_tail(deployment(42, DeploymentState::Settled), &[ORDERS, EVENTS]);
    view(
        Stage::Settled,
        "deployment 42 is settled",
        entries,
        vec![newest],
    )
}

fn under_way() -> View {
    let mut entries = earlier();
    for name in [
        "2026-03-02-13-50-00-add-state.sql",
        COLUMN,
        "2026-03-02-14-01-00-backfill-state.sql",
    ] {
        entries.push(pending(name));
    }
    entries.push(concurrent(ORDERS, EntryState::Pending));
    view(
        Stage::Running,
        "3 migrations pending: `2026-03-02-13-50-00-add-state.sql`, `2026-03-02-14-00-00-add-col.sql` and `2026-03-02-14-01-00-backfill-state.sql`; deployment 42 is under way",
        entries,
        vec![deployment(42, DeploymentState::Running)],
    )
}

pub fn failed() -> View {
    let mut view = under_way();
    let error = "2026-03-02-14-00-00-add-col.sql:2:14: column `state` of relation `orders` already exists (42701)";
    view.stage = Stage::Failed;
    view.reason = format!("3 migrations pending; the last deployment, 42, failed: {error}");
    let newest = Deployment {
        error: Some(error.to_owned()),
        ..deployment(42, DeploymentState::Failed)
    };
    view.past[0] = newest.clone();
    status(&mut view).deployments = vec![newest];
    view
}

fn abandoned() -> View {
    let mut view = under_way();
    view.stage = Stage::Abandoned;
    view.reason = String::from(
        "3 migrations pending; deployment 42 is abandoned, its runner is gone: `segue up` starts afresh",
    );
    status(&mut view).deployments[0].is_held = false;
    view.past[0].is_held = false;
    view
}

pub fn tail_failed() -> View {
    let mut view = building();
    let error = "could not create unique index \"orders_key\" (23505)\nDETAIL: Key (email)=(ada@example.org) is duplicated.";
    for entry in &mut status(&mut view).entries {
        match entry.name.as_str() {
            ORDERS => entry.state = EntryState::Failed(error.to_owned()),
            EVENTS => entry.state = EntryState::Interrupted,
            VALIDATE => entry.state = EntryState::Abandoned,
            _ => {}
        }
    }
    let told = Some(format!("{ORDERS}: {error}"));
    status(&mut view).deployments[0].error.clone_from(&told);
    view.past[0].error = told;
    view
}

/// One that is needed before readiness.
fn needed() -> View {
    let mut entries = earlier();
    entries.push(applied(COLUMN, 41));
    entries.push(concurrent(
        ORDERS,
        running(
            "building index: loading tuples in tree",
            Some((310, 1_000)),
            None,
        ),
    ));
    entries.push(Entry {
        ends: vec![Name::new(ORDERS)],
        ..pending(RENAME)
    });
    let mut view = view(
        Stage::Running,
        "1 migration pending: `2026-03-16-10-00-00-rename-index.sql`; deployment 42 is under way",
        entries,
        vec![deployment(42, DeploymentState::Running)],
    );
    view.is_ready = false;
    view
}

fn nothing() -> View {
    let mut view = view(
        Stage::Settled,
        "there are no migrations",
        Vec::new(),
        Vec::new(),
    );
    status(&mut view).deployments.clear();
    view.past.clear();
    view
}

fn no_ledger() -> View {
    let mut view = view(
        Stage::Pending,
        "3 migrations pending: `1-a.sql`, `2-b.sql` and `3-c.sql`; nobody works on it yet",
        vec![pending("1-a.sql"), pending("2-b.sql"), pending("3-c.sql")],
        Vec::new(),
    );
    status(&mut view).deployments.clear();
    view.past.clear();
    view
}

fn stale() -> View {
    let mut view = building();
    view.stale = Some(Stale {
        since: "2026-11-21T23:47:14.5Z".to_owned(),
        reason: "cannot connect to `db1:5432`: connection refused".to_owned(),
    });
    view
}

fn too_old() -> View {
    let mut view = stale();
    view.is_ready = false;
    view.reason = String::from(
        "the database is away for longer than 30s: cannot connect to `db1:5432`: connection refused",
    );
    view
}

fn standby() -> View {
    let mut view = building();
    status(&mut view).is_standby = true;
    view
}

fn diverged() -> View {
    let mut view = settled();
    let entries = &mut status(&mut view).entries;
    entries[0].is_modified = true;
    entries[1].is_missing = true;
    entries.push(pending("2026-09-01-00-00-00-from-another-branch.sql"));
    view.stage = Stage::Pending;
    view.is_ready = false;
    view.reason = String::from(
        "1 migration pending: `2026-09-01-00-00-00-from-another-branch.sql`; nobody works on it yet",
    );
    view
}

/// Ten thousand files, most of them in one deployment.
pub fn many() -> View {
    let mut entries: Vec<Entry> = (0..10_000)
        .map(|number| {
            applied(
                &format!("{number:05}-step.sql"),
                if number < 4_000 { 41 } else { 42 },
            )
        })
        .collect();
    entries[7_777].is_modified = true;
    view(
        Stage::Settled,
        "deployment 42 is settled",
        entries,
        vec![deployment(42, DeploymentState::Settled)],
    )
}

/// Names and errors that are not nice.
pub fn hostile() -> View {
    let long = "2026-01-01-00-00-00-ünï-cödé-名前-\u{5d0}\u{5d1}\u{5d2}-and-more-0123456789.sql";
    let script = "2026-01-02-<script>alert(1)</script>\"'&.sql";
    let turned = "2026-01-03-\u{202e}lqs.exe.sql";
    let mut entries = vec![
        applied(long, 42),
        applied(script, 42),
        applied(turned, 42),
        concurrent(
            "2026-01-04-</style><img src=x onerror=alert(2)>-`tick`.sql",
            EntryState::Failed("<b>bold</b> & \"quoted\" `code".to_owned()),
        ),
        concurrent(
            "2026-01-05-averyveryveryverylongnamewithoutanyplacetobreakitatallinside.sql",
            running(
                "<i>phase</i>",
                Some((5, 3)),
                Some("pid 1 (</p><script>alert(3)</script>): SELECT '<b>'"),
            ),
        ),
    ];
    for entry in &mut entries[3..] {
        entry.partner = Some(Name::new(script));
    }
    let mut view = view(
        Stage::Ready,
        "deployment 42 is ready <img src=x onerror=alert(4)>",
        entries,
        vec![Deployment {
            migration: Some(Name::new(script)),
            error: Some("<script>alert(5)</script>".to_owned()),
            ..deployment(42, DeploymentState::Ready)
        }],
    );
    view.project = String::from("<script>alert(6)</script>\u{202e}");
    view
}

fn status(view: &mut View) -> &mut Status {
    view.status.as_mut().expect("seen")
}

/// All of them.
pub fn all() -> Vec<Case> {
    vec![
        (
            "unseen",
            View::unseen("shop", Goal::Ready, "2026-11-21T23:41:07Z"),
        ),
        ("nothing", nothing()),
        ("no-ledger", no_ledger()),
        ("under-way", under_way()),
        ("needed", needed()),
        ("failed", failed()),
        ("abandoned", abandoned()),
        ("building", building()),
        ("tail-failed", tail_failed()),
        ("settled", settled()),
        ("stale", stale()),
        ("too-old", too_old()),
        ("standby", standby()),
        ("diverged", diverged()),
        ("filling", backfill::filling()),
        ("held-back", backfill::held_back()),
        ("paused", backfill::paused()),
        ("too-slow", backfill::too_slow()),
        ("set-aside", backfill::set_aside()),
        ("many", many()),
        ("hostile", hostile()),
    ]
}
