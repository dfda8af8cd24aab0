//! Versions of the schema: brought by migrations, told, asked for and held.

mod gate;
mod held;
mod ledger;
mod require;

use std::fmt::Write as _;

use crate::support::{Project, TestDatabase, TestSession};

/// A migration that brings a version.
fn bringing(version: &str, sql: &str) -> String {
    format!("-- segue: schema-version: {version}\n{sql}\n")
}

/// A database whose schema has version 3.1.0, and its folder.
fn at_3_1(database: &TestDatabase<'_>) -> Project {
    let project = Project::deploying(database);
    project
        .file("1.sql", "CREATE TABLE t (a int);\n")
        .file("2.sql", &bringing("3.1.0", "ALTER TABLE t ADD b int;"));
    project.segue(&["up"]).expect_success();
    project
}

/// What a statement gives, or its error in a line: code, message, detail, hint.
fn said(session: &TestSession, sql: &str) -> String {
    match session.try_query(sql) {
        Ok(rows) => rows,
        Err(error) => {
            let error = error.as_db_error().expect("the server's error");
            let mut text = format!("{} {}", error.code().code(), error.message());
            for more in [error.detail(), error.hint()].into_iter().flatten() {
                let _ = write!(text, " | {more}");
            }
            text
        }
    }
}
