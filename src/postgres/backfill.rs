//! The rows of a table counted off by key, and the statement that is run for
//! each range of it.

use serde::Deserialize;

use super::{Error, Session, TextRow, column, ident, literal};
use crate::backfill::Key;
use crate::statement::RelationName;

mod blame;
pub mod estimate;
mod keyset;
pub mod signals;

pub use blame::Blame;
pub use keyset::{Keyset, Page, Range, Statement};

/// The values of a row's key, one per column, in a form that the server reads
/// the same whatever it is set to.
pub type KeyValues = Vec<String>;

/// What the catalogs say of a table and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// OID of the table.
    pub oid: u32,
    /// For people: qualified and quoted where needed.
    pub relation: String,
    /// For statements: always qualified.
    pub sql: String,
    /// What it is.
    pub kind: RelationKind,
    /// Whether it has partitions, or other tables that inherit from it.
    pub has_children: bool,
    /// One per column of the key, in its order.
    pub columns: Vec<KeyColumn>,
    /// Whether an index gives the rows in the order of the key.
    pub has_index: bool,
    /// Whether a unique index says that no two rows have the same key.
    pub is_unique: bool,
    /// Size of a block, in bytes.
    pub block_size: u64,
    /// The role for which row security hides rows, if it does for ours.
    pub hidden_from: Option<String>,
}

/// What a relation is, as far as a backfill cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A table with rows of its own.
    Table,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// A view, a foreign table, an index…: this word.
    Other(&'static str),
}

/// A column of the key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeyColumn {
    /// As the catalog has it.
    pub name: String,
    /// Its type, as a statement has it; `None`: there is no such column.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Whether it is NOT NULL.
    #[serde(rename = "required")]
    pub is_required: bool,
    /// A table that inherits from this one and where it is not NOT NULL.
    pub nullable_in: Option<String>,
}

/// Looks a table up, by the session's `search_path`; `None` if there is none of
/// this name. Of `ctid` there are no columns and no index.
///
/// # Errors
/// As [`Session::execute`].
pub async fn facts(
    session: &Session,
    table: &RelationName,
    key: &Key,
) -> Result<Option<Facts>, Error> {
    let name = match &table.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&table.name)),
        None => ident(&table.name),
    };
    let columns: Vec<String> = match key {
        Key::Columns(names) => names.iter().map(|name| literal(name)).collect(),
        Key::Ctid => Vec::new(),
    };
    let columns = format!("ARRAY[{}]::pg_catalog.name[]", columns.join(", "));
    let sql = include_str!("backfill/facts.sql")
        .replace(":columns", &columns)
        .replace(":name", &literal(&name));
    let rows = session.query(&sql).await?;
    rows.first().map(read).transpose()
}

fn read(row: &TextRow) -> Result<Facts, Error> {
    let is_true = |index: usize| row[index].as_deref() == Some("t");
    let columns = row[7].as_deref().map(serde_json::from_str);
    Ok(Facts {
        oid: column(row, 0)?,
        relation: column(row, 1)?,
        sql: column(row, 2)?,
        kind: match row[3].as_deref() {
            Some("r" | "m") => RelationKind::Table,
            Some("p") => RelationKind::Partitioned,
            Some("v") => RelationKind::Other("a view"),
            Some("f") => RelationKind::Other("a foreign table"),
            Some("S") => RelationKind::Other("a sequence"),
            Some("i" | "I") => RelationKind::Other("an index"),
            _ => RelationKind::Other("no table"),
        },
        has_children: is_true(4),
        has_index: is_true(5),
        is_unique: is_true(6),
        columns: columns
            .transpose()
            .map_err(|_| Error::protocol("columns of a key are malformed"))?
            .unwrap_or_default(),
        block_size: column(row, 8)?,
        hidden_from: row[9].clone(),
    })
}

/// The file that holds the rows, which changes when the table is rewritten, and
/// how many blocks it has.
///
/// # Errors
/// As [`Session::execute`].
pub async fn storage(session: &Session, facts: &Facts) -> Result<(String, u64), Error> {
    let oid = facts.oid;
    let sql = format!(
        "SELECT pg_catalog.pg_relation_filenode({oid}), pg_catalog.pg_relation_size({oid}) / {}",
        facts.block_size
    );
    let rows = session.query(&sql).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::protocol("no size of the table"))?;
    Ok((column(row, 0)?, column(row, 1)?))
}
