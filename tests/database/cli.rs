//! Commands against a database, as a person or a pipeline sees them.

use crate::support::{Project, TestDatabase};

/// Durations are measured here, never settings.
fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
    project
}

/// A table, a column, and an index in the tail.
fn story(project: &Project) {
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file("2-column.sql", "ALTER TABLE t ADD COLUMN b int;\n")
        .file(
            "3-index.sql",
            "-- segue: begin-concurrent-migration-with: 2-column.sql\nCREATE INDEX CONCURRENTLY i ON t (b);\n",
        );
}

#[test]
fn a_plan_writes_nothing() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    story(&project);
    project.segue(&["plan"]).expect(
        "
        Project `main`: 3 migrations pending.

        Batch
          1. one transaction, 2 migrations
               1-table.sql
               2-column.sql

        Ready by its COMMIT.

        Tail
          3-index.sql

        The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    let left = "SELECT nspname FROM pg_namespace WHERE nspname = 'segue'";
    assert_eq!(database.query(left), "");
}

#[test]
fn a_deployment_from_the_first_line_to_the_last() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    story(&project);
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1-table.sql`, 1 statement in [duration]
                 Ran `2-column.sql`, 1 statement in [duration]
           Committed 2 migrations in [duration]
               Ready after [duration] (deployment 1)
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [duration]
             Settled after [duration] (deployment 1)
        ",
        0,
    );
    project.segue(&["up"]).expect(
        "",
        "
          Up to date nothing is pending
               Ready since deployment 1
        ",
        0,
    );
    project.segue(&["status"]).expect(
        "
        Project `main`
          applied     3 migrations
        Deployment 1: settled since [time]
        ",
        "",
        0,
    );
    std::fs::remove_file(project.path().join("migrations/3-index.sql")).expect("removed");
    project.segue(&["up"]).expect(
        "",
        "
               Ahead by 1 migration, which this folder lacks: `3-index.sql`
               Ready since deployment 1
        ",
        0,
    );
}

#[test]
fn a_failure_says_what_stands_and_what_comes_next() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1.sql", "CREATE TABLE t (a int);\nSELECT nothing FROM t;\n");
    project.segue(&["up", "-q"]).expect(
        "",
        "
        error[server-error]: column \"nothing\" does not exist
          --> migrations/1.sql:2:8
          |
        2 | SELECT nothing FROM t;
          |        ^^^^^^^
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh
        ",
        4,
    );
}

#[test]
fn all_problems_of_all_files_come_at_once() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1.sql", "-- segue: no-tnx\nSELECT 1;\n");
    project.file("2.sql", "-- segue: no-txn\n-- segue: no-txn\nSELECT 1;\n");
    project.segue(&["plan"]).expect(
        "",
        "
        error[unknown-directive]: there is no directive `no-tnx`
          --> migrations/1.sql:1:11
          |
        1 | -- segue: no-tnx
          |           ^^^^^^ not a directive
          = help: did you mean `no-txn`?

        error[repeated-directive]: `no-txn` is already given
          --> migrations/2.sql:2:11
          |
        1 | -- segue: no-txn
          |           ------ first given here
        2 | -- segue: no-txn
          |           ^^^^^^ given again here
          = help: remove one of the two

        error: 2 problems in all
        ",
        3,
    );
}

#[test]
fn a_wait_from_before_the_first_deployment_is_woken() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    story(&project);
    let ready = project.spawn(&["wait", "--timeout", "30s"]);
    let settled = project.spawn(&["wait", "settled", "--timeout", "30s"]);
    ready.wait_for_stderr("nobody works on it yet");
    settled.wait_for_stderr("nobody works on it yet");
    project.segue(&["up", "-q"]).expect("", "", 0);
    let waited = ready.wait();
    assert_eq!(
        (waited.stdout.as_str(), waited.status),
        ("ready: deployment 1\n", 0)
    );
    let waited = settled.wait();
    assert_eq!(
        (waited.stdout.as_str(), waited.status),
        ("settled: deployment 1\n", 0)
    );
    // And from after it.
    project
        .segue(&["wait", "settled"])
        .expect("settled: deployment 1", "", 0);
}

#[test]
fn a_wait_ends_when_the_deployment_fails_before_its_eyes() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1.sql", "SELECT 1/0;\n");
    let waiting = project.spawn(&["wait", "--timeout", "30s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    assert_eq!(project.segue(&["up", "-q"]).status, 4);
    let waited = waiting.wait();
    assert_eq!(waited.stdout, "");
    assert_eq!(
        waited
            .stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .collect::<Vec<_>>(),
        ["error: deployment 1 failed: division by zero"]
    );
    assert_eq!(waited.status, 1);
    // What failed before is waited past, and the time is over.
    project.segue(&["wait", "--timeout", "1s"]).expect(
        "",
        "
             Waiting 1 migration pending: `1.sql`; the last deployment, 1, failed: division by zero
        error: not ready after [duration]
        note: 1 migration pending: `1.sql`; the last deployment, 1, failed: division by zero
        help: `--timeout` sets how long to wait
        ",
        5,
    );
}

#[test]
fn a_wait_listens_without_a_transaction_and_survives_its_connection() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    story(&project);
    let waiting = project.spawn(&["wait", "--timeout", "30s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    let backends = "SELECT count(*) FILTER (WHERE xact_start IS NOT NULL), count(*) \
                    FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'segue'";
    crate::support::wait_until("the listener to be idle", || {
        database.query(backends) == "0|1"
    });
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'segue'",
    );
    crate::support::wait_until("the listener to come back", || {
        database.query(backends).ends_with("|1")
    });
    project
        .segue(&["up", "-q", "--until", "ready"])
        .expect("", "", 0);
    assert_eq!(waiting.wait().stdout, "ready: deployment 1\n");
}

#[test]
fn readers_see_the_ledger_and_may_not_write() {
    let database = TestDatabase::new();
    let reader = database.role("reader", "LOGIN");
    let mut project = project_on(&database);
    story(&project);
    project.segue(&["init", "--readers", &reader]).expect(
        "",
        "        Done the ledger is made, in namespace segue",
        0,
    );
    project.segue(&["init"]).expect(
        "",
        "        Done the ledger was there already, in namespace segue",
        0,
    );
    project.segue(&["up", "-q"]).expect("", "", 0);
    project.env("DATABASE_URL", database.url_as(&reader));
    project
        .segue(&["wait"])
        .expect("ready: deployment 1", "", 0);
    assert_eq!(project.segue(&["status", "--json"]).status, 0);
}

#[test]
fn a_scratch_database_is_gone_afterwards() {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    story(&project);
    project.env("DATABASE_URL", "postgresql:///not-this-one");
    project
        .segue(&["up", "-q", "--on", &database.url()])
        .expect("", "", 0);
    assert_eq!(
        database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'"),
        "0"
    );
}

#[test]
fn what_is_abandoned_is_left_out() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    story(&project);
    project
        .segue(&["up", "-q", "--until", "ready"])
        .expect("", "", 0);
    project.segue(&["abandon", "3-index.sql"]).expect(
        "",
        "
             Settled after [duration] (deployment 1)
           Abandoned `3-index.sql`; `up` leaves it out
        ",
        0,
    );
    project.segue(&["abandon", "3-index.sql"]).expect(
        "",
        "   Abandoned `3-index.sql`, already before this",
        0,
    );
    project.segue(&["up"]).expect(
        "",
        "
          Up to date nothing is pending
               Ready since deployment 1
        ",
        0,
    );
    project
        .segue(&["wait", "settled", "--timeout", "5s"])
        .expect("settled: deployment 1", "", 0);
}
