//! What `ALTER TABLE … DETACH PARTITION … CONCURRENTLY` leaves behind: the
//! partition's bounds as a CHECK, so that it can be attached again without a
//! scan.

use super::{Error, Session, ident, literal};
use crate::statement::RelationName;

/// What a concurrent detach of a partition would leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftBehind {
    /// A CHECK, which this statement makes, once it is detached: the server
    /// gives it the same name as its own.
    Check(String),
    /// Nothing: a CHECK is there already that says the same.
    Nothing,
    /// Only the server can tell: another CHECK may imply the bounds, so that
    /// none is made, or what it makes reads otherwise than the bounds do.
    Unknown,
}

/// Looks at a partition before it is detached, with the names of `session`.
/// One that is none gives nothing: the statement itself will say so.
///
/// # Errors
/// As [`Session::query`].
pub async fn left_behind(session: &Session, name: &RelationName) -> Result<LeftBehind, Error> {
    let quoted = match &name.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&name.name)),
        None => ident(&name.name),
    };
    let sql = include_str!("detach/bounds.sql").replace(":name", &literal(&quoted));
    let rows = session.query(&sql).await?;
    let Some([Some(table), Some(bounds), state]) = rows.first().map(Vec::as_slice) else {
        return Ok(LeftBehind::Nothing);
    };
    Ok(match state.as_deref() {
        Some("same") => LeftBehind::Nothing,
        Some("new") => LeftBehind::Check(format!("ALTER TABLE {table} ADD CHECK ({bounds})")),
        _ => LeftBehind::Unknown,
    })
}
