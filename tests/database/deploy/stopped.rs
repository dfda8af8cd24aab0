//! SIGTERM and SIGINT in the tail.

use nix::sys::signal::Signal;

use super::{expect_done, gated, left, open, shut, wait_at_gate};
use crate::support::TestDatabase;

#[test]
fn sigterm_detaches_and_settle_records_what_was_built() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    first.signal(Signal::SIGTERM);
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
            Detached `2-index.sql` goes on in the server, as pid [pid]
        error: the tail goes on in the server: `2-index.sql`
        note: the deployment is ready
        help: `segue settle` finishes what is left
        ",
        6,
    );
    assert_eq!(wait_at_gate(&database, 1), pid);
    project.segue(&["status"]).expect(
        "
        Project `main`
          applied     1 migration
          running     `2-index.sql` (pid [pid])
        Deployment 1: ready since [time], not settled; tail: `2-index.sql`
        ",
        "",
        0,
    );
    let settle = project.spawn(&["settle"]);
    settle.wait_for_stderr("run by");
    open(&holder);
    settle.wait().expect(
        "",
        "
         Planned 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
            Tail 1 concurrent migration: `2-index.sql`
         Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
         Running `2-index.sql` (pid [pid])
         Skipped statement 1 of `2-index.sql`: `public.t_a` has been built since an earlier try began
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}

#[test]
fn a_second_sigint_cancels_and_removes() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    first.signal(Signal::SIGINT);
    first.wait_for_stderr("Detached");
    first.signal(Signal::SIGINT);
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
            Detached `2-index.sql` goes on in the server, as pid [pid]
            Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid
        error: the tail is not done
        note: the deployment is ready
        note: cancelled, nothing of it is left: `2-index.sql`
        help: `segue settle` finishes what is left
        ",
        6,
    );
    assert_eq!(left(&database), "2-index.sql begun");
    open(&holder);
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
}

#[test]
fn sigterm_ends_whoever_waits() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    second.signal(Signal::SIGTERM);
    second.wait().expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
               Ready since deployment 1
                Tail 1 concurrent migration: `2-index.sql`
             Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        error: the tail is not done
        note: the deployment is ready
        note: `2-index.sql` runs in another session, pid [pid]
        help: `segue settle` finishes what is left
        ",
        6,
    );
    let waiting = project.spawn(&["wait", "settled"]);
    waiting.wait_for_stderr("its tail is not done");
    waiting.signal(Signal::SIGTERM);
    assert_eq!(waiting.wait().status, 143);
    project.file(
        "3-rename.sql",
        "-- segue: end-concurrent-migration: 2-index.sql\nALTER INDEX t_a RENAME TO t_b;\n",
    );
    let ending = project.spawn(&["up"]);
    ending.wait_for_stderr("run by");
    ending.signal(Signal::SIGINT);
    ending.wait().expect(
        "",
        "
           Not ready before `2-index.sql` is done, because `3-rename.sql` needs it
             Planned 1 migration in one transaction, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
             Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        error: ended by SIGINT
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh
        ",
        130,
    );
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    first.wait().expect_success();
}
