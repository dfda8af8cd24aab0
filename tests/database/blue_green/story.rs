//! The story as it should go, and without an `up` that succeeds.

use std::time::{Duration, UNIX_EPOCH};

use super::customers::Errand;
use super::folders::{Folders, hold_index, index};
use super::stage::{Check, Stage};
use super::{Blue, Green};
use crate::support::{PgBouncer, Server, TestDatabase, TestSession};

/// When the new column was committed, by the server's clock.
const COMMITTED: &str = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint \
    FROM pg_attribute WHERE attrelid = 'person'::regclass AND attname = 'full_name'";

/// Rows in which the two columns differ.
const TORN: &str = "SELECT count(*) FROM person WHERE name IS DISTINCT FROM full_name";

#[track_caller]
fn tell(database: &TestDatabase<'_>, url: &str, check: Check) {
    let folders = Folders::deployed(&database.url());
    let stage = Stage::open(&folders, url, check, Errand::Trade);
    let session = TestSession::connect(&database.url());
    let holder = hold_index(&database.url());
    let up = folders.green.spawn(&["up"]);
    stage.customers.wait_for(Green, 100);
    // Green serves, and it will be long before the index is valid.
    assert_ne!(index(&session), "t");
    up.wait_for_stderr("Waiting");
    assert_eq!(index(&session), "f");
    stage.customers.wait_for(Green, 100);
    assert_eq!(index(&session), "f");
    holder.run("COMMIT");
    up.wait().expect_success();
    assert_eq!(index(&session), "t");
    let day = stage.close();
    day.expect_no_failure().expect_one_switch();
    let committed = session.query(COMMITTED).parse().expect("microseconds");
    let committed = UNIX_EPOCH + Duration::from_micros(committed);
    let first = day.first(Green).expect("green serves");
    assert!(
        first.ended > committed,
        "{first:?}, COMMIT at {committed:?}"
    );
    assert_eq!(session.query(TORN), "0");
}

fn server() -> Server {
    Server::start(&[("track_commit_timestamp", "on")])
}

#[test]
fn agent_check_switches_after_the_commit_and_before_the_index() {
    let server = server();
    let database = TestDatabase::on(&server);
    tell(&database, &database.url(), Check::Agent);
}

#[test]
fn httpchk_switches_after_the_commit_and_before_the_index() {
    let server = server();
    let database = TestDatabase::on(&server);
    tell(&database, &database.url(), Check::Http);
}

/// The application and `segue serve` go through PgBouncer; `up` does not.
#[track_caller]
fn pooled(mode: &str) {
    let server = server();
    let database = TestDatabase::on(&server);
    let pooler = PgBouncer::start(&database, &[&format!("pool_mode = {mode}")]);
    tell(&database, &pooler.url(), Check::Agent);
}

#[test]
fn through_pgbouncer_in_session_mode() {
    pooled("session");
}

#[test]
fn through_pgbouncer_in_transaction_mode() {
    pooled("transaction");
}

#[track_caller]
fn fails(check: Check) {
    const FILE: &str = "2026-03-02-14-01-00-status.sql";
    let database = TestDatabase::new();
    let folders = Folders::deployed(&database.url());
    // Behind the new column, so that it is there until the end of the batch.
    folders
        .green
        .file(FILE, "UPDATE person SET full_name = nmae;\n");
    let stage = Stage::open(&folders, &database.url(), check, Errand::Trade);
    for _ in 0..2 {
        let run = folders.green.segue(&["up"]);
        assert_eq!(run.status, 4, "{}", run.stderr);
        stage.customers.wait_for(Blue, 100);
    }
    assert_eq!(stage.customers.served(Green), 0);
    // Corrected, it opens as it would have.
    folders
        .green
        .file(FILE, "UPDATE person SET full_name = name;\n");
    folders.green.segue(&["up"]).expect_success();
    stage.customers.wait_for(Green, 50);
    stage.close().expect_no_failure().expect_one_switch();
}

/// A batch that does what it says, and the expected schema says otherwise.
#[test]
fn nothing_switches_when_the_schema_is_not_as_expected() {
    let database = TestDatabase::new();
    let mut folders = Folders::deployed(&database.url());
    folders
        .blue
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
    folders.green.env(
        "SEGUE_EXPECTED_SCHEMA",
        folders.blue.path().join("expected-schema"),
    );
    let stage = Stage::open(&folders, &database.url(), Check::Agent, Errand::Trade);
    let run = folders.green.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    stage.customers.wait_for(Blue, 200);
    stage.close().expect_no_failure().expect_no_switch();
}

#[test]
fn agent_check_does_not_switch_until_up_succeeds() {
    fails(Check::Agent);
}

#[test]
fn httpchk_does_not_switch_until_up_succeeds() {
    fails(Check::Http);
}
