//! A version does not change while somebody relies on it, and who relies on one
//! that has changed is told.

use super::{at_3_1, bringing, said};
use crate::support::{Project, TestDatabase, assert_text, wait_until};

const ASKED: &str = "SELECT segue.require('>= 3.1, < 3.2')";

/// A session that is in a transaction in which it relies on 3.1.
macro_rules! relying {
    ($database:expr) => {
        relying_on!($database, ASKED)
    };
}

macro_rules! relying_on {
    ($database:expr, $asked:expr) => {{
        let session = $database.session();
        session.run("SET application_name = 'shop'");
        session.run("BEGIN");
        session.run($asked);
        session
    }};
}

#[test]
fn the_block_that_brings_a_version_waits_for_those_who_rely_on_the_old_one() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let session = relying!(database);
    project
        .file("3.sql", "CREATE TABLE u ();\n")
        .file("4.sql", &bringing("3.2.0", "ALTER TABLE t ADD c int;"));
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    // Others who ask are not held up by that for long, and the tables are free.
    let other = database.session();
    other.run("BEGIN");
    assert_eq!(said(&other, ASKED), "3.1.0");
    other.run("INSERT INTO t VALUES (1, 2)");
    other.run("COMMIT");
    session.run("COMMIT");
    run.wait().expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
            Retrying the block in [t], after try 1 was rolled back in `4.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for the schema version of `main`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT segue.require('>= 3.1, < 3.2')
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
                 Ran `3.sql`, 1 statement in [t]
                 Ran `4.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 2, schema 3.2.0)
             Settled after [t] (deployment 2)

        ", 0);
    let late = said(&session, ASKED);
    assert!(late.starts_with("SV001 "), "{late}");
    project.has_nothing_to_do();
}

#[test]
fn the_wait_has_its_bound_and_changes_nothing() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let session = relying!(database);
    project.file("4.sql", &bringing("3.2.0", "ALTER TABLE t ADD c int;"));
    let run = project.segue(&["up", "--retry-for", "1s"]);
    let error = run.stderr.find("error:").map_or("", |at| &run.stderr[at..]);
    assert_text("error", error, "
        error: gave up after [t] while waiting for the schema version of `main`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT segue.require('>= 3.1, < 3.2')
        note: pid [pid]: ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ");
    assert_eq!(run.status, 5);
    assert_eq!(said(&session, ASKED), "3.1.0");
    // Without any patience it is the error of the migration that brings it.
    let run = project.segue(&["up", "--retry-for", "0s"]);
    let error = run.stderr.find("error").map_or("", |at| &run.stderr[at..]);
    assert!(
        error.contains("before the first statement: `4.sql` brings another version of the schema"),
        "{error}"
    );
    assert_eq!(run.status, 4);
    session.run("COMMIT");
    project.finishes();
}

/// Whoever asks while the block is open waits, and hears of the new one.
#[test]
fn who_asks_meanwhile_hears_of_the_version_that_comes() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    project.file(
        "4.sql",
        &bringing(
            "3.2.0",
            "SELECT pg_advisory_lock(815);\nALTER TABLE t ADD c int;",
        ),
    );
    let gate = database.session();
    gate.run("SELECT pg_advisory_lock(815)");
    let run = project.spawn(&["up", "--lock-timeout", "60s"]);
    wait_until("the block", || {
        database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            == "1"
    });
    let reads = database.session();
    let repeats = database.session();
    repeats.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let (read, repeated) = (reads.start(ASKED), repeats.start(ASKED));
    wait_until("both who ask", || {
        database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND NOT granted") == "2"
    });
    gate.run("SELECT pg_advisory_unlock(815)");
    run.wait().expect_success();
    let code = |pending: crate::support::Pending| {
        let error = pending.wait().expect_err("another version");
        error.code().expect("the server's").code().to_owned()
    };
    assert_eq!(code(read), "SV001");
    // Its snapshot was taken before the lock.
    assert_eq!(code(repeated), "40001");
}

/// A version that comes between BEGIN and the question.
#[test]
fn a_snapshot_from_before_is_not_answered_by_the_old_version() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let begun = |level: &str| {
        let session = database.session();
        session.run(&format!("BEGIN ISOLATION LEVEL {level}"));
        session.run("SELECT count(*) FROM t");
        session
    };
    let levels = [
        "READ COMMITTED",
        "REPEATABLE READ",
        "SERIALIZABLE",
        "SERIALIZABLE READ ONLY",
    ];
    let sessions = levels.map(begun);
    // Their locks on `t` would be in the way of a change of it.
    project.file("4.sql", &bringing("3.2.0", "CREATE TABLE u ();"));
    project.segue(&["up"]).expect_success();
    let found = levels.iter().zip(&sessions);
    let found: Vec<String> = found
        .map(|(level, session)| format!("{level}: {}", said(session, ASKED)))
        .collect();
    assert_text("answers", &found.join("\n"), "
        READ COMMITTED: SV001 the schema of project \"main\" has version 3.2.0 | This transaction requires >= 3.1, < 3.2. | This code is older than the schema: run a newer one.
        REPEATABLE READ: 40001 the schema of project \"main\" has got another version since this transaction began | Run the transaction again.
        SERIALIZABLE: 40001 the schema of project \"main\" has got another version since this transaction began | Run the transaction again.
        SERIALIZABLE READ ONLY: 40001 the schema of project \"main\" has got another version since this transaction began | Run the transaction again.
        ");
}

/// The first version of all comes as any other.
#[test]
fn a_snapshot_from_before_any_version_is_told_so() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    project.segue(&["up"]).expect_success();
    let session = database.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    session.run("SELECT count(*) FROM t");
    project.file("2.sql", &bringing("1.0.0", "CREATE TABLE u ();"));
    project.segue(&["up"]).expect_success();
    let asked = "SELECT segue.require('>= 1')";
    assert!(said(&session, asked).starts_with("40001 "));
    session.run("ROLLBACK");
    assert_eq!(said(&session, asked), "1.0.0");
}

