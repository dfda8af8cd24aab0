//! What PostgreSQL allows in a transaction: exactly once.

use super::{Case, INDEX, check};
use crate::support::{Project, wait_until};

#[test]
fn a_file_runs_statement_by_statement_and_only_once() {
    let case = Case::new();
    case.concurrent(&format!("INSERT INTO t VALUES (9, 9);\n{INDEX}VACUUM t;\n"));
    check(
        &case.up(),
        "statement 1 of 3\nstatement 2 of 3\nstatement 3 of 3\n2-tail.sql is done\nsettled\n",
    );
    check(&case.up(), "settled\n");
    assert_eq!(case.indexes(), "i|t");
    assert_eq!(case.database.query("SELECT count(*) FROM t"), "4");
}

#[test]
fn a_files_own_transaction_and_the_ledger_commit_together() {
    let case = Case::new();
    case.standalone(
        "BEGIN;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\nCOMMIT;\nSELECT 1 / 0;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 5
        statement 5 of 5
        error[server-error]: division by zero
          --> migrations/2-alone.sql:6:1
          |
        6 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        statements done: 4
        ",
    );
    assert_eq!(
        case.database
            .query("SELECT statement, state FROM segue.intent ORDER BY statement"),
        "0|done\n1|done\n2|done\n3|done"
    );
    case.standalone(
        "BEGIN;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\nCOMMIT;\nSELECT 1;\n",
    );
    check(&case.up(), "statement 5 of 5\nsettled\n");
    assert_eq!(case.database.query("SELECT count(*) FROM u"), "1");
}

#[test]
fn a_files_own_transaction_that_fails_leaves_nothing() {
    let case = Case::new();
    case.standalone("BEGIN;\nCREATE TABLE u (a int);\nSELECT 1 / 0;\nCOMMIT;\n");
    check(
        &case.up(),
        "
        statement 1 of 4
        error[server-error]: division by zero
          --> migrations/2-alone.sql:4:1
          |
        4 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        ",
    );
    case.standalone("BEGIN;\nCREATE TABLE u (a int);\nCOPY u FROM STDIN;\n1\n2\n\\.\nCOMMIT;\n");
    check(&case.up(), "statement 1 of 4\nsettled\n");
    assert_eq!(case.database.query("SELECT count(*) FROM u"), "2");
    check(&case.up(), "settled\n");
}

#[test]
fn a_short_lock_timeout_is_retried_until_the_lock_is_free() {
    let case = Case::new();
    case.standalone("ALTER TABLE t ADD COLUMN c int;\n");
    let writer = case.writer();
    let running = case.start();
    running.wait_until_told("waits for 1 session on t");
    let watch = case.database.session();
    wait_until("the first try to end", || {
        let rolled_back = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = 'ROLLBACK'";
        !watch.query(rolled_back).is_empty()
    });
    writer.run("COMMIT");
    // Which of the two in the middle comes first depends on how soon the lock
    // is looked at.
    let told = running.wait();
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    check(
        &lines.join("\n"),
        "
        settled
        statement 1 is tried again
        statement 1 of 1
        waits for 1 session on t
        ",
    );
}

#[test]
fn a_role_that_may_not_write_the_ledger_does_not_matter() {
    let case = Case::new();
    let role = case.database.role("app", "");
    case.database.run(&format!("GRANT ALL ON t TO {role}"));
    case.standalone(&format!(
        "SET SESSION AUTHORIZATION {role};\nBEGIN;\nINSERT INTO t VALUES (8, 8);\nCOMMIT;\nINSERT INTO t VALUES (8, 8);\nVACUUM t;\n"
    ));
    check(
        &case.up(),
        "
        statement 1 of 6
        statement 2 of 6
        statement 5 of 6
        statement 6 of 6
        settled
        ",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "2"
    );
}

#[test]
fn a_deferred_constraint_fails_its_statement_and_nothing_is_recorded() {
    let case = Case::new();
    case.database
        .run("ALTER TABLE t ADD CONSTRAINT one_each UNIQUE (a) DEFERRABLE INITIALLY DEFERRED");
    case.standalone("INSERT INTO t VALUES (1, 9);\n");
    check(
        &case.up(),
        r#"
        statement 1 of 1
        error[server-error]: duplicate key value violates unique constraint "one_each"
          --> migrations/2-alone.sql:2:1
          |
        2 | INSERT INTO t VALUES (1, 9);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) already exists.
          = note: SQLSTATE 23505
        "#,
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM segue.intent"),
        "0"
    );
}

#[test]
fn a_file_that_ends_inside_its_own_transaction_is_refused() {
    let case = Case::new();
    case.standalone("BEGIN;\nINSERT INTO t VALUES (8, 8);\n");
    check(
        &case.up(),
        "
        statement 1 of 2
        error[unfinished-transaction]: `2-alone.sql` ends inside its own transaction
          --> migrations/2-alone.sql:3:1
          |
        3 | INSERT INTO t VALUES (8, 8);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ the last statement
          = note: that transaction was rolled back
          = help: end it with COMMIT
        ",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "0"
    );
}

#[test]
fn what_a_chained_commit_has_kept_is_not_run_again() {
    let case = Case::new();
    let begin = "BEGIN;\nINSERT INTO t VALUES (8, 8);\nCOMMIT AND CHAIN;\n";
    case.standalone(&format!(
        "{begin}INSERT INTO t VALUES (9, 9);\nSELECT 1 / 0;\nCOMMIT;\n"
    ));
    check(
        &case.up(),
        "
        statement 1 of 6
        error[server-error]: division by zero
          --> migrations/2-alone.sql:6:1
          |
        6 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        statements done: 3
        ",
    );
    case.standalone(&format!("{begin}INSERT INTO t VALUES (9, 9);\nROLLBACK;\n"));
    check(&case.up(), "statement 4 of 5\nsettled\n");
    assert_eq!(
        case.database
            .query("SELECT a, count(*) FROM t WHERE a > 7 GROUP BY a"),
        "8|1"
    );
}

#[test]
fn an_enum_value_can_be_used_after_the_statement_that_adds_it() {
    let case = Case::new();
    case.standalone(
        "CREATE TYPE mood AS ENUM ('calm');\nALTER TYPE mood ADD VALUE 'glad';\nCREATE TABLE u (m mood DEFAULT 'glad');\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 3
        statement 2 of 3
        statement 3 of 3
        settled
        ",
    );
}

#[test]
fn what_is_committed_of_a_file_that_failed_is_told() {
    let case = Case::new();
    let project = Project::on(&case.database);
    project.file("1-table.sql", &case.project.read("migrations/1-table.sql"));
    project.file(
        "2-alone.sql",
        "-- segue: no-txn\nINSERT INTO t VALUES (8, 8);\nSELECT 1 / 0;\n",
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration outside a transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Running `2-alone.sql` outside a transaction (pid [pid])
        error[server-error]: division by zero
          --> migrations/2-alone.sql:3:1
          |
        3 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        note: committed: the first statement of `2-alone.sql`
        help: correct the migration, then `segue up` goes on after what is committed
        ",
        4,
    );
}
