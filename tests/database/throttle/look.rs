//! Sessions, queries and files.

use segue::backfill::throttle::{Answer, Limits, Reading, Unseen};

use super::{Eye, all};
use crate::support::{TestDatabase, wait_until};

#[test]
fn an_idle_server_gives_no_signal() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int)");
    let eye = Eye::new(&database.url(), "t", 1);
    let seen = eye.look(&all());
    assert!(seen.wal_bytes.is_some());
    let expected = Reading {
        wal_bytes: seen.wal_bytes,
        // Other tests run beside this one.
        running: seen.running,
        ..Reading::default()
    };
    assert_eq!(seen, expected);
    assert_eq!(eye.look(&Limits::none()), Reading::default());
}

#[test]
fn who_waits_for_a_lock_and_for_whom() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE u (a int)");
    let (batch, other) = (database.session(), database.session());
    let eye = Eye::new(&database.url(), "t", batch.pid());
    batch.run("BEGIN; UPDATE t SET a = a WHERE a = 1");
    batch.run("SELECT pg_advisory_xact_lock(1)");
    other.run("BEGIN; LOCK TABLE u");
    // One for a row of ours, two for the other's table, and one for an
    // advisory lock of ours.
    let waiting = [
        "UPDATE t SET a = a WHERE a = 1",
        "SELECT * FROM u",
        "SELECT * FROM u",
        "SELECT pg_advisory_lock(1)",
    ];
    let sessions = waiting.map(|_| database.session());
    let pending: Vec<_> = sessions
        .iter()
        .zip(waiting)
        .map(|(session, sql)| session.start(sql))
        .collect();
    let look = database.session();
    wait_until("all to wait", || {
        look.query(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        ) == "4"
    });
    // Whoever waits elsewhere does not count.
    let seen = eye.look(&all());
    assert_eq!((seen.blocked, seen.waiters), (1, 2));
    assert!(seen.running >= 4, "{seen:?}");
    // A row's second waiter waits for the first one.
    let queued = database.session();
    let behind = queued.start("UPDATE t SET a = a WHERE a = 1");
    wait_until("the second waiter", || {
        let seen = eye.look(&all());
        seen.blocked + seen.waiters == 4
    });
    batch.run("COMMIT");
    other.run("COMMIT");
    for pending in pending.into_iter().chain([behind]) {
        pending.wait().expect("a lock");
    }
    let seen = eye.look(&all());
    assert_eq!((seen.blocked, seen.waiters), (0, 0));
}

#[test]
fn the_backfill_that_waits_itself_is_nobody_to_wait_for() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let (batch, application) = (database.session(), database.session());
    let eye = Eye::new(&database.url(), "t", batch.pid());
    application.run("BEGIN; UPDATE t SET a = a");
    let update = batch.start("UPDATE t SET a = a");
    let look = database.session();
    wait_until("the batch to wait", || {
        look.query(&format!(
            "SELECT wait_event_type FROM pg_stat_activity WHERE pid = {}",
            batch.pid()
        )) == "Lock"
    });
    let seen = eye.look(&all());
    assert_eq!((seen.blocked, seen.waiters), (0, 0));
    application.run("COMMIT");
    update.wait().expect("the lock");
}

#[test]
fn a_query_of_the_users_own_says_yes_no_or_why() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int)");
    let eye = Eye::new(&database.url(), "t", 1);
    let ask = |query: &str| {
        let limits = Limits {
            query: Some(query.to_owned()),
            ..Limits::none()
        };
        eye.look(&limits).query.expect("an answer")
    };
    let failed = |reason: &str| Answer::Failed(reason.to_owned());
    assert_eq!(ask("SELECT false"), Answer::No);
    assert_eq!(ask("SELECT count(*) FROM t"), Answer::No);
    assert_eq!(ask("SELECT NULL"), Answer::No);
    assert_eq!(ask("SELECT 0.0::numeric"), Answer::No);
    assert_eq!(ask("SELECT ''"), Answer::No);
    assert_eq!(ask("SELECT true;"), Answer::yes(""));
    assert_eq!(ask("SELECT 7"), Answer::yes("7"));
    assert_eq!(ask("SELECT 'queue of ' || 9"), Answer::yes("queue of 9"));
    assert_eq!(
        ask("SELECT * FROM nowhere"),
        failed("relation \"nowhere\" does not exist (SQLSTATE 42P01)")
    );
    assert_eq!(
        ask("SELECT 1 / 0"),
        failed("division by zero (SQLSTATE 22012)")
    );
    assert_eq!(
        ask("SELECT pg_sleep(60)"),
        failed("canceling statement due to statement timeout (SQLSTATE 57014)")
    );
    assert_eq!(
        ask("INSERT INTO t VALUES (1) RETURNING a"),
        failed("cannot execute INSERT in a read-only transaction (SQLSTATE 25006)")
    );
    assert_eq!(
        ask("SELECT 1 WHERE false"),
        failed("0 rows, and one is to say whether to wait")
    );
    assert_eq!(
        ask("SELECT generate_series(1, 3)"),
        failed("3 rows, and one is to say whether to wait")
    );
    assert_eq!(
        ask("SELECT 1, 2"),
        failed("2 columns, and one is to say whether to wait")
    );
    // Whatever it leaves behind, the next one begins anew.
    assert_eq!(
        ask("SET search_path = nowhere"),
        failed("0 rows, and one is to say whether to wait")
    );
    assert_eq!(
        ask("COMMIT"),
        failed("0 rows, and one is to say whether to wait")
    );
    assert_eq!(ask("SELECT count(*) FROM t"), Answer::No);
}

#[test]
fn a_flag_file_is_looked_for() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int)");
    let eye = Eye::new(&database.url(), "t", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits {
        flag_file: Some(folder.path().join("wait")),
        ..Limits::none()
    };
    assert_eq!(eye.look(&limits).flag, Some(Answer::No));
    std::fs::write(folder.path().join("wait"), "sale until 5\n").expect("a file");
    assert_eq!(eye.look(&limits).flag, Some(Answer::yes("sale until 5")));
}

#[test]
fn a_role_without_rights_sees_waiters_and_says_what_it_does_not_see() {
    let database = TestDatabase::new();
    let weak = database.role("weak", "LOGIN");
    database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    database.run(&format!("GRANT ALL ON t TO {weak}"));
    let batch = database.session();
    let eye = Eye::new(&database.url_as(&weak), "t", batch.pid());
    batch.run("BEGIN; UPDATE t SET a = a");
    let application = database.session();
    let update = application.start("UPDATE t SET a = a");
    wait_until("a waiter", || eye.look(&all()).blocked == 1);
    let seen = eye.look(&all());
    assert_eq!(seen.unseen, [Unseen::Sessions]);
    assert!(seen.wal_bytes.is_some());
    batch.run("COMMIT");
    update.wait().expect("the lock");
    // A member of pg_monitor does.
    database.run(&format!("GRANT pg_monitor TO {weak}"));
    let eye = Eye::new(&database.url_as(&weak), "t", batch.pid());
    assert_eq!(eye.look(&all()).unseen, []);
}
