//! `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`, interrupted.

use super::{BUILT, Case, check};
use crate::support::{TestSession, wait_until};

fn partitioned() -> Case<'static> {
    let case = Case::new();
    case.database.session().run(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
    );
    case.concurrent("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n");
    case
}

/// Holds locks on both, and no snapshot.
fn reader(case: &Case<'_>) -> TestSession {
    let reader = case.database.session();
    reader.run("BEGIN");
    reader.run("SELECT FROM p");
    reader
}

/// Name of the partitions, and whether they are half detached.
fn partitions(case: &Case<'_>) -> String {
    case.database.query(
        "SELECT inhrelid::regclass, inhdetachpending FROM pg_inherits WHERE inhparent = 'p'::regclass ORDER BY 1",
    )
}

#[test]
fn an_interrupted_one_is_finalized() {
    let case = partitioned();
    let reader = reader(&case);
    case.dies_while_waiting("ALTER TABLE p DETACH");
    assert_eq!(partitions(&case), "p1|t\np2|f");
    reader.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: detached `public.p1` from `public.p` for good, which an earlier try had left half done
        statement 1 is done: the partition has been detached since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(partitions(&case), "p2|f");
    check(&case.up(), "settled\n");
}

#[test]
fn the_lock_for_the_end_is_asked_for_briefly_and_again() {
    let case = partitioned();
    let reader = reader(&case);
    case.dies_while_waiting("ALTER TABLE p DETACH");
    let running = case.start();
    running.wait_until_told("statement 1 is tried again");
    running.wait_until_told("waits for 1 session on p1");
    // Whoever comes is not held up.
    let visitor = case.database.session();
    visitor.run("SELECT FROM p1");
    reader.run("COMMIT");
    // Which of the two comes first depends on how soon the lock is looked at.
    let told = running.wait();
    let told = told.replace(
        "statement 1 is tried again\nwaits for 1 session on p1\n",
        "waits for 1 session on p1\nstatement 1 is tried again\n",
    );
    check(
        &told,
        "
        statement 1 of 1
        waits for 1 session on p1
        statement 1 is tried again
        repaired: detached `public.p1` from `public.p` for good, which an earlier try had left half done
        statement 1 is done: the partition has been detached since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn what_is_detached_is_not_detached_again() {
    let case = partitioned();
    case.dies_before_the_mark();
    assert_eq!(partitions(&case), "p2|f");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: the partition has been detached since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn a_default_partition_is_the_servers_reason_to_refuse() {
    let case = partitioned();
    case.database
        .run("CREATE TABLE rest PARTITION OF p DEFAULT");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: cannot detach partitions concurrently when a default partition exists
          --> migrations/2-tail.sql:2:1
          |
        2 | ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 55000
          = help: detach it without CONCURRENTLY, which takes ACCESS EXCLUSIVE for a moment, or detach the default partition first
        not settled
        ",
    );
    case.database.run("DROP TABLE rest");
    check(&case.up(), BUILT);
    assert_eq!(partitions(&case), "p2|f");
}

/// Somebody else's is left to them.
#[test]
fn one_that_was_half_done_before_is_not_ours() {
    let case = partitioned();
    let reader = reader(&case);
    let stranger = case.database.session();
    let detaching = stranger.start("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY");
    wait_until("the first half", || partitions(&case) == "p1|t\np2|f");
    stranger.cancel();
    detaching.wait().expect_err("cancelled");
    reader.run("COMMIT");
    check(
        &case.up(),
        r#"
        statement 1 of 1
        error[server-error]: partition "p1" already pending detach in partitioned table "public.p"
          --> migrations/2-tail.sql:2:1
          |
        2 | ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 55000
          = help: the server's hint: Use ALTER TABLE ... DETACH PARTITION ... FINALIZE to complete the pending detach operation.
        not settled
        "#,
    );
    assert_eq!(partitions(&case), "p1|t\np2|f");
}

#[test]
fn given_up_it_is_brought_to_its_end() {
    let case = partitioned();
    let reader = reader(&case);
    case.dies_while_waiting("ALTER TABLE p DETACH");
    reader.run("COMMIT");
    check(
        &case.abandon("2-tail.sql"),
        "
        repaired: detached `public.p1` from `public.p` for good, which an earlier try had left half done
        the deployment is settled
        abandoned
        ",
    );
    assert_eq!(partitions(&case), "p2|f");
}
