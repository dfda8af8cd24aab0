//! The states that a database passes through while a folder's migrations are
//! applied, by name, and what has to be done to be in one of them.
//!
//! A state is written as the name of a migration, perhaps with a moment:
//! `2026-01-01-00-00-00-add.sql@building`. [`States::find`] turns such a text
//! into a [`Visit`]; [`States::between`] lists those that production passes
//! through. Going there is left to [`crate::apply::visit`].

use std::sync::Arc;

use crate::migration::{Kind, Migration, Name};
use crate::version::Version;

mod all;
mod find;
mod fingerprint;

pub use crate::migration::unknown::NoState;
pub use fingerprint::Fingerprint;

/// A state of a database, as it is written and shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No migration is applied.
    Empty,
    /// Around a migration.
    Of {
        /// Which.
        name: Name,
        /// When.
        moment: Moment,
    },
}

/// When, around one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Everything before it by name is settled.
    Before,
    /// Everything before it is settled, and the deployment that brings it is
    /// ready: none of the concurrent migrations that begin with it has begun,
    /// nor has it itself if it is one.
    Ready,
    /// Everything before it is settled, and its first index is being built: it
    /// is there, takes part in every write, and is not valid yet.
    Building,
    /// Everything before it is settled, and its backfill has done this part of
    /// the rows.
    Backfilling(Percent),
    /// Everything up to it is settled.
    Settled,
}

/// A part of a hundred, at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// `None` if that is more than all.
    #[must_use]
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= 100 {
            Some(Self(percent))
        } else {
            None
        }
    }

    /// So many of a hundred.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// That part of `count`; at least one unless it is nothing, and not all
    /// unless it is everything.
    #[must_use]
    pub fn of(self, count: u64) -> u64 {
        let part = u128::from(count) * u128::from(self.0) / 100;
        let part = u64::try_from(part).unwrap_or(count);
        match self.0 {
            0 => 0,
            100 => count,
            _ => part.clamp(1.min(count), count.saturating_sub(1).max(1.min(count))),
        }
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}%", self.0)
    }
}

impl std::fmt::Display for Moment {
    /// As it stands after `@`; nothing of one that is settled.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before => formatter.write_str("before"),
            Self::Ready => formatter.write_str("ready"),
            Self::Building => formatter.write_str("building"),
            Self::Backfilling(percent) => write!(formatter, "backfilling:{percent}"),
            Self::Settled => Ok(()),
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("empty"),
            Self::Of {
                name,
                moment: Moment::Settled,
            } => write!(formatter, "{name}"),
            Self::Of { name, moment } => write!(formatter, "{name}@{moment}"),
        }
    }
}

/// A state, and how a database gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which state.
    pub state: State,
    /// So many migrations, the first ones by name, are settled first.
    pub settled: usize,
    /// What is done after that.
    pub then: Then,
}

/// What is done after some migrations are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// These, by their places among all, and all that is settled are deployed
    /// until that is ready.
    Ready(Vec<usize>),
    /// This one runs until it waits with its first index.
    Building(usize),
    /// This one runs until so many rows are done.
    Backfilling {
        /// Its place among all.
        index: usize,
        /// How many of its table's rows.
        percent: Percent,
        /// So many migrations are settled when the rows are put into the table;
        /// not more than [`Visit::settled`].
        rows_after: usize,
    },
}

/// The migrations of a folder, and the states that they lead through. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct States {
    project: Arc<str>,
    migrations: Arc<[Migration]>,
    /// Of each migration.
    own: Arc<[Fingerprint]>,
    /// Of the first migrations, by how many: one more than there are.
    settled: Arc<[Fingerprint]>,
}

impl States {
    /// Of `migrations`, all of a folder by name, valid and outlined every one
    /// ([`crate::apply::survey::all_invalid`] does so).
    #[must_use]
    pub fn new(project: &str, migrations: Vec<Migration>) -> Self {
        let own: Vec<Fingerprint> = migrations.iter().map(fingerprint::of).collect();
        Self {
            project: project.into(),
            settled: fingerprint::prefixes(project, &own).into(),
            own: own.into(),
            migrations: migrations.into(),
        }
    }

    /// All migrations, by name.
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// Whose they are.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The migrations that are applied in a state, by name.
    pub fn applied(&self, visit: &Visit) -> impl Iterator<Item = &Migration> {
        let also: &[usize] = match &visit.then {
            Then::Ready(also) => also,
            _ => &[],
        };
        let done = match &visit.then {
            Then::Backfilling { index, percent, .. } if percent.get() == 100 => Some(*index),
            _ => None,
        };
        let settled = self.migrations.iter().take(visit.settled);
        let also = also.iter().map(|index| &self.migrations[*index]);
        settled
            .chain(also.filter(|one| one.kind != Kind::Concurrent))
            .chain(done.map(|index| &self.migrations[index]))
    }

    /// The version that the schema has in a state, if it has one by then.
    #[must_use]
    pub fn version(&self, visit: &Visit) -> Option<Version> {
        self.applied(visit)
            .filter_map(|one| one.schema_version)
            .max()
    }

    /// Place of the migration of this name.
    fn index(&self, name: &Name) -> Option<usize> {
        self.migrations
            .binary_search_by(|migration| migration.name.cmp(name))
            .ok()
    }

    /// The state in which so many migrations, by name, are settled and nothing
    /// more is done.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn after(&self, settled: usize) -> Visit {
        let last = settled.checked_sub(1).map(|last| &self.migrations[last]);
        Visit {
            state: last.map_or(State::Empty, |last| State::Of {
                name: last.name.clone(),
                moment: Moment::Settled,
            }),
            settled,
            then: Then::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
