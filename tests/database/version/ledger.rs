//! Versions in the ledger, and what tells them.

use std::time::Duration;

use serde_json::Value;

use super::{at_3_1, bringing};
use crate::support::{Project, TestDatabase, dump, restore, wait_for};

#[test]
fn status_and_readiness_tell_the_version() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE t (a int);\n")
        .file("2.sql", &bringing("3.1.0", "ALTER TABLE t ADD b int;"))
        .file("3.sql", "-- segue: begin-concurrent-migration-with: 2.sql\n-- segue: schema-version: 3.2.0\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n")
;
    let listener = database.session();
    listener.run("LISTEN segue");
    project
        .segue(&[
            "up",
            "--on-settled",
            "echo settled at $SEGUE_SCHEMA_VERSION",
        ])
        .expect(
            "",
            "
             Planned 2 migrations in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 1, schema 3.1.0)
                Tail 1 concurrent migration: `3.sql`
             Running `3.sql` (pid [pid])
            Finished `3.sql` in [t]
             Settled after [t] (deployment 1)
             Running `--on-settled`
          on-settled settled at 3.2.0
            Finished `--on-settled` in [t]
        ",
            0,
        );
    let told = |event: &str| {
        let told = wait_for("a notification", || {
            listener.notification(Duration::from_millis(10))
        });
        let told: Value = serde_json::from_str(&told.1).expect("JSON");
        assert_eq!(told["event"], event);
        told["schema_version"].clone()
    };
    assert_eq!(told("ready"), "3.1.0");
    assert_eq!(told("settled"), "3.2.0");
    let status = project.segue(&["status"]);
    assert!(
        status
            .stdout
            .starts_with("Project `main`\n  schema      3.2.0\n"),
        "{}",
        status.stdout
    );
    let status: Value =
        serde_json::from_str(&project.segue(&["status", "--json"]).stdout).expect("JSON");
    assert_eq!(status["schema_version"], "3.2.0");
    let events = project.segue(&["up", "--log-format", "json"]).stderr;
    let ready = events
        .lines()
        .find(|line| line.contains("\"event\":\"ready\""))
        .expect("an event");
    let ready: Value = serde_json::from_str(ready).expect("JSON");
    assert_eq!(ready["schema_version"], "3.2.0");
    assert_eq!(told("ready"), "3.2.0");
    project
        .segue(&["wait"])
        .expect("ready: deployment 1, schema 3.2.0\n", "", 0);
    let waited: Value =
        serde_json::from_str(&project.segue(&["wait", "--json"]).stdout).expect("JSON");
    assert_eq!(waited["schema_version"], "3.2.0");
    let command = ["sh", "-c", "echo at $SEGUE_SCHEMA_VERSION"];
    let run = project.segue(&[&["wait", "--quiet", "--exec"], &command[..]].concat());
    run.expect("at 3.2.0\n", "", 0);
}

/// The row of `segue.version` is what the rows of migrations say, whoever
/// writes them.
#[test]
fn the_version_follows_the_rows_of_migrations() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let version = || database.query("SELECT coalesce(segue.schema_version(), 'none')");
    project.file("3.sql", &bringing("3.2.0", "SELECT 1;"));
    project.segue(&["up"]).expect_success();
    assert_eq!(version(), "3.2.0");
    database.run("DELETE FROM segue.migration WHERE file = '3.sql'");
    assert_eq!(version(), "3.1.0");
    database.run("UPDATE segue.migration SET state = 'begun' WHERE file = '2.sql'");
    assert_eq!(version(), "none");
    database.run("UPDATE segue.migration SET state = 'applied' WHERE file = '2.sql'");
    assert_eq!(version(), "3.1.0");
    // One that comes late does not lower it.
    project.file("1a.sql", &bringing("3.0.0", "SELECT 1;"));
    project.segue(&["up"]).expect_success();
    assert_eq!(version(), "3.2.0");
}

/// The triggers have made the row from those of migrations before it comes.
#[test]
fn a_dump_in_two_parts_is_restored() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let restored = TestDatabase::new();
    for part in ["--schema-only", "--data-only"] {
        let Some((text, pg_dump)) = dump(&database, &[part]) else {
            return;
        };
        restore(&pg_dump.with_file_name("psql"), &text, &restored);
    }
    let all = "SELECT project, schema_version, reached_at FROM segue.version";
    assert_eq!(restored.query(all), database.query(all));
    let url = restored.url();
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
    assert_eq!(restored.query("SELECT segue.require('= 3.1')"), "3.1.0");
}

