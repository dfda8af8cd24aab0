//! A runner whose network is gone: nothing passes in either direction, and
//! neither side is told. Another one takes over; the first finds out when the
//! network is back, or is gone itself (half-open: the server still believes in
//! it).

use std::time::Duration;

use segue::apply::{Outcome, Settings};

use super::{concurrent, gated, left, open, project_on, shut, wait_at_gate, wait_for_rows};
use crate::support::{Project, Proxy, TestDatabase, Up, settings, wait_until};

/// What becomes of the runner that was cut off, once another one is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The network comes back.
    Back,
    /// It comes back without its old connections.
    Reset,
    /// The runner has been killed meanwhile, and the server was never told.
    Killed,
}

/// Cuts the first runner off where `reached` says, lets a second one take
/// over.
#[track_caller]
fn cut_off(
    then: Then,
    database: &TestDatabase<'_>,
    project: &mut Project,
    reached: impl FnOnce(),
    meanwhile: impl FnOnce(),
) {
    let proxy = Proxy::new(database);
    project.env("DATABASE_URL", proxy.url());
    let first = project.spawn(&["up"]);
    reached();
    proxy.hold();
    if then == Then::Killed {
        first.kill();
    }
    meanwhile();
    let impatient = Settings {
        stalled_after: Duration::from_secs(2),
        ..settings()
    };
    let mut second = Up::start(project, &database.url(), impatient);
    assert_eq!(second.wait().expect("taken over"), Outcome::Settled);
    let states = "SELECT count(*) FROM segue.migration WHERE state <> 'applied'";
    assert_eq!(database.query(states), "0");
    match then {
        Then::Back => proxy.release(),
        Then::Reset => {
            proxy.cut();
            proxy.release();
        }
        Then::Killed => {}
    }
    let run = first.wait();
    match then {
        Then::Killed => {
            assert_eq!(run.status, 137);
            proxy.release();
        }
        Then::Back | Then::Reset => {
            run.expect_success();
        }
    }
    let advisory = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_until("all locks to be free", || database.query(advisory) == "0");
    project.env("DATABASE_URL", database.url());
    let again = project.segue(&["up"]);
    assert!(again.stderr.contains("Up to date"), "{}", again.stderr);
}

#[track_caller]
fn in_the_batch(then: Then) {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    database.run("CREATE TABLE t (a int)");
    project.file(
        "1.sql",
        "ALTER TABLE t ADD COLUMN b serial;\nSELECT pg_sleep(0.5);\n",
    );
    let sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    cut_off(
        then,
        &database,
        &mut project,
        || {
            wait_for_rows(&database, sleeps);
        },
        // An application.
        || database.run("SELECT FROM t"),
    );
}

#[test]
fn in_the_batch_until_the_network_is_back() {
    in_the_batch(Then::Back);
}

#[test]
fn in_the_batch_and_its_connections_are_reset() {
    in_the_batch(Then::Reset);
}

#[test]
fn in_the_batch_and_killed() {
    in_the_batch(Then::Killed);
}

#[track_caller]
fn in_a_build(then: Then) {
    let database = TestDatabase::new();
    let mut project = gated(&database);
    let holder = shut(&database, &[1]);
    cut_off(
        then,
        &database,
        &mut project,
        || {
            wait_at_gate(&database, 1);
        },
        || open(&holder),
    );
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

#[test]
fn in_a_build_until_the_network_is_back() {
    in_a_build(Then::Back);
}

#[test]
fn in_a_build_and_its_connections_are_reset() {
    in_a_build(Then::Reset);
}

#[test]
fn in_a_build_and_killed() {
    in_a_build(Then::Killed);
}

#[track_caller]
fn in_a_transaction_of_the_tail(then: Then) {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    project.file(
        "1-table.sql",
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n\
         CREATE FUNCTION polled(key int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$\n\
         BEGIN WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(key) LOOP\n\
         PERFORM pg_catalog.pg_sleep(0.02); END LOOP; RETURN key; END $$;\n\
         ALTER TABLE t ADD CONSTRAINT positive CHECK (polled(a) > 0) NOT VALID;\n",
    );
    project.file(
        "2-index.sql",
        &concurrent("ALTER TABLE t VALIDATE CONSTRAINT positive;"),
    );
    let holder = shut(&database, &[1]);
    let sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    cut_off(
        then,
        &database,
        &mut project,
        || {
            wait_for_rows(&database, sleeps);
        },
        || open(&holder),
    );
}

#[test]
fn in_a_transaction_of_the_tail_until_the_network_is_back() {
    in_a_transaction_of_the_tail(Then::Back);
}

#[test]
fn in_a_transaction_of_the_tail_and_killed() {
    in_a_transaction_of_the_tail(Then::Killed);
}
