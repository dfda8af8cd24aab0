//! Advisory locks: always tried and polled, never waited for in the server.
//!
//! A blocking `pg_advisory_lock` holds a snapshot for as long as it waits, and
//! `CREATE INDEX CONCURRENTLY` waits for that snapshot, undetected, for ever.

use std::collections::BTreeMap;

use super::{Error, Session, column, pooler};
use crate::history::LockKey;

/// Takes the lock if it is free. Taken twice, it must be released twice.
///
/// # Errors
/// As [`Session::execute`]; [`Error::Pooled`] if it was taken by another server
/// process than the session's own.
pub async fn try_lock(session: &Session, key: LockKey) -> Result<bool, Error> {
    let sql = format!(
        "SELECT pg_catalog.pg_try_advisory_lock({}), pg_catalog.pg_backend_pid()",
        key.0
    );
    let rows = session.query(&sql).await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no lock"))?;
    let is_ours = row[0].as_deref() == Some("t");
    if let Err(error) = pooler::same_backend(session, column(row, 1)?) {
        if is_ours {
            // Most likely the same process answers once more.
            let _ = unlock(session, key).await;
        }
        return Err(error);
    }
    Ok(is_ours)
}

/// Takes the lock unless somebody has it for himself; several may have it.
///
/// # Errors
/// As [`Session::execute`].
pub async fn try_lock_shared(session: &Session, key: LockKey) -> Result<bool, Error> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock_shared({})", key.0);
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
}

/// The pids of all who have the lock.
///
/// # Errors
/// As [`Session::execute`].
pub async fn holders(session: &Session, key: LockKey) -> Result<Vec<i32>, Error> {
    let mut holders = Vec::new();
    for row in session.query(include_str!("lock/held.sql")).await? {
        if LockKey::from_halves(column(&row, 0)?, column(&row, 1)?) == key {
            holders.push(column(&row, 2)?);
        }
    }
    Ok(holders)
}

/// Cancels what others run who have the lock: looked up and cancelled in one
/// statement, since whoever has let go of it may be at work on something else a
/// moment later.
///
/// # Errors
/// [`Error::Server`] with 42501 without the right to.
pub async fn cancel_holders(session: &Session, key: LockKey) -> Result<(), Error> {
    let (classid, objid) = key.halves();
    let sql = include_str!("lock/cancel.sql")
        .replace(":classid", &classid.to_string())
        .replace(":objid", &objid.to_string());
    session.execute(&sql).await
}

/// As [`held`], those of these sessions only.
///
/// # Errors
/// As [`Session::execute`].
pub async fn held_by(session: &Session, pids: &[i32]) -> Result<BTreeMap<LockKey, i32>, Error> {
    let rows = session.query(include_str!("lock/held.sql")).await?;
    let mut held = BTreeMap::new();
    for row in rows {
        let pid = column(&row, 2)?;
        if pids.contains(&pid) {
            held.insert(
                LockKey::from_halves(column(&row, 0)?, column(&row, 1)?),
                pid,
            );
        }
    }
    Ok(held)
}

/// Gives the lock back.
///
/// # Errors
/// As [`Session::execute`].
pub async fn unlock(session: &Session, key: LockKey) -> Result<(), Error> {
    session
        .execute(&format!("SELECT pg_catalog.pg_advisory_unlock({})", key.0))
        .await
}

/// Whether this session still holds the lock: `DISCARD ALL` or
/// `pg_advisory_unlock_all()` in a migration frees it.
///
/// # Errors
/// As [`Session::execute`].
pub async fn is_mine(session: &Session, key: LockKey) -> Result<bool, Error> {
    Ok(held(session).await?.get(&key) == Some(&session.backend().pid))
}

/// All advisory locks with a `bigint` key that are held in this database, with
/// the pid that holds each, one of them if it is shared. Every role may read them.
///
/// # Errors
/// As [`Session::execute`].
pub async fn held(session: &Session) -> Result<BTreeMap<LockKey, i32>, Error> {
    let rows = session.query(include_str!("lock/held.sql")).await?;
    rows.iter()
        .map(|row| {
            let key = LockKey::from_halves(column(row, 0)?, column(row, 1)?);
            Ok((key, column(row, 2)?))
        })
        .collect()
}
