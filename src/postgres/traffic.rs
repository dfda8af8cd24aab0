//! How large tables are, how much they are used, and by whom at this moment.
//! Reads only, and no lock above ACCESS SHARE.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::activity::{self, Blocker};
use super::{Error, Failure, Session, TextRow, column, literal};
use crate::forecast::{Column, Table, TableName};
use crate::statement::LockMode;

/// How far apart the two looks at the counters are. Sessions report what they
/// have done at most once a second.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for one of our reads, and for a lock that it needs.
const BOUNDS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '30s'; SET lock_timeout = '500ms'";

/// Makes a session one that only looks, and never for long.
///
/// # Errors
/// As [`Session::execute`].
pub async fn only_look(session: &Session) -> Result<(), Error> {
    session.execute(BOUNDS).await
}

/// What a session has on a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The table.
    pub table: TableName,
    /// Which lock.
    pub mode: LockMode,
    /// Whether it has it, or waits for it.
    pub granted: bool,
    /// The session.
    pub session: Blocker,
}

/// Counters at one moment.
struct Counted {
    table: Table,
    scans: f64,
    writes: f64,
}

/// `tables` as far as they are there, and how much they are used, measured for
/// [`INTERVAL`].
///
/// # Errors
/// As [`Session::execute`].
pub async fn tables(
    session: &Session,
    tables: &[TableName],
) -> Result<BTreeMap<TableName, Table>, Error> {
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let began = Instant::now();
    let first = counted(session, tables).await?;
    let columns = columns(session, tables).await?;
    tokio::time::sleep(INTERVAL.saturating_sub(began.elapsed())).await;
    let seconds = began.elapsed().as_secs_f64();
    let mut all = BTreeMap::new();
    for (name, second) in counted(session, tables).await? {
        let mut table = second.table;
        if let Some(first) = first.get(&name) {
            let rate = |before: f64, after: f64| ((after - before) / seconds).max(0.0);
            table.reads_per_second = Some(rate(first.scans, second.scans));
            table.writes_per_second = Some(rate(first.writes, second.writes));
        }
        table.columns = columns.get(&name).cloned().unwrap_or_default();
        all.insert(name, table);
    }
    Ok(all)
}

/// The rows of a VALUES list.
fn values(tables: &[TableName]) -> String {
    let rows = tables.iter().enumerate().map(|(place, table)| {
        let (namespace, name) = (literal(&table.namespace), literal(&table.name));
        format!("({place}, {namespace}, {name})")
    });
    rows.collect::<Vec<_>>().join(", ")
}

async fn counted(
    session: &Session,
    tables: &[TableName],
) -> Result<BTreeMap<TableName, Counted>, Error> {
    let sql = |size: fn(&str) -> String| {
        include_str!("traffic/tables.sql")
            .replace(":tables", &values(tables))
            .replace(":size_of_c", &size("c"))
            .replace(":size_of_t", &size("t"))
            .replace(":size_of_x", &size("x"))
    };
    let now = sql(|of| format!("pg_catalog.pg_relation_size({of}.oid)"));
    let rows = match session.query(&now).await {
        // Somebody alters one of them. VACUUM has noted the sizes, too.
        Err(error) if error.failure() == Failure::LockTimeout => {
            let noted = sql(|of| {
                format!("{of}.relpages * pg_catalog.current_setting('block_size')::pg_catalog.int8")
            });
            session.query(&noted).await
        }
        rows => rows,
    };
    let counted = rows?.into_iter().map(|row| {
        let place: usize = column(&row, 0)?;
        let counted = Counted {
            table: Table {
                rows: row[1].as_deref().and_then(|rows| rows.parse().ok()),
                heap_bytes: column(&row, 2)?,
                toast_bytes: column(&row, 3)?,
                index_bytes: column(&row, 4)?,
                ..Table::default()
            },
            scans: column(&row, 5)?,
            writes: column(&row, 6)?,
        };
        Ok((tables[place].clone(), counted))
    });
    counted.collect()
}

async fn columns(
    session: &Session,
    tables: &[TableName],
) -> Result<BTreeMap<TableName, BTreeMap<String, Column>>, Error> {
    let sql = include_str!("traffic/columns.sql").replace(":tables", &values(tables));
    let mut all: BTreeMap<TableName, BTreeMap<String, Column>> = BTreeMap::new();
    for row in session.query(&sql).await? {
        let place: usize = column(&row, 0)?;
        let known = Column {
            width: column(&row, 2)?,
            distinct: column(&row, 3)?,
        };
        let columns = all.entry(tables[place].clone()).or_default();
        columns.insert(column(&row, 1)?, known);
    }
    Ok(all)
}

/// Who has or wants a lock on one of `tables` now, the longest transaction
/// first.
///
/// # Errors
/// As [`Session::execute`].
pub async fn held(session: &Session, tables: &[TableName]) -> Result<Vec<Held>, Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let sql = include_str!("traffic/held.sql").replace(":tables", &values(tables));
    let rows = session.query(&sql).await?;
    let read = |row: &TextRow| held_of(row, tables).transpose();
    rows.iter().filter_map(read).collect()
}

fn held_of(row: &TextRow, tables: &[TableName]) -> Result<Option<Held>, Error> {
    // Predicate locks are nobody's concern.
    let Some(mode) = row[12].as_deref().and_then(LockMode::of_pg_locks) else {
        return Ok(None);
    };
    let place: usize = column(row, 11)?;
    Ok(Some(Held {
        table: tables[place].clone(),
        mode,
        granted: row[13].as_deref() == Some("t"),
        session: activity::blocker(row)?,
    }))
}

/// Sessions and prepared transactions of this database that a concurrent build
/// would wait for now: those with a snapshot that is not of this moment.
///
/// # Errors
/// As [`Session::execute`].
pub async fn snapshots(session: &Session) -> Result<Vec<Blocker>, Error> {
    let rows = session.query(include_str!("traffic/snapshots.sql")).await?;
    rows.iter().map(activity::blocker).collect()
}

/// Whether other roles' sessions are seen in full.
///
/// # Errors
/// As [`Session::execute`].
pub async fn sees_all(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')";
    Ok(session.value(sql).await?.as_deref() == Some("t"))
}

/// Whether WAL is kept for standbys and archives (`wal_level` above `minimal`).
///
/// # Errors
/// As [`Session::execute`].
pub async fn keeps_wal(session: &Session) -> Result<bool, Error> {
    let level = session.value("SHOW wal_level").await?;
    Ok(level.as_deref() != Some("minimal"))
}
