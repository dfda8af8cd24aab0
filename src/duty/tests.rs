use super::*;
use crate::history::{Deployment, Record, State};
use crate::migration::Named;
use crate::text::Span;

fn migration(name: &str, kind: Kind, text: u8) -> Migration {
    Migration {
        checksum: Checksum([text; 32]),
        partner: (kind == Kind::Concurrent).then(|| Named {
            name: Name::new("1.sql"),
            span: Span::new(0, 0),
        }),
        ..Migration::example(name, kind)
    }
}

/// `1.sql` in the batch, `2-c.sql` and `3-d.sql` in the tail.
fn folder() -> Vec<Migration> {
    vec![
        migration("1.sql", Kind::Batch, 0),
        migration("2-c.sql", Kind::Concurrent, 0),
        migration("3-d.sql", Kind::Concurrent, 0),
    ]
}

fn deployment(id: i64, state: DeploymentState, tail: &[&str]) -> Deployment {
    let is_ready = matches!(state, DeploymentState::Ready | DeploymentState::Settled);
    Deployment {
        id,
        state,
        migration: Some(Name::new("2-c.sql")),
        fingerprint: "sha256:0".to_owned(),
        tail: tail.iter().map(|name| Name::new(name)).collect(),
        started_at: "2026-01-31T10:00:00Z".to_owned(),
        ready_at: is_ready.then(|| "2026-01-31T10:00:01Z".to_owned()),
        settled_at: None,
        error: None,
        is_held: false,
    }
}

fn history(deployments: Vec<Deployment>, applied: &[&str]) -> History {
    let record = |name: &&str| {
        let record = Record {
            checksum: Checksum([0; 32]),
            state: State::Applied,
            kind: Kind::Batch,
            deployment: Some(1),
            at: "2026-01-31T10:00:00Z".to_owned(),
            schema_diff: None,
            schema_version: None,
        };
        (Name::new(name), record)
    };
    History {
        ledger: Some(1),
        records: applied.iter().map(record).collect(),
        deployments,
        ..History::default()
    }
}

fn duty(history: &History) -> Duty {
    Duty::new("main", &folder(), history)
}

#[track_caller]
fn check(history: &History, expected: &str) {
    let duty = duty(history);
    let names = |names: Vec<&Name>| {
        names.iter().fold(String::new(), |mut text, name| {
            text.push(' ');
            text.push_str(name.as_str());
            text
        })
    };
    let actual = format!(
        "open:{} lacking:{} ready: {:?} settled: {:?} work: {}",
        names(duty.open.keys().collect()),
        names(duty.lacking.iter().collect()),
        duty.ready,
        duty.settled,
        duty.has_work()
    );
    assert_eq!(actual, expected);
}

#[test]
fn nothing_is_to_be_done_before_a_deployment_is_ready() {
    check(
        &history(Vec::new(), &[]),
        "open: lacking: ready: None settled: None work: false",
    );
    let running = deployment(1, DeploymentState::Running, &["2-c.sql"]);
    check(
        &history(vec![running], &[]),
        "open: lacking: ready: None settled: None work: false",
    );
}

#[test]
fn what_a_ready_deployment_has_named_is_to_be_run() {
    let ready = deployment(1, DeploymentState::Ready, &["2-c.sql", "9-theirs.sql"]);
    // `3-d.sql` belongs to a deployment that is still to come.
    check(
        &history(vec![ready], &["1.sql"]),
        "open: 2-c.sql lacking: 9-theirs.sql ready: Some(1) settled: None work: true",
    );
}

#[test]
fn the_check_at_the_end_is_work_too_unless_others_have_more_to_run() {
    let ready = deployment(1, DeploymentState::Ready, &["2-c.sql"]);
    check(
        &history(vec![ready], &["1.sql", "2-c.sql"]),
        "open: lacking: ready: Some(1) settled: None work: true",
    );
    let theirs = deployment(1, DeploymentState::Ready, &["9-theirs.sql"]);
    check(
        &history(vec![theirs], &["1.sql"]),
        "open: lacking: 9-theirs.sql ready: Some(1) settled: None work: false",
    );
}

#[test]
fn settled_is_what_the_ledger_calls_so() {
    let settled = deployment(1, DeploymentState::Settled, &["2-c.sql"]);
    check(
        &history(vec![settled], &["1.sql", "2-c.sql"]),
        "open: lacking: ready: Some(1) settled: Some(1) work: false",
    );
}

#[test]
fn a_pending_batch_is_not_ready_and_its_older_tail_is_run_all_the_same() {
    let ready = deployment(1, DeploymentState::Ready, &["2-c.sql"]);
    let mut folder = folder();
    folder.push(migration("4.sql", Kind::Batch, 0));
    let duty = Duty::new("main", &folder, &history(vec![ready], &["1.sql"]));
    assert!(duty.has_work());
    assert_eq!(duty.ready, None);
}

#[test]
fn another_text_or_another_deployment_is_more_and_less_is_not() {
    let both = &["2-c.sql", "3-d.sql"];
    let of = |id, applied: &[&str]| {
        duty(&history(
            vec![deployment(id, DeploymentState::Ready, both)],
            applied,
        ))
    };
    let tried = of(1, &["1.sql"]);
    assert!(!tried.is_more_than(&tried));
    assert!(!of(1, &["1.sql", "2-c.sql"]).is_more_than(&tried));
    assert!(of(2, &["1.sql"]).is_more_than(&tried));
    let mut corrected = folder();
    corrected[1] = migration("2-c.sql", Kind::Concurrent, 1);
    let ready = vec![deployment(1, DeploymentState::Ready, both)];
    assert!(Duty::new("main", &corrected, &history(ready, &["1.sql"])).is_more_than(&tried));
}
