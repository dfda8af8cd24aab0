//! The indexes of a table, and who may be working on them.

use super::{Error, Session, column, literal};
use crate::procedure::{Index, Table};

/// OID of the relation that `name` means in this session; `name` is SQL,
/// quoted where needed.
///
/// # Errors
/// As [`Session::execute`].
pub async fn relation(session: &Session, name: &str) -> Result<Option<u32>, Error> {
    let sql = format!(
        "SELECT pg_catalog.to_regclass({})::pg_catalog.oid",
        literal(name)
    );
    let oid = session.value(&sql).await?;
    Ok(oid.and_then(|oid| oid.parse().ok()))
}

/// OID of the table that an index belongs to; `None` if it is no index.
///
/// # Errors
/// As [`Session::execute`].
pub async fn table_of(session: &Session, index: u32) -> Result<Option<u32>, Error> {
    let sql = format!("SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = {index}");
    let oid = session.value(&sql).await?;
    Ok(oid.and_then(|oid| oid.parse().ok()))
}

/// A table; `None` if it is gone.
///
/// # Errors
/// As [`Session::execute`].
pub async fn table(session: &Session, table: u32) -> Result<Option<Table>, Error> {
    let sql = include_str!("index/table.sql").replace(":table", &table.to_string());
    let rows = session.query(&sql).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Table {
        oid: table,
        name: column(row, 0)?,
        is_partitioned: row[1].as_deref() == Some("t"),
    }))
}

/// The indexes of a table, by OID; `is_same` is asked of each definition.
///
/// # Errors
/// As [`Session::execute`].
pub async fn indexes(
    session: &Session,
    table: u32,
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Vec<Index>, Error> {
    let sql = include_str!("index/indexes.sql").replace(":table", &table.to_string());
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| {
            let definition = row[4].clone().unwrap_or_default();
            Ok(Index {
                oid: column(row, 0)?,
                name: column(row, 1)?,
                qualified: column(row, 2)?,
                is_valid: row[3].as_deref() == Some("t"),
                is_same: is_same(&definition),
                definition,
            })
        })
        .collect()
}

/// Other sessions that hold SHARE UPDATE EXCLUSIVE or more on a table,
/// autovacuum left out; 0 is a prepared transaction. Every role may see them.
///
/// # Errors
/// As [`Session::execute`].
pub async fn holders(session: &Session, table: u32) -> Result<Vec<i32>, Error> {
    let sql = include_str!("index/holders.sql").replace(":table", &table.to_string());
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect()
}
