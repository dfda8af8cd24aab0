//! The ledgers of other tools, found and read. Nothing is written.

use std::time::Duration;

use super::{Error, Session, TextRow, column, ident, literal};
use crate::adopt::{Entry, Source, Standing};

/// A table that is another tool's ledger, by its name and its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose.
    pub source: Source,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub table: String,
    /// Whether this role may read it.
    pub is_readable: bool,
}

impl std::fmt::Display for Found {
    /// For people, `codd.sql_migrations` for example.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.namespace, self.table)
    }
}

/// Looks for the ledgers of other tools under their usual names: one query of
/// the catalogs.
///
/// # Errors
/// As [`Session::query`].
pub async fn find(session: &Session) -> Result<Vec<Found>, Error> {
    let rows = session.query(include_str!("adopt/find.sql")).await?;
    let mut found = Vec::new();
    for row in &rows {
        let (namespace, table): (String, String) = (column(row, 0)?, column(row, 1)?);
        if let Some(source) = Source::of_table(&namespace, &table, &columns(row)?) {
            found.push(Found {
                source,
                namespace,
                table,
                is_readable: row[2].as_deref() == Some("t"),
            });
        }
    }
    Ok(found)
}

/// The table of this name, as `source`'s; names without a namespace are looked
/// up in the role's `search_path`. `None` if there is none.
///
/// # Errors
/// As [`Session::query`].
pub async fn named(session: &Session, source: Source, name: &str) -> Result<Option<Found>, Error> {
    let sql = include_str!("adopt/named.sql").replace(":name", &literal(name));
    let rows = session.query(&sql).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Found {
        source,
        namespace: column(row, 0)?,
        table: column(row, 1)?,
        is_readable: row[2].as_deref() == Some("t"),
    }))
}

fn columns(row: &TextRow) -> Result<Vec<String>, Error> {
    serde_json::from_str(&column::<String>(row, 3)?)
        .map_err(|_| Error::protocol("the columns of a table are malformed"))
}

/// All that it says, in the order of its own.
///
/// # Errors
/// As [`Session::query`]; [`Error::Server`] also if it is not a table as the
/// tool makes it.
pub async fn read(session: &Session, found: &Found) -> Result<Vec<Entry>, Error> {
    let table = format!("{}.{}", ident(&found.namespace), ident(&found.table));
    let sql = match found.source {
        Source::Codd => include_str!("adopt/codd.sql"),
        Source::Sqlx => include_str!("adopt/sqlx.sql"),
        Source::Refinery => include_str!("adopt/refinery.sql"),
        Source::Diesel => include_str!("adopt/diesel.sql"),
        Source::Dbmate => include_str!("adopt/dbmate.sql"),
        Source::GolangMigrate => include_str!("adopt/golang_migrate.sql"),
        Source::Goose => include_str!("adopt/goose.sql"),
        Source::Flyway => include_str!("adopt/flyway.sql"),
    };
    let rows = session.query(&sql.replace(":table", &table)).await?;
    rows.iter().map(|row| entry(found.source, row)).collect()
}

/// What codd's ledger says, if the database has one; for whoever runs a dump
/// that brings it.
///
/// # Errors
/// As [`read`].
pub async fn codd(session: &Session) -> Result<Option<Vec<Entry>>, Error> {
    let found = find(session).await?;
    match found.iter().find(|found| found.source == Source::Codd) {
        Some(found) => read(session, found).await.map(Some),
        None => Ok(None),
    }
}

/// A row: version, label, time, microseconds, statements, checksum, standing.
fn entry(source: Source, row: &TextRow) -> Result<Entry, Error> {
    let number = |index: usize| row[index].as_deref().and_then(|text| text.parse().ok());
    Ok(Entry {
        key: row[0]
            .as_deref()
            .and_then(|version| source.key_of_row(version)),
        label: column(row, 1)?,
        at: row[2].clone(),
        duration: Duration::from_micros(number(3).unwrap_or(0)),
        statements: row[4]
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        checksum: row[5].clone(),
        standing: match row[6].as_deref() {
            Some("applied") => Standing::Applied,
            Some("up to") => Standing::UpTo,
            Some("baseline") => Standing::Baseline,
            Some("partly") => Standing::Partly,
            _ => Standing::Failed,
        },
    })
}
