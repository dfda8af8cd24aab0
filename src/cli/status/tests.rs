use std::collections::BTreeMap;

use crate::backfill::Standing;
use crate::backfill::standing::{Paused, Throttled};
use crate::cli::report::{schema, status_text};
use crate::history::{Deployment, DeploymentState, History, LockKey, ProgressRow, Record, State};
use crate::migration::{Checksum, Kind, Migration, Name};
use crate::status::{EntryState, Status};

const PROJECT: &str = "main";

fn record(state: State, checksum: u8) -> Record {
    Record {
        checksum: Checksum([checksum; 32]),
        state,
        kind: Kind::Batch,
        deployment: Some(7),
        at: "2026-01-31T10:00:00.123456Z".to_owned(),
        schema_diff: None,
        schema_version: None,
    }
}

/// A migration in each state.
fn everything(is_standby: bool) -> Status {
    let files = [
        Migration::example("1.sql", Kind::Batch),
        Migration::example("2.sql", Kind::Batch),
        Migration::example("4-c.sql", Kind::Concurrent),
        Migration::example("5-c.sql", Kind::Concurrent),
        Migration::example("6-c.sql", Kind::Concurrent),
        Migration::example("7-c.sql", Kind::Concurrent),
        Migration::example("8.sql", Kind::Batch),
    ];
    let records = [
        ("1.sql", record(State::Applied, 0)),
        ("2.sql", record(State::Applied, 9)),
        ("3.sql", record(State::Applied, 0)),
        ("4-c.sql", record(State::Begun, 0)),
        ("5-c.sql", record(State::Begun, 0)),
        ("6-c.sql", record(State::Failed("disk full".to_owned()), 0)),
        ("7-c.sql", record(State::Abandoned, 0)),
    ];
    let deployment = |id, state, ready_at: Option<&str>, error: Option<&str>| Deployment {
        id,
        state,
        migration: Some(Name::new("8.sql")),
        fingerprint: "sha256:0".to_owned(),
        tail: vec![Name::new("4-c.sql")],
        started_at: "2026-01-31T09:59:59.5Z".to_owned(),
        ready_at: ready_at.map(ToOwned::to_owned),
        settled_at: None,
        error: error.map(ToOwned::to_owned),
        is_held: false,
    };
    let history = History {
        renamed: Vec::new(),
        reverting: std::collections::BTreeMap::new(),
        unready_reversal: None,
        ledger: Some(1),
        records: records
            .into_iter()
            .map(|(name, record)| (Name::new(name), record))
            .collect(),
        locks: [(LockKey::migration(PROJECT, &Name::new("4-c.sql")), 77)].into(),
        deployments: vec![
            deployment(8, DeploymentState::Running, None, None),
            deployment(
                7,
                DeploymentState::Ready,
                Some("2026-01-31T10:00:00.5Z"),
                Some("6-c.sql: disk full"),
            ),
        ],
        has_user_relations: true,
        silence: None,
    };
    let row = ProgressRow {
        pid: 77,
        phase: "building index: scanning table".to_owned(),
        done: Some(450),
        total: Some(1000),
        waits_for: None,
        ends_wait: None,
        partitions: None,
    };
    let progress = [(Name::new("4-c.sql"), row)].into();
    Status::new(PROJECT, &files, &history, &progress, is_standby)
}

#[track_caller]
fn check(status: &Status, all: bool, expected: &str) {
    let actual = status_text::status(status, all);
    assert!(
        actual == expected,
        "expected:\n{expected}\nactual:\n{actual}"
    );
}

