//! `segue abandon`.

use super::{Case, INDEX, check};

#[test]
fn abandoning_cancels_drops_what_was_left_and_settles() {
    let case = Case::new();
    case.concurrent(INDEX);
    assert_eq!(
        case.abandon("1-table.sql"),
        "error: `1-table.sql` is applied\n"
    );
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    // The builder lives on, as nobody has told it; the first writer ends it.
    let abandoning = std::thread::scope(|scope| {
        let abandoning = scope.spawn(|| case.abandon("2-tail.sql"));
        case.wait_until_gone(pid);
        writer.run("COMMIT");
        abandoning.join().expect("no panic")
    });
    check(
        &abandoning,
        "
        2-tail.sql runs elsewhere
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        the deployment is settled
        abandoned
        ",
    );
    assert_eq!(case.indexes(), "");
    assert_eq!(case.abandon("2-tail.sql"), "abandoned already\n");
    check(&case.up(), "settled\n");
    assert_eq!(case.indexes(), "");
}

#[test]
fn what_has_not_begun_in_the_batch_is_not_abandoned() {
    let case = Case::new();
    case.standalone("VACUUM t;\n");
    assert_eq!(
        case.abandon("2-alone.sql"),
        "error: `2-alone.sql` has not begun\n"
    );
    assert_eq!(
        case.abandon("3-none.sql"),
        "error: there is no migration `3-none.sql`, in the folder or in the ledger\n"
    );
}

#[test]
fn abandoning_what_runs_elsewhere_cancels_it_once_and_lets_it_clean_up() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    let abandoning = std::thread::scope(|scope| {
        let abandoning = scope.spawn(|| case.abandon("2-tail.sql"));
        case.wait_for_statement("DROP INDEX CONCURRENTLY");
        writer.run("COMMIT");
        abandoning.join().expect("no panic")
    });
    check(
        &abandoning,
        "
        2-tail.sql runs elsewhere
        the deployment is settled
        abandoned
        ",
    );
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
    check(&case.up(), "settled\n");
}
