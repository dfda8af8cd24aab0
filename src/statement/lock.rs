//! Which locks a statement takes on the tables that it names.
//!
//! By the manual ("Explicit Locking", and the page of each command), as far as
//! the text tells: tables that only the catalogs know (those that a foreign key
//! refers to when it is dropped, partitions, what a view or a function reads)
//! are not seen. A test compares it with what servers do.

use std::collections::BTreeMap;
use std::fmt;

use super::RelationName;

/// PostgreSQL's table-level locks, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// `SELECT`
    AccessShare,
    /// `SELECT … FOR UPDATE`
    RowShare,
    /// `INSERT`, `UPDATE`, `DELETE`
    RowExclusive,
    /// `CREATE INDEX CONCURRENTLY`, `VACUUM`, `VALIDATE CONSTRAINT`
    ShareUpdateExclusive,
    /// `CREATE INDEX`
    Share,
    /// `CREATE TRIGGER`, foreign keys
    ShareRowExclusive,
    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY`
    Exclusive,
    /// most of `ALTER TABLE`
    AccessExclusive,
}

/// What of an application a lock keeps waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stops {
    /// Neither reads nor writes.
    Nothing,
    /// Who writes, or locks rows.
    Writes,
    /// Everybody.
    ReadsAndWrites,
}

impl LockMode {
    /// All, the weakest first.
    pub const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// Its name in the manual, `ACCESS EXCLUSIVE` for example.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// The mode by its name in `pg_locks`, `AccessExclusiveLock` for example.
    #[must_use]
    pub fn of_pg_locks(name: &str) -> Option<Self> {
        let word = name.strip_suffix("Lock")?;
        let is_it = |mode: &&Self| {
            let letters = mode.as_str().chars().filter(char::is_ascii_alphabetic);
            letters.eq(word.chars().map(|one| one.to_ascii_uppercase()))
        };
        Self::ALL.iter().find(is_it).copied()
    }

    /// Whether one session has to wait while another holds `other` (manual,
    /// "Conflicting Lock Modes").
    #[must_use]
    pub fn conflicts_with(self, other: Self) -> bool {
        use LockMode::{
            AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share,
            ShareRowExclusive, ShareUpdateExclusive,
        };
        let (weaker, stronger) = (self.min(other), self.max(other));
        match stronger {
            AccessExclusive => true,
            Exclusive => weaker != AccessShare,
            ShareRowExclusive => weaker >= RowExclusive,
            Share => matches!(weaker, RowExclusive | ShareUpdateExclusive),
            ShareUpdateExclusive => weaker == ShareUpdateExclusive,
            RowExclusive | RowShare | AccessShare => false,
        }
    }

    /// What of an application waits for it.
    #[must_use]
    pub fn stops(self) -> Stops {
        match self {
            Self::AccessExclusive => Stops::ReadsAndWrites,
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => Stops::Writes,
            _ => Stops::Nothing,
        }
    }

    /// Whether two transactions that take it on several tables in a different
    /// order are sure to meet: `SHARE ROW EXCLUSIVE` and what is stronger.
    #[must_use]
    pub fn is_strong(self) -> bool {
        self >= Self::ShareRowExclusive
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Locks by relation, the strongest of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locks(pub BTreeMap<RelationName, LockMode>);

impl Locks {
    /// Notes a lock; the stronger of two on one relation stays.
    pub fn add(&mut self, relation: RelationName, mode: LockMode) {
        let held = self.0.entry(relation).or_insert(mode);
        *held = (*held).max(mode);
    }

    /// Notes all of `other`.
    pub fn extend(&mut self, other: Self) {
        for (relation, mode) in other.0 {
            self.add(relation, mode);
        }
    }

    /// Those that count as [strong](LockMode::is_strong).
    pub fn strong(&self) -> impl Iterator<Item = (&RelationName, LockMode)> {
        let all = self.0.iter().map(|(relation, mode)| (relation, *mode));
        all.filter(|(_, mode)| mode.is_strong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_those_of_the_manual() {
        // One row per mode, as in the manual's table.
        let table = [
            ".......#", "......##", "....####", "...#####", "..##.###", "..######", ".#######",
            "########",
        ];
        for (row, mode) in table.iter().zip(LockMode::ALL) {
            let shown: String = LockMode::ALL
                .iter()
                .map(|other| {
                    if mode.conflicts_with(*other) {
                        '#'
                    } else {
                        '.'
                    }
                })
                .collect();
            assert_eq!(shown, *row, "{mode}");
        }
    }

    #[test]
    fn names_of_pg_locks_are_known() {
        let name = LockMode::of_pg_locks;
        assert_eq!(name("AccessExclusiveLock"), Some(LockMode::AccessExclusive));
        assert_eq!(name("ShareLock"), Some(LockMode::Share));
        assert_eq!(
            name("ShareUpdateExclusiveLock"),
            Some(LockMode::ShareUpdateExclusive)
        );
        assert_eq!(name("SIReadLock"), None);
    }
}
