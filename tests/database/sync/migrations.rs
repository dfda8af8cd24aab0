//! The functions in migrations: `up`, `verify`, `check`, `add`.

use crate::support::{Project, TestDatabase, assert_text};

const TABLE: &str = "CREATE TABLE person (id int PRIMARY KEY, mail text);\n\
     INSERT INTO person SELECT i, 'Mail' || i FROM generate_series(1, 50) AS i;\n";

const KEEP: &str = "ALTER TABLE person ADD COLUMN mail_lower text;\n\
     SELECT segue.keep_in_sync('person', 'mail_lower', 'lower(mail)');\n";

const FILL: &str = "-- segue: begin-concurrent-migration-with: 2-keep.sql\n\
     -- segue: backfill: person by id\n\
     UPDATE person SET mail_lower = lower(mail) WHERE id > :lower AND id <= :upper;\n";

const STOP: &str = "-- segue: end-concurrent-migration: 3-fill.sql\n\
     -- segue: allow: drop-breaks-code, no code names it\n\
     SELECT segue.stop_sync('person', 'mail_lower');\n\
     ALTER TABLE person DROP COLUMN mail;\n";

/// What the database has of it.
fn standing(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_segue%'), count(mail_lower), to_regproc('segue_sync_person_mail_lower') FROM person",
    )
}

#[test]
fn from_the_first_file_to_the_last() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1-person.sql", TABLE);
    project.finishes();
    project.file("2-keep.sql", KEEP);
    project.segue(&["up"]).expect_success();
    assert_text(
        "kept",
        &standing(&database),
        "2|0|segue_sync_person_mail_lower",
    );
    database.run("INSERT INTO person VALUES (100, 'NEW'); UPDATE person SET id = id WHERE id = 1");
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
    project.segue(&["verify"]).expect_success();
    assert_text(
        "kept",
        &standing(&database),
        "2|2|segue_sync_person_mail_lower",
    );
    // It is a part of the schema: one that is gone is drift.
    database.run("DROP TRIGGER zz_segue_sync_update_mail_lower ON person");
    assert_eq!(project.segue(&["verify"]).status, 1);
}

/// The functions are there before the first migration, in each database that
/// segue makes for itself too.
#[test]
fn check_and_plan_know_the_functions() {
    let project = Project::throwaway();
    project.file("1-person.sql", TABLE);
    project.file("2-keep.sql", KEEP);
    project.file("3-fill.sql", FILL);
    project.file("4-stop.sql", STOP);
    project.segue(&["check", "--write", "-q"]).expect_success();
    project.segue(&["check", "-q"]).expect_success();
}

#[test]
fn the_forecast_knows_the_functions() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1-person.sql", TABLE);
    project.finishes();
    project.file("2-keep.sql", KEEP);
    project.segue(&["plan", "--forecast"]).expect_success();
    assert_text(
        "triggers",
        &database.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'"),
        "0",
    );
}

#[test]
fn add_writes_the_triggers_into_the_expected_schema() {
    let database = TestDatabase::new();
    let mut project = Project::on(&database);
    project.env("SEGUE_DEV_DATABASE_URL", database.url());
    project.write("person.sql", TABLE);
    project.segue(&["add", "person.sql"]).expect_success();
    project.write("keep.sql", KEEP);
    project.segue(&["add", "keep.sql"]).expect_success();
    let major = crate::support::Server::shared_major();
    let table = project.read(&format!(
        "expected-schema/pg{major}/public/table/person.json"
    ));
    for name in [
        "zz_segue_sync_insert_mail_lower",
        "zz_segue_sync_update_mail_lower",
    ] {
        assert!(table.contains(name), "{table}");
    }
    project.segue(&["verify"]).expect_success();
}

#[test]
fn an_ending_migration_that_comes_too_early_changes_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1-person.sql", TABLE).file("2-keep.sql", KEEP);
    project.finishes();
    project.file(
        "4-stop.sql",
        "SELECT segue.stop_sync('person', 'mail_lower');\nALTER TABLE person DROP COLUMN mail;\n",
    );
    let run = project.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("50 rows of public.person are not filled"),
        "{}",
        run.stderr
    );
    assert_text(
        "kept",
        &standing(&database),
        "2|0|segue_sync_person_mail_lower",
    );
}

#[test]
fn a_namespace_goes_with_all_that_it_has() {
    let database = super::database();
    let session = database.session();
    session.run(
        "CREATE SCHEMA app;
         CREATE TABLE app.t (a int, b int);
         SELECT segue.keep_in_sync('app.t', 'b', 'a')",
    );
    session.run("DROP SCHEMA app CASCADE");
    session.run("CREATE TABLE t (a int, b int)");
    session.run("SELECT segue.keep_in_sync('t', 'b', 'a')");
    // The function stays where only its table goes, and is taken up again.
    session.run("DROP TABLE t");
    session.run("CREATE TABLE t (a int, b int)");
    session.run("SELECT segue.keep_in_sync('t', 'b', 'a')");
    session.run("INSERT INTO t VALUES (1)");
    assert_text("rows", &session.query("TABLE t"), "1|1");
}

/// A dump has the triggers, and needs nothing of segue to be restored.
#[test]
fn a_dump_is_complete() {
    let [from, to] = [(); 2].map(|()| TestDatabase::new());
    from.run(&segue::postgres::ledger::Ledger::script(None, &[]));
    from.run(
        "CREATE TABLE t (a int, b int); SELECT segue.keep_in_sync('t', 'b', 'a + 1', 'a', 'b - 1')",
    );
    if crate::support::dump_and_restore(&from, &to) {
        to.run("DROP SCHEMA segue CASCADE");
        to.run("INSERT INTO t (b) VALUES (5)");
        assert_text("rows", &to.query("SELECT * FROM t ORDER BY a"), "4|5");
    }
}
