//! PgBouncer in front of the database: in session mode everything works, the
//! other modes are refused before anything runs.

mod modes;
mod session;

use crate::support::{PgBouncer, Project, TestDatabase};

/// A folder whose runs go through `pooler`: a table, a concurrent index.
fn through(database: &TestDatabase<'_>, pooler: &PgBouncer) -> Project {
    let mut project = Project::deploying(database);
    project.env("DATABASE_URL", pooler.url());
    let folder = pooler.folder().display().to_string();
    project.redact(&regex::escape(&folder), "[pooler]");
    project.file(
        "1-t.sql",
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n",
    );
    project.file(
        "2-i.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n",
    );
    project
}

/// Whether segue has made its tables.
fn has_ledger(database: &TestDatabase<'_>) -> bool {
    database.query("SELECT to_regnamespace('segue') IS NOT NULL") == "t"
}
