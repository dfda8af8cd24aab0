//! The columns that a statement about rows names.

use std::collections::BTreeSet;

use super::RelationName;

/// A column of a relation, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName {
    /// Whose.
    pub relation: RelationName,
    /// As the catalog has it; `None`: all, as `*` and a whole row name them.
    pub column: Option<String>,
}

impl ColumnName {
    /// Whether the two may be the same column.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        self.relation.may_be(&other.relation)
            && (self.column.is_none() || other.column.is_none() || self.column == other.column)
    }
}

/// The columns that queries, changes of rows, `COPY` and definitions of views
/// name. A name without a table counts for each table that may have it; what is
/// in strings (function bodies) is not seen, nor are definitions of tables,
/// indexes, constraints and triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Whose values are used.
    pub reads: BTreeSet<ColumnName>,
    /// Changed in rows that are there.
    pub sets: BTreeSet<ColumnName>,
    /// Given in rows that are new.
    pub adds: BTreeSet<ColumnName>,
}

impl Columns {
    /// Takes in those of another statement.
    pub fn add(&mut self, other: &Self) {
        self.reads.extend(other.reads.iter().cloned());
        self.sets.extend(other.sets.iter().cloned());
        self.adds.extend(other.adds.iter().cloned());
    }
}
