use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::apply::backfill::News;
use crate::apply::check::Mismatch;
use crate::cli::hook::{Stream, Told, What};
use crate::cli::outcome::Outcome;
use crate::cli::report::{hook, schema, stamped};
use crate::diagnostic::code;
use crate::migration::Kind;
use crate::plan::{Checks, CutReason, Fact, OnConflict, Place, Plan, Ready};
use crate::readiness::Goal;
use crate::reversal::{Reversal, To};
use crate::schema::Diff;
use crate::text::{Source, Span};
use crate::version::Version;

fn a_diagnostic() -> Diagnostic {
    let source = Arc::new(Source::new("m/1.sql", "SELECT x;\n"));
    Diagnostic::new(code::SERVER_ERROR, "column \"x\" does not exist")
        .source(&source)
        .label(Span::new(7, 8), "here")
        .sqlstate("42703")
}

fn a_difference() -> Diff {
    let json = json!([
        {"object": ["public", "table", "t"], "path": ["comment"], "before": "a", "after": "b"},
    ]);
    Diff::from_json(&json).expect("a diff")
}

/// One of each.
#[expect(clippy::too_many_lines, reason = "one event after the other: a table")]
fn all() -> Vec<Event> {
    let name = Name::new("1.sql");
    let second = Duration::from_secs(1);
    let holder = Blocker {
        pid: 7,
        user: Some("app".to_owned()),
        query_age: Some(second),
        ..Blocker::default()
    };
    let plan = Plan {
        renamed: Vec::new(),
        project: "main".to_owned(),
        place: Place::Equal,
        facts: Vec::new(),
        batch: Vec::new(),
        ready: Ready::Already(1),
        tail: Vec::new(),
        needs: std::collections::BTreeMap::new(),
        absent: None,
        expanded: std::collections::BTreeMap::new(),
        backfills: std::collections::BTreeMap::new(),
        strong_locks: Vec::new(),
        checks: Checks::Nothing,
    };
    let backfill = |news| Event::Backfill {
        name: name.clone(),
        news,
    };
    vec![
        Event::Planned(Box::new(plan)),
        Event::ReversalPlanned {
            reversal: Box::new(Reversal {
                to: To::Empty,
                names: vec![name.clone()],
                open: vec![name.clone()],
                rows: vec![name.clone()],
                steps: vec![Step::Standalone(name.revert_file())],
                facts: vec![Fact::Modified(name.clone())],
                tail: Vec::new(),
            }),
            is_unverified: true,
        },
        Event::RowsReverted {
            names: vec![name.clone()],
        },
        Event::LedgerCreated,
        Event::LedgerBrought {
            name: name.clone(),
            applied: 2,
        },
        Event::WaitingForBatch {
            holder: holder.clone(),
        },
        Event::DeploymentBegan { deployment: 1 },
        Event::BlockBegan {
            migrations: 1,
            attempt: 1,
        },
        Event::MigrationRan {
            name: name.clone(),
            kind: Kind::Batch,
            statements: 1,
            duration: second,
        },
        Event::WaitingForLock {
            relation: None,
            lock: Some("transactionid".to_owned()),
            blockers: vec![holder.clone()],
        },
        Event::StatementRetried {
            name: name.clone(),
            number: 2,
            attempt: 1,
            cause: "deadlock".to_owned(),
            pause: second,
        },
        Event::BlockRetried {
            attempt: 1,
            name: None,
            cause: "deadlock".to_owned(),
            pause: second,
        },
        Event::BlockCut {
            cut: Cut {
                before: name.clone(),
                reason: CutReason::LockMemory,
            },
        },
        Event::Unfolded {
            name: name.clone(),
            reason: "cannot run inside a transaction block".to_owned(),
        },
        Event::ConnectionLost {
            reason: "closed".to_owned(),
        },
        Event::CommitWaits {
            pid: 7,
            wait_event: None,
        },
        Event::CommitResolved { committed: true },
        Event::BlockCommitted {
            migrations: 1,
            duration: second,
        },
        Event::Ready {
            deployment: 1,
            after: second,
            again: false,
            schema_version: Some(Version::new(3, 1, 0)),
        },
        Event::TailBegan {
            names: vec![name.clone()],
        },
        Event::MigrationBegan {
            name: name.clone(),
            kind: Kind::Concurrent,
            pid: 7,
        },
        Event::StatementBegan {
            name: name.clone(),
            number: 1,
            of: 1,
            sql: "SELECT 1".to_owned(),
        },
        Event::StatementSkipped {
            name: name.clone(),
            number: 1,
            reason: "done".to_owned(),
        },
        Event::RoleMade {
            role: "app".to_owned(),
        },
        Event::PartitionBegan {
            name: name.clone(),
            partition: "public.p".to_owned(),
            number: 1,
            of: 2,
        },
        backfill(News::Began {
            table: "person".to_owned(),
            key: "id".to_owned(),
            rows: 7,
            total: Some(9),
            after: Some("17".to_owned()),
            anew: None,
        }),
        backfill(News::SetAside {
            key: "17".to_owned(),
            error: "too long".to_owned(),
            tries: 1,
        }),
        backfill(News::Paused {
            by: "alice".to_owned(),
        }),
        backfill(News::Throttled {
            signals: vec!["standby b is 14 s behind".to_owned()],
            since: second,
        }),
        backfill(News::GoesOn { after: second }),
        backfill(News::Unseen {
            what: "standbys".to_owned(),
        }),
        backfill(News::Impossible {
            why: "impossible".to_owned(),
        }),
        Event::Repaired {
            name: name.clone(),
            what: "dropped".to_owned(),
        },
        Event::StalledEnded {
            holder: holder.clone(),
            idle: second,
        },
        Event::Conflict {
            name: name.clone(),
            project: "main".to_owned(),
            relation: Some("t".to_owned()),
            needed_by: Some(name.clone()),
            holder: holder.clone(),
            action: OnConflict::Preempt,
        },
        Event::Preempted {
            name: name.clone(),
            by: Some(holder.clone()),
        },
        Event::RunsElsewhere {
            name: name.clone(),
            holder: holder.clone(),
        },
        Event::Progress {
            name: name.clone(),
            phase: "scan".to_owned(),
            done: Some(1),
            total: None,
        },
        Event::BuildWaits {
            name: name.clone(),
            blockers: vec![holder],
            since: second,
        },
        Event::MigrationDone {
            name: name.clone(),
            duration: second,
        },
        Event::MigrationFailed {
            name: name.clone(),
            diagnostic: Box::new(a_diagnostic()),
        },
        Event::Detached {
            builds: vec![(name.clone(), 7)],
        },
        Event::Reached {
            goal: Goal::Ready,
            project: "main".to_owned(),
            deployment: Some(42),
            migration: Some(name.clone()),
            fingerprint: "sha256:00".to_owned(),
            schema_version: None,
        },
        Event::Settled {
            deployment: 1,
            after: second,
        },
        Event::DriftFound {
            since: 1,
            difference: a_difference(),
        },
        Event::Verified {
            stage: Stage::Batch,
            duration: second,
            half_way: [(name.clone(), a_difference().objects())].into(),
            blind: Vec::new(),
            unused_rules: vec!["ignore: x".to_owned()],
        },
        Event::Overtaken {
            names: vec![name.clone()],
        },
        Event::Mismatched {
            mismatch: Box::new(Mismatch {
                stage: Stage::Tail,
                difference: a_difference(),
                before: Diff::default(),
                interference: vec![(name.clone(), Name::new("2.sql"))],
                is_committed: false,
            }),
            goes_on: true,
        },
        Event::ServiceWaits {
            reason: "it is a standby".to_owned(),
        },
        Event::ServiceRetries {
            reason: "it failed".to_owned(),
            pause: second,
        },
        Event::ServiceLacks {
            names: vec![name.clone()],
        },
        Event::Notice {
            name: Some(name),
            notice: ServerError {
                severity: "NOTICE".to_owned(),
                is_fatal: false,
                sqlstate: "00000".to_owned(),
                message: "hello".to_owned(),
                detail: None,
                hint: None,
                context: None,
                position: None,
                constraint: None,
            },
        },
    ]
}