/// One snapshot for all statements of the block is taken once nobody relies on
/// the old version.
#[test]
fn the_block_sees_what_was_committed_while_it_waited() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    for (name, version, level) in [
        ("4.sql", "3.2.0", "repeatable read"),
        ("5.sql", "3.3.0", "serializable"),
    ] {
        let session = database.session();
        session.run("BEGIN");
        session.run("SELECT segue.require('>= 3.1')");
        session.run("INSERT INTO t VALUES (1, 2)");
        let table = format!("copy_{}", name.replace('.', "_"));
        let copied = format!("CREATE TABLE {table} AS SELECT * FROM t;");
        project.file(name, &bringing(version, &copied));
        project.write(
            "segue.toml",
            &format!("[up]\nisolation = \"{level}\"\nlock-timeout = \"20s\"\n"),
        );
        let run = project.spawn(&["up"]);
        wait_until("the block", || {
            database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == "1"
        });
        session.run("COMMIT");
        run.wait().expect_success();
        let missed = format!("SELECT (SELECT count(*) FROM t) - (SELECT count(*) FROM {table})");
        assert_eq!(database.query(&missed), "0", "{level}");
    }
    // A try that gives up leaves no lock of its session's behind for the next.
    let session = relying_on!(database, "SELECT segue.require('= 3.3')");
    project.write("segue.toml", "");
    project.file("6.sql", &bringing("3.4.0", "SELECT 1;"));
    let run = project.spawn(&["up", "--lock-timeout", "100ms"]);
    run.wait_for_stderr("Waiting");
    let other = database.session();
    assert_eq!(said(&other, "SELECT segue.require('= 3.3')"), "3.3.0");
    session.run("COMMIT");
    run.wait().expect_success();
    assert_eq!(said(&other, "SELECT segue.require('= 3.4')"), "3.4.0");
}

/// A block that was rolled back has changed nothing, and nobody is told to try
/// again for it.
#[test]
fn a_version_that_was_rolled_back_troubles_nobody() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let session = database.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    session.run("SELECT count(*) FROM t");
    let other = database.session();
    other.run("BEGIN");
    other.run(
        "INSERT INTO segue.migration (project, file, checksum, kind, state, schema_version)
         VALUES ('main', '9.sql', '', 'batch', 'applied', '{3,2,0}')",
    );
    assert_eq!(other.query("SELECT segue.schema_version()"), "3.2.0");
    other.run("ROLLBACK");
    assert_eq!(said(&session, ASKED), "3.1.0");
    session.run("COMMIT");
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(said(&session, ASKED), "3.1.0");
}

/// Outside a transaction the version comes after the last statement; whoever
/// runs it may die in between.
#[test]
fn a_concurrent_migration_ends_once_nobody_relies_on_the_old_version() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let concurrent = "-- segue: begin-concurrent-migration-with: 2.sql\n-- segue: schema-version: 3.2.0\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n";
    project.file("4.sql", concurrent);
    let session = relying!(database);
    // It pins no snapshot, or it would be in the way of the build itself.
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting for the schema version of `main`");
    assert_eq!(
        database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"),
        "t"
    );
    assert_eq!(said(&session, ASKED), "3.1.0");
    run.kill();
    drop(run);
    session.run("COMMIT");
    assert_eq!(database.query("SELECT segue.schema_version()"), "3.1.0");
    project.segue(&["settle"]).expect_success();
    assert_eq!(database.query("SELECT segue.schema_version()"), "3.2.0");
    project.has_nothing_to_do();
}

#[test]
fn every_kind_of_migration_brings_its_version() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let standalone = "-- segue: no-txn\n-- segue: schema-version: 3.2.0\nALTER TABLE t ADD c int;\nCREATE INDEX CONCURRENTLY t_c ON t (c);\n";
    let backfill = "-- segue: begin-concurrent-migration-with: 4.sql\n-- segue: backfill: t by a\n-- segue: schema-version: 3.3.0\nUPDATE t SET c = a WHERE a > :lower AND a <= :upper;\n";
    let folded = "-- segue: begin-concurrent-migration-with: 4.sql\n-- segue: schema-version: 3.4.0\nCREATE INDEX CONCURRENTLY t_b ON t (b);\n";
    let ending =
        "-- segue: end-concurrent-migration: 6.sql\n-- segue: schema-version: 3.5.0\nSELECT 1;\n";
    let version = || database.query("SELECT segue.schema_version()");
    database.run("ALTER TABLE t ADD PRIMARY KEY (a); INSERT INTO t SELECT generate_series(1, 10)");
    project.file("4.sql", standalone);
    let session = relying!(database);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting for the schema version of `main`");
    session.run("COMMIT");
    run.wait().expect_success();
    assert_eq!(version(), "3.2.0");
    session.run("BEGIN");
    session.run("SELECT segue.require('= 3.2')");
    project.file("5.sql", backfill);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("lock timeout");
    assert_eq!(version(), "3.2.0");
    session.run("COMMIT");
    run.wait().expect_success();
    assert_eq!(version(), "3.3.0");
    project.file("6.sql", folded).file("7.sql", ending);
    project.segue(&["up"]).expect_success();
    assert_eq!(version(), "3.5.0");
    assert_eq!(
        database.query("SELECT string_agg(array_to_string(schema_version, '.'), ' ' ORDER BY file) FROM segue.migration"),
        "3.1.0 3.2.0 3.3.0 3.4.0 3.5.0"
    );
    project.has_nothing_to_do();
}
