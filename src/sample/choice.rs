//! Which rows of a table are wanted, as `[snapshot]` of `segue.toml` says.

use std::collections::BTreeMap;

use super::{Table, TableName};
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

/// How exactly a table is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    /// As this one and no other: `sales.orders`.
    Whole,
    /// As all tables of this name: `orders`.
    Bare,
}

/// Whether somebody who writes `text` means this table, and how.
fn means(text: &str, name: &TableName) -> Option<Naming> {
    let is_whole = text == name.quoted
        || text.strip_suffix(&name.name).is_some_and(|rest| {
            rest.strip_suffix('.')
                .is_some_and(|rest| rest == name.namespace)
        });
    if is_whole {
        Some(Naming::Whole)
    } else {
        (text == name.name).then_some(Naming::Bare)
    }
}

/// As somebody would write it.
fn written(table: &Table) -> String {
    let TableName {
        namespace, name, ..
    } = &table.name;
    if namespace == "public" {
        name.clone()
    } else {
        format!("{namespace}.{name}")
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
    /// The rows that are wanted of a table: what is said of it with its
    /// namespace comes before what is said of all tables of its name.
    #[must_use]
    pub fn of(&self, table: &Table) -> Choice {
        self.said(table)
            .map_or(Choice::First(self.first), |(_, choice)| choice.clone())
    }

    /// The rows that are wanted of a table that is in none of the namespaces
    /// of the schema: none, unless it is named with its own.
    #[must_use]
    pub fn of_other(&self, table: &Table) -> Choice {
        self.said(table)
            .filter(|(naming, _)| *naming == Naming::Whole)
            .map_or(Choice::None, |(_, choice)| choice.clone())
    }

    fn said(&self, table: &Table) -> Option<(Naming, &Choice)> {
        let said = self.rows.iter();
        let said = said.filter_map(|(name, choice)| Some((means(name, &table.name)?, choice)));
        said.min_by_key(|(naming, _)| *naming)
    }

    /// What is written for a column of a table, if that is not its value. What
    /// is said of a table holds for those that inherit from it too, unless
    /// something else is said of them.
    #[must_use]
    pub fn replacement(&self, table: &Table, column: &str) -> Option<&str> {
        let column = plain(column);
        let mut names = std::iter::once(&table.name).chain(&table.inherits);
        names.find_map(|table| self.replacement_of(table, &column))
    }

    fn replacement_of(&self, table: &TableName, column: &str) -> Option<&str> {
        let said = self.replace.iter().filter_map(|(name, expression)| {
            let name = name.strip_suffix(column)?.strip_suffix('.')?;
            Some((means(name, table)?, expression))
        });
        let said = said.min_by_key(|(naming, _)| *naming);
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
        let is_known = |name: &String| {
            let mut tables = tables.iter();
            tables.any(|table| means(name, &table.name).is_some())
        };
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