#[test]
fn each_event_follows_its_schema_and_each_shape_is_used() {
    let mut objects: Vec<Value> = all().iter().map(event).collect();
    objects.push(diagnostic(&a_diagnostic()));
    objects.push(note("hello"));
    // `cli::log` writes it, and has a test of its own.
    objects.push(json!({
        "event": "log",
        "level": "warn",
        "target": "segue",
        "message": "hello",
        "fields": {},
        "spans": [],
    }));
    objects.push(schema_diff(
        &a_difference(),
        Sides {
            before: "expected",
            after: "live",
        },
    ));
    for what in [
        What::Began {
            deployment: Some(42),
        },
        What::Output {
            stream: Stream::Err,
            line: "hello".to_owned(),
        },
        What::Ended {
            duration: Duration::from_secs(1),
            failure: Some("exit status 3".to_owned()),
            again: None,
        },
    ] {
        let goal = Goal::Settled;
        objects.push(hook::json(&Told { goal, what }));
    }
    objects.push(error(
        &Error::new(Outcome::Failed, "no").note("a").help("b"),
    ));
    let address = "127.0.0.1:7433".parse().expect("an address");
    objects.push(listening(address, None));
    objects.push(listening(address, Some(address)));
    objects.push(served(&View::unseen(
        "main",
        crate::readiness::Goal::Ready,
        "2026-01-31T10:00:00.123Z",
    )));
    let mut used = BTreeSet::new();
    for object in objects {
        let object = stamped(object);
        schema::check("event", &object);
        used.insert(object["event"].as_str().expect("a name").to_owned());
    }
    let shapes = schema::load("event");
    let shapes = shapes["oneOf"].as_array().expect("a list");
    let known: BTreeSet<String> = shapes
        .iter()
        .map(|shape| {
            shape["properties"]["event"]["const"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect();
    assert_eq!(used, known);
}

#[test]
fn durations_are_exact_to_the_microsecond() {
    assert!((milliseconds(Duration::from_nanos(31_234_567)) - 31.235).abs() < 1e-9);
}
