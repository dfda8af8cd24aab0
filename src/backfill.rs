//! A backfill: one statement over a range of a table's key, run batch by batch.
//!
//! [`Backfill`] is what the directive says, [`Template`] the statement with its
//! bounds. Running it is left to `apply`.

use std::fmt;
use std::time::Duration;

use crate::statement::RelationName;

pub mod bisect;
pub mod pace;
mod parse;
pub mod standing;
mod template;
pub mod throttle;

pub use parse::{Malformed, parse};
pub use standing::Standing;
pub use template::{Bound, Misused, Template, Values, variables};

/// What `backfill: TABLE by KEY …` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// The table whose rows are counted off.
    pub table: RelationName,
    /// In which order.
    pub key: Key,
    /// How long it may take from its first batch on; `None`: as long as its
    /// budget makes it.
    pub within: Option<Duration>,
    /// How long one batch may take.
    pub batch_time: Duration,
    /// Least pause between two batches.
    pub pause: Duration,
    /// So many rows may be set aside before it fails.
    pub quarantine: u64,
}

impl Backfill {
    /// `batch-time` where none is given.
    pub const BATCH_TIME: Duration = Duration::from_millis(200);
    /// `quarantine` where none is given, in rows.
    pub const QUARANTINE: u64 = 100;
}

/// By what the rows of a table are counted off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Columns, compared as a row; never empty. Names as the catalog has them.
    Columns(Vec<String>),
    /// The physical place.
    Ctid,
}

impl Key {
    /// Names of its columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names: Vec<&str> = match self {
            Self::Columns(names) => names.iter().map(String::as_str).collect(),
            Self::Ctid => vec!["ctid"],
        };
        names.into_iter()
    }

    /// How many columns it has, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Columns(names) => names.len(),
            Self::Ctid => 1,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            formatter.write_str(name)?;
        }
        Ok(())
    }
}
