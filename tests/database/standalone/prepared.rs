//! Prepared transactions: `PREPARE TRANSACTION` in a file's own transaction,
//! `COMMIT PREPARED` and `ROLLBACK PREPARED`.

use super::{Case, check};

fn prepared(case: &Case<'_>) -> String {
    case.database
        .query("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()")
}

/// A transaction that is prepared, and a statement after it.
fn preparing(case: &Case<'_>) -> String {
    let gid = case.database.name();
    format!("BEGIN;\nINSERT INTO t VALUES (8, 8);\nPREPARE TRANSACTION '{gid}';\nSELECT 1;\n")
}

/// Dies after PREPARE TRANSACTION and before the ledger hears of it.
fn die_prepared(case: &Case<'_>) {
    let gate = case.database.session();
    gate.run("SELECT pg_advisory_lock(4712)");
    gate.run(
        "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4712); RETURN new; END $$;
         CREATE TRIGGER gate BEFORE INSERT ON segue.intent FOR EACH ROW WHEN (new.state = 'done') EXECUTE FUNCTION gate()",
    );
    case.dies_while_waiting("INSERT INTO segue.intent");
    gate.run("DROP TRIGGER gate ON segue.intent; DROP FUNCTION gate()");
    assert_eq!(prepared(case), "1");
}

#[test]
fn what_is_prepared_is_not_run_again() {
    let case = Case::new();
    let gid = case.database.name();
    case.standalone(&preparing(&case));
    die_prepared(&case);
    check(
        &case.up(),
        "
        statement 3 is done: the transaction is prepared
        statement 4 of 4
        settled
        ",
    );
    case.database.run(&format!("COMMIT PREPARED '{gid}'"));
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "1"
    );
}

#[test]
fn what_was_prepared_and_is_committed_is_not_run_again() {
    let case = Case::new();
    let gid = case.database.name();
    case.standalone(&preparing(&case));
    die_prepared(&case);
    case.database.run(&format!("COMMIT PREPARED '{gid}'"));
    check(
        &case.up(),
        "
        statement 3 is done: the transaction was prepared, and is committed
        statement 4 of 4
        settled
        ",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "1"
    );
}

#[test]
fn what_was_prepared_and_is_rolled_back_runs_again() {
    let case = Case::new();
    let gid = case.database.name();
    case.standalone(&preparing(&case));
    die_prepared(&case);
    case.database.run(&format!("ROLLBACK PREPARED '{gid}'"));
    check(&case.up(), "statement 1 of 4\nstatement 4 of 4\nsettled\n");
    assert_eq!(prepared(&case), "1");
}

#[test]
fn a_prepared_transaction_whose_text_has_changed_is_refused() {
    let case = Case::new();
    let gid = case.database.name();
    case.standalone(&preparing(&case));
    die_prepared(&case);
    case.standalone(&preparing(&case).replace("(8, 8)", "(9, 9)"));
    check(
        &case.up().replace(gid, "gid"),
        "
        error[changed-while-begun]: a transaction of `2-alone.sql` was prepared with other statements
          --> migrations/2-alone.sql:2:1
          |
        2 | BEGIN;
          | ^^^^^ begins that transaction
          = note: it was ended by: PREPARE TRANSACTION 'gid'
          = help: bring its text back and edit only what follows, or give it up: `segue abandon 2-alone.sql`
        ",
    );
    check(
        &case.abandon("2-alone.sql").replace(gid, "gid"),
        "
        repaired: prepared transaction `gid` has been made, and stays
        abandoned
        ",
    );
}

#[test]
fn what_is_committed_or_rolled_back_is_so_once() {
    for verb in ["COMMIT", "ROLLBACK"] {
        let case = Case::new();
        let gid = case.database.name();
        let session = case.database.session();
        session.run("BEGIN");
        session.run("INSERT INTO t VALUES (8, 8)");
        session.run(&format!("PREPARE TRANSACTION '{gid}'"));
        case.standalone(&format!("{verb} PREPARED '{gid}';\n"));
        case.dies_before_the_mark();
        check(
            &case.up().replace(gid, "gid"),
            "
            statement 1 of 1
            statement 1 is done: prepared transaction `gid` is gone since an earlier try began
            settled
            ",
        );
    }
}
