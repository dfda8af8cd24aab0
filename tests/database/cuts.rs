//! Where one transaction cannot be: foreseen, or found out and run again.

use std::fmt::Write as _;

use crate::support::{Project, Server, TestDatabase, assert_text};

const MOOD: &str = "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE a (mood mood);\n";

#[test]
fn an_enum_value_is_committed_before_it_is_used() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", MOOD);
    project.finishes();
    project
        .file("2.sql", "ALTER TYPE mood ADD VALUE 'happy';\n")
        .file("3.sql", "INSERT INTO a VALUES ('happy');\n");
    project.segue(&["up"]).expect("", "
             Planned 2 migrations in 2 transactions
                Note a transaction is cut before `3.sql`: an enum value that was added cannot be used before it is committed
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
           Committed 1 migration in [t]
                 Ran `3.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ", 0);
    project.has_nothing_to_do();
}

/// The value is added where nobody can foresee it.
#[test]
fn an_unforeseen_enum_value_cuts_the_block() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", MOOD);
    project.finishes();
    project
        .file(
            "2.sql",
            "DO $$ BEGIN EXECUTE 'ALTER TYPE mood ADD VALUE ''happy'''; END $$;\n",
        )
        .file("3.sql", "INSERT INTO a VALUES ('happy');\n");
    project.segue(&["up"]).expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Cut before `3.sql`: an enum value that was added cannot be used before it is committed; the block was rolled back and runs as two transactions
        Planned anew 2 migrations in 2 transactions
                Note a transaction is cut before `3.sql`: an enum value that was added cannot be used before it is committed
                 Ran `2.sql`, 1 statement in [t]
           Committed 1 migration in [t]
                 Ran `3.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ", 0);
    project.has_nothing_to_do();
}

/// Where it is certain, nothing is tried.
#[test]
fn an_enum_value_used_by_its_own_file_is_refused() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", MOOD);
    project.finishes();
    project.file("2.sql", "CREATE TABLE b ();\n").file(
        "3.sql",
        "ALTER TYPE mood ADD VALUE 'happy';\nALTER TABLE a ALTER mood SET DEFAULT 'happy'::mood;\n",
    );
    project.segue(&["up"]).expect("", "
        error[own-enum-value]: value `happy` of `mood` is used in the file that adds it
          --> migrations/3.sql:2:1
          |
        2 | ALTER TABLE a ALTER mood SET DEFAULT 'happy'::mood;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ cannot be used before it is committed
          = help: write `-- segue: no-txn` at the top of the file: each statement is then committed by itself
          = help: or add the value in a file of its own before this one: the transaction ends between the two

        ", 3);
    // A value of another type, one that is there, a mere word.
    project.file(
        "3.sql",
        "ALTER TYPE mood ADD VALUE 'happy';\n\
         COMMENT ON TABLE a IS 'happy';\n\
         ALTER TABLE a ADD COLUMN b text DEFAULT 'happy'::text, ADD COLUMN c mood DEFAULT 'sad';\n",
    );
    project.finishes();
}

#[test]
fn an_enum_value_used_by_its_own_file_fails_and_commits_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", MOOD);
    project.finishes();
    project.file("2.sql", "CREATE TABLE b ();\n").file(
        "3.sql",
        "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO a VALUES ('happy');\n",
    );
    project.segue(&["up"]).expect("", r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: unsafe use of new value "happy" of enum type mood
          --> migrations/3.sql:2:23
          |
        2 | INSERT INTO a VALUES ('happy');
          |                       ^
          = note: SQLSTATE 55P04
          = help: the server's hint: New enum values must be committed before they can be used.
          = help: an enum value cannot be used by the transaction that adds it: write `-- segue: no-txn` at the top of the file that adds it, or add it in a file of its own before this one
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#, 4);
    assert_text("relations", &database.relations(), "a");
    project.file(
        "3.sql",
        "-- segue: no-txn\nALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO a VALUES ('happy');\n",
    );
    project.finishes();
}

const DEFERRED: &str = "CREATE TABLE parent (id int PRIMARY KEY);\n\
     CREATE TABLE child (parent int CONSTRAINT c REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n\
     INSERT INTO parent VALUES (1);\nINSERT INTO child VALUES (1);\n";

