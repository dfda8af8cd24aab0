//! The dump of a database as a migration, with what it says of migrations.

use crate::support::{Project, TestDatabase, assert_text, dump};

mod codd;
mod ledger;

/// A database with three migrations applied, one of them concurrent.
fn source() -> TestDatabase<'static> {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    write_three(&project);
    project.finishes();
    database
}

/// What `pg_dump` writes of [`source`].
fn dump_of_three(options: &[&str]) -> Option<String> {
    dump(&source(), options).map(|(text, _)| text)
}

fn write_three(project: &Project) {
    project
        .file("2-a.sql", "CREATE TABLE a (id int PRIMARY KEY, t text);\nINSERT INTO a VALUES (1, E'x\\ty'), (2, 'back\\slash'), (3, NULL);\n")
        .file("3-b.sql", "CREATE TABLE b (id int REFERENCES a);\nINSERT INTO b VALUES (1), (2);\n")
        .file("4-c.sql", "-- segue: begin-concurrent-migration-with: 3-b.sql\nCREATE INDEX CONCURRENTLY b_id ON b (id);\n");
}

/// What the ledger says of each migration.
fn records(database: &TestDatabase<'_>) -> String {
    database.query("SELECT file, kind, state, deployment FROM segue.migration ORDER BY file")
}

/// Compares lines; those that are expected may be indented.
#[track_caller]
fn check(actual: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_text("rows", actual, &expected.join("\n"));
}

fn deployments(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT id, state, migration, tail, ready_at IS NOT NULL FROM segue.deployment ORDER BY id",
    )
}
