//! `kill -9` of the program, at each point of the tail; builds cancelled and
//! builds that fail.

use segue::history::LockKey;
use segue::migration::Name;

use super::{
    concurrent, expect_done, gated, left, open, project_on, shut, wait_at_gate, wait_for_rows,
};
use crate::support::TestDatabase;

/// Who waits for a table of the ledger.
const WAITS_FOR_THE_LEDGER: &str = "SELECT pid FROM pg_locks \
    JOIN pg_class c ON c.oid = relation WHERE NOT granted AND relnamespace = 'segue'::regnamespace \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Kills a run whose build is at the last of these gates, and opens them when
/// the next run has found out who builds.
fn killed_at(gates: &[i32]) {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, gates);
    let first = project.spawn(&["up"]);
    if gates == [1, 2] {
        // Committed after the first scan's snapshot and before the index
        // takes new rows, so it is the second scan that finds it.
        wait_at_gate(&database, 1);
        database.run("INSERT INTO t VALUES (2)");
        holder.run("SELECT pg_advisory_unlock(1)");
    }
    let pid = wait_at_gate(&database, gates.len().try_into().expect("few"));
    let index = database.query("SELECT 't_a'::regclass::oid");
    first.kill();
    assert_eq!(first.wait().status, 137);
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    assert_eq!(
        wait_at_gate(&database, gates.len().try_into().expect("few")),
        pid
    );
    open(&holder);
    second.wait().expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
         Running `2-index.sql` (pid [pid])
         Skipped statement 1 of `2-index.sql`: `public.t_a` has been built since an earlier try began
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    assert_eq!(database.query("SELECT 't_a'::regclass::oid"), index);
    expect_done(&project, &database);
}

#[test]
fn in_the_first_scan() {
    killed_at(&[1]);
}

#[test]
fn in_the_second_scan() {
    killed_at(&[1, 2]);
}

#[test]
fn and_the_build_ends_before_anybody_looks() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    first.kill();
    first.wait();
    open(&holder);
    let gone =
        format!("SELECT 'gone' WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})");
    wait_for_rows(&database, &gone);
    assert_eq!(left(&database), "2-index.sql begun\nt_a");
    let index = database.query("SELECT 't_a'::regclass::oid");
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
         Skipped statement 1 of `2-index.sql`: `public.t_a` has been built since an earlier try began
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    assert_eq!(database.query("SELECT 't_a'::regclass::oid"), index);
    expect_done(&project, &database);
}

#[test]
fn together_with_its_backend() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    first.kill();
    first.wait();
    database.run(&format!("SELECT pg_terminate_backend({pid}, 5000)"));
    assert_eq!(left(&database), "2-index.sql begun\nt_a invalid");
    open(&holder);
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

#[test]
fn after_the_build_and_before_the_ledger_knows() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    // Whoever reads is let through.
    let ledger = database.session();
    ledger.run("BEGIN; LOCK TABLE segue.migration, segue.intent IN EXCLUSIVE MODE");
    open(&holder);
    let writer = wait_for_rows(&database, WAITS_FOR_THE_LEDGER);
    first.kill();
    first.wait();
    // The server would write what it was sent, although nobody waits for it.
    database.run(&format!("SELECT pg_terminate_backend({writer}, 5000)"));
    ledger.run("ROLLBACK");
    assert_eq!(left(&database), "2-index.sql begun\nt_a");
    let index = database.query("SELECT 't_a'::regclass::oid");
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
         Skipped statement 1 of `2-index.sql`: `public.t_a` has been built since an earlier try began
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    assert_eq!(database.query("SELECT 't_a'::regclass::oid"), index);
    expect_done(&project, &database);
}

#[test]
fn after_the_commit_and_before_the_tail() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    project.file("3-other.sql", "CREATE TABLE other (a int);\n");
    // Its lock cannot be had, so the tail does not begin.
    let stranger = database.session();
    let key = LockKey::migration("main", &Name::new("2-index.sql")).0;
    stranger.run(&format!("SELECT pg_advisory_lock({key})"));
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("run by");
    first.kill();
    first.wait().expect(
        "",
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
     Not verified there is no expected schema; `segue write-schema` writes it
              Ran `3-other.sql`, 1 statement in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 2)
             Tail 1 concurrent migration: `2-index.sql`
          Waiting for `2-index.sql`, run by pid [pid] (postgres), idle: SELECT pg_advisory_lock(5349200515240876913)
        ",
        137,
    );
    drop(stranger);
    project.segue(&["status"]).expect(
        "
        Project `main`
          applied     2 migrations
          pending     1 migration: `2-index.sql`
        Deployment 2: ready since [time], not settled; tail: `2-index.sql`
        Deployment 1: ready since [time], not settled; tail: `2-index.sql`
        ",
        "",
        0,
    );
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 2
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 2)
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

#[test]
fn between_the_intent_and_the_build() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let ledger = database.session();
    ledger.run("BEGIN; LOCK TABLE segue.intent IN EXCLUSIVE MODE");
    let first = project.spawn(&["settle"]);
    wait_for_rows(&database, WAITS_FOR_THE_LEDGER);
    first.kill();
    first.wait();
    // The server writes what it was sent, although nobody waits for it.
    ledger.run("ROLLBACK");
    wait_for_rows(
        &database,
        "SELECT 'gone' WHERE NOT EXISTS (SELECT FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'segue%')",
    );
    assert_eq!(left(&database), "2-index.sql begun");
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

#[test]
fn a_build_that_somebody_cancels_is_told() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    database.run(&format!("SELECT pg_cancel_backend({pid})"));
    first.wait().expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1-table.sql`, 3 statements in [duration]
           Committed 1 migration in [duration]
               Ready after [duration] (deployment 1)
                Tail 1 concurrent migration: `2-index.sql`
             Running `2-index.sql` (pid [pid])
            Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid
        error[server-error]: canceling statement due to user request
          --> migrations/2-index.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY t_a ON t (gate(a));
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: CONTEXT: SQL statement \"SELECT pg_catalog.pg_advisory_xact_lock_shared(key)\"
                  PL/pgSQL function gate(integer) line 2 at PERFORM
          = note: SQLSTATE 57014
        error: the tail is not done: `2-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 2-index.sql` gives it up
        ",
        6,
    );
    assert_eq!(left(&database), "2-index.sql failed");
    open(&holder);
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

#[test]
fn duplicates_are_told_and_the_next_run_builds_anew() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project
        .file(
            "1-table.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\n",
        )
        .file(
            "2-index.sql",
            &concurrent("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project.segue(&["up", "-q"]).expect(
        "",
        "
        error[server-error]: could not create unique index \"t_a\"
          --> migrations/2-index.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        error: the tail is not done: `2-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 2-index.sql` gives it up
        ",
        6,
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
               Ready since deployment 1
                Tail 1 concurrent migration: `2-index.sql`
             Running `2-index.sql` (pid [pid])
            Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"t_a\"
          --> migrations/2-index.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        error: the tail is not done: `2-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 2-index.sql` gives it up
        ",
        6,
    );
    database.run("DELETE FROM t WHERE ctid = '(0,2)'");
    project.segue(&["up"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}
