//! `segue wait`: how it ends, what it costs, and what it outlives.

use crate::support::{Background, Project, TestDatabase};

mod cost;
mod end;
mod exec;
mod lost;
mod migration;
mod pooler;
mod standby;

/// Makes a table.
const TABLE: &str = "CREATE TABLE t (a int);\n";

/// A folder with a table, on `database`; what takes time is redacted.
fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[t]");
    project.file("1-t.sql", TABLE);
    project
}

/// A concurrent migration that begins with `1-t.sql`.
fn concurrent(sql: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: 1-t.sql\n{sql}\n")
}

/// Checks what a wait gave in the end; what it told on the way depends on when
/// it looked.
#[track_caller]
fn reached(run: Background<'_>, stdout: &str) {
    let run = run.wait();
    assert_eq!(
        (run.stdout.as_str(), run.status),
        (stdout, 0),
        "{}",
        run.stderr
    );
}
