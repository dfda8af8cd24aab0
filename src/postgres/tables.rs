//! Tables as whoever fills them has to know them, from the catalogs; and rows
//! put into them, as many as they take.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, ServerError, Session, TextRow, column, ident, literal};
use crate::backfill::{Backfill, Key};
use crate::rehearsal::rows::{Cell, Check, Column, Default, Foreign, Maker, Refusal, Table};
use crate::statement::RelationName;

mod content;
mod kind;

pub use content::{content, named_content};
use kind::Kinds;

/// What filling a table came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// How many rows it has been given.
    pub rows: usize,
    /// Why the last row that was refused was, in the server's words.
    pub refused: Option<String>,
}

/// How many rows a table is given that is only referred to.
const PARENT_ROWS: usize = 8;

/// How many where a row can be referred to once only.
const UNIQUE_PARENT_ROWS: usize = 64;

/// The name as SQL has it.
#[must_use]
pub fn quoted(name: &RelationName) -> String {
    match &name.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&name.name)),
        None => ident(&name.name),
    }
}

/// OIDs and names, quoted as need be, of all tables of the user's, by name;
/// without those that are partitions.
///
/// # Errors
/// As [`Session::execute`].
pub async fn all(session: &Session) -> Result<Vec<(u32, String)>, Error> {
    let rows = session.query(include_str!("tables/all.sql")).await?;
    rows.iter()
        .map(|row| Ok((column(row, 0)?, column(row, 1)?)))
        .collect()
}

/// Whether the first of these tables has no row.
///
/// # Errors
/// As [`Session::execute`].
pub async fn is_first_empty(session: &Session, tables: &[Table]) -> Result<bool, Error> {
    match tables.first() {
        Some(table) => is_empty(session, table).await,
        None => Ok(false),
    }
}

/// Rows of a table, by its name as SQL.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn count(session: &Session, quoted: &str) -> Result<u64, Error> {
    let rows = session
        .query(&format!("SELECT pg_catalog.count(*) FROM {quoted}"))
        .await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no count"))?;
    column(row, 0)
}

/// OID of the table of this name; `None` if there is none.
///
/// # Errors
/// As [`Session::execute`].
pub async fn find(session: &Session, name: &RelationName) -> Result<Option<u32>, Error> {
    let sql = format!(
        "SELECT pg_catalog.to_regclass({})::pg_catalog.oid",
        literal(&quoted(name))
    );
    let oid = session.value(&sql).await?;
    Ok(oid.and_then(|oid| oid.parse().ok()))
}

/// The first and the last key of a backfill's table, a literal per column;
/// `None`: it has no rows.
///
/// # Errors
/// As [`Session::execute`].
pub async fn ends(
    session: &Session,
    backfill: &Backfill,
) -> Result<Option<[Vec<String>; 2]>, Error> {
    let names: Vec<String> = match &backfill.key {
        Key::Columns(names) => names.iter().map(|name| ident(name)).collect(),
        Key::Ctid => vec!["ctid".to_owned()],
    };
    let table = quoted(&backfill.table);
    let mut ends = Vec::new();
    for order in ["ASC", "DESC"] {
        let by: Vec<String> = names.iter().map(|name| format!("{name} {order}")).collect();
        let there: Vec<String> = names
            .iter()
            .map(|name| format!("{name} IS NOT NULL"))
            .collect();
        let sql = format!(
            "SELECT {} FROM {table} WHERE {} ORDER BY {} LIMIT 1",
            names.join(", "),
            there.join(" AND "),
            by.join(", ")
        );
        let row = session.query(&sql).await?.into_iter().next();
        let Some(key) = row.and_then(|row| row.into_iter().collect::<Option<Vec<_>>>()) else {
            return Ok(None);
        };
        ends.push(key.iter().map(|value| literal(value)).collect());
    }
    Ok(ends.try_into().ok())
}

