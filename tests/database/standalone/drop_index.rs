//! `DROP INDEX CONCURRENTLY`, interrupted.

use super::{BUILT, Case, check};

#[test]
fn an_interrupted_drop_is_run_again() {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (a)");
    case.concurrent("DROP INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("DROP INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "");
}

#[test]
fn a_drop_that_the_ledger_does_not_know_is_not_repeated() {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (a)");
    case.concurrent("DROP INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("DROP INDEX CONCURRENTLY");
    running.kill();
    writer.run("COMMIT");
    case.wait_until_gone(pid);
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: the index is gone
        2-tail.sql is done
        settled
        ",
    );
}
