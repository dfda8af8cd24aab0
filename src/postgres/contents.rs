//! What a database holds beside its schema, as values to be compared: the rows
//! of its tables by their digests, facts of its server, what a run has left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Session, column, literal, role};

/// A column of a user's table, both names quoted where needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Qualified by its namespace.
    pub table: String,
    /// The column itself.
    pub name: String,
}

/// The columns of all tables with rows of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// All of them, with a digest of their values in whatever rows.
    pub digests: BTreeMap<Column, String>,
    /// Those that sequences fill, directly or through a foreign key.
    pub numbered: BTreeSet<Column>,
}

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// How many.
    pub count: u64,
    /// Digest of the columns that were asked for, whatever the rows' order.
    pub digest: String,
}

/// Reads all columns.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn columns(session: &Session) -> Result<Columns, Error> {
    let mut columns = Columns::default();
    for row in session.query(include_str!("contents/columns.sql")).await? {
        let one = Column {
            table: column(&row, 0)?,
            name: column(&row, 1)?,
        };
        if column::<String>(&row, 2)? == "yes" {
            columns.numbered.insert(one.clone());
        }
        let sql = digest_of(&one.table, &format!("t.{}::text", one.name));
        let row = session.query(&sql).await?;
        let digest = match row.first() {
            Some(row) => column(row, 1)?,
            None => String::new(),
        };
        columns.digests.insert(one, digest);
    }
    let mut pairs = Vec::new();
    for row in session
        .query(include_str!("contents/references.sql"))
        .await?
    {
        let end = |at| -> Result<Column, Error> {
            Ok(Column {
                table: column(&row, at)?,
                name: column(&row, at + 1)?,
            })
        };
        pairs.push((end(0)?, end(2)?));
    }
    // A key that refers to one that refers to one.
    loop {
        let before = columns.numbered.len();
        for (from, to) in &pairs {
            if columns.numbered.contains(to) {
                columns.numbered.insert(from.clone());
            }
        }
        if columns.numbered.len() == before {
            return Ok(columns);
        }
    }
}

/// Reads the rows of all tables but for the values of some columns.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn rows(
    session: &Session,
    without: &BTreeSet<Column>,
) -> Result<BTreeMap<String, Rows>, Error> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in session.query(include_str!("contents/columns.sql")).await? {
        let one = Column {
            table: column(&row, 0)?,
            name: column(&row, 1)?,
        };
        let columns = tables.entry(one.table.clone()).or_default();
        if !without.contains(&one) {
            columns.push(format!("t.{}", one.name));
        }
    }
    let mut rows = BTreeMap::new();
    for (table, columns) in tables {
        let sql = digest_of(&table, &format!("ROW({})::text", columns.join(", ")));
        if let Some(row) = session.query(&sql).await?.first() {
            let found = Rows {
                count: column(row, 0)?,
                digest: column(row, 1)?,
            };
            rows.insert(table, found);
        }
    }
    Ok(rows)
}

/// Counts rows, and digests what `value` is in each: `t` is the row. `ONLY`,
/// since those that inherit are tables of their own.
fn digest_of(table: &str, value: &str) -> String {
    format!(
        "SELECT pg_catalog.count(*), \
                pg_catalog.md5(coalesce(pg_catalog.string_agg(d, '' ORDER BY d COLLATE \"C\"), '')) \
           FROM (SELECT pg_catalog.md5(coalesce({value}, '')) FROM ONLY {table} AS t) AS s (d)"
    )
}

/// What the server has beside this database: roles, other databases, settings,
/// tablespaces, slots. A line per fact, sorted.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn server(session: &Session) -> Result<Vec<String>, Error> {
    let mut facts = role::shared(session).await?;
    facts.extend(lines(session, include_str!("contents/server.sql")).await?);
    facts.sort();
    Ok(facts)
}

/// The databases of the server but for those whose name has a prefix, a line
/// each.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn databases(session: &Session, without: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('database %I', datname) FROM pg_catalog.pg_database \
          WHERE NOT pg_catalog.starts_with(datname, {})",
        literal(without)
    );
    lines(session, &sql).await
}

/// What a run has left in the ledger and in the server's memory that nobody
/// needs after it, a line each.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn left(session: &Session) -> Result<Vec<String>, Error> {
    lines(session, include_str!("contents/left.sql")).await
}

/// A text that changes whenever a run of `segue up` has something to do.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn mark(session: &Session) -> Result<String, Error> {
    let mark = session.value(include_str!("contents/mark.sql")).await?;
    Ok(mark.unwrap_or_default())
}

async fn lines(session: &Session, sql: &str) -> Result<Vec<String>, Error> {
    let rows = session.query(sql).await?;
    Ok(rows.into_iter().flatten().flatten().collect())
}
