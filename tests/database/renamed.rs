//! Files that get another name after they have run: the ledger follows.

use std::fs;

use crate::support::{Project, TestDatabase, assert_text, wait_until};

const TABLE: &str = "CREATE TABLE a (id int);\n";

/// The project's rows of all tables that name a file.
fn ledger(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT 'migration ' || file || ' ' || state FROM segue.migration \
         UNION ALL SELECT 'intent ' || file || ' ' || state FROM segue.intent \
         UNION ALL SELECT 'progress ' || file FROM segue.progress \
         UNION ALL SELECT 'deployment ' || id || ' ' || coalesce(migration, '-') || ' ' || tail::text \
         FROM segue.deployment ORDER BY 1",
    )
}

fn rename(project: &Project, from: &str, to: &str) {
    let folder = project.path().join("migrations");
    fs::rename(folder.join(from), folder.join(to)).expect("renamed");
}

/// A table whose concurrent migration has made an index on it, both applied in
/// one deployment of a database in use.
fn settled() -> (TestDatabase<'static>, Project) {
    let database = TestDatabase::new();
    database.run("CREATE TABLE in_use ()");
    let project = Project::deploying(&database);
    project.file("1.sql", TABLE).file(
        "2.sql",
        "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY i ON a (id);\n",
    );
    project.segue(&["up"]).expect_success();
    (database, project)
}

#[test]
fn the_ledger_follows_files_that_made_room() {
    let (database, project) = settled();
    project.file("3.sql", "CREATE TABLE b ();\n");
    project.segue(&["up"]).expect_success();
    let before = ledger(&database);
    rename(&project, "3.sql", "4.sql");
    rename(&project, "2.sql", "3.sql");
    project.file("2.sql", "CREATE TABLE between ();\n");
    // Whoever only looks writes nothing, and sees what is applied.
    project.segue(&["plan"]).expect(
        "
         Project `main`: 1 migration pending.
         Note: `2.sql` is named `3.sql` now, by its text; the ledger follows.
         Note: `3.sql` is named `4.sql` now, by its text; the ledger follows.
         Note: `2.sql` is older than `4.sql`, which is applied.

         Batch
           1. one transaction
                2.sql

         Ready by its COMMIT.

         The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    assert_text("ledger", &ledger(&database), &before);
    project.segue(&["up"]).expect(
        "",
        "
                Note `2.sql` is named `3.sql` now, by its text; the ledger follows
                Note `3.sql` is named `4.sql` now, by its text; the ledger follows
                Note `2.sql` is older than `4.sql`, which is applied
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 3)
             Settled after [t] (deployment 3)

        ",
        0,
    );
    assert_text(
        "ledger",
        &ledger(&database),
        "deployment 1 3.sql {3.sql}\n\
         deployment 2 4.sql {}\n\
         deployment 3 4.sql {}\n\
         migration 1.sql applied\n\
         migration 2.sql applied\n\
         migration 3.sql applied\n\
         migration 4.sql applied",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_run_with_nothing_else_to_do_follows_too() {
    let (database, project) = settled();
    rename(&project, "2.sql", "9.sql");
    project
        .segue(&["wait", "settled", "--timeout", "5s"])
        .expect_success();
    let status = project.segue(&["status", "-v"]);
    assert!(
        status.stdout.contains("9.sql") && !status.stdout.contains("2.sql"),
        "{}",
        status.stdout
    );
    project.segue(&["up", "--strict"]).expect(
        "",
        "
                Note `2.sql` is named `9.sql` now, by its text; the ledger follows
          Up to date nothing is pending
               Ready since deployment 1

        ",
        0,
    );
    assert_text(
        "ledger",
        &ledger(&database),
        "deployment 1 9.sql {9.sql}\nmigration 1.sql applied\nmigration 9.sql applied",
    );
    project.has_nothing_to_do();
    // An older folder takes its own name back.
    rename(&project, "9.sql", "2.sql");
    project.finishes();
    assert_text(
        "ledger",
        &ledger(&database),
        "deployment 1 2.sql {2.sql}\nmigration 1.sql applied\nmigration 2.sql applied",
    );
}

/// What the failed build left is removed by its intent, and only that.
#[test]
fn a_failed_migration_is_taken_up_under_its_new_name() {
    let (database, project) = settled();
    database.query("INSERT INTO a VALUES (1), (1)");
    project.file(
        "3.sql",
        "-- segue: begin-concurrent-migration-with: 1.sql\n\
         CREATE UNIQUE INDEX CONCURRENTLY u ON a (id);\n",
    );
    assert_eq!(project.segue(&["up"]).status, 6);
    database.query("DELETE FROM a");
    rename(&project, "3.sql", "4.sql");
    let settle = project.segue(&["settle"]);
    settle.expect_success();
    assert_text(
        "migrations",
        &database.query("SELECT file, state FROM segue.migration ORDER BY 1"),
        "1.sql|applied\n2.sql|applied\n4.sql|applied",
    );
    assert_text(
        "indexes",
        &database.query("SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'a'::regclass ORDER BY 1::text"),
        "i|t\nu|t",
    );
    project.finishes();
}

/// Whoever runs it under its old name is waited for, and not disturbed.
#[test]
fn a_migration_that_runs_under_its_old_name_is_waited_for() {
    let (database, project) = settled();
    project.file(
        "3.sql",
        "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY slow ON a (id);\n",
    );
    let stranger = database.session();
    stranger.run("BEGIN; INSERT INTO a VALUES (7)");
    let first = project.spawn(&["up"]);
    wait_until("the build", || {
        database
            .running("CREATE INDEX CONCURRENTLY slow%")
            .is_some()
    });
    rename(&project, "3.sql", "4.sql");
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("4.sql");
    assert_text(
        "migrations",
        &database.query("SELECT file, state FROM segue.migration WHERE file > '2.sql' ORDER BY 1"),
        "3.sql|begun",
    );
    stranger.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    assert_text(
        "migrations",
        &database.query("SELECT file, state FROM segue.migration WHERE file > '2.sql' ORDER BY 1"),
        "4.sql|applied",
    );
    assert_text(
        "indexes",
        &database.query("SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'a'::regclass ORDER BY 1::text"),
        "i|t\nslow|t",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_pending_file_that_names_the_old_name_is_told_the_new_one() {
    let (_database, project) = settled();
    rename(&project, "1.sql", "0.sql");
    project.file(
        "3.sql",
        "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY j ON a (id);\n",
    );
    project.segue(&["up"]).expect(
        "",
        "
        error[unknown-migration]: no migration is named `1.sql`
          --> migrations/3.sql:1:44
          |
        1 | -- segue: begin-concurrent-migration-with: 1.sql
          |                                            ^^^^^ the partner
          = help: its file is named `0.sql` now: write that

        ",
        3,
    );
}
