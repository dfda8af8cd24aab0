//! What a statement did on a copy of the schema, and how much the live tables
//! hold and are used → what it will mean for whoever works beside it.
//!
//! Values only: [`crate::apply::forecast`] runs and reads, `cli/report` shows.

use std::collections::BTreeMap;
use std::fmt;

use crate::migration::Name;
use crate::statement::{LockMode, Stops};

pub mod index_size;
pub mod message;
pub mod work;

pub use index_size::{IndexColumn, IndexShape};

/// A relation of the live database: namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// For people: `orders`, `app.orders`. SQL is made from the fields.
impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace != "public" {
            write!(formatter, "{}.", self.namespace)?;
        }
        formatter.write_str(&self.name)
    }
}

/// How large a table is and how much it is used, partitions included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Estimated rows; `None` if it was never analyzed.
    pub rows: Option<u64>,
    /// Bytes of its rows.
    pub heap_bytes: u64,
    /// Bytes of what is stored beside them.
    pub toast_bytes: u64,
    /// Bytes of its indexes.
    pub index_bytes: u64,
    /// Scans in a second, of it and its indexes; `None` if that is not known.
    pub reads_per_second: Option<f64>,
    /// Rows written in a second.
    pub writes_per_second: Option<f64>,
    /// What is known of its columns, by name.
    pub columns: BTreeMap<String, Column>,
}

/// What `ANALYZE` has found out about a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Average bytes of a value.
    pub width: u32,
    /// Number of different values; below zero a share of all rows.
    pub distinct: f64,
}

impl Table {
    /// All its bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.heap_bytes + self.toast_bytes + self.index_bytes
    }

    /// Whether it was used while we looked.
    #[must_use]
    pub fn is_used(&self) -> bool {
        let above = |rate: Option<f64>| rate.is_some_and(|rate| rate > 0.0);
        above(self.reads_per_second) || above(self.writes_per_second)
    }
}

/// From least to most, both in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// At least about this.
    pub low: u64,
    /// At most about this.
    pub high: u64,
}

impl Bytes {
    /// Both ends the same.
    #[must_use]
    pub fn exactly(bytes: u64) -> Self {
        Self {
            low: bytes,
            high: bytes,
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }
}

/// Work on a table that is there already.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// All of it is written anew, with its indexes.
    Rewrites(TableName),
    /// All its rows are read and checked.
    Scans(TableName),
    /// An index is built.
    Builds {
        /// The index.
        index: String,
        /// What it is of.
        table: TableName,
        /// What is known of it.
        shape: IndexShape,
    },
    /// Its rows are read, and all or some of them changed.
    Changes(TableName),
    /// Rows are added or changed, as many as a query or a function says.
    Writes(TableName),
    /// It is emptied.
    Empties(TableName),
    /// The query of a materialized view runs again.
    Refreshes(TableName),
}

impl Work {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &TableName {
        match self {
            Self::Rewrites(table)
            | Self::Scans(table)
            | Self::Builds { table, .. }
            | Self::Changes(table)
            | Self::Writes(table)
            | Self::Empties(table)
            | Self::Refreshes(table) => table,
        }
    }

    /// Bytes that have to be read or written for it; `None`: it depends on the
    /// statement.
    #[must_use]
    pub fn bytes(&self, table: &Table) -> Option<Bytes> {
        match self {
            Self::Rewrites(_) => {
                let disk = self.disk(table)?;
                Some(disk.plus(Bytes::exactly(table.heap_bytes + table.toast_bytes)))
            }
            Self::Scans(_) => Some(Bytes::exactly(table.heap_bytes)),
            Self::Builds { .. } | Self::Changes(_) => {
                Some(Bytes::exactly(table.heap_bytes).plus(self.disk(table)?))
            }
            Self::Empties(_) => Some(Bytes::default()),
            Self::Writes(_) | Self::Refreshes(_) => None,
        }
    }

    /// Bytes that it needs on disk for good or until COMMIT, and as WAL where
    /// that is kept for standbys and archives; `None`: not known.
    #[must_use]
    pub fn disk(&self, table: &Table) -> Option<Bytes> {
        match self {
            // Without the bloat, which a rewrite leaves behind, it may be less.
            Self::Rewrites(_) => Some(Bytes {
                low: table.bytes() / 2,
                high: table.bytes(),
            }),
            Self::Builds { shape, .. } => shape.bytes(table),
            // Each row has a new version, and entries in the indexes.
            Self::Changes(_) => Some(Bytes {
                low: 0,
                high: table.bytes(),
            }),
            Self::Scans(_) | Self::Empties(_) => Some(Bytes::default()),
            Self::Writes(_) | Self::Refreshes(_) => None,
        }
    }
}

