//! A tail that another command ends: `settle`, and `abandon`.

use super::{expect_done, gated, left, open, shut, wait_at_gate};
use crate::support::TestDatabase;

#[test]
fn settle_runs_what_up_left() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project.segue(&["up", "--until", "ready"]).expect(
        "",
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
     Not verified there is no expected schema; `segue write-schema` writes it
          Created the ledger, in namespace segue
              Ran `1-table.sql`, 3 statements in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 1)
             Left the tail for `segue settle`
        ",
        0,
    );
    project.segue(&["status"]).expect(
        "
        Project `main`
          applied     1 migration
          pending     1 migration: `2-index.sql`
        Deployment 1: ready since [time], not settled; tail: `2-index.sql`
        ",
        "",
        0,
    );
    project.segue(&["settle"]).expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
    project.segue(&["settle"]).expect(
        "",
        "
        Up to date nothing is pending
        ",
        0,
    );
}

#[test]
fn abandon_cancels_and_removes_what_a_killed_run_left() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let _holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    first.kill();
    first.wait();
    project.segue(&["abandon", "2-index.sql"]).expect(
        "",
        "
          Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
         Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid
          Settled after [duration] (deployment 1)
        Abandoned `2-index.sql`; `up` leaves it out
        ",
        0,
    );
    assert_eq!(left(&database), "2-index.sql abandoned");
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
          applied     1 migration
          abandoned   1 migration: `2-index.sql`
        Deployment 1: settled since [time]
        ",
        "",
        0,
    );
    project.segue(&["abandon", "2-index.sql"]).expect(
        "",
        "
        Abandoned `2-index.sql`, already before this
        ",
        0,
    );
}

#[test]
fn abandon_ends_the_tail_of_a_run_that_is_under_way() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    project.segue(&["abandon", "2-index.sql"]).expect(
        "",
        "
          Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
          Settled after [duration] (deployment 1)
        Abandoned `2-index.sql`; `up` leaves it out
        ",
        0,
    );
    open(&holder);
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
    assert_eq!(left(&database), "2-index.sql abandoned");
    project.segue(&["up"]).expect(
        "",
        "
        Up to date nothing is pending
             Ready since deployment 1
        ",
        0,
    );
}
