//! Snapshots of data: a few rows of a database at one version, kept in the
//! repository as a file of SQL.
//!
//! What tables there are and which rows of them are wanted goes in; which rows
//! have to come along ([`Closure`]), in which order tables are written
//! ([`order`]) and what the file says ([`Sample::text`]) comes out. The catalogs
//! are read and the statements made by [`crate::postgres::sample`].

use std::collections::{BTreeMap, BTreeSet};

mod choice;
mod closure;
mod state;
mod text;

pub use choice::{Choice, Choices, Unknown};
pub use closure::Closure;
pub use state::{State, called, files_of, stated, versions};
pub use text::{Rows, Sample};

/// How a table is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// Its namespace, as it is.
    pub namespace: String,
    /// Its name, as it is.
    pub name: String,
    /// Namespace and name as SQL has them: `public."Order"`.
    pub quoted: String,
}

/// A table whose rows may be taken; a partitioned one stands for all of its
/// partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Of the table itself.
    pub oid: u32,
    /// Its name.
    pub name: TableName,
    /// Those that it inherits from, the nearest first.
    pub inherits: Vec<TableName>,
    /// The same as `FROM` and `TRUNCATE` have it, without the tables that
    /// inherit from it: `ONLY public."Order"`.
    pub source: String,
    /// The columns that are written, as SQL has them: all but generated ones.
    pub columns: Vec<String>,
    /// The columns by which rows are told apart, as SQL has them; empty if a
    /// row has no key.
    pub key: Vec<String>,
    /// What of the key has a collation, a flag for each column.
    pub collated: Vec<bool>,
}

/// That rows of one table refer to rows of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// OID of the table that refers; of a partition's own foreign key, of the
    /// partitioned table.
    pub from: u32,
    /// OIDs of the relations that have the foreign key: the table itself, or
    /// some of its partitions.
    pub covers: BTreeSet<u32>,
    /// OID of the table that is referred to.
    pub to: u32,
    /// That table, or the partition that the key names, as `FROM` has it:
    /// `ONLY public.customer`.
    pub target: String,
    /// Which rows belong together: `f` refers, `r` is referred to.
    pub condition: String,
}

/// The order in which `tables` are written: those that are referred to first,
/// as far as that can be, else by name. Places in `tables`.
#[must_use]
pub fn order(tables: &[Table], references: &[Reference]) -> Vec<usize> {
    let places: BTreeMap<u32, usize> = tables
        .iter()
        .enumerate()
        .map(|(place, table)| (table.oid, place))
        .collect();
    let mut parents: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); tables.len()];
    for reference in references {
        if let (Some(from), Some(to)) = (places.get(&reference.from), places.get(&reference.to)) {
            parents[*from].insert(*to);
        }
    }
    let by_name = |place: &usize| &tables[*place].name;
    let mut all: Vec<usize> = (0..tables.len()).collect();
    all.sort_by_key(by_name);
    let mut left: BTreeSet<usize> = all.iter().copied().collect();
    let mut ordered = Vec::with_capacity(tables.len());
    while !left.is_empty() {
        let waits = |place: usize| {
            let mut of = parents[place].iter();
            of.any(|parent| *parent != place && left.contains(parent))
        };
        let free = all
            .iter()
            .find(|place| left.contains(place) && !waits(**place));
        // In a cycle somebody has to be first.
        let next = free.or_else(|| all.iter().find(|place| left.contains(place)));
        let Some(next) = next.copied() else { break };
        left.remove(&next);
        ordered.push(next);
    }
    ordered
}

/// The tables that have to be emptied with those of `chosen`, which they refer
/// to, directly or not: OIDs, those of `chosen` included.
#[must_use]
pub fn with_referrers(chosen: &BTreeSet<u32>, references: &[Reference]) -> BTreeSet<u32> {
    let mut all = chosen.clone();
    loop {
        let before = all.len();
        for reference in references {
            if all.contains(&reference.to) {
                all.insert(reference.from);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests;
