//! Which rows of a table are wanted, as `[snapshot]` of `segue.toml` says.

use std::collections::BTreeMap;

use super::Table;
use crate::text::nearest;

/// Rows of a table where nobody says anything.
const FIRST: u64 = 50;

/// Which rows of a table are wanted; those that they refer to come along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All of them.
    All,
    /// None, but those that others refer to.
    None,
    /// So many, by the key.
    First(u64),
    /// Those that this query gives, which selects at least the key.
    Query(String),
}

/// Which rows of all tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Of a table that has no entry.
    pub first: u64,
    /// By table, as it was written: `orders`, `sales.orders`.
    pub rows: BTreeMap<String, Choice>,
    /// What to write in place of a column's value, an SQL expression over the
    /// row, by table and column as they were written: `users.email`.
    pub replace: BTreeMap<String, String>,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            first: FIRST,
            rows: BTreeMap::new(),
            replace: BTreeMap::new(),
        }
    }
}

/// What is chosen for a table or column that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// As it was written.
    pub name: String,
    /// One that is there and is written like it.
    pub near: Option<String>,
}

/// Whether somebody who writes `text` means this table.
fn means(text: &str, table: &Table) -> bool {
    text == table.name
        || text == table.quoted
        || text.strip_suffix(&table.name).is_some_and(|rest| {
            rest.strip_suffix('.')
                .is_some_and(|rest| rest == table.namespace)
        })
}

/// As somebody would write it.
fn written(table: &Table) -> String {
    if table.namespace == "public" {
        table.name.clone()
    } else {
        format!("{}.{}", table.namespace, table.name)
    }
}

/// A column as it is, of one as SQL has it.
fn plain(column: &str) -> String {
    match column
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => column.to_owned(),
    }
}

impl Choices {
    /// The rows that are wanted of a table.
    #[must_use]
    pub fn of(&self, table: &Table) -> Choice {
        let said = self.rows.iter().find(|(name, _)| means(name, table));
        said.map_or(Choice::First(self.first), |(_, choice)| choice.clone())
    }

    /// What is written for a column of a table, if that is not its value.
    #[must_use]
    pub fn replacement(&self, table: &Table, column: &str) -> Option<&str> {
        let column = plain(column);
        let said = self.replace.iter().find(|(name, _)| {
            let name = name.strip_suffix(&column);
            let name = name.and_then(|rest| rest.strip_suffix('.'));
            name.is_some_and(|name| means(name, table))
        });
        said.map(|(_, expression)| expression.as_str())
    }

    /// What is chosen for a table or column that is not there.
    #[must_use]
    pub fn unknown(&self, tables: &[Table]) -> Vec<Unknown> {
        let names: Vec<String> = tables.iter().map(written).collect();
        let columns: Vec<String> = tables
            .iter()
            .flat_map(|table| {
                let columns = table.columns.iter();
                columns.map(|column| format!("{}.{}", written(table), plain(column)))
            })
            .collect();
        let near = |name: &str, known: &[String]| {
            nearest(name, known.iter().map(String::as_str)).map(ToOwned::to_owned)
        };
        let is_known = |name: &String| tables.iter().any(|table| means(name, table));
        let unknown_tables = self.rows.keys().filter(|name| !is_known(name));
        let unknown_tables = unknown_tables.map(|name| Unknown {
            name: name.clone(),
            near: near(name, &names),
        });
        let is_replaced = |name: &String| {
            let only = Self {
                replace: BTreeMap::from([(name.clone(), String::new())]),
                ..Self::default()
            };
            tables.iter().any(|table| {
                let mut columns = table.columns.iter();
                columns.any(|column| only.replacement(table, column).is_some())
            })
        };
        let unknown_columns = self.replace.keys().filter(|name| !is_replaced(name));
        let unknown_columns = unknown_columns.map(|name| Unknown {
            name: name.clone(),
            near: near(name, &columns),
        });
        unknown_tables.chain(unknown_columns).collect()
    }
}
