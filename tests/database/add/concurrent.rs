//! Concurrent migrations: their schema diff, and what is left of failed ones.

use super::Case;
use crate::support::wait_until;
use nix::sys::signal::Signal;

fn index(case: &Case, statement: &str) -> String {
    let table = case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    format!("-- segue: begin-concurrent-migration-with: {table}\n\n{statement};\n")
}

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a)";

fn indexes(case: &Case) -> String {
    case.database
        .query("SELECT indexname FROM pg_indexes WHERE tablename = 't'")
}

#[test]
fn the_schema_diff_is_written_into_the_header() {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    let text = index(&case, INDEX);
    case.file("index.sql", &text);
    case.add(&["index.sql"]).expect(
        "",
        "
             Running `[time]-index.sql` (pid [pid])
            Finished `[time]-index.sql` in [duration]
               Named `migrations/[time]-index.sql`
             Applied it to the development database, in [duration]
               Wrote its schema diff for PostgreSQL NN into its header
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    crate::support::assert_file(
        "tests/database/add/index.expected.sql",
        &case.redacted("index.sql"),
    );
    case.expect_up_to_date();
}

#[test]
fn that_of_a_partitioned_table_has_the_indexes_of_all_partitions() {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    let table = case.added(
        "create-p.sql",
        "CREATE TABLE p (a int) PARTITION BY LIST (a);\nCREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n",
    );
    case.file(
        "index.sql",
        &format!("-- segue: begin-concurrent-migration-with: {table}\n\nCREATE INDEX CONCURRENTLY i ON p (a);\n"),
    );
    case.add(&["index.sql"]).expect_success();
    let written = case.redacted("index.sql");
    for index in ["\"i\"", "\"p1_a_idx\"", "\"parent\": \"public.i\""] {
        assert!(written.contains(index), "{written}");
    }
    case.expect_up_to_date();
}

#[test]
fn a_failing_one_leaves_nothing() {
    let case = Case::new();
    let text = index(&case, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)");
    case.database.run("INSERT INTO t VALUES (1), (1)");
    case.file("index.sql", &text);
    let before = case.files();
    case.add(&["index.sql"]).expect(
        "",
        "
             Running `[time]-index.sql` (pid [pid])
            Repaired `[time]-index.sql`: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"i\"
          --> index.sql:3:1
          |
        3 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        note: nothing of it is left in the database
        note: `index.sql`, the migrations and the expected schema are as they were
        help: correct it, then `segue add index.sql` again
        ",
        4,
    );
    assert_eq!(case.files(), before);
    assert_eq!(indexes(&case), "");
    assert_eq!(case.ledger(), "create-t.sql|batch|applied");
    // Once the cause is gone, it is as if nothing had happened.
    case.database.run("TRUNCATE t");
    case.add(&["index.sql"]).expect_success();
    assert_eq!(indexes(&case), "i");
}

#[test]
fn statements_that_cannot_be_undone_are_named() {
    let case = Case::new();
    let text = "-- segue: no-txn\nCREATE TABLE u (a int);\nCREATE INDEX CONCURRENTLY i ON u (a);\nSELECT 1/0;\n";
    case.file("alone.sql", text);
    let before = case.files();
    case.add(&["alone.sql"]).expect(
        "",
        "
             Running `[time]-alone.sql` outside a transaction (pid [pid])
        error[server-error]: division by zero
          --> alone.sql:4:1
          |
        4 | SELECT 1/0;
          | ^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        note: left in the database: statement 1: CREATE TABLE u (a int)
        note: left in the database: statement 2: CREATE INDEX CONCURRENTLY i ON u (a)
        note: `alone.sql`, the migrations and the expected schema are as they were
        help: correct it, then `segue add alone.sql` again
        help: `DROP TABLE \"u\";` removes that
        help: `DROP INDEX CONCURRENTLY \"i\";` removes that
        ",
        4,
    );
    assert_eq!(case.files(), before);
    assert_eq!(case.ledger(), "");
}

#[test]
fn a_signal_ends_a_build_and_removes_it() {
    let case = Case::new();
    let text = index(&case, INDEX);
    case.file("index.sql", &text);
    let before = case.files();
    let writer = case.database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let adding = case.project.spawn(&["add", "index.sql"]);
    wait_until("the build", || {
        let building = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('i')";
        case.database.query(building) == "1"
    });
    adding.signal(Signal::SIGINT);
    // What it has left can be dropped once the writer is gone.
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| adding.wait());
        wait_until("the removal", || {
            let removing = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%DROP INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()";
            case.database.query(removing) != "0"
        });
        writer.run("COMMIT");
        let added = adding.join().expect("no panic");
        assert_eq!(added.status, 130, "{}", added.stderr);
    });
    assert_eq!(case.files(), before);
    assert_eq!(indexes(&case), "");
    assert_eq!(case.ledger(), "create-t.sql|batch|applied");
}
