//! Holds up the concurrent statement of another session, and sees where it
//! stands.

use super::{Error, Session};

/// What a backend is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It runs nothing.
    Idle,
    /// It runs a statement.
    Busy,
    /// Its statement waits for the session in question, in this phase.
    For(String),
}

/// A statement that waits for one of our sessions may hold up the next one.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

/// Opens a transaction that has a lock on each table of the user's, as if it
/// had written to all of them.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn lock_tables(session: &Session) -> Result<(), Error> {
    let tables = session.query(include_str!("waits/tables.sql")).await?;
    let tables: Vec<String> = tables.into_iter().flatten().flatten().collect();
    session.execute("BEGIN").await?;
    session.execute(LOCK_TIMEOUT).await?;
    if tables.is_empty() {
        return Ok(());
    }
    let tables = tables.join(", ");
    session
        .execute(&format!("LOCK TABLE {tables} IN ROW EXCLUSIVE MODE"))
        .await
}

/// Opens a transaction that keeps its snapshot.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn take_snapshot(session: &Session) -> Result<(), Error> {
    session
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    session.execute("SELECT 1").await
}

/// What backend `pid` is at, and whether it waits for `holder`.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn look(session: &Session, pid: i32, holder: i32) -> Result<Waiting, Error> {
    let sql = include_str!("waits/look.sql")
        .replace("$1", &pid.to_string())
        .replace("$2", &holder.to_string());
    Ok(match session.value(&sql).await? {
        None => Waiting::Idle,
        Some(phase) if phase.is_empty() => Waiting::Busy,
        Some(phase) => Waiting::For(phase),
    })
}
