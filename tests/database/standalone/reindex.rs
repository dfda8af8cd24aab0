//! `REINDEX`, interrupted.

use super::{BUILT, Case, check};
use crate::support::wait_until;

/// Tables in namespace public and their TOAST tables: transient indexes.
fn transient(case: &Case<'_>) -> String {
    case.database.query(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname ~ '_cc(new|old)[0-9]*$'",
    )
}

fn with_index(sql: &str) -> Case<'static> {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (a)");
    case.concurrent(sql);
    case
}

#[test]
fn a_half_built_index_is_dropped_and_built_again() {
    let case = with_index("REINDEX INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    case.dies_while_waiting("REINDEX INDEX CONCURRENTLY");
    assert_eq!(case.indexes(), "i|t\ni_ccnew|f");
    let before = case.database.query("SELECT 'i'::regclass::oid");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i_ccnew`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    assert_ne!(case.database.query("SELECT 'i'::regclass::oid"), before);
}

/// A session that has read `t` in a transaction that it has not ended: it holds
/// a lock and no snapshot, so that the new index takes the old one's place.
#[test]
fn after_the_swap_the_old_index_is_dropped_and_nothing_built_again() {
    let case = with_index("REINDEX INDEX CONCURRENTLY i;\n");
    let reader = case.database.session();
    reader.run("BEGIN");
    reader.run("SELECT FROM t");
    let running = case.start();
    let pid = case.wait_for_statement("REINDEX INDEX CONCURRENTLY");
    wait_until("the swap", || case.indexes() == "i|t\ni_ccold|f");
    running.kill();
    case.terminate(pid);
    let built = case.database.query("SELECT 'i'::regclass::oid");
    reader.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i_ccold`, which a try that did not end well had left invalid
        statement 1 is done: the index has been rebuilt since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    assert_eq!(case.database.query("SELECT 'i'::regclass::oid"), built);
}

#[test]
fn a_rebuilt_table_is_not_rebuilt_again() {
    let case = with_index("REINDEX TABLE CONCURRENTLY t;\n");
    case.dies_before_the_mark();
    let built = case.database.query("SELECT 'i'::regclass::oid");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: the indexes have been rebuilt since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.database.query("SELECT 'i'::regclass::oid"), built);
}

#[test]
fn indexes_of_toast_tables_are_cleaned_up_too() {
    let case = with_index("REINDEX TABLE CONCURRENTLY t;\n");
    case.database.run("ALTER TABLE t ADD COLUMN c text");
    let toast = case
        .database
        .query("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 't'::regclass");
    let writer = case.writer();
    case.dies_while_waiting("REINDEX TABLE CONCURRENTLY");
    assert_eq!(transient(&case), "2");
    writer.run("COMMIT");
    check(
        &case.up().replace(&toast, "pg_toast.t"),
        "
        statement 1 of 1
        repaired: dropped `public.i_ccnew`, which a try that did not end well had left invalid
        repaired: dropped `pg_toast.t_index_ccnew`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(transient(&case), "0");
}

#[test]
fn partitions_are_rebuilt_one_by_one_and_taken_up() {
    let case = Case::new();
    case.database.session().run(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE INDEX pi ON p (a);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
    );
    case.standalone("REINDEX INDEX CONCURRENTLY pi;\n");
    let writer = case.database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO p2 VALUES (11)");
    case.dies_while_waiting("REINDEX INDEX CONCURRENTLY");
    assert_eq!(transient(&case), "1");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.p2_a_idx_ccnew`, which a try that did not end well had left invalid
        settled
        ",
    );
    assert_eq!(transient(&case), "0");
}

#[test]
fn a_namespace_is_rebuilt_again_after_what_was_left_is_dropped() {
    let case = with_index("REINDEX SCHEMA CONCURRENTLY public;\n");
    case.database.run("CREATE SCHEMA other");
    case.database.run("CREATE TABLE other.u (a int)");
    case.database.run("CREATE INDEX u_ccnew ON other.u (a)");
    case.database
        .run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'other.u_ccnew'::regclass");
    let writer = case.writer();
    case.dies_while_waiting("REINDEX SCHEMA CONCURRENTLY");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i_ccnew`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    // It is not of that namespace.
    assert_eq!(transient(&case), "1");
}

#[test]
fn what_was_left_before_the_intent_stays() {
    let case = with_index("REINDEX INDEX CONCURRENTLY i;\n");
    let stranger = case.database.session();
    let writer = case.writer();
    let build = stranger.start("REINDEX INDEX CONCURRENTLY i");
    case.wait_for_statement("REINDEX INDEX CONCURRENTLY");
    stranger.cancel();
    build.wait().expect_err("cancelled");
    assert_eq!(case.indexes(), "i|t\ni_ccnew|f");
    case.dies_while_waiting("REINDEX INDEX CONCURRENTLY");
    assert_eq!(case.indexes(), "i|t\ni_ccnew|f\ni_ccnew1|f");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i_ccnew1`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t\ni_ccnew|f");
}

#[test]
fn whoever_works_on_the_table_is_waited_for_before_anything_is_dropped() {
    let case = with_index("REINDEX INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    case.dies_while_waiting("REINDEX INDEX CONCURRENTLY");
    writer.run("COMMIT");
    let stranger = case.database.session();
    stranger.run("BEGIN");
    stranger.run("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE");
    let running = case.start();
    running.wait_until_told("waits for 1 session on public.t");
    assert_eq!(case.indexes(), "i|t\ni_ccnew|f");
    stranger.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        waits for 1 session on public.t
        repaired: dropped `public.i_ccnew`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn a_plain_one_of_a_namespace_runs_again() {
    let case = with_index("REINDEX SCHEMA public;\n");
    case.dies_before_the_mark();
    check(&case.up(), BUILT);
}

#[test]
fn given_up_it_leaves_nothing() {
    let case = with_index("REINDEX TABLE CONCURRENTLY t;\n");
    let writer = case.writer();
    case.dies_while_waiting("REINDEX TABLE CONCURRENTLY");
    writer.run("COMMIT");
    check(
        &case.abandon("2-tail.sql"),
        "
        repaired: dropped `public.i_ccnew`, which a try that did not end well had left invalid
        the deployment is settled
        abandoned
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    assert_eq!(
        case.database.query("SELECT state FROM segue.intent"),
        "given up"
    );
}
