use super::*;
use crate::history::{LockKey, Record, State};
use crate::migration::{Checksum, Kind, Named};
use crate::text::Span;

const PROJECT: &str = "main";

fn migration(name: &str, kind: Kind) -> Migration {
    Migration {
        partner: (kind == Kind::Concurrent).then(|| Named {
            name: Name::new("1.sql"),
            span: Span::new(0, 0),
        }),
        ..Migration::example(name, kind)
    }
}

/// `1.sql` in the batch and `2-c.sql` in the tail.
fn folder() -> Vec<Migration> {
    vec![
        migration("1.sql", Kind::Batch),
        migration("2-c.sql", Kind::Concurrent),
    ]
}

fn deployment(id: i64, state: DeploymentState) -> Deployment {
    let is_ready = matches!(state, DeploymentState::Ready | DeploymentState::Settled);
    Deployment {
        id,
        state,
        migration: Some(Name::new("2-c.sql")),
        fingerprint: "sha256:0".to_owned(),
        tail: Vec::new(),
        started_at: "2026-01-31T10:00:00Z".to_owned(),
        ready_at: is_ready.then(|| "2026-01-31T10:00:01Z".to_owned()),
        settled_at: None,
        error: (state == DeploymentState::Failed).then(|| "no such table".to_owned()),
        is_held: false,
    }
}

fn history(deployments: Vec<Deployment>, records: &[(&str, State)]) -> History {
    History {
        ledger: Some(1),
        records: records
            .iter()
            .map(|(name, state)| {
                let record = Record {
                    checksum: Checksum([0; 32]),
                    state: state.clone(),
                    kind: Kind::Batch,
                    deployment: Some(1),
                    at: "2026-01-31T10:00:00Z".to_owned(),
                    schema_diff: None,
                    schema_version: None,
                };
                (Name::new(name), record)
            })
            .collect(),
        deployments,
        ..History::default()
    }
}

/// What each look says, a second after the one before.
#[track_caller]
fn check(goal: Goal, looks: &[History], expected: &[&str]) {
    check_looker(Looker::new(PROJECT, goal), &folder(), looks, expected);
}

/// The same for one migration, without a folder.
#[track_caller]
fn check_one(goal: Goal, name: &str, looks: &[History], expected: &[&str]) {
    let looker = Looker::of_migration(PROJECT, goal, Name::new(name));
    check_looker(looker, &[], looks, expected);
}

#[track_caller]
fn check_looker(
    mut looker: Looker,
    migrations: &[Migration],
    looks: &[History],
    expected: &[&str],
) {
    let began = Instant::now();
    let actual: Vec<String> = looks
        .iter()
        .zip(0..)
        .map(|(history, second)| {
            let now = began + Duration::from_secs(second);
            match looker.look(migrations, history, false, now) {
                Verdict::Reached(Some(deployment)) => format!("reached by {}", deployment.id),
                Verdict::Reached(None) => "reached".to_owned(),
                Verdict::NotYet { missing } => format!("not yet: {missing}"),
                Verdict::Failed { reason } => format!("failed: {reason}"),
            }
        })
        .collect();
    assert_eq!(actual, expected);
}

#[test]
fn ready_needs_the_files_and_the_deployment() {
    let applied = [("1.sql", State::Applied)];
    let running = Deployment {
        is_held: true,
        ..deployment(1, DeploymentState::Running)
    };
    check(
        Goal::Ready,
        &[
            history(Vec::new(), &[]),
            history(vec![running.clone()], &[]),
            history(vec![running], &applied),
            history(vec![deployment(1, DeploymentState::Ready)], &applied),
        ],
        &[
            "not yet: 1 migration pending: `1.sql`; nobody works on it yet",
            "not yet: 1 migration pending: `1.sql`; deployment 1 is under way",
            "not yet: no deployment of this folder is ready; deployment 1 is under way",
            "reached by 1",
        ],
    );
}

#[test]
fn an_earlier_failure_is_waited_past_and_a_new_one_is_not() {
    let failed = |id| history(vec![deployment(id, DeploymentState::Failed)], &[]);
    let running = Deployment {
        is_held: true,
        ..deployment(2, DeploymentState::Running)
    };
    check(
        Goal::Ready,
        &[failed(1), history(vec![running], &[]), failed(2)],
        &[
            "not yet: 1 migration pending: `1.sql`; the last deployment, 1, failed: no such table",
            "not yet: 1 migration pending: `1.sql`; deployment 2 is under way",
            "failed: deployment 2 failed: no such table",
        ],
    );
}

