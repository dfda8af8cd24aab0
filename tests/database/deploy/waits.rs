//! What a deployment waits for: snapshots of others, and migrations that end a
//! concurrent one.

use std::time::{Duration, Instant};

use super::{concurrent, expect_done, gated, open, project_on, shut, told, wait_at_gate};
use crate::support::{Project, TestDatabase, assert_text};

/// A table and an index on it without gates.
fn plain(database: &TestDatabase<'_>) -> Project {
    let project = project_on(database);
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project
}

#[test]
fn a_snapshot_in_the_way_is_told_within_seconds() {
    let database = TestDatabase::new();
    let mut project = Project::on(&database);
    project.redact(r"(?m)^ *Progress .*\n", "");
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
    project.redact(r"_backend\(\d+\)", "_backend([pid])");
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let reader = database.session();
    reader.run("SET application_name = 'report'");
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    reader.run("SELECT 1");
    let up = project.spawn(&["up"]);
    up.wait_for_stderr("Running");
    let began = Instant::now();
    up.wait_for_stderr("has waited");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    project.segue(&["status"]).expect(
        "
        Project `main`
          applied     1 migration
          running     `2-index.sql` (pid [pid]): waiting for old snapshots, 0% (0 of 1), waits for pid [pid] (postgres, `report`), idle in transaction for [duration]: SELECT 1
        Deployment 1: ready since [time], not settled; tail: `2-index.sql`
        ",
        "",
        0,
    );
    reader.run("COMMIT");
    up.wait().expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
         Waiting `2-index.sql` has waited [duration] for pid [pid] (postgres, `report`), idle in transaction for [duration]: SELECT 1
                 ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

/// A migration that needs `2-index.sql` done.
const ENDING: &str =
    "-- segue: end-concurrent-migration: 2-index.sql\nALTER INDEX t_a RENAME TO t_b;\n";

#[test]
fn an_ending_migration_waits_for_a_build_elsewhere() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    project.file("3-rename.sql", ENDING);
    project.segue(&["up", "--concurrent-wait", "2s"]).expect(
        "",
        "
           Not ready before `2-index.sql` is done, because `3-rename.sql` needs it
             Planned 1 migration in one transaction, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
             Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        error: gave up after [duration] while waiting for `2-index.sql`, which runs in pid [pid] and which `3-rename.sql` needs done
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--concurrent-wait` sets how long to wait
        ",
        5,
    );
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    open(&holder);
    first.wait().expect_success();
    let second = second.wait();
    assert_text(
        "stderr",
        &told(&second),
        "
           Not ready before `2-index.sql` is done, because `3-rename.sql` needs it
             Planned 1 migration in one transaction, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
             Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        Planned anew 1 migration in one transaction
                 Ran `3-rename.sql`, 1 statement in [duration]
           Committed 1 migration in [duration]
               Ready after [duration] (deployment 3)
        ",
    );
    assert_eq!(second.status, 0);
    assert_eq!(
        database.query("SELECT to_regclass('t_a'), to_regclass('t_b')"),
        "|t_b"
    );
    project.segue(&["up"]).expect(
        "",
        "
        Up to date nothing is pending
             Ready since deployment 3
        ",
        0,
    );
}

#[test]
fn what_a_concurrent_migration_still_has_to_create_is_named() {
    let database = TestDatabase::new();
    let project = plain(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    project.file("3-rename.sql", "ALTER INDEX t_a RENAME TO t_b;\n");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: relation \"t_a\" does not exist
          --> migrations/3-rename.sql:1:1
          |
        1 | ALTER INDEX t_a RENAME TO t_b;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `t_a` is created by `2-index.sql`, a concurrent migration, which runs after the batch
          = note: SQLSTATE 42P01
          = help: write `-- segue: end-concurrent-migration: 2-index.sql` at the top of the file: it then waits until that one is done
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh
        ",
        4,
    );
    // As it is told.
    project.file("3-rename.sql", ENDING);
    project.segue(&["up"]).expect(
        "",
        "
           Not ready before `2-index.sql` is done, because `3-rename.sql` needs it
             Planned 1 migration in one transaction, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
             Running `2-index.sql` (pid [pid])
            Finished `2-index.sql` in [duration]
        Planned anew 1 migration in one transaction
                 Ran `3-rename.sql`, 1 statement in [duration]
           Committed 1 migration in [duration]
               Ready after [duration] (deployment 3)
             Settled after [duration] (deployment 3)
             Settled after [duration] (deployment 1)
        ",
        0,
    );
    assert_eq!(
        database.query("SELECT to_regclass('t_a'), to_regclass('t_b')"),
        "|t_b"
    );
}

#[test]
fn what_a_concurrent_migration_of_the_same_deployment_creates_is_named() {
    let database = TestDatabase::new();
    let project = plain(&database);
    project.file("3-rename.sql", "ALTER INDEX t_a RENAME TO t_b;\n");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: relation \"t_a\" does not exist
          --> migrations/3-rename.sql:1:1
          |
        1 | ALTER INDEX t_a RENAME TO t_b;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `t_a` is created by `2-index.sql`, a concurrent migration, which runs after the batch
          = note: SQLSTATE 42P01
          = help: write `-- segue: end-concurrent-migration: 2-index.sql` at the top of the file: it then waits until that one is done
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh
        ",
        4,
    );
}
