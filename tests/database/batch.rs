//! The batch when something in it fails: told at its place, nothing kept, and
//! the next run goes on.

use std::fmt::Write as _;

use crate::support::{Project, TestDatabase, assert_text};

#[test]
fn an_error_in_the_middle_is_told_at_its_place() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1-a.sql", "CREATE TABLE a (id int PRIMARY KEY);\n")
        .file(
            "2-b.sql",
            "INSERT INTO a VALUES (1);\n\nSELECT 'größe', 'наименование',\n  fehlt FROM a;\nINSERT INTO a VALUES (2);\n",
        )
        .file("3-c.sql", "CREATE TABLE c ();\n");
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 3 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: column "fehlt" does not exist
          --> migrations/2-b.sql:4:3
          |
        4 |   fehlt FROM a;
          |   ^^^^^
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
    assert_text("relations", &database.relations(), "");
    project.file("2-b.sql", "INSERT INTO a VALUES (1);\n");
    project.finishes();
    assert_text("relations", &database.relations(), "a c");
}

#[test]
fn positions_count_characters_where_the_server_does() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "SELECT 'ü€😀', fehlt;\n");
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: column "fehlt" does not exist
          --> migrations/1.sql:1:15
          |
        1 | SELECT 'ü€😀', fehlt;
          |                ^^^^^
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
}

#[test]
fn detail_and_hint_are_the_servers() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a (id int PRIMARY KEY);\n")
        .file("2.sql", "INSERT INTO a\n  VALUES (1), (1);\n");
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: duplicate key value violates unique constraint "a_pkey"
          --> migrations/2.sql:1:1
          |
        1 | INSERT INTO a
          | ^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (id)=(1) already exists.
          = note: SQLSTATE 23505
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
    project.file("2.sql", "SELECT lower(1, 2);\n");
    project.segue(&["up"]).expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: function lower(integer, integer) does not exist
          --> migrations/2.sql:1:8
          |
        1 | SELECT lower(1, 2);
          |        ^^^^^
          = note: SQLSTATE 42883
          = help: the server's hint: No function matches the given name and argument types. You might need to add explicit type casts.
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ", 4);
    project.file("2.sql", "");
    project.finishes();
}

#[test]
fn an_error_in_copy_data_names_its_line() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int);\nCOPY a FROM STDIN;\n1\n2\n\\.\n",
        )
        .file(
            "2.sql",
            "SELECT 1;\nCOPY a (id) FROM STDIN;\n3\nvier\n5\n\\.\nCREATE TABLE b ();\n",
        );
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: invalid input syntax for type integer: "vier"
          --> migrations/2.sql:2:1
          |
        2 | COPY a (id) FROM STDIN;
          | ^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: CONTEXT: COPY a, line 2, column id: "vier"
          = note: SQLSTATE 22P02
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
    assert_text("relations", &database.relations(), "");
    project.file("2.sql", "COPY a (id) FROM STDIN;\n3\n4\n\\.\n");
    project.finishes();
    assert_text("sum", &database.query("SELECT sum(id) FROM a"), "10");
}

#[test]
fn of_ten_thousand_statements_the_first_error_counts() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let mut text = String::from("CREATE TABLE a (id int);\n");
    for id in 1..=10_000 {
        match id {
            7_000 | 7_001 | 8_000 => writeln!(text, "INSERT INTO a VALUES ({id}, {id});"),
            _ => writeln!(text, "INSERT INTO a VALUES ({id});"),
        }
        .expect("a string");
    }
    project.file("1.sql", &text);
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: INSERT has more expressions than target columns
             --> migrations/1.sql:7001:29
             |
        7001 | INSERT INTO a VALUES (7000, 7000);
             |                             ^^^^
             = note: SQLSTATE 42601
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ",
        4,
    );
    assert_text("relations", &database.relations(), "");
    project.file(
        "1.sql",
        &text.replace("00, ", "00); --").replace("01, ", "01); --"),
    );
    project.finishes();
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "10000");
}

#[test]
fn rollback_to_behind_an_error_keeps_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let good = "SAVEPOINT s;\nCREATE TABLE b ();\nROLLBACK TO s;\nCREATE TABLE c ();\n";
    project.file("1.sql", "CREATE TABLE a ();\n").file(
        "2.sql",
        "SAVEPOINT s;\nSELECT 1/0;\nROLLBACK TO s;\nCREATE TABLE c ();\n",
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: division by zero
          --> migrations/2.sql:2:1
          |
        2 | SELECT 1/0;
          | ^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ",
        4,
    );
    assert_text("relations", &database.relations(), "");
    project.file("2.sql", good);
    project.finishes();
    assert_text("relations", &database.relations(), "a c");
}

/// Else the next file could roll the first one back, half or whole, and both
/// would be recorded as applied.
#[test]
fn a_savepoint_ends_with_its_file() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "SAVEPOINT s;\nCREATE TABLE a ();\n")
        .file("2.sql", "ROLLBACK TO s;\nCREATE TABLE b ();\n");
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: savepoint "s" does not exist
          --> migrations/2.sql:1:1
          |
        1 | ROLLBACK TO s;
          | ^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 3B001
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
    assert_text("relations", &database.relations(), "");
    project.file("2.sql", "SAVEPOINT s;\nCREATE TABLE b ();\nRELEASE s;\n");
    project.finishes();
    assert_text("relations", &database.relations(), "a b");
}