/// Where what is said of a statement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It was run on a copy of the schema.
    ByRunning,
    /// From its text and the manual: it could not be run, or not be seen.
    ByTheManual,
}

/// A statement, and what it did.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its file.
    pub migration: Name,
    /// Line of its first byte, from 1.
    pub line: usize,
    /// Its text without the values of variables, on one line.
    pub text: String,
    /// How this is known.
    pub learnt: Learnt,
    /// Locks on relations that are there already, which it was the first of
    /// its transaction to take; the strongest of each, by name.
    pub locks: BTreeMap<TableName, LockMode>,
    /// Work on tables that are there already; none: it changes catalogs alone.
    pub work: Vec<Work>,
    /// The server's words, if it failed.
    pub failed: Option<String>,
}

impl Statement {
    /// Whether it is of any concern for who works beside it.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        let matters = |mode: &LockMode| *mode >= LockMode::ShareUpdateExclusive;
        !self.work.is_empty() || self.failed.is_some() || self.locks.values().any(matters)
    }
}

/// How bad it is for the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Nobody has to wait.
    None,
    /// Whoever wants the table waits, for a moment.
    Brief,
    /// The same for as long as much data is read or written.
    Long,
}

/// Below so many bytes work is a matter of a moment: a tenth of a second or so.
const BRIEF_BYTES: u64 = 16 << 20;

/// How fast data is read and written, bytes in a second: slow network storage,
/// and a good local disk or memory. An assumption, told with each estimate.
pub const BYTES_PER_SECOND: (u64, u64) = (50_000_000, 500_000_000);

/// What a lock means, when `work` is done before it is given back.
#[must_use]
pub fn danger(mode: LockMode, work: &Held) -> Danger {
    match (mode.stops(), work) {
        (Stops::Nothing, _) => Danger::None,
        (_, Held::For(bytes)) if bytes.high <= BRIEF_BYTES => Danger::Brief,
        (_, Held::For(_) | Held::Unknown) => Danger::Long,
    }
}

/// How long a lock is held, as the work that is done meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// While so much is read and written.
    For(Bytes),
    /// A statement changes rows, and how many is not known.
    Unknown,
}

impl Held {
    /// Seconds, least and most, by [`BYTES_PER_SECOND`]; `None` if not known.
    #[must_use]
    pub fn seconds(&self) -> Option<(u64, u64)> {
        match self {
            Self::For(bytes) => Some((
                bytes.low / BYTES_PER_SECOND.1,
                bytes.high.div_ceil(BYTES_PER_SECOND.0),
            )),
            Self::Unknown => None,
        }
    }
}

/// What runs together: a transaction, or a migration outside of one.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// In their order.
    pub statements: Vec<Statement>,
    /// Further statements, which are not shown: there are too many.
    pub left_out: usize,
}

/// How the statements of a [`Part`] run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// In one transaction: locks are held until its end.
    Transaction,
    /// Each by itself, before ready.
    Outside,
    /// Each by itself, after ready.
    Tail,
}

impl Part {
    /// How long what statement `index` locks stays locked.
    #[must_use]
    pub fn held(&self, index: usize, tables: &BTreeMap<TableName, Table>) -> Held {
        let statements = match self.kind {
            PartKind::Transaction => &self.statements[index..],
            PartKind::Outside | PartKind::Tail => &self.statements[index..=index],
        };
        let mut sum = Bytes::default();
        for work in statements.iter().flat_map(|statement| &statement.work) {
            let known = tables.get(work.table()).and_then(|table| work.bytes(table));
            // What is small is changed in no time, whatever the statement says.
            let small = tables
                .get(work.table())
                .filter(|table| table.bytes() <= BRIEF_BYTES)
                .map(|table| Bytes::exactly(table.bytes()));
            match known.or(small) {
                Some(bytes) => sum = sum.plus(bytes),
                None => return Held::Unknown,
            }
        }
        Held::For(sum)
    }

    /// The worst that statement `index` does to somebody.
    #[must_use]
    pub fn danger(&self, index: usize, tables: &BTreeMap<TableName, Table>) -> Danger {
        let held = self.held(index, tables);
        let locks = self.statements[index].locks.values();
        let worst = locks.map(|mode| danger(*mode, &held)).max();
        worst.unwrap_or(Danger::None)
    }
}

#[cfg(test)]
mod tests;
