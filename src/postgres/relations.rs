//! The relations of a database as a session sees them inside its transaction,
//! with the locks that a backend has on them.

use super::{Error, Session, TextRow, column, literal};
use crate::forecast::work::Relation;
use crate::forecast::{IndexColumn, IndexShape, TableName};
use crate::statement::LockMode;

/// All relations of the user's.
///
/// # Errors
/// As [`Session::execute`].
pub async fn all(session: &Session) -> Result<Vec<Relation>, Error> {
    read(session, session.backend().pid, "TRUE").await
}

/// Those that the session itself has a lock on, with all indexes of them.
///
/// # Errors
/// As [`Session::execute`].
pub async fn locked(session: &Session) -> Result<Vec<Relation>, Error> {
    read(
        session,
        session.backend().pid,
        "c.oid IN (SELECT relation FROM held) OR i.indrelid IN (SELECT relation FROM held)",
    )
    .await
}

/// Those that backend `pid` has a lock on, and `tables`, with all indexes of
/// them, as this session sees them.
///
/// # Errors
/// As [`Session::execute`].
pub async fn of(session: &Session, pid: i32, tables: &[u32]) -> Result<Vec<Relation>, Error> {
    let oids: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let oids = format!("ANY ('{{{}}}'::pg_catalog.oid[])", oids.join(","));
    let condition =
        format!("c.oid IN (SELECT relation FROM held) OR c.oid = {oids} OR i.indrelid = {oids}");
    read(session, pid, &condition).await
}

async fn read(session: &Session, pid: i32, condition: &str) -> Result<Vec<Relation>, Error> {
    let sql = include_str!("relations/of.sql")
        .replace(":pid", &pid.to_string())
        .replace(":condition", condition);
    session.query(&sql).await?.iter().map(relation).collect()
}

fn relation(row: &TextRow) -> Result<Relation, Error> {
    let modes = row[6].as_deref().unwrap_or_default().split(',');
    let table: Option<u32> = row[5].as_deref().and_then(|oid| oid.parse().ok());
    let shape = match (&row[7], &row[10]) {
        (Some(method), Some(columns)) => Some(IndexShape {
            method: method.clone(),
            unique: row[8].as_deref() == Some("t"),
            partial: row[9].as_deref() == Some("t"),
            columns: columns_of(columns)?,
        }),
        _ => None,
    };
    Ok(Relation {
        oid: column(row, 0)?,
        name: TableName {
            namespace: column(row, 1)?,
            name: column(row, 2)?,
        },
        kind: column(row, 3)?,
        file: column(row, 4)?,
        table,
        shape,
        held: modes.filter_map(LockMode::of_pg_locks).max(),
    })
}

/// From `[["name", 8], [null, -1]]`.
fn columns_of(json: &str) -> Result<Vec<IndexColumn>, Error> {
    let columns: Vec<(Option<String>, i32)> = serde_json::from_str(json)
        .map_err(|_| Error::protocol("the columns of an index are not as asked for"))?;
    let columns = columns.into_iter().map(|(name, length)| IndexColumn {
        name,
        length: u32::try_from(length).ok(),
    });
    Ok(columns.collect())
}

/// The tables that foreign keys of these names are of.
///
/// # Errors
/// As [`Session::execute`].
pub async fn referencing(session: &Session, constraints: &[&str]) -> Result<Vec<u32>, Error> {
    let names: Vec<String> = constraints.iter().map(|name| literal(name)).collect();
    let sql = format!(
        "SELECT DISTINCT c.conrelid FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_locks l ON l.relation = c.conrelid WHERE l.pid = pg_catalog.pg_backend_pid() AND c.contype = 'f' AND c.conname IN ({})",
        names.join(", ")
    );
    let rows = session.query(&sql).await?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Lets the server tell what work it does, for all sessions to come: what
/// migrations reset goes back to this.
///
/// # Errors
/// As [`Session::execute`].
pub async fn tell_work(session: &Session) -> Result<(), Error> {
    let database = super::ident(session.target().database());
    let sql = format!("ALTER DATABASE {database} SET client_min_messages = debug1");
    session.execute(&sql).await
}

/// Begins a transaction that keeps its snapshot, and a lock on each of these
/// tables as a reader has it; it ends with the session.
///
/// # Errors
/// As [`Session::execute`].
pub async fn read_all(session: &Session, tables: &[u32]) -> Result<(), Error> {
    session
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await?;
    for table in tables {
        let name = format!("SELECT {table}::pg_catalog.regclass");
        if let Some(name) = session.value(&name).await? {
            session
                .execute(&format!("SELECT FROM {name} LIMIT 0"))
                .await?;
        }
    }
    Ok(())
}
