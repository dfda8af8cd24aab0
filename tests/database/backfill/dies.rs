//! What dies on the way: each row is done once all the same.

use segue::apply::Outcome;

use super::{FILL, Gate, counted, get_ready, project, row, settles};
use crate::support::{Action, At, Proxy, Server, TestDatabase, Up, settings};

#[track_caller]
fn is_done_once(database: &TestDatabase<'_>, rows: usize) {
    assert_eq!(
        database.query("SELECT count(*), min(n), max(n) FROM t"),
        format!("{rows}|1|1")
    );
    assert_eq!(
        row(database),
        format!(
            "2-fill.sql: {rows} rows, {rows} changed, cursor {{{rows}}}, 0 set aside, finished"
        )
    );
}

/// The connection ends before and after the statement, and before its answer:
/// the same run goes on.
#[track_caller]
fn survives(beginning: &str, nth: usize) {
    for at in [At::Before, At::After, At::Reply] {
        let database = TestDatabase::new();
        let project = project(&counted(1500), "t by id", FILL);
        get_ready(&project, &database);
        let proxy = Proxy::new(&database);
        proxy.trap(beginning, nth, at, Action::Cut);
        let mut up = Up::start(&project, &proxy.url(), settings());
        let outcome = up.wait();
        assert_eq!(outcome.expect("settled"), Outcome::Settled, "{at:?}");
        assert_eq!(proxy.sprung(), 1, "{at:?}");
        is_done_once(&database, 1500);
    }
}

#[test]
fn a_connection_that_is_lost_at_prepare() {
    survives("PREPARE segue_first", 1);
}

#[test]
fn a_connection_that_is_lost_at_begin() {
    survives("BEGIN READ WRITE;SET LOCAL idle", 3);
}

#[test]
fn a_connection_that_is_lost_at_the_statement() {
    survives("EXECUTE segue_batch", 2);
}

#[test]
fn a_connection_that_is_lost_at_the_cursor() {
    survives("SET LOCAL SESSION AUTHORIZATION DEFAULT", 3);
}

#[test]
fn a_connection_that_is_lost_at_commit() {
    survives("COMMIT", 3);
}

/// The COMMIT is done and nobody is told, for good: the next run goes on.
#[test]
fn a_runner_that_is_cut_off_at_commit() {
    let database = TestDatabase::new();
    let project = project(&counted(1500), "t by id", FILL);
    get_ready(&project, &database);
    let proxy = Proxy::new(&database);
    proxy.trap("COMMIT", 2, At::Reply, Action::Blackhole);
    let up = Up::start(&project, &proxy.url(), settings());
    crate::support::wait_until("the COMMIT", || proxy.sprung() == 1);
    up.kill();
    drop(proxy);
    settles(&project, &database);
    is_done_once(&database, 1500);
}

#[test]
fn a_runner_that_is_killed_in_a_batch() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 1400);
    let project = project(&gate.setup(2000), "t by id", Gate::FILL);
    let up = Up::start(&project, &database.url(), settings());
    gate.wait();
    up.kill();
    gate.open();
    settles(&project, &database);
    is_done_once(&database, 2000);
}

#[test]
fn two_runners_do_each_row_once() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 1400);
    let project = project(&gate.setup(2000), "t by id", Gate::FILL);
    let mut first = Up::start(&project, &database.url(), settings());
    gate.wait();
    let mut second = Up::start(&project, &database.url(), settings());
    second.wait_for("that it runs elsewhere", |event| {
        matches!(event, segue::apply::Event::RunsElsewhere { .. }).then_some(())
    });
    gate.open();
    assert_eq!(first.wait().expect("no error"), Outcome::Settled);
    assert_eq!(second.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 2000);
}

#[test]
fn a_server_that_crashes_in_a_batch() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let gate = Gate::new(&database, 1400);
    let project = project(&gate.setup(2000), "t by id", Gate::FILL);
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    server.crash();
    // The lock of the gate is gone with the server.
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 2000);
}