#[test]
fn each_state_is_told() {
    check(
        &everything(false),
        true,
        "\
Project `main`
  applied     3 migrations
  abandoned   1 migration: `7-c.sql`
  modified    1 migration: `2.sql`
  missing     1 migration: `3.sql`
  pending     1 migration: `8.sql`
  running     `4-c.sql` (pid 77): building index: scanning table, 45% (450 of 1,000)
  interrupted `5-c.sql`: its runner is gone; `segue settle` goes on
  failed      `6-c.sql`: disk full
Deployment 8: abandoned: it began 2026-01-31 09:59:59Z and its runner is gone; `segue up` starts afresh
Deployment 7: ready since 2026-01-31 10:00:00Z, not settled; tail: `4-c.sql`
  6-c.sql: disk full

applied     2026-01-31 10:00:00Z  1.sql
applied     2026-01-31 10:00:00Z  2.sql
applied     2026-01-31 10:00:00Z  3.sql
running     2026-01-31 10:00:00Z  4-c.sql
interrupted 2026-01-31 10:00:00Z  5-c.sql
failed      2026-01-31 10:00:00Z  6-c.sql
abandoned   2026-01-31 10:00:00Z  7-c.sql
pending     -                     8.sql
",
    );
}

#[test]
fn a_standby_cannot_see_who_lives() {
    let status = everything(true);
    assert!(!status.is_abandoned(&status.deployments[0]));
    let interrupted = status
        .entries
        .iter()
        .find(|entry| entry.name.as_str() == "5-c.sql");
    assert_eq!(
        interrupted.map(|entry| &entry.state),
        Some(&EntryState::Running(None, None))
    );
}

#[test]
fn an_empty_folder_and_database() {
    let status = Status::new(PROJECT, &[], &History::default(), &BTreeMap::new(), false);
    check(
        &status,
        true,
        "Project `main`\n  no migrations, in the folder or applied\n",
    );
    assert_eq!(status.place(), "equal");
}

#[test]
fn json_follows_its_schema() {
    schema::check("status", &everything(false).to_json());
    schema::check("status", &everything(true).to_json());
    assert_eq!(everything(false).place(), "diverged");
}

/// With backfills that are run by somebody, by nobody, and were not done.
fn backfills() -> Status {
    let standing = Standing::example();
    let held = Standing {
        throttled: Some(Throttled {
            by: vec!["replica b is 14 s behind".to_owned()],
            since: Some("2026-11-22T13:58:00Z".parse().expect("a time")),
        }),
        ..standing.clone()
    };
    let paused = Standing {
        paused: Some(Paused::example(None)),
        ..standing.clone()
    };
    let failed = Standing {
        quarantined: 2,
        ..standing
    };
    let standings = [("4-c.sql", held), ("5-c.sql", paused), ("6-c.sql", failed)];
    let standings = standings.map(|(name, standing)| (Name::new(name), standing));
    everything(false).with_backfills(&standings.into())
}

#[test]
fn a_backfill_says_how_far_it_is() {
    check(
        &backfills(),
        false,
        "\
Project `main`
  applied     3 migrations
  abandoned   1 migration: `7-c.sql`
  modified    1 migration: `2.sql`
  missing     1 migration: `3.sql`
  pending     1 migration: `8.sql`
  running     `4-c.sql` (pid 77): 62% · 6.2 of about 10 million rows · 2,111 rows/s · ends 2026-11-22 14:20 to 14:35 UTC
              held back since 2026-11-22 13:58 UTC: replica b is 14 s behind
  interrupted `5-c.sql`: its runner is gone; `segue settle` goes on
              62% · 6.2 of about 10 million rows
              paused by alice@laptop as deploy since 2026-11-22 13:59 UTC
  failed      `6-c.sql`: disk full
              62% · 6.2 of about 10 million rows
              2 rows in quarantine
Deployment 8: abandoned: it began 2026-01-31 09:59:59Z and its runner is gone; `segue up` starts afresh
Deployment 7: ready since 2026-01-31 10:00:00Z, not settled; tail: `4-c.sql`
  6-c.sql: disk full
",
    );
    schema::check("status", &backfills().to_json());
}

#[test]
fn what_is_done_has_no_backfill_any_more() {
    let standings = [(Name::new("1.sql"), Standing::example())].into();
    let status = everything(false).with_backfills(&standings);
    assert!(status.entries.iter().all(|entry| entry.backfill.is_none()));
}
