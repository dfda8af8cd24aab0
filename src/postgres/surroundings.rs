//! What else there is on a server: databases, roles, its clock.

use super::{Error, Session, literal};

/// The server's clock, RFC 3339 in UTC.
///
/// # Errors
/// As [`Session::execute`].
pub async fn clock(session: &Session) -> Result<String, Error> {
    let sql = "SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let value = session.value(sql).await?;
    value.ok_or_else(|| Error::protocol("the server has no clock"))
}

/// The database that the session is in.
///
/// # Errors
/// As [`Session::execute`].
pub async fn current_database(session: &Session) -> Result<String, Error> {
    let value = session
        .value("SELECT pg_catalog.current_database()")
        .await?;
    value.ok_or_else(|| Error::protocol("the session is in no database"))
}

/// Whether the session is in a database that new ones are copied from.
///
/// # Errors
/// As [`Session::execute`].
pub async fn is_template(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    Ok(session.value(sql).await?.as_deref() == Some("t"))
}

/// Whether the session's server has a database of this name.
///
/// # Errors
/// As [`Session::execute`].
pub async fn has_database(session: &Session, name: &str) -> Result<bool, Error> {
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}",
        literal(name)
    );
    Ok(session.value(&sql).await?.is_some())
}

/// Whether the session's server has a role of this name that may log in.
///
/// # Errors
/// As [`Session::execute`].
pub async fn may_log_in(session: &Session, name: &str) -> Result<bool, Error> {
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_roles WHERE rolcanlogin AND rolname = {}",
        literal(name)
    );
    Ok(session.value(&sql).await?.is_some())
}