#[test]
fn another_folder_may_fail() {
    let other = Deployment {
        migration: Some(Name::new("0.sql")),
        ..deployment(2, DeploymentState::Failed)
    };
    check(
        Goal::Ready,
        &[history(Vec::new(), &[]), history(vec![other], &[])],
        &[
            "not yet: 1 migration pending: `1.sql`; nobody works on it yet",
            "not yet: 1 migration pending: `1.sql`; the last deployment, 2, failed: no such table",
        ],
    );
}

#[test]
fn a_runner_is_missed_after_a_while() {
    let orphan = || history(vec![deployment(1, DeploymentState::Running)], &[]);
    check(
        Goal::Ready,
        &[orphan(), orphan(), orphan()],
        &[
            "not yet: 1 migration pending: `1.sql`; deployment 1 is under way",
            "not yet: 1 migration pending: `1.sql`; deployment 1 is under way",
            "not yet: 1 migration pending: `1.sql`; deployment 1 is abandoned, its runner is gone: `segue up` starts afresh",
        ],
    );
}

#[test]
fn a_runner_that_came_back_is_doubted_anew() {
    let orphan = || history(vec![deployment(1, DeploymentState::Running)], &[]);
    let held = || Deployment {
        is_held: true,
        ..deployment(1, DeploymentState::Running)
    };
    let under_way = "not yet: 1 migration pending: `1.sql`; deployment 1 is under way";
    check(
        Goal::Ready,
        &[orphan(), history(vec![held()], &[]), orphan(), orphan()],
        &[under_way; 4],
    );
}

#[test]
fn a_doubted_runner_is_looked_for_as_soon_as_it_may_be_missed() {
    let mut looker = Looker::new(PROJECT, Goal::Ready);
    let longest = Duration::from_secs(2);
    let now = Instant::now();
    assert_eq!(looker.pause(longest, now), longest);
    let orphan = history(vec![deployment(1, DeploymentState::Running)], &[]);
    looker.look(&folder(), &orphan, false, now);
    let later = now + Duration::from_millis(200);
    assert_eq!(looker.pause(longest, later), Duration::from_millis(1300));
    let missed = now + Duration::from_millis(1600);
    assert_eq!(looker.pause(longest, missed), longest);
}

#[test]
fn settled_needs_the_tail_too() {
    let ready = || vec![deployment(1, DeploymentState::Ready)];
    let applied = ("1.sql", State::Applied);
    let failed = || {
        history(
            ready(),
            &[
                applied.clone(),
                ("2-c.sql", State::Failed("disk full".to_owned())),
            ],
        )
    };
    let mut running = failed();
    running
        .locks
        .insert(LockKey::migration(PROJECT, &Name::new("2-c.sql")), 77);
    check(
        Goal::Settled,
        &[
            failed(),
            running,
            failed(),
            history(ready(), &[applied.clone(), ("2-c.sql", State::Applied)]),
        ],
        &[
            "not yet: deployment 1 is ready; its tail is not done: `2-c.sql`",
            "not yet: deployment 1 is ready; its tail is not done: `2-c.sql`",
            "failed: concurrent migration `2-c.sql` failed: disk full",
            "reached by 1",
        ],
    );
}

/// By a folder whose last migration is `last`, with `tail`.
fn later(id: i64, last: &str, tail: &[&str]) -> Deployment {
    Deployment {
        migration: Some(Name::new(last)),
        tail: tail.iter().map(|name| Name::new(name)).collect(),
        ..deployment(id, DeploymentState::Ready)
    }
}

#[test]
fn a_later_folder_that_is_ready_without_ours_supersedes_it() {
    let superseded = "deployment 4, of a later folder, is ready without it: superseded, unless another `segue up` brings it";
    let at_work = Deployment {
        is_held: true,
        ..deployment(5, DeploymentState::Running)
    };
    check(
        Goal::Ready,
        &[
            // An earlier folder: ours is still to come.
            history(vec![later(3, "0.sql", &[])], &[]),
            history(vec![later(4, "3.sql", &[])], &[]),
            // Somebody may be bringing it.
            history(vec![at_work, later(4, "3.sql", &[])], &[]),
        ],
        &[
            "not yet: 1 migration pending: `1.sql`; nobody works on it yet",
            &format!("not yet: 1 migration pending: `1.sql`; {superseded}"),
            "not yet: 1 migration pending: `1.sql`; deployment 5 is under way",
        ],
    );
    let applied = [("1.sql", State::Applied)];
    let tail = "not yet: deployment 4 is ready; its tail is not done: `2-c.sql`";
    check(
        Goal::Settled,
        &[
            history(vec![later(4, "3.sql", &["2-c.sql"])], &applied),
            history(vec![later(4, "3.sql", &[])], &applied),
        ],
        &[tail, &format!("{tail}; {superseded}")],
    );
}

