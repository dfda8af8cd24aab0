//! Ranges of a key: which comes next, and a statement for one of them.

use std::fmt::Write as _;

use super::{Facts, KeyValues};
use crate::backfill::{Key, Template};
use crate::postgres::{Error, Session, column, ident, literal};
use crate::text::Filled;

/// How keys come out of the server, so that it reads them as the same again
/// whatever its settings are then.
const AS_TEXT: &str = "SET LOCAL DateStyle = ISO;SET LOCAL IntervalStyle = iso_8601;SET LOCAL TimeZone = 'UTC';SET LOCAL extra_float_digits = 1;SET LOCAL bytea_output = hex";

/// A range of the key, and how many rows were found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first key.
    pub first: KeyValues,
    /// The last one; by `ctid` the end of the blocks that were looked at.
    pub upper: KeyValues,
    /// Rows, one per key where keys are not unique.
    pub rows: u64,
}

/// A range of the key.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// Where it begins.
    pub lower: &'a KeyValues,
    /// Whether that key is a part of it.
    pub includes_lower: bool,
    /// Its last key.
    pub upper: &'a KeyValues,
}

/// The statement of a backfill as it is prepared, twice: with and without the
/// lower bound in the range.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Without it.
    pub after: Filled,
    /// With it.
    pub from: Filled,
}

impl Statement {
    /// Of this text.
    #[must_use]
    pub fn new(template: &Template, width: usize) -> Self {
        Self {
            after: template.with_parameters(width, false),
            from: template.with_parameters(width, true),
        }
    }
}

/// Columns of a table by which its rows are counted off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyset {
    table: String,
    /// Name, quoted, and type of each.
    columns: Vec<(String, String)>,
    /// No two rows have the same.
    pub is_unique: bool,
    /// The physical place.
    pub is_place: bool,
}

/// What a prepared statement is called.
const AFTER: &str = "segue_batch";
const FROM: &str = "segue_first";

impl Keyset {
    /// Of a table whose columns are all there.
    #[must_use]
    pub fn new(facts: &Facts, key: &Key) -> Self {
        let columns = match key {
            Key::Ctid => vec![("ctid".to_owned(), "pg_catalog.tid".to_owned())],
            Key::Columns(_) => facts
                .columns
                .iter()
                .map(|column| {
                    let type_name = column.type_name.clone().unwrap_or_default();
                    (ident(&column.name), type_name)
                })
                .collect(),
        };
        Self {
            table: facts.sql.clone(),
            columns,
            is_unique: facts.is_unique || *key == Key::Ctid,
            is_place: *key == Key::Ctid,
        }
    }