#[test]
fn pending_triggers_fire_before_their_table_is_altered() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    // A constraint of the same name that cannot be deferred.
    let other = "CREATE TABLE other (a int CONSTRAINT c REFERENCES parent);\n";
    project
        .file("1.sql", &format!("{DEFERRED}{other}"))
        .file("2.sql", "ALTER TABLE child ADD COLUMN a int;\n")
        .file("3.sql", "CREATE TABLE e ();\n");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 3 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 5 statements in [t]
                 Ran `2.sql`, 1 statement in [t]
                 Ran `3.sql`, 1 statement in [t]
           Committed 3 migrations in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ",
        0,
    );
    project.has_nothing_to_do();
}

/// A constraint that is made after triggers have fired has its own mode.
#[test]
fn constraints_made_later_are_deferred_too() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", DEFERRED).file(
        "2.sql",
        "ALTER TABLE child ADD COLUMN id int UNIQUE;\n\
         CREATE TABLE grandchild (parent int REFERENCES child (id) DEFERRABLE INITIALLY DEFERRED);\n\
         INSERT INTO grandchild VALUES (7);\nINSERT INTO child VALUES (1, 7);\n",
    );
    project.finishes();
}

/// Constraints are as they were: the first file's triggers have fired, and the
/// next one may still insert in any order.
#[test]
fn constraints_stay_deferred_after_triggers_have_fired() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", DEFERRED).file(
        "2.sql",
        "ALTER TABLE child ADD COLUMN a int;\nINSERT INTO child VALUES (2);\nINSERT INTO parent VALUES (2);\n",
    );
    project.finishes();
    assert_text("rows", &database.query("SELECT count(*) FROM child"), "2");
}

#[test]
fn pending_triggers_of_the_same_file_are_an_error() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n").file(
        "2.sql",
        &format!("{DEFERRED}ALTER TABLE child ADD COLUMN a int;\n"),
    );
    project.segue(&["up"]).expect("", r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: cannot ALTER TABLE "child" because it has pending trigger events
          --> migrations/2.sql:5:1
          |
        5 | ALTER TABLE child ADD COLUMN a int;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 55006
          = help: if triggers are deferred, `SET CONSTRAINTS ALL IMMEDIATE;` before this statement fires them
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#, 4);
    assert_text("relations", &database.relations(), "");
    project.file(
        "2.sql",
        &format!("{DEFERRED}SET CONSTRAINTS ALL IMMEDIATE;\nALTER TABLE child ADD COLUMN a int;\n"),
    );
    project.finishes();
}

/// A file of so many tables.
fn tables(prefix: &str, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "CREATE TABLE {prefix}{number} ();").expect("a string");
    }
    text
}

#[test]
fn a_full_lock_table_cuts_the_block_of_an_empty_database_only() {
    let server = Server::start(&[
        ("max_locks_per_transaction", "10"),
        ("max_connections", "20"),
        ("max_prepared_transactions", "0"),
        ("max_wal_senders", "0"),
    ]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    let files = 12;
    for file in 0..files {
        project.file(
            &format!("{file:02}.sql"),
            &tables(&format!("t{file:02}_"), 100),
        );
    }
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(run.stderr.contains("Cut before"), "{}", run.stderr);
    project.has_nothing_to_do();
    assert_text(
        "tables",
        &database
            .query("SELECT count(*) FROM pg_class WHERE relname LIKE 't__\\_%' AND relkind = 'r'"),
        "1200",
    );
    // What others use is not deployed in halves.
    for file in 0..files {
        project.file(
            &format!("u{file:02}.sql"),
            &tables(&format!("u{file:02}_"), 100),
        );
    }
    let mut project = project;
    project.redact(r"u\d\d\.sql:\d+:1", "[place]");
    let run = project.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("max_locks_per_transaction"),
        "{}",
        run.stderr
    );
    assert_text(
        "tables",
        &database.query("SELECT count(*) FROM pg_class WHERE relname ~ '^u\\d\\d_'"),
        "0",
    );
}
