//! `segue.keep_in_sync`, `segue.divergence` and `segue.stop_sync`: what is
//! written into the old column or the new one is in both.

use segue::postgres::ledger::Ledger;

use crate::support::{TestDatabase, TestSession, assert_text};

mod migrations;
mod model;
mod proof;
mod refusals;
mod replication;
mod rights;
mod settings;
mod shapes;
mod writes;

/// A database with a ledger.
fn database() -> TestDatabase<'static> {
    let database = TestDatabase::new();
    database.run(&Ledger::script(None, &[]));
    database
}

/// A session on it, after some statements.
fn after(database: &TestDatabase<'_>, sql: &str) -> TestSession {
    let session = database.session();
    session.run(sql);
    session
}

/// Runs statements one by one and compares what a query then gives.
#[track_caller]
fn check(session: &TestSession, statements: &[&str], query: &str, expected: &str) {
    for sql in statements {
        session.run(sql);
    }
    assert_text(query, &session.query(query), expected);
}

/// What the server says against a statement: code, message, detail and hint.
#[track_caller]
fn refused(session: &TestSession, sql: &str) -> String {
    let error = session.try_query(sql).expect_err(sql);
    let error = error
        .as_db_error()
        .unwrap_or_else(|| panic!("{sql}: {error}"));
    let more = [("detail", error.detail()), ("hint", error.hint())];
    let more = more
        .into_iter()
        .filter_map(|(name, text)| Some(format!("\n{name}: {}", text?)));
    format!(
        "{} {}{}",
        error.code().code(),
        error.message(),
        more.collect::<String>()
    )
}
