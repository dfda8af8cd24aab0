//! The fate of a transaction, and of the server that it ran on.

use super::{Error, Session, column, literal, pooler};

/// What the server says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is committed.
    Committed,
    /// It is rolled back.
    Aborted,
    /// It may still be either.
    InProgress,
    /// Too old to be known, or of another server.
    Unknown,
}

/// Id of the session's transaction, assigned if it had none.
///
/// # Errors
/// As [`Session::execute`]; [`Error::Pooled`] if the transaction is in another
/// server process than the session's locks.
pub async fn current_id(session: &Session) -> Result<String, Error> {
    let rows = session
        .query("SELECT pg_catalog.pg_current_xact_id(), pg_catalog.pg_backend_pid()")
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::protocol("no transaction id"))?;
    pooler::same_backend(session, column(row, 1)?)?;
    column(row, 0)
}

/// What became of the transaction with this id.
///
/// # Errors
/// As [`Session::execute`]; [`Error::Server`] if the id lies in the future of
/// this server, after a fail-over for example.
pub async fn status(session: &Session, id: &str) -> Result<Status, Error> {
    let sql = format!("SELECT pg_catalog.pg_xact_status({})", literal(id));
    Ok(match session.value(&sql).await?.as_deref() {
        Some("committed") => Status::Committed,
        Some("aborted") => Status::Aborted,
        Some("in progress") => Status::InProgress,
        _ => Status::Unknown,
    })
}

/// The server whose log a standby replays, as far as our rights let us see:
/// `` `db1`, port 5432 `` or `` socket `/tmp/.s.PGSQL.5432` ``.
///
/// # Errors
/// As [`Session::execute`].
pub async fn primary(session: &Session) -> Result<Option<String>, Error> {
    let rows = session
        .query("SELECT sender_host, sender_port FROM pg_catalog.pg_stat_get_wal_receiver()")
        .await?;
    let Some([Some(host), Some(port)]) = rows.first().map(Vec::as_slice) else {
        return Ok(None);
    };
    Ok(Some(if host.starts_with(['/', '@']) {
        format!("socket `{host}/.s.PGSQL.{port}`")
    } else {
        format!("`{host}`, port {port}")
    }))
}

/// Whether the server replays another one's log. Advisory locks on such a
/// standby are its own and tell nothing of the primary's.
///
/// # Errors
/// As [`Session::execute`].
pub async fn is_standby(session: &Session) -> Result<bool, Error> {
    let value = session
        .value("SELECT pg_catalog.pg_is_in_recovery()")
        .await?;
    Ok(value.as_deref() == Some("t"))
}