/// The table with this OID first, then those that it refers to, directly or
/// not. Empty if it is no table.
///
/// # Errors
/// As [`Session::execute`].
pub async fn read(session: &Session, oid: u32) -> Result<Vec<Table>, Error> {
    let sql = include_str!("tables/columns.sql").replace(":relation", &oid.to_string());
    let columns = session.query(&sql).await?;
    let oids: BTreeSet<u32> = columns
        .iter()
        .map(|row| column(row, 6))
        .collect::<Result<_, _>>()?;
    let sql = include_str!("tables/types.sql").replace(":types", &array(&oids));
    let kinds = Kinds::new(&session.query(&sql).await?)?;
    let mut tables: Vec<Table> = Vec::new();
    // Numbers of the attributes, which have gaps where one was dropped.
    let mut numbers: BTreeMap<u32, Vec<i32>> = BTreeMap::new();
    for row in &columns {
        let oid: u32 = column(row, 0)?;
        if tables.last().is_none_or(|table| table.oid != oid) {
            tables.push(Table {
                oid,
                name: column(row, 1)?,
                ..Table::default()
            });
        }
        let table = tables.last_mut().expect("one was pushed");
        let numbers = numbers.entry(oid).or_default();
        numbers.push(column(row, 2)?);
        let kind = kinds.get(column(row, 6)?, column(row, 7)?);
        let is_not_null = row[4].as_deref() == Some("t") || kind.is_not_null;
        for (name, text) in kind.checks {
            let columns = vec![table.columns.len()];
            table.checks.push(Check {
                name,
                columns,
                text,
            });
        }
        table.columns.push(Column {
            name: column(row, 3)?,
            shape: kind.shape,
            is_not_null,
            default: match row[5].as_deref() {
                Some("always") => Default::Always,
                Some("expression") => Default::Expression,
                _ => Default::None,
            },
        });
    }
    let oids = numbers.keys().copied().collect();
    let sql = include_str!("tables/rules.sql").replace(":relations", &array(&oids));
    for row in session.query(&sql).await? {
        let oid: u32 = column(&row, 0)?;
        let table = tables.iter_mut().find(|table| table.oid == oid);
        if let (Some(table), Some(numbers)) = (table, numbers.get(&oid)) {
            rule(table, numbers, &row)?;
        }
    }
    Ok(tables)
}

fn array(oids: &BTreeSet<u32>) -> String {
    let oids: Vec<String> = oids.iter().map(ToString::to_string).collect();
    format!("'{{{}}}'", oids.join(","))
}

/// Adds a constraint, unique index or partition.
fn rule(table: &mut Table, numbers: &[i32], row: &TextRow) -> Result<(), Error> {
    let attributes: Vec<i32> = json(row[3].as_deref())?;
    let places = attributes.iter();
    let columns: Vec<usize> = places
        .filter_map(|number| numbers.iter().position(|one| one == number))
        .collect();
    let is_whole = columns.len() == attributes.len();
    let check = || -> Result<Check, Error> {
        Ok(Check {
            name: column(row, 2)?,
            columns: columns.clone(),
            text: row[4].clone().unwrap_or_default(),
        })
    };
    match row[1].as_deref() {
        // An expression has no column: whatever is there twice is refused.
        Some("unique") if is_whole => table.uniques.push(columns),
        Some("check") => table.checks.push(check()?),
        Some("partition") => table.partitions.push(check()?),
        Some("foreign") => table.foreign.push(Foreign {
            columns,
            table: column(row, 5)?,
            to: json(row[6].as_deref())?,
        }),
        _ => {}
    }
    Ok(())
}

fn json<T: serde::de::DeserializeOwned + std::default::Default>(
    text: Option<&str>,
) -> Result<T, Error> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    serde_json::from_str(text).map_err(|_| Error::protocol("a catalog is not as asked for"))
}