#[test]
fn a_ledger_from_before_versions_is_read_and_upgraded() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    project.segue(&["up"]).expect_success();
    database.run(
        "DO $$ DECLARE routine regprocedure; BEGIN
             FOR routine IN SELECT oid FROM pg_proc WHERE pronamespace = 'segue'::regnamespace
                 AND (proname LIKE 'version%' OR proname IN ('require', 'schema_version')) LOOP
                 EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', routine);
             END LOOP;
         END $$;
         DROP TABLE segue.version, segue.reverted, segue.past;
         ALTER TABLE segue.deployment DROP COLUMN reverts;
         ALTER TABLE segue.migration DROP COLUMN schema_version;
         UPDATE segue.ledger SET version = 6",
    );
    project.segue(&["status"]).expect_success();
    project.segue(&["gate", "--app", "1.0"]).expect(
        "
        Code 1.0.0 and the schema of project main

          without a version  now  forbidden

        code 1.0.0 needs schema >= 1.0.0, < 2.0.0
        ",
        "",
        1,
    );
    project.has_nothing_to_do();
    // The tail alone brings the ledger up to date too.
    project.file("2.sql", "-- segue: begin-concurrent-migration-with: 1.sql\n-- segue: schema-version: 1.0.0\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n");
    project.segue(&["up"]).expect_success();
    assert_eq!(
        database.query("SELECT segue.schema_version(), (SELECT version FROM segue.ledger)"),
        format!("1.0.0|{}", segue::postgres::ledger::VERSION)
    );
}

/// Who needs 3.1 must not be let in by 3.2 while 3.1 is still being made.
#[test]
fn no_version_overtakes_a_pending_one() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let header = "-- segue: begin-concurrent-migration-with: 2.sql\n";
    project
        .file(
            "3.sql",
            &format!(
                "{header}{}",
                bringing("3.2.0", "CREATE INDEX CONCURRENTLY t_a ON t (a);")
            ),
        )
        .file("4.sql", &bringing("3.3.0", "CREATE TABLE u ();"));
    project.segue(&["up"]).expect("", "
        error[schema-version-order]: version 3.3.0 may come before 3.2.0
          --> migrations/4.sql:1:27
          |
        1 | -- segue: schema-version: 3.3.0
          |                           ^^^^^ `3.sql` brings 3.2.0, and may still run then
          = note: a schema that has a version has all lower ones: by it code relies on what they brought
          = help: write `-- segue: end-concurrent-migration: 3.sql` here, or bring the version with a later file that says so

        ", 3);
    let ended = bringing("3.3.0", "CREATE TABLE u ();");
    project.file(
        "4.sql",
        &format!("-- segue: end-concurrent-migration: 3.sql\n{ended}"),
    );
    project.segue(&["up", "--until", "ready"]).expect_success();
    assert_eq!(database.query("SELECT segue.schema_version()"), "3.3.0");
    // One that comes late is told, and keeps out those who rely on it.
    project.file("2a.sql", &bringing("3.1.1", "CREATE TABLE v ();"));
    project.segue(&["gate", "--app", "3.2", "--when", "now"]).expect(
        "
        Code 3.2.0 and the schema of project main

          3.3.0  now  forbidden

        3.1.1 is not reached: `2a.sql`, which brings it, is pending

        code 3.2.0 needs schema >= 3.2.0, < 4.0.0; it relies on 3.1.1, which `2a.sql` has yet to bring
        ",
        "",
        1,
    );
    assert_eq!(project.segue(&["gate", "--app", "3.1"]).status, 0);
    project.finishes();
    assert_eq!(project.segue(&["gate", "--app", "3.2"]).status, 0);
}

#[test]
fn versions_that_fall_are_refused_before_anything_runs() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    project
        .file("3.sql", &bringing("3.1.0", "CREATE TABLE u ();"))
        .file("4.sql", &bringing("3.0.9", "CREATE TABLE v ();"));
    project.segue(&["up"]).expect("", "
        error[schema-version-order]: version 3.1.0 does not come after 3.1.0
          --> migrations/3.sql:1:27
          |
        1 | -- segue: schema-version: 3.1.0
          |                           ^^^^^ `2.sql` brings 3.1.0
          = note: versions rise with the names of the files
          = help: if this file is to come later, the next version is one of `3.1.1`, `3.2.0` and `4.0.0`

        error[schema-version-order]: version 3.0.9 does not come after 3.1.0
          --> migrations/4.sql:1:27
          |
        1 | -- segue: schema-version: 3.0.9
          |                           ^^^^^ `2.sql` brings 3.1.0
          = note: versions rise with the names of the files
          = help: if this file is to come later, the next version is one of `3.1.1`, `3.2.0` and `4.0.0`

        error: 2 problems in all

        ", 3);
    assert_eq!(database.relations(), "t");
}
