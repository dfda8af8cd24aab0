//! `kill -9` of the program at each step that a backfill writes down: the next
//! run finishes, and each row is done once.
//!
//! The proxy holds the program at a statement, before it or with its answer
//! kept back. It is then killed, and the server's side of its connections ends.

use super::aside::{CHECKED, REFUSES};
use super::{FILL, counted, get_ready, project, row};
use crate::support::{Action, At, Project, Proxy, TestDatabase, wait_until};

/// What the program's statements have in them, in the order in which they come.
const BEGIN_ROW: &str = "INSERT INTO segue.backfill ";
const FIRST_BATCH: &str = "EXECUTE segue_first";
const SECOND_BATCH: &str = "EXECUTE segue_batch";
const SET_ASIDE: &str = "INSERT INTO segue.quarantine ";
const TAKE_BACK: &str =
    "DELETE FROM segue.quarantine WHERE project = 'main' AND file = '2-fill.sql' AND key ";
const END: &str = "SET finished_at = pg_catalog.clock_timestamp()";

/// What they begin with.
const BEGIN_BATCH: &str = "BEGIN READ WRITE;SET LOCAL idle";
const MOVE_CURSOR: &str = "SET LOCAL SESSION AUTHORIZATION DEFAULT";

const ROWS: usize = 700;

/// Starts the tail, waits until it is held at the first statement from `from`
/// on that begins with `beginning`, and kills it.
#[track_caller]
fn is_killed(project: &mut Project, database: &TestDatabase<'_>, place: (&str, &str), at: At) {
    let proxy = Proxy::new(database);
    let (from, beginning) = place;
    proxy.trap_from(from, beginning, at, Action::Blackhole);
    project.env("DATABASE_URL", proxy.url());
    let run = project.spawn(&["settle"]);
    wait_until("the place to be killed at", || proxy.sprung() == 1);
    run.kill();
    assert_eq!(run.wait().status, 137);
    drop(proxy);
    project.env("DATABASE_URL", database.url());
}

/// Runs what is left.
#[track_caller]
fn settles(project: &Project) {
    project.segue(&["settle"]).expect_success();
}

/// Where the cursor was after the kill, of 700 rows in batches of 100, 200 and
/// 400, however busy the machine is; in the end all is done once.
#[track_caller]
fn survives(place: (&str, &str), at: At, cursor: &str) {
    let database = TestDatabase::new();
    let mut project = project(&counted(ROWS), "t by id batch-time 1m", FILL);
    get_ready(&project, &database);
    is_killed(&mut project, &database, place, at);
    let known = "SELECT cursor, cursor[1]::int IS NOT DISTINCT FROM (SELECT max(id) FROM t WHERE n > 0) FROM segue.backfill";
    wait_until("the server to notice", || database.query(known) == cursor);
    settles(&project);
    assert_eq!(
        database.query("SELECT count(*), min(n), max(n), bool_and(b = a + 1) FROM t"),
        format!("{ROWS}|1|1|t"),
        "{place:?} {at:?}"
    );
    assert_eq!(
        row(&database),
        format!(
            "2-fill.sql: {ROWS} rows, {ROWS} changed, cursor {{{ROWS}}}, 0 set aside, finished"
        ),
        "{place:?} {at:?}"
    );
    // Nothing is left to do, and nothing is done again.
    settles(&project);
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
}

#[test]
fn when_its_row_is_written() {
    survives((BEGIN_ROW, ""), At::Before, "");
    survives((BEGIN_ROW, ""), At::Reply, "|t");
}

#[test]
fn in_a_batch() {
    survives((FIRST_BATCH, ""), At::Reply, "|t");
    survives((SECOND_BATCH, ""), At::Before, "{100}|t");
    survives((SECOND_BATCH, ""), At::Reply, "{100}|t");
    survives((SECOND_BATCH, MOVE_CURSOR), At::Reply, "{100}|t");
}

#[test]
fn at_commit() {
    survives((SECOND_BATCH, "COMMIT"), At::Before, "{100}|t");
    survives((SECOND_BATCH, "COMMIT"), At::After, "{300}|t");
    survives((SECOND_BATCH, "COMMIT"), At::Reply, "{300}|t");
}

#[test]
fn between_two_batches() {
    survives((SECOND_BATCH, BEGIN_BATCH), At::Before, "{300}|t");
}

#[test]
fn at_the_end() {
    survives((END, ""), At::Before, "{700}|t");
    survives((END, ""), At::Reply, "{700}|t");
}

/// One row is bad: killed where it is set aside, and where it is done after
/// all.
#[test]
fn in_quarantine() {
    let database = TestDatabase::new();
    let setup = format!("{REFUSES}{}\nINSERT INTO bad VALUES (150);", counted(300));
    let mut project = project(&setup, "t by id", CHECKED);
    get_ready(&project, &database);
    let known =
        "SELECT cursor, quarantined, (SELECT count(*) FROM segue.quarantine) FROM segue.backfill";
    for (place, at, after) in [
        ((SET_ASIDE, ""), At::Before, "{149}|0|0"),
        ((SET_ASIDE, ""), At::Reply, "{149}|0|0"),
        ((SET_ASIDE, MOVE_CURSOR), At::Reply, "{149}|0|0"),
        ((SET_ASIDE, "COMMIT"), At::Before, "{149}|0|0"),
        ((SET_ASIDE, "COMMIT"), At::Reply, "{150}|1|1"),
    ] {
        is_killed(&mut project, &database, place, at);
        assert_eq!(database.query(known), after, "{place:?} {at:?}");
    }
    // All other rows are done, and the bad one has failed again.
    assert_eq!(project.segue(&["settle"]).status, 6);
    assert_eq!(database.query(known), "{300}|1|1");
    assert_eq!(
        database.query("SELECT key, error, tries FROM segue.quarantine"),
        "{150}|row 150 is bad|2"
    );
    database.run("DELETE FROM bad");
    for (at, after) in [(At::Before, "{300}|1|1"), (At::Reply, "{300}|0|0")] {
        is_killed(&mut project, &database, (TAKE_BACK, ""), at);
        assert_eq!(database.query(known), after, "{at:?}");
    }
    settles(&project);
    assert_eq!(
        database.query("SELECT count(*), min(n), max(n) FROM t"),
        "300|1|1"
    );
    assert_eq!(
        row(&database),
        "2-fill.sql: 300 rows, 300 changed, cursor {300}, 0 set aside, finished"
    );
}