/// Gives the first of `tables` `wanted` rows and special ones, and those that
/// it refers to a few, each in a transaction of its own. Triggers fire.
///
/// # Errors
/// As [`Session::execute`]; that rows are refused is none.
pub async fn fill(session: &Session, tables: &[Table], wanted: usize) -> Result<Filled, Error> {
    let Some((child, _)) = tables.split_first() else {
        return Ok(Filled {
            rows: 0,
            refused: None,
        });
    };
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    parents_first(tables, child.oid, &mut seen, &mut order);
    for table in order.iter().filter(|table| table.oid != child.oid) {
        if !is_empty(session, table).await? {
            continue;
        }
        let is_unique = tables.iter().any(|other| {
            let keys = other.foreign.iter().filter(|one| one.table == table.oid);
            let uniques = &other.uniques;
            keys.clone().any(|key| {
                uniques
                    .iter()
                    .any(|one| one.iter().all(|at| key.columns.contains(at)))
            })
        });
        let rows = if is_unique {
            UNIQUE_PARENT_ROWS
        } else {
            PARENT_ROWS
        };
        insert(session, table, rows, false).await?;
    }
    insert(session, child, wanted, true).await
}

fn parents_first<'a>(
    tables: &'a [Table],
    oid: u32,
    seen: &mut BTreeSet<u32>,
    order: &mut Vec<&'a Table>,
) {
    if !seen.insert(oid) {
        return;
    }
    let Some(table) = tables.iter().find(|table| table.oid == oid) else {
        return;
    };
    for foreign in &table.foreign {
        parents_first(tables, foreign.table, seen, order);
    }
    order.push(table);
}

async fn is_empty(session: &Session, table: &Table) -> Result<bool, Error> {
    let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
    Ok(session.query(&sql).await?.is_empty())
}

async fn insert(
    session: &Session,
    table: &Table,
    wanted: usize,
    with_specials: bool,
) -> Result<Filled, Error> {
    let mut pools = Vec::new();
    for foreign in &table.foreign {
        pools.push(keys(session, foreign).await?);
    }
    let mut maker = Maker::new(table, pools, wanted, with_specials);
    let mut refused = None;
    // A trigger may never end, and a constraint that is looked at only at the
    // end would lose all rows.
    session
        .execute("BEGIN; SET LOCAL statement_timeout = '10s'; SET CONSTRAINTS ALL IMMEDIATE")
        .await?;
    while let Some(cells) = maker.propose() {
        let sql = statement(table, &cells);
        let sql = format!("SAVEPOINT segue_row; {sql}; RELEASE segue_row");
        match session.execute(&sql).await {
            Ok(()) => maker.taken(),
            Err(Error::Server(error)) => {
                session.execute("ROLLBACK TO segue_row").await?;
                maker.refused(&refusal(&error));
                refused = Some(error.message);
            }
            Err(error) => return Err(error),
        }
    }
    session.execute("COMMIT").await?;
    Ok(Filled {
        rows: maker.made(),
        refused,
    })
}

/// Keys that a foreign key can refer to.
async fn keys(session: &Session, foreign: &Foreign) -> Result<Vec<Vec<String>>, Error> {
    let columns: Vec<String> = foreign.to.iter().map(|name| ident(name)).collect();
    let columns = columns.join(", ");
    let name = format!("SELECT {}::pg_catalog.regclass", foreign.table);
    let name = session.value(&name).await?.unwrap_or_default();
    let sql = format!("SELECT {columns} FROM {name} ORDER BY {columns} LIMIT {UNIQUE_PARENT_ROWS}");
    let rows = session.query(&sql).await?.into_iter();
    Ok(rows.filter_map(|row| row.into_iter().collect()).collect())
}

fn statement(table: &Table, cells: &[Cell]) -> String {
    let columns: Vec<String> = table.columns.iter().map(|one| ident(&one.name)).collect();
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| match cell {
            Cell::Omitted => "DEFAULT".to_owned(),
            Cell::Null => "NULL".to_owned(),
            Cell::Text(text) => literal(text),
        })
        .collect();
    format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        columns.join(", "),
        cells.join(", ")
    )
}

fn refusal(error: &ServerError) -> Refusal {
    match error.sqlstate.as_str() {
        "23514" => Refusal::Condition(error.constraint.clone()),
        "23505" | "23P01" => Refusal::Duplicate,
        _ => Refusal::Other,
    }
}
