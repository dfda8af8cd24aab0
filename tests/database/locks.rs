//! Locks that somebody else holds: nobody queues behind us, and the block is
//! tried again as a whole.

use std::time::{Duration, Instant};

use crate::support::{Project, Server, TestDatabase, TestSession, assert_text, wait_until};

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

/// An index on `t` that is being built concurrently, by hand, and cannot end
/// before `released` is called.
struct Build {
    snapshot: TestSession,
    statement: crate::support::Pending,
    /// Its connection.
    _session: TestSession,
}

impl Build {
    fn new(database: &TestDatabase<'_>) -> Self {
        database.run("CREATE TABLE t (a int)");
        let snapshot = database.session();
        snapshot.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
        snapshot.run("SELECT 1");
        let session = database.session();
        let statement = session.start("CREATE INDEX CONCURRENTLY i ON t (a)");
        wait_until("the build to wait for the snapshot", || {
            database.query("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid' AND database IS NOT DISTINCT FROM NULL AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())") == "1"
        });
        Self {
            snapshot,
            statement,
            _session: session,
        }
    }

    /// Lets the build end; it must have survived.
    fn release(self) {
        self.snapshot.run("COMMIT");
        if let Err(error) = self.statement.wait() {
            panic!("the build died: {error:?}");
        }
    }
}

#[test]
fn a_build_on_the_same_table_survives() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let build = Build::new(&database);
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    std::thread::sleep(Duration::from_secs(3));
    build.release();
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres), active for [t]: CREATE INDEX CONCURRENTLY i ON t (a)
                     ends with its statement, or by `SELECT pg_cancel_backend([pid])`
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    assert_text(
        "valid",
        &database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"),
        "t",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_lock_timeout_that_would_kill_a_build_is_refused() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let build = Build::new(&database);
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project
        .segue(&["up", "--lock-timeout", "5s"])
        .expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error: an index is being built concurrently, and `--lock-timeout [t]` is longer than half of the server's `deadlock_timeout`: a lock wait as long as that would kill the build
        help: use `--lock-timeout [t]` or less; tries are repeated for `--retry-for` anyway

        ", 2);
    build.release();
    project
        .segue(&["up", "--lock-timeout", "5s"])
        .expect_success();
    project.has_nothing_to_do();
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

/// Autovacuum gives way only to those who wait for longer than
/// `deadlock_timeout`, which a try of 50 ms never does.
#[test]
fn autovacuum_gives_way() {
    let server = Server::start(&[("autovacuum_naptime", "1s")]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    database.run(
        "CREATE TABLE t (a int) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
             autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
         INSERT INTO t SELECT generate_series(1, 200000);
         DELETE FROM t WHERE a % 2 = 0",
    );
    wait_until("autovacuum works on the table", || {
        database.query(
            "SELECT 1 FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass AND phase LIKE '%heap%'",
        ) == "1"
    });
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project
        .segue(&["up", "--retry-for", "20s"])
        .expect_success();
    assert_eq!(database.query("SELECT count(*) FROM segue.migration"), "1");
}
