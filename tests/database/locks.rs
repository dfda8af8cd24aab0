//! Locks that somebody else holds: nobody queues behind us, and the block is
//! tried again as a whole.

use std::time::{Duration, Instant};

use crate::support::{Project, TestDatabase, TestSession, assert_text, wait_until};

mod blockers;
mod builds;
mod queue;
mod vacuum;

/// A session of the application that is idle in a transaction in which it has
/// read `t`.
fn idle_reader(database: &TestDatabase<'_>) -> TestSession {
    let session = database.session();
    session.run("SET application_name = 'shop'");
    session.run("BEGIN");
    session.run("SELECT * FROM t");
    session
}

#[test]
fn nobody_queues_behind_a_migration_that_waits() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let reader = idle_reader(&database);
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    let other = database.session();
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        other.run("SELECT a FROM t");
        longest = longest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    reader.run("COMMIT");
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    project.has_nothing_to_do();
}

#[test]
fn patience_ends_with_the_blocker_named() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let reader = idle_reader(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let began = Instant::now();
    project
        .segue(&["up", "--retry-for", "2s"])
        .expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `2.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        error: gave up after [t] while waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
        note: pid [pid]: ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ", 5);
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    assert_text("relations", &database.relations(), "t");
    reader.run("COMMIT");
    project.finishes();
}

/// A waiter in the queue holds up everybody behind it, for an hour if it is
/// let.
#[test]
fn a_files_own_lock_timeout_is_capped() {
    for sets in [
        "SET lock_timeout = '1h'",
        "SET LOCAL lock_timeout = 0",
        "SELECT set_config('lock_timeout', '0', true)",
        "RESET ALL",
        "SAVEPOINT a; SET lock_timeout = 0; RELEASE a",
    ] {
        let database = TestDatabase::new();
        let project = Project::deploying(&database);
        database.run("CREATE TABLE t (a int)");
        let reader = idle_reader(&database);
        project.file(
            "1.sql",
            &format!("{sets};\nALTER TABLE t ADD COLUMN b int;\n"),
        );
        let run = project.spawn(&["up"]);
        run.wait_for_stderr("Retrying");
        reader.run("COMMIT");
        run.wait().expect_success();
        project.has_nothing_to_do();
    }
}

#[test]
fn a_deadlock_is_tried_again_as_a_whole() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE x (a int); CREATE TABLE y (a int)");
    project.file("1.sql", "INSERT INTO x VALUES (1);\n").file(
        "2.sql",
        "SET deadlock_timeout = '1ms';\nLOCK TABLE x;\nSELECT pg_sleep(1);\nLOCK TABLE y;\n",
    );
    let application = database.session();
    application.run("SET deadlock_timeout = '1min'");
    application.run("BEGIN");
    application.run("LOCK TABLE y");
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    let waiting = application.start("LOCK TABLE x");
    run.wait_for_stderr("Retrying");
    waiting.wait().expect("the lock");
    application.run("COMMIT");
    run.wait().expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `2.sql`: deadlock detected (SQLSTATE 40P01)
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 4 statements in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    assert_text("rows", &database.query("SELECT count(*) FROM x"), "1");
    project.has_nothing_to_do();
}

#[test]
fn a_serialization_failure_is_tried_again_as_a_whole() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE x (a int); INSERT INTO x VALUES (1)");
    project.file(
        "1.sql",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\nSELECT a FROM x;\nSELECT pg_sleep(1);\nUPDATE x SET a = a * 10;\n",
    );
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    database.run("UPDATE x SET a = a + 1");
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: could not serialize access due to concurrent update (SQLSTATE 40001)
                 Ran `1.sql`, 4 statements in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    assert_text("value", &database.query("SELECT a FROM x"), "20");
    project.has_nothing_to_do();
}
