//! Who is in the way: sessions that hold what another one waits for.
//!
//! Without `pg_read_all_stats` other roles' sessions show pid, user and
//! application only; the rest is `None` then.

use std::time::Duration;

use super::{Error, Session, TextRow, column};
use crate::history::LockKey;

/// A session that holds up another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocker {
    /// Its process; 0 is a prepared transaction.
    pub pid: i32,
    /// Role.
    pub user: Option<String>,
    /// `application_name`, or what kind of process it is if it is no client:
    /// `autovacuum worker`.
    pub application: Option<String>,
    /// `active`, `idle in transaction`…
    pub state: Option<String>,
    /// Age of its transaction; of a prepared one, since it was prepared.
    pub transaction_age: Option<Duration>,
    /// Age of its last statement.
    pub query_age: Option<Duration>,
    /// `IPC/SyncRep`, for example.
    pub wait_event: Option<String>,
    /// Start of its last statement, one line.
    pub query: Option<String>,
    /// Global identifier of a prepared transaction.
    pub prepared: Option<String>,
}

/// What a backend waits for in the lock queue, and who is before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWait {
    /// OID of the relation, if it is one.
    pub relation: Option<u32>,
    /// Its name, qualified as `search_path` needs it.
    pub relation_name: Option<String>,
    /// For how long already, in this one wait.
    pub age: Duration,
    /// Those before it, by pid; may be empty when the wait was just over.
    pub blockers: Vec<Blocker>,
}

/// What `pid` waits for in the lock queue; `None` if it does not.
///
/// A concurrent build that waits for others' snapshots is in that queue too,
/// behind their virtual transactions.
///
/// # Errors
/// As [`Session::execute`].
pub async fn lock_wait(session: &Session, pid: i32) -> Result<Option<LockWait>, Error> {
    let sql = include_str!("activity/lock_wait.sql").replace(":pid", &pid.to_string());
    let rows = session.query(&sql).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(LockWait {
        relation: first[9].as_deref().and_then(|oid| oid.parse().ok()),
        relation_name: first[10].clone(),
        age: seconds(first, 11).unwrap_or_default(),
        blockers: rows
            .iter()
            .filter(|row| row[0].is_some())
            .map(blocker)
            .collect::<Result<_, _>>()?,
    }))
}

/// One session; `None` when it is gone.
///
/// # Errors
/// As [`Session::execute`].
pub async fn backend(session: &Session, pid: i32) -> Result<Option<Blocker>, Error> {
    let sql = include_str!("activity/backend.sql").replace(":pid", &pid.to_string());
    session.query(&sql).await?.first().map(blocker).transpose()
}

/// The session that holds an advisory lock; `None` when it is free.
///
/// # Errors
/// As [`Session::execute`].
pub async fn holder(session: &Session, key: LockKey) -> Result<Option<Blocker>, Error> {
    let Some(pid) = super::lock::held(session).await?.get(&key).copied() else {
        return Ok(None);
    };
    // Gone between the two looks, it held the lock a moment ago all the same.
    Ok(Some(backend(session, pid).await?.unwrap_or(Blocker {
        pid,
        ..Blocker::default()
    })))
}

/// Sessions and prepared transactions of this database that are older than
/// what `pid` runs and may hold a snapshot that it waits for, by pid. As far
/// as our rights go, so a guess: [`lock_wait`] knows better when it knows.
///
/// # Errors
/// As [`Session::execute`].
pub async fn old_snapshots(session: &Session, pid: i32) -> Result<Vec<Blocker>, Error> {
    let sql = include_str!("activity/old_snapshots.sql").replace(":pid", &pid.to_string());
    session.query(&sql).await?.iter().map(blocker).collect()
}

/// Cancels what a backend runs.
///
/// # Errors
/// [`Error::Server`] with 42501 without the right to.
pub async fn cancel(session: &Session, pid: i32) -> Result<(), Error> {
    session
        .execute(&format!("SELECT pg_catalog.pg_cancel_backend({pid})"))
        .await
}

/// For how long a session has been idle, outside of any transaction; `None` if
/// it is not, is gone, or our rights do not show it.
///
/// # Errors
/// As [`Session::execute`].
pub async fn idle_for(session: &Session, pid: i32) -> Result<Option<Duration>, Error> {
    let sql = include_str!("activity/idle_for.sql").replace(":pid", &pid.to_string());
    let rows = session.query(&sql).await?;
    Ok(rows.first().and_then(|row| seconds(row, 0)))
}

/// Ends a session.
///
/// # Errors
/// [`Error::Server`] without the right to do it, [`Error::Lost`].
pub async fn terminate(session: &Session, pid: i32) -> Result<(), Error> {
    session
        .execute(&format!("SELECT pg_catalog.pg_terminate_backend({pid})"))
        .await
}

/// Which of `pids` still hold a lock on `relation`.
///
/// # Errors
/// As [`Session::execute`].
pub async fn still_holding(
    session: &Session,
    relation: u32,
    pids: &[i32],
) -> Result<Vec<i32>, Error> {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let sql = include_str!("activity/still_holding.sql")
        .replace(":relation", &relation.to_string())
        .replace(":pids", &pids.join(","));
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect()
}

fn seconds(row: &TextRow, index: usize) -> Option<Duration> {
    let seconds = row[index].as_deref()?.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

pub(super) fn blocker(row: &TextRow) -> Result<Blocker, Error> {
    Ok(Blocker {
        pid: column(row, 0)?,
        user: row[1].clone(),
        application: row[2].clone().filter(|name| !name.is_empty()),
        state: row[3].clone(),
        transaction_age: seconds(row, 4),
        query_age: seconds(row, 5),
        wait_event: row[6].clone(),
        query: row[7].clone().filter(|query| !query.trim().is_empty()),
        prepared: row[8].clone(),
    })
}
