//! Who is in the way: sessions that hold what another one waits for.
//!
//! Without `pg_read_all_stats` other roles' sessions show pid, user and
//! application only; the rest is `None` then.

use std::time::Duration;

use super::{Error, Session, TextRow, column, literal};
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
    /// When its transaction began, or was prepared: RFC 3339, UTC.
    pub transaction_start: Option<String>,
    /// When its last statement began: RFC 3339, UTC.
    pub query_start: Option<String>,
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
    /// OID of the relation, or of the one whose row it is.
    pub relation: Option<u32>,
    /// Its name, qualified as `search_path` needs it; of another object what
    /// PostgreSQL calls it, `schema app`.
    pub relation_name: Option<String>,
    /// What kind of lock: `locktype` of `pg_locks`.
    pub lock_type: String,
    /// What tells the lock apart from all others.
    lock: String,
    /// Those before it as the lock table knows them.
    holders: Vec<Holder>,
    /// For how long already, in this one wait.
    pub age: Duration,
    /// Those before it, by pid; may be empty when the wait was just over.
    pub blockers: Vec<Blocker>,
}

/// A transaction, or session, before another one in the lock queue.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    pid: i32,
    /// Its virtual transaction, which no later one of that process shares.
    transaction: Option<String>,
    /// Whether the lock may be the session's, and outlive the transaction.
    keeps: bool,
}

impl LockWait {
    /// What a wait for the table with this OID would meet, without queueing for
    /// it. [`still_holding`] knows nobody of it.
    #[must_use]
    pub fn foreseen(relation: u32, name: String, blockers: Vec<Blocker>) -> Self {
        Self {
            relation: Some(relation),
            relation_name: Some(name),
            lock_type: "relation".to_owned(),
            lock: String::new(),
            holders: Vec::new(),
            age: Duration::ZERO,
            blockers,
        }
    }
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
    let (mut blockers, mut holders) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row[0].is_some()) {
        let blocker = blocker(row)?;
        holders.push(Holder {
            pid: blocker.pid,
            transaction: row[16].clone(),
            keeps: row[17].as_deref() == Some("t"),
        });
        blockers.push(blocker);
    }
    Ok(Some(LockWait {
        relation: first[11].as_deref().and_then(|oid| oid.parse().ok()),
        relation_name: first[12].clone(),
        lock_type: column(first, 14)?,
        lock: column(first, 15)?,
        holders,
        age: seconds(first, 13).unwrap_or_default(),
        blockers,
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

/// Ends a session that has been idle, outside of any transaction, for at least
/// `idle_min`, unless its last statement was `unless`; for how long it was.
/// `None` if it is not idle, is gone, or our rights do not show it.
///
/// Looking and ending are one statement: between two the process could have
/// gone on, or its pid have come to somebody else.
///
/// # Errors
/// [`Error::Server`] without the right to do it, [`Error::Lost`].
pub async fn end_idle(
    session: &Session,
    pid: i32,
    idle_min: Duration,
    unless: &str,
) -> Result<Option<Duration>, Error> {
    let sql = include_str!("activity/end_idle.sql")
        .replace(":pid", &pid.to_string())
        .replace(":idle_min", &idle_min.as_secs_f64().to_string())
        .replace(":unless", &literal(unless));
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

/// Which of `pids` hold a lock on `relation`, in whatever transaction.
///
/// # Errors
/// As [`Session::execute`].
pub async fn holding(session: &Session, relation: u32, pids: &[i32]) -> Result<Vec<i32>, Error> {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let sql = include_str!("activity/holding.sql")
        .replace(":relation", &relation.to_string())
        .replace(":pids", &pids.join(","));
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect()
}

/// Which of those who were before `wait` still are, by pid: 0 is a prepared
/// transaction. Another transaction of the same process is somebody else, so a
/// table that many short ones use is free of all of them soon.
///
/// # Errors
/// As [`Session::execute`].
pub async fn still_holding(session: &Session, wait: &LockWait) -> Result<Vec<i32>, Error> {
    let holders = wait.holders.iter();
    let transactions: Vec<String> = holders
        .clone()
        .filter_map(|holder| holder.transaction.as_deref().map(literal))
        .collect();
    if transactions.is_empty() {
        return Ok(Vec::new());
    }
    let keepers: Vec<String> = holders
        .filter(|holder| holder.keeps)
        .map(|holder| holder.pid.to_string())
        .collect();
    let sql = include_str!("activity/still_holding.sql")
        .replace(":lock", &literal(&wait.lock))
        .replace(":transactions", &transactions.join(", "))
        .replace(":keepers", &keepers.join(","));
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
        transaction_start: row[9].clone(),
        query_start: row[10].clone(),
    })
}