#[test]
fn only_what_is_superseded_is_said_to_be() {
    let mut looker = Looker::new(PROJECT, Goal::Ready);
    let now = Instant::now();
    let mut look = |deployments, records: &[(&str, State)]| {
        looker.look(&folder(), &history(deployments, records), false, now);
        looker.superseded_by()
    };
    assert_eq!(look(vec![later(4, "3.sql", &[])], &[]), Some(4));
    let applied = [("1.sql", State::Applied)];
    assert_eq!(look(vec![later(4, "3.sql", &[])], &applied), None);
    assert_eq!(look(Vec::new(), &[]), None);
}

#[test]
fn one_migration_is_waited_for_without_a_folder() {
    let running = Deployment {
        is_held: true,
        ..deployment(1, DeploymentState::Running)
    };
    let applied = [("1.sql", State::Applied)];
    let ready = || vec![later(1, "2-c.sql", &["2-c.sql"])];
    check_one(
        Goal::Ready,
        "1.sql",
        &[
            history(Vec::new(), &[]),
            history(vec![running.clone()], &applied),
            history(ready(), &applied),
        ],
        &[
            "not yet: 1 migration pending: `1.sql`; nobody works on it yet",
            "not yet: no deployment since `1.sql` is ready; deployment 1 is under way",
            "reached by 1",
        ],
    );
    check_one(
        Goal::Settled,
        "1.sql",
        &[
            history(ready(), &applied),
            history(ready(), &[applied[0].clone(), ("2-c.sql", State::Applied)]),
        ],
        &[
            "not yet: deployment 1 is ready; its tail is not done: `2-c.sql`",
            "reached by 1",
        ],
    );
    check_one(
        Goal::Ready,
        "1.sql",
        &[
            history(vec![running], &[]),
            history(vec![deployment(1, DeploymentState::Failed)], &[]),
        ],
        &[
            "not yet: 1 migration pending: `1.sql`; deployment 1 is under way",
            "failed: deployment 1 failed: no such table",
        ],
    );
}

#[test]
fn one_concurrent_migration_is_ready_when_it_is_applied() {
    let look = |state: Option<State>| {
        let mut history = history(vec![deployment(1, DeploymentState::Ready)], &[]);
        if let Some(state) = state {
            history = self::history(history.deployments, &[("2-c.sql", state)]);
            for record in history.records.values_mut() {
                record.kind = Kind::Concurrent;
            }
        }
        history
    };
    let mut early = look(Some(State::Applied));
    early.deployments.clear();
    check_one(
        Goal::Ready,
        "2-c.sql",
        &[
            look(None),
            look(Some(State::Begun)),
            look(Some(State::Failed("disk full".to_owned()))),
            look(Some(State::Applied)),
            early,
        ],
        &[
            "not yet: 1 migration pending: `2-c.sql`; nobody works on it yet",
            "not yet: deployment 1 is ready; its tail is not done: `2-c.sql`",
            "failed: concurrent migration `2-c.sql` failed: disk full",
            "reached by 1",
            "reached",
        ],
    );
}

#[test]
fn a_runner_on_the_primary_is_missed_by_its_silence() {
    let mut looker = Looker::new(PROJECT, Goal::Ready);
    let mut look = |silence: Option<u64>| {
        let mut history = history(vec![deployment(1, DeploymentState::Running)], &[]);
        history.silence = silence.map(Duration::from_secs);
        let Verdict::NotYet { missing } = looker.look(&folder(), &history, true, Instant::now())
        else {
            panic!("it is running");
        };
        missing.split_once("; ").expect("two parts").1.to_owned()
    };
    assert_eq!(look(None), "deployment 1 is under way");
    assert_eq!(look(Some(9)), "deployment 1 is under way");
    assert_eq!(
        look(Some(27)),
        "deployment 1 seems abandoned: its runner has given no sign of life for more than 20 s"
    );
    assert_eq!(look(Some(1)), "deployment 1 is under way");
}

#[test]
fn what_is_half_taken_back_is_ready_in_no_folder() {
    let applied = [("1.sql", State::Applied)];
    let failed = || {
        vec![
            deployment(2, DeploymentState::Failed),
            deployment(1, DeploymentState::Settled),
        ]
    };
    let mut half = history(failed(), &applied);
    let record = half.records[&Name::new("1.sql")].clone();
    // This folder lacks it.
    half.reverting.insert(Name::new("3.sql"), record);
    let unverified = History {
        unready_reversal: Some(2),
        ..history(failed(), &applied)
    };
    let again = History {
        unready_reversal: Some(2),
        ..history(vec![deployment(3, DeploymentState::Settled)], &applied)
    };
    check(
        Goal::Ready,
        &[half, unverified, again],
        &[
            "not yet: `3.sql` is half taken back; the last deployment, 2, failed: no such table",
            "not yet: no deployment of this folder is ready; the last deployment, 2, failed: no such table",
            "reached by 3",
        ],
    );
}
