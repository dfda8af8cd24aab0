use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::history::{LockKey, Record, State};
use crate::migration::{Checksum, Named};
use crate::text::{Source, Span};

const PROJECT: &str = "main";

fn migration(name: &str, kind: Kind) -> Migration {
    Migration {
        name: Name::new(name),
        path: PathBuf::from(name),
        embedded: None,
        source: Arc::new(Source::new(name, "")),
        checksum: Checksum([0; 32]),
        kind,
        partner: (kind == Kind::Concurrent).then(|| Named {
            name: Name::new("1.sql"),
            span: Span::new(0, 0),
        }),
        ends: Vec::new(),
        rerunnable: false,
        waivers: Vec::new(),
        connection: None,
        variables: crate::text::Variables::default(),
        schema_diff: None,
        problems: Vec::new(),
        outline: None,
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
    let mut looker = Looker::new(PROJECT, goal);
    let began = Instant::now();
    let actual: Vec<String> = looks
        .iter()
        .zip(0..)
        .map(|(history, second)| {
            let now = began + Duration::from_secs(second);
            match looker.look(&folder(), history, false, now) {
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
