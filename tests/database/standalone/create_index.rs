//! `CREATE INDEX CONCURRENTLY`, interrupted.

use super::{BUILT, Case, INDEX, check};

#[test]
fn a_build_that_was_cancelled_leaves_nothing_and_is_built_by_the_next_run() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    case.database
        .run(&format!("SELECT pg_cancel_backend({pid})"));
    // What it left is dropped at once, which also waits for the writer.
    case.wait_for_statement("DROP INDEX CONCURRENTLY");
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: canceling statement due to user request
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 57014
        not settled
        ",
    );
    assert_eq!(case.indexes(), "");
    check(
        &case.up(),
        "statement 1 of 1\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn an_index_left_invalid_by_a_killed_runner_is_dropped_and_built_again() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    check(&case.up(), "settled\n");
}

#[test]
fn duplicates_are_reported_and_the_index_that_would_refuse_more_is_dropped() {
    let case = Case::new();
    case.concurrent("CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);\n");
    let expected = "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"i\"
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (b)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        not settled
        ";
    check(&case.up(), expected);
    assert_eq!(case.indexes(), "");
    check(&case.up(), expected);
    case.database.run("DELETE FROM t WHERE a > 1");
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn a_builder_that_outlives_its_client_is_waited_for() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    let second = case.start();
    second.wait_until_told("2-tail.sql runs elsewhere");
    writer.run("COMMIT");
    check(
        &second.wait(),
        "
        2-tail.sql runs elsewhere
        statement 1 of 1
        statement 1 is done: `public.i` has been built since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn a_build_that_the_ledger_does_not_know_is_not_repeated() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    writer.run("COMMIT");
    case.wait_until_gone(pid);
    let built = case.database.query("SELECT 'i'::regclass::oid");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: `public.i` has been built since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.database.query("SELECT 'i'::regclass::oid"), built);
    check(&case.up(), "settled\n");
}

#[test]
fn a_strangers_build_of_the_same_index_survives() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let stranger = case.database.session();
    let build = stranger.start("CREATE INDEX CONCURRENTLY i ON public.t USING btree (a)");
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    let running = case.start();
    running.wait_until_told("waits for 1 session on public.t");
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    build.wait().expect("the stranger's build succeeds");
    check(
        &running.wait(),
        "
        statement 1 of 1
        waits for 1 session on public.t
        statement 1 is done: `public.i` was there already, valid and the same
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn an_older_invalid_index_is_reported_and_kept() {
    let case = Case::new();
    let stranger = case.database.session();
    assert!(
        stranger
            .try_query("CREATE UNIQUE INDEX CONCURRENTLY i ON t (b)")
            .is_err()
    );
    case.concurrent("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: an invalid index `public.i` is in the way
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ of this name
          = note: it is: CREATE UNIQUE INDEX i ON public.t USING btree (b)
          = note: it was there before segue first ran this statement, so segue leaves it alone; nobody is building it now
          = help: if nobody needs it: `DROP INDEX CONCURRENTLY public.i;`, then run segue again
        not settled
        ",
    );
    assert_eq!(case.indexes(), "i|f");
    stranger.run("DROP INDEX CONCURRENTLY public.i");
    check(&case.up(), BUILT);
}

#[test]
fn an_unnamed_index_left_invalid_is_found_by_what_was_there_before() {
    let case = Case::new();
    case.database.run("CREATE INDEX ON t (a)");
    case.concurrent("CREATE INDEX CONCURRENTLY ON t (a);\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "t_a_idx|t\nt_a_idx1|f");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.t_a_idx1`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "t_a_idx|t\nt_a_idx1|t");
}

#[test]
fn a_signal_cancels_a_standalone_build_and_drops_what_it_left() {
    let case = Case::new();
    case.standalone(INDEX);
    let writer = case.writer();
    let running = case.start();
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.interrupt();
    case.wait_for_statement("DROP INDEX CONCURRENTLY");
    writer.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        error: interrupted
        ",
    );
    assert_eq!(case.indexes(), "");
    check(&case.up(), "statement 1 of 1\nsettled\n");
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn an_index_that_nobody_can_tell_apart_is_decided_by_its_name() {
    let case = Case::new();
    // The server adds casts: the text does not decide.
    case.concurrent("CREATE INDEX CONCURRENTLY i ON t ((b::text || 'x')) WHERE a > 0;\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    writer.run("COMMIT");
    case.wait_until_gone(pid);
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: `public.i` has been built since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn another_index_of_that_name_is_an_error_that_shows_both() {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (b)");
    case.concurrent(INDEX);
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: there is another index named `public.i` on this table
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this one is wanted
          = note: there is: CREATE INDEX i ON public.t USING btree (b)
          = note: wanted: CREATE INDEX CONCURRENTLY i ON t (a)
          = help: give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`
        not settled
        ",
    );
    case.concurrent("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: `IF NOT EXISTS`, and there is: CREATE INDEX i ON public.t USING btree (b)
        2-tail.sql is done
        settled
        ",
    );
}

/// PostgreSQL says that all is well, and queries on the table find no index.
#[test]
fn if_not_exists_is_not_done_by_an_index_of_another_table() {
    let case = Case::new();
    case.database
        .session()
        .run("CREATE TABLE u (a int); CREATE INDEX i ON u (a)");
    case.concurrent("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: the index `i` has not been built on this table
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL skipped it
          = note: `IF NOT EXISTS`, and another relation of the namespace is named `i`
          = help: give the index another name; if it is not wanted, remove the statement
        not settled
        ",
    );
    case.database.run("ALTER INDEX i RENAME TO u_i");
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "i|t");
}
