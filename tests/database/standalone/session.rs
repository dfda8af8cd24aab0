//! What a file has left in its session, in another session.

use super::{Case, check};

/// The statements, then one that fails; the same with another in its place.
#[track_caller]
fn resumed(sql: &str, rest: &str, expected: &str) -> Case<'static> {
    let case = Case::new();
    case.concurrent(&format!("{sql}SELECT 1 / 0;\n{rest}"));
    let told = case.up();
    assert!(told.contains("division by zero"), "{told}");
    case.concurrent(&format!("{sql}SELECT 1;\n{rest}"));
    check(&case.up(), expected);
    case
}

#[test]
fn advisory_locks_are_taken_again() {
    let assert_locked = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objid IN (41, 42)) = 1; END $$;\n";
    resumed(
        "SELECT pg_advisory_lock(41);\nSELECT pg_advisory_lock(42);\nSELECT pg_advisory_unlock(41);\n",
        assert_locked,
        "
        statement 4 of 5
        statement 5 of 5
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn locks_of_ours_are_kept() {
    resumed(
        "SELECT pg_advisory_unlock_all();\n",
        "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) = 1; END $$;\n",
        "
        statement 2 of 3
        statement 3 of 3
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn advisory_locks_that_cannot_be_taken_again_are_told() {
    resumed(
        "SELECT pg_advisory_lock(a) FROM t;\n",
        "",
        "
        error[temporary-objects-lost]: an advisory lock that an earlier statement has taken is gone with the session that made it
          --> migrations/2-tail.sql:3:1
          |
        3 | SELECT 1;
          | ^^^^^^^^ may need it
          = note: the first statement of the file is done, and is not run again
          = help: take it in a statement of its own, `SELECT pg_advisory_lock(42);`, which can be run again, or put all statements that need it between BEGIN and COMMIT; what is done stays done: write the rest as a new migration and give this one up with `segue abandon 2-tail.sql`
        not settled
        ",
    );
}

#[test]
fn a_held_cursor_that_is_still_needed_is_told() {
    let declare = "BEGIN;\nDECLARE c CURSOR WITH HOLD FOR SELECT a FROM t;\nCOMMIT;\n";
    let case = resumed(
        declare,
        "FETCH ALL FROM c;\n",
        "
        error[temporary-objects-lost]: the cursor `c` is gone with the session that made it
          --> migrations/2-tail.sql:6:1
          |
        6 | FETCH ALL FROM c;
          | ^^^^^^^^^^^^^^^^ may need it
          = note: the first 3 statements of the file are done, and are not run again
          = help: write its rows into a table, or put all statements that need it between BEGIN and COMMIT; what is done stays done: write the rest as a new migration and give this one up with `segue abandon 2-tail.sql`
        not settled
        ",
    );
    case.concurrent(&format!("{declare}SELECT 1;\n"));
    check(
        &case.up(),
        "statement 4 of 4\n2-tail.sql is done\nsettled\n",
    );
}

#[test]
fn what_was_local_to_a_transaction_is_gone_and_the_rest_is_back() {
    let case = Case::new();
    let role = case.database.role("app", "");
    case.database.run(&format!("GRANT ALL ON t TO {role}"));
    let text = format!(
        "SET SESSION AUTHORIZATION {role};\nBEGIN;\nSET LOCAL my.local = 'x';\nSET my.kept = 'y';\nCOMMIT;\nBEGIN;\nSET my.kept = 'z';\nROLLBACK;\n"
    );
    let check_session = "DO $$ BEGIN ASSERT session_user LIKE '%_app'; ASSERT current_setting('my.kept') = 'y'; ASSERT coalesce(current_setting('my.local', true), '') = ''; END $$;\n";
    case.standalone(&format!("{text}SELECT 1 / 0;\n{check_session}"));
    let told = case.up();
    assert!(told.contains("division by zero"), "{told}");
    case.standalone(&format!("{text}SELECT 1;\n{check_session}"));
    check(
        &case.up(),
        "statement 9 of 10\nstatement 10 of 10\nsettled\n",
    );
}

/// The ledger takes no row from such a transaction.
#[test]
fn read_only_transactions_are_recorded_behind_them() {
    let case = Case::new();
    let text = "BEGIN READ ONLY;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSET TRANSACTION READ ONLY;\nCOMMIT AND CHAIN;\nSELECT 2;\nCOMMIT;\nSET transaction_read_only = on;\n";
    case.standalone(&format!("{text}SELECT 1 / 0;\n"));
    let told = case.up();
    assert!(told.contains("division by zero"), "{told}");
    case.standalone(&format!("{text}INSERT INTO t VALUES (8, 8);\n"));
    check(&case.up(), "statement 10 of 10\nsettled\n");
    check(&case.up(), "settled\n");
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "1"
    );
}

#[test]
fn an_enum_value_used_in_the_transaction_that_adds_it_is_explained() {
    let case = Case::new();
    case.database.run("CREATE TYPE mood AS ENUM ('calm')");
    case.database.run("CREATE TABLE u (m mood)");
    case.standalone(
        "BEGIN;\nALTER TYPE mood ADD VALUE 'glad';\nINSERT INTO u VALUES ('glad');\nCOMMIT;\n",
    );
    check(
        &case.up(),
        r#"
        statement 1 of 4
        error[server-error]: unsafe use of new value "glad" of enum type mood
          --> migrations/2-alone.sql:4:23
          |
        4 | INSERT INTO u VALUES ('glad');
          |                       ^
          = note: SQLSTATE 55P04
          = help: the server's hint: New enum values must be committed before they can be used.
          = help: an enum value cannot be used by the transaction that adds it: write ALTER TYPE … ADD VALUE before the BEGIN, outside of it
        "#,
    );
    case.standalone(
        "ALTER TYPE mood ADD VALUE 'glad';\nBEGIN;\nINSERT INTO u VALUES ('glad');\nCOMMIT;\n",
    );
    check(&case.up(), "statement 1 of 4\nstatement 2 of 4\nsettled\n");
}
