//! Several runs at once, and folders that are not the database's.

use crate::support::{Project, TestDatabase, assert_text};

#[test]
fn two_first_runs_at_once_both_end_well() {
    let database = TestDatabase::new();
    let projects = [Project::deploying(&database), Project::deploying(&database)];
    for project in &projects {
        project.file("1.sql", "CREATE TABLE a (id int);\n").file(
            "2.sql",
            "INSERT INTO a VALUES (1);\nSELECT pg_sleep(0.3);\n",
        );
    }
    let runs: Vec<_> = projects.iter().map(|one| one.spawn(&["up"])).collect();
    for run in runs {
        run.wait().expect_success();
    }
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "1");
    for project in &projects {
        project.has_nothing_to_do();
    }
}

#[test]
fn two_projects_share_a_database() {
    let database = TestDatabase::new();
    let projects = ["one", "two"].map(|name| {
        let project = Project::deploying(&database);
        project
            .write("segue.toml", format!("project = \"{name}\"\n"))
            .file("1.sql", &format!("CREATE TABLE {name} ();\n"));
        project
    });
    let runs: Vec<_> = projects.iter().map(|one| one.spawn(&["up"])).collect();
    for run in runs {
        run.wait().expect_success();
    }
    assert_text("relations", &database.relations(), "one two");
    assert_text(
        "ledger",
        &database.query("SELECT project, file, state FROM segue.migration ORDER BY 1"),
        "one|1.sql|applied\ntwo|1.sql|applied",
    );
    for project in &projects {
        project.has_nothing_to_do();
    }
}

/// A database with migrations 1 and 3.
fn applied() -> (TestDatabase<'static>, Project) {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("3.sql", "CREATE TABLE c ();\n");
    project.finishes();
    (database, project)
}

#[test]
fn an_older_folder_is_told_that_the_database_is_ahead() {
    let (database, _) = applied();
    let older = Project::deploying(&database);
    older.file("1.sql", "CREATE TABLE a ();\n");
    older.segue(&["up"]).expect(
        "",
        "
               Ahead by 1 migration, which this folder lacks: `3.sql`
               Ready since deployment 1

        ",
        0,
    );
    assert_text(
        "deployments",
        &database.query("SELECT count(*) FROM segue.deployment"),
        "1",
    );
    older.segue(&["up", "--strict"]).expect(
        "",
        "
        error[missing-migration]: applied, but not in this folder: `3.sql`
          = note: refused because of `--strict`
          = help: update the folder, or run without `--strict`


        ",
        3,
    );
}

#[test]
fn a_diverged_folder_is_applied_and_told() {
    let (database, _) = applied();
    let other = Project::deploying(&database);
    other
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("4.sql", "CREATE TABLE d ();\n");
    other.segue(&["up", "--strict"]).expect(
        "",
        "
        error[missing-migration]: applied, but not in this folder: `3.sql`
          = note: refused because of `--strict`
          = help: update the folder, or run without `--strict`


        ",
        3,
    );
    assert_text("relations", &database.relations(), "a c");
    other.segue(&["up"]).expect(
        "",
        "
                Note applied, but not in this folder: `3.sql`
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `4.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    assert_text("relations", &database.relations(), "a c d");
    other.segue(&["up"]).expect(
        "",
        "
               Ahead by 1 migration, which this folder lacks: `3.sql`
               Ready since deployment 2

        ",
        0,
    );
}

#[test]
fn what_is_out_of_order_is_applied_and_told() {
    let (database, project) = applied();
    project.file("2.sql", "CREATE TABLE b ();\n");
    project.segue(&["up", "--strict"]).expect(
        "",
        "
        error[out-of-order]: `2.sql` is older than `3.sql`, which is applied
          --> migrations/2.sql
          = note: refused because of `--strict`
          = help: give it a later name, or run without `--strict`


        ",
        3,
    );
    assert_text("relations", &database.relations(), "a c");
    project.segue(&["up"]).expect(
        "",
        "
                Note `2.sql` is older than `3.sql`, which is applied
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    assert_text("relations", &database.relations(), "a b c");
    project.has_nothing_to_do();
}

#[test]
fn a_modified_migration_is_told() {
    let (database, project) = applied();
    project.file("3.sql", "CREATE TABLE c (id int);\n");
    project.segue(&["up", "--strict"]).expect(
        "",
        "
        error[modified-migration]: the text of `3.sql` has changed since it was applied
          --> migrations/3.sql
          = note: refused because of `--strict`
          = help: bring its text back and write a new migration, or run without `--strict`


        ",
        3,
    );
    project.segue(&["up"]).expect(
        "",
        "
                Note the text of `3.sql` has changed since it was applied
          Up to date nothing is pending
               Ready since deployment 1

        ",
        0,
    );
    assert_text("relations", &database.relations(), "a c");
}

#[test]
fn another_projects_database_is_refused() {
    let (database, _) = applied();
    let other = Project::deploying(&database);
    other.file("1.sql", "CREATE TABLE another ();\n");
    other.segue(&["up"]).expect("", r#"
        error[another-project]: the ledger knows `1.sql` with another text, and nothing that this folder holds as it is
          --> migrations/1.sql
          = note: the database seems to belong to another project
          = help: give this one its own name: `project = "…"` in `segue.toml`, or `--project`


        "#, 3);
    assert_text("relations", &database.relations(), "a c");
}

#[test]
fn plan_writes_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n");
    let xid = || database.query("SELECT pg_catalog.pg_snapshot_xmax(pg_current_snapshot())");
    // Other tests use numbers of the same server, so what counts is that the
    // database has nothing new in it.
    let rows = "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_namespace), \
                (SELECT max(oid) FROM pg_class), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let before = database.query(rows);
    for format in ["text", "json", "mermaid", "dot"] {
        project
            .segue(&["plan", "--format", format])
            .expect_success();
    }
    assert_text("rows", &database.query(rows), &before);
    assert!(!xid().is_empty());
    project.finishes();
    let before = database.query(rows);
    project.segue(&["plan"]).expect_success();
    assert_text("rows", &database.query(rows), &before);
}