#[test]
fn what_would_end_the_transaction_is_refused_before_anything_runs() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "CREATE TABLE b ();\nCOMMIT;\nCREATE TABLE c ();\n")
        .file("3.sql", "CREATE TABLE d ();\nrollback work;\n");
    project.segue(&["up"]).expect("", "
        error[transaction-control]: `COMMIT` in a migration that runs inside a transaction block
          --> migrations/2.sql:2:1
          |
        2 | COMMIT;
          | ^^^^^^ would end the transaction of the whole batch
          = help: remove it, or write `-- segue: no-txn` at the top of the file: its statements then run outside of the batch's transaction

        error[transaction-control]: `ROLLBACK` in a migration that runs inside a transaction block
          --> migrations/3.sql:2:1
          |
        2 | rollback work;
          | ^^^^^^^^^^^^^ would end the transaction of the whole batch
          = help: remove it, or write `-- segue: no-txn` at the top of the file: its statements then run outside of the batch's transaction

        error: 2 problems in all

        ", 3);
    assert_text("relations", &database.relations(), "");
    assert_text(
        "namespace",
        &database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'"),
        "0",
    );
    project
        .file("2.sql", "CREATE TABLE b ();\n")
        .file("3.sql", "");
    project.finishes();
}

/// However it is written; `BEGIN` alone is a warning of the server's.
#[test]
fn each_end_of_a_transaction_is_refused() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    for text in [
        "COMMIT",
        "commit work",
        "COMMIT AND CHAIN",
        "COMMIT TRANSACTION AND NO CHAIN",
        "END",
        "BEGIN; CREATE TABLE a (); END",
        "BEGIN/**/;\nEND WORK",
        "end transaction",
        "ROLLBACK",
        "ROLLBACK /* to */ WORK",
        "rollback and chain",
        "ABORT",
        "abort transaction",
        "PREPARE TRANSACTION 'x'",
        "PREPARE/**/TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
        "COMMIT -- at the end of the file",
    ] {
        project.file("1.sql", &format!("CREATE TABLE b ();\n{text}"));
        let run = project.segue(&["up"]);
        assert_eq!(run.status, 3, "{text}: {}", run.stderr);
        assert!(
            run.stderr.starts_with("error[transaction-control]: `")
                && run.stderr.contains("-- segue: no-txn"),
            "{text}: {}",
            run.stderr
        );
    }
    assert_text("relations", &database.relations(), "");
    project.file(
        "1.sql",
        "BEGIN;\nCREATE TABLE a ();\nSAVEPOINT s;\nCREATE TABLE b ();\nROLLBACK WORK TO SAVEPOINT s;\nRELEASE s;\nPREPARE transaction_of AS SELECT 1;\n",
    );
    project.finishes();
    assert_text("relations", &database.relations(), "a");
}

#[test]
fn a_database_that_is_read_only_by_default_can_be_migrated() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    ));
    project.file("1.sql", "CREATE TABLE a ();\n");
    project.finishes();
    assert_text("relations", &database.relations(), "a");
}

#[test]
fn what_the_server_warns_of_is_told() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file(
        "1.sql",
        "DO $$ BEGIN RAISE WARNING 'careful'; RAISE NOTICE 'hello'; END $$;\n",
    );
    project.segue(&["up", "-v"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
               Began deployment 1
               Began a transaction of 1 migration
             Warning `1.sql`: careful
              Notice `1.sql`: hello
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ",
        0,
    );
}

#[test]
fn copy_data_streams_through_little_memory() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let row = "x".repeat(99) + "\n";
    let rows = row.repeat(200_000);
    project.file(
        "1.sql",
        &format!("CREATE TABLE a (t text);\nCOPY a FROM STDIN;\n{rows}\\.\nSELECT pg_sleep(1);\n"),
    );
    let run = project.spawn(&["up"]);
    let pid = run.pid();
    crate::support::wait_until("the end of the data", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = peak
        .and_then(|peak| peak.trim().strip_suffix(" kB"))
        .and_then(|peak| peak.trim().parse().ok())
        .expect("a number of kB");
    run.wait().expect_success();
    assert!(kilobytes < 64 * 1024, "{kilobytes} kB");
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "200000");
    project.has_nothing_to_do();
}

/// All such files at once, before anything is committed: of a real history with
/// dozens of them, each would otherwise be found out after its predecessors.
#[test]
fn statements_that_refuse_a_block_are_refused_before_anything_runs() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1-a.sql", "CREATE TABLE a (id int);\n")
        .file("2-first.sql", "-- segue: no-txn\nSELECT 1;\n")
        .file(
            "3-index.sql",
            "CREATE INDEX CONCURRENTLY a_id ON a (id);\nVACUUM a;\n",
        )
        .file(
            "4-part.sql",
            "ALTER TABLE a DETACH PARTITION b CONCURRENTLY;\n",
        )
        .file(
            "5-comment.sql",
            "-- CREATE INDEX CONCURRENTLY\nCOMMENT ON TABLE a IS 'CONCURRENTLY';\nALTER TABLE a ADD b text DEFAULT 'CONCURRENTLY';\n",
        );
    project.segue(&["up"]).expect(
        "",
        "
        error[needs-autocommit]: `CREATE INDEX CONCURRENTLY` cannot run inside a transaction block
          --> migrations/3-index.sql:1:1
          |
        1 | CREATE INDEX CONCURRENTLY a_id ON a (id);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL refuses it there
          = help: write `-- segue: no-txn` at the top of the file, or make it a concurrent migration with `-- segue: begin-concurrent-migration-with: FILE`

        error[needs-autocommit]: `ALTER TABLE` cannot run inside a transaction block
          --> migrations/4-part.sql:1:1
          |
        1 | ALTER TABLE a DETACH PARTITION b CONCURRENTLY;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL refuses it there
          = help: write `-- segue: no-txn` at the top of the file, or make it a concurrent migration with `-- segue: begin-concurrent-migration-with: FILE`

        error: 2 problems in all
        ",
        3,
    );
    assert_text("relations", &database.relations(), "");
}
