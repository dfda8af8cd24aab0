//! Concurrent builds of others beside a batch: none of ours waits long enough to
//! kill one.

use std::time::Duration;

use crate::support::{Project, TestDatabase, TestSession, assert_text, wait_until};

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

/// The same, held up where it waits for writers: when it goes on, it waits for
/// the snapshot of whoever queues for the table by then, and a cycle is there.
struct HeldByWriter {
    writer: TestSession,
    statement: crate::support::Pending,
    /// Its connection.
    _session: TestSession,
}

impl HeldByWriter {
    fn new(database: &TestDatabase<'_>) -> Self {
        database.run("CREATE TABLE t (a int)");
        let writer = database.session();
        writer.run("BEGIN");
        writer.run("INSERT INTO t VALUES (1)");
        let session = database.session();
        let statement = session.start("CREATE INDEX CONCURRENTLY i ON t (a)");
        wait_until("the build to wait for the writer", || {
            database.query("SELECT phase FROM pg_stat_progress_create_index WHERE datname = current_database()") == "waiting for writers before build"
        });
        Self {
            writer,
            statement,
            _session: session,
        }
    }
}

/// What all of this is for: it is always the build that dies.
#[test]
fn a_long_waiter_kills_a_build() {
    let database = TestDatabase::new();
    let build = HeldByWriter::new(&database);
    let altering = database.session();
    let altered = altering.start("ALTER TABLE t ADD COLUMN b int");
    wait_until("it to queue", || {
        database
            .query("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted")
            == "1"
    });
    // Its own look for deadlocks is over by now, and finds none.
    std::thread::sleep(Duration::from_millis(1200));
    build.writer.run("COMMIT");
    let error = build.statement.wait().expect_err("the build dies");
    let code = error.code().expect("of the server");
    assert_eq!(code.code(), "40P01");
    altered.wait().expect("altered");
}

/// Whatever a file does to wait for longer, in the batch and outside of it.
#[test]
fn no_wait_of_ours_kills_a_build() {
    const FUNCTION: &str = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET lock_timeout = '1h' AS $$ BEGIN ALTER TABLE t ADD COLUMN b int; END $$";
    for (header, set_up, file) in [
        (
            "",
            "",
            "SET lock_timeout = '1h';\nALTER TABLE t ADD COLUMN b int;\n",
        ),
        ("", FUNCTION, "SELECT f();\n"),
        (
            "",
            "",
            "DO $$ BEGIN PERFORM set_config('lock' || '_timeout', '0', true); LOCK TABLE t; END $$;\n",
        ),
        (
            "",
            "ALTER DATABASE [database] SET lock_timeout = '1h'",
            "ALTER TABLE t ADD COLUMN b int;\n",
        ),
        (
            "-- segue: no-txn\n",
            "",
            "SET lock_timeout = 0;\nALTER TABLE t ADD COLUMN b int;\n",
        ),
        ("-- segue: no-txn\n", FUNCTION, "SELECT f();\n"),
        (
            "-- segue: no-txn\n",
            "",
            "BEGIN;\nSET lock_timeout = 0;\nLOCK TABLE t IN SHARE MODE;\nCOMMIT;\n",
        ),
    ] {
        let database = TestDatabase::new();
        let project = Project::deploying(&database);
        let set_up = set_up.replace("[database]", database.name());
        let build = HeldByWriter::new(&database);
        if !set_up.is_empty() {
            database.run(&set_up);
        }
        project.file("1.sql", &format!("{header}{file}"));
        let run = project.spawn(&["up", "-v"]);
        run.wait_for_stderr("Retrying");
        std::thread::sleep(Duration::from_millis(1200));
        build.writer.run("COMMIT");
        if let Err(error) = build.statement.wait() {
            panic!("{file}: the build died: {error:?}\n{}", run.stderr());
        }
        run.wait().expect_success();
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