    /// The key of a row of the table, which is `t` there: a name alone could
    /// mean what a query calls one of its own columns.
    fn row(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| format!("t.{name}"));
        let names: Vec<String> = names.collect();
        tuple(&names.join(", "), names.len())
    }

    fn values(&self, values: &KeyValues) -> String {
        let values: Vec<String> = self
            .columns
            .iter()
            .zip(values)
            .map(|((_, type_name), value)| format!("CAST({} AS {type_name})", literal(value)))
            .collect();
        tuple(&values.join(", "), values.len())
    }

    /// Statements, one message inside a transaction, that tell the next `rows`
    /// keys after `after`, up to `until` at most. The session's settings are as
    /// they were afterwards.
    #[must_use]
    pub fn page_sql(
        &self,
        after: Option<&KeyValues>,
        until: Option<&KeyValues>,
        rows: u64,
    ) -> String {
        let mut conditions = Vec::new();
        if let Some(after) = after {
            conditions.push(format!("{} > {}", self.row(), self.values(after)));
        }
        if let Some(until) = until {
            conditions.push(format!("{} <= {}", self.row(), self.values(until)));
        }
        let mut filter = conditions.join(" AND ");
        if !filter.is_empty() {
            filter.insert_str(0, " WHERE ");
        }
        let list = |form: &dyn Fn(usize, &str) -> String| {
            let all = self.columns.iter().enumerate();
            let all: Vec<String> = all.map(|(at, (name, _))| form(at + 1, name)).collect();
            all.join(", ")
        };
        format!(
            "SAVEPOINT segue_page;{AS_TEXT};\
             WITH page AS MATERIALIZED (SELECT {} FROM {} AS t{filter} ORDER BY {} LIMIT {rows}), \
             first AS (SELECT * FROM page ORDER BY {} LIMIT 1), \
             last AS (SELECT * FROM page ORDER BY {} LIMIT 1) \
             SELECT (SELECT pg_catalog.count(*) FROM page), {}, {} FROM first, last;\
             ROLLBACK TO SAVEPOINT segue_page;RELEASE SAVEPOINT segue_page",
            list(&|at, name| format!("t.{name} AS key{at}")),
            self.table,
            list(&|_, name| format!("t.{name}")),
            list(&|at, _| format!("key{at}")),
            list(&|at, _| format!("key{at} DESC")),
            list(&|at, _| format!("first.key{at}::pg_catalog.text")),
            list(&|at, _| format!("last.key{at}::pg_catalog.text")),
        )
    }

    /// A query of all rows, to be planned and not run.
    #[must_use]
    pub fn all_sql(&self) -> String {
        format!("SELECT FROM {} AS t", self.table)
    }

    /// A query of the rows above `cursor`, to be planned and not run.
    ///
    /// Of a comparison of rows the planner looks at the first column only, and
    /// a tenant of many rows would be all or nothing: so it is spelled out.
    #[must_use]
    pub fn above_sql(&self, cursor: &KeyValues) -> String {
        let mut equal = String::new();
        let mut ways = Vec::new();
        for ((name, type_name), value) in self.columns.iter().zip(cursor) {
            let value = format!("CAST({} AS {type_name})", literal(value));
            ways.push(format!("({equal}t.{name} > {value})"));
            let _ = write!(equal, "t.{name} = {value} AND ");
        }
        format!("{} WHERE {}", self.all_sql(), ways.join(" OR "))
    }

    /// A query that counts the rows of so many percent of the blocks, and those
    /// of them above `cursor`.
    #[must_use]
    pub fn sample_sql(&self, cursor: Option<&KeyValues>, percent: f64) -> String {
        let above = match cursor {
            Some(cursor) => format!("{} > {}", self.row(), self.values(cursor)),
            None => "true".to_owned(),
        };
        format!(
            "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE {above}) FROM {} AS t TABLESAMPLE SYSTEM ({percent})",
            self.table
        )
    }

    /// The statement that keeps the table from being rewritten until the
    /// transaction ends.
    #[must_use]
    pub fn lock_sql(&self) -> String {
        format!("LOCK TABLE {} IN ACCESS SHARE MODE", self.table)
    }

    /// Runs `prelude` and [`Keyset::page_sql`] as one message; `None` if no key
    /// is left.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn page(
        &self,
        session: &Session,
        prelude: &str,
        page: &str,
    ) -> Result<Option<Page>, Error> {
        let rows = session.query(&format!("{prelude};{page}")).await?;
        let Some(row) = rows.last() else {
            return Ok(None);
        };
        let width = self.columns.len();
        let values = |from: usize| -> Result<KeyValues, Error> {
            (from..from + width).map(|at| column(row, at)).collect()
        };
        Ok(Some(Page {
            rows: column(row, 0)?,
            first: values(1)?,
            upper: values(1 + width)?,
        }))
    }

    /// How many rows a range has.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn count(&self, session: &Session, range: Range<'_>) -> Result<u64, Error> {
        let row = self.row();
        let sql = format!(
            "SELECT pg_catalog.count(*) FROM {} AS t WHERE {row} {} {} AND {row} <= {}",
            self.table,
            if range.includes_lower { ">=" } else { ">" },
            self.values(range.lower),
            self.values(range.upper),
        );
        let rows = session.query(&sql).await?;
        rows.first()
            .map_or(Err(Error::protocol("no count")), |row| column(row, 0))
    }

    /// The statement that prepares another one, what comes before its text and
    /// after it.
    fn prepare_sql(&self, name: &str, text: &str) -> (String, String) {
        let types: Vec<&str> = self.columns.iter().map(|(_, one)| one.as_str()).collect();
        let types = types.join(", ");
        let before = format!("PREPARE {name} ({types}, {types}) AS ");
        // A comment may end the text.
        let sql = format!("{before}{text}\n");
        (sql, before)
    }

    /// Prepares a statement for ranges with, or without, their lower bound,
    /// again if it was.
    ///
    /// # Errors
    /// As [`Session::execute`]; the position of an error counts in the
    /// statement's own text.
    pub async fn prepare(
        &self,
        session: &Session,
        statement: &Statement,
        includes_lower: bool,
    ) -> Result<(), Error> {
        let (name, filled) = if includes_lower {
            (FROM, &statement.from)
        } else {
            (AFTER, &statement.after)
        };
        let (sql, before) = self.prepare_sql(name, &filled.text);
        session.execute(&sql).await.map_err(|error| match error {
            Error::Server(mut server) => {
                let skipped = u32::try_from(before.chars().count()).unwrap_or(u32::MAX);
                server.position = server.position.and_then(|at| at.checked_sub(skipped));
                Error::Server(server)
            }
            error => error,
        })
    }

    /// Runs the prepared statement for a range, and what is deferred until its
    /// transaction ends; how many rows it has touched.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn execute(&self, session: &Session, range: Range<'_>) -> Result<u64, Error> {
        let name = if range.includes_lower { FROM } else { AFTER };
        let values = range.lower.iter().chain(range.upper);
        let values: Vec<String> = values.map(|value| literal(value)).collect();
        let sql = format!(
            "EXECUTE {name} ({});SET CONSTRAINTS ALL IMMEDIATE",
            values.join(", ")
        );
        session.affected(&sql).await.map_err(|error| match error {
            // It counts in what was sent, which is no text of the file.
            Error::Server(mut server) => {
                server.position = None;
                Error::Server(server)
            }
            error => error,
        })
    }
}

fn tuple(list: &str, width: usize) -> String {
    if width == 1 {
        list.to_owned()
    } else {
        format!("({list})")
    }
}
