//! The indexes of a table, and who may be working on them.

use super::{Error, Session, TextRow, column, literal};
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

/// A table with all of its partitions, and the TOAST tables of these: where
/// `REINDEX` finds the indexes that it rebuilds.
///
/// # Errors
/// As [`Session::execute`].
pub async fn tree(session: &Session, table: u32) -> Result<Vec<u32>, Error> {
    let sql = include_str!("index/tree.sql").replace(":table", &table.to_string());
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect()
}

/// The transient indexes that `REINDEX CONCURRENTLY` has left in a namespace,
/// or in the whole database, and the tables that they are on.
///
/// # Errors
/// As [`Session::execute`].
pub async fn transient(
    session: &Session,
    namespace: Option<&str>,
) -> Result<(Vec<Index>, Vec<u32>), Error> {
    let namespace = namespace.map_or_else(|| "NULL".to_owned(), literal);
    let sql = include_str!("index/transient.sql").replace(":namespace", &namespace);
    let rows = session.query(&sql).await?;
    let indexes = rows
        .iter()
        .map(|row| read(row, &|_| None))
        .collect::<Result<_, _>>()?;
    let tables = rows
        .iter()
        .map(|row| column(row, 6))
        .collect::<Result<_, _>>()?;
    Ok((indexes, tables))
}

/// The indexes of tables, by OID; `is_same` is asked of each definition.
///
/// # Errors
/// As [`Session::execute`].
pub async fn indexes(
    session: &Session,
    tables: &[u32],
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Vec<Index>, Error> {
    let sql = include_str!("index/indexes.sql").replace(":tables", &list(tables));
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| read(row, &is_same))
        .collect()
}

fn read(row: &TextRow, is_same: &dyn Fn(&str) -> Option<bool>) -> Result<Index, Error> {
    let definition = row[4].clone().unwrap_or_default();
    Ok(Index {
        oid: column(row, 0)?,
        name: column(row, 1)?,
        qualified: column(row, 2)?,
        is_valid: row[3].as_deref() == Some("t"),
        is_in_reach: row[5].as_deref() == Some("t"),
        is_same: is_same(&definition),
        definition,
    })
}

/// Other sessions that hold SHARE UPDATE EXCLUSIVE or more on one of `tables`,
/// autovacuum left out; 0 is a prepared transaction. Every role may see them.
///
/// # Errors
/// As [`Session::execute`].
pub async fn holders(session: &Session, tables: &[u32]) -> Result<Vec<i32>, Error> {
    let sql = include_str!("index/holders.sql").replace(":tables", &list(tables));
    session
        .query(&sql)
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect()
}

/// OIDs as the text of an array.
fn list(oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(ToString::to_string).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}
