//! Advisory locks: always tried and polled, never waited for in the server.
//!
//! A blocking `pg_advisory_lock` holds a snapshot for as long as it waits, and
//! `CREATE INDEX CONCURRENTLY` waits for that snapshot, undetected, for ever.

use std::collections::BTreeMap;

use super::{Error, Session, column};
use crate::history::LockKey;

/// Takes the lock if it is free. Taken twice, it must be released twice.
///
/// # Errors
/// As [`Session::execute`].
pub async fn try_lock(session: &Session, key: LockKey) -> Result<bool, Error> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({})", key.0);
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
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
/// the pid that holds each. Every role may read them.
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
