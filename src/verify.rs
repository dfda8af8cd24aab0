//! Live snapshot against the legal ones → [`Verdict`].
//!
//! Legal now is the expected schema without what the concurrent migrations
//! change that are not done; of those in flight, before, after and the known
//! half-way states all pass. Pure: who reads the snapshots is left to
//! [`crate::apply`].

use std::collections::{BTreeMap, BTreeSet};

use crate::migration::{Name, Relations};
use crate::schema::{Conflict, Diff, ObjectId, Snapshot};

mod blind;
mod drift;
mod half_way;
pub mod interference;
mod standing;

pub use blind::Blind;
pub use drift::split as split_drift;
pub use standing::concurrent;

use half_way::Seen;

/// How far a concurrent migration is, as far as the schema is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not begun: the schema is as before it.
    Pending,
    /// It runs, or was interrupted or failed: before, after and anything in
    /// between are legal.
    InFlight,
    /// Done: the schema is as after it.
    Done,
    /// Given up by `segue abandon`: as before it, and an expected schema that
    /// no longer has it is right too.
    Abandoned,
}

impl Standing {
    /// Of a migration that stood so before the schema was read, and `later`
    /// afterwards: it was read somewhere in between.
    #[must_use]
    pub fn until(self, later: Self) -> Self {
        if self == later { self } else { Self::InFlight }
    }
}

/// Where the text of a concurrent migration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The folder: the expected schema has what it changes.
    Folder,
    /// The ledger alone: the expected schema may or may not have it.
    Ledger,
}

/// What is known of a concurrent migration.
#[derive(Clone, Debug)]
pub struct Concurrent {
    /// Which.
    pub name: Name,
    /// How far it is.
    pub standing: Standing,
    /// Who knows it.
    pub origin: Origin,
    /// What it changes, on this major version; `None` if its file does not say.
    pub diff: Option<Diff>,
    /// Objects that its parts for any major version name.
    pub objects: BTreeSet<ObjectId>,
    /// What its statements name, if that is known.
    pub relations: Option<Relations>,
    /// Whether it rebuilds indexes that it does not name (`REINDEX DATABASE`).
    pub reindexes_all: bool,
}

/// A stored diff that does not fit the expected schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    /// Whose.
    pub name: Name,
    /// Where, and what stands there.
    pub conflict: Conflict,
}

/// The schemas that are legal now.
#[derive(Clone, Debug)]
pub struct Legal {
    /// What has to be, where nothing is in flight.
    pub snapshot: Snapshot,
    /// By name.
    in_flight: Vec<Concurrent>,
    /// All diffs in flight as one, where they follow each other.
    all_in_flight: Option<Diff>,
    /// What was taken out of the expected schema, by name.
    subtracted: Vec<Diff>,
    /// What cannot be judged, by the migration that is the reason.
    pub blind: Vec<Blind>,
}

/// What comparing gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// From what is legal to what is; empty: all is well.
    pub difference: Diff,
    /// Concurrent migrations of which something half-way was seen, and let
    /// pass, with where.
    pub half_way: BTreeMap<Name, BTreeSet<ObjectId>>,
}

impl Legal {
    /// What is legal now, given the schema when all is settled.
    ///
    /// # Errors
    /// All stored diffs that do not fit.
    pub fn new(expected: Snapshot, mut concurrent: Vec<Concurrent>) -> Result<Self, Vec<Misfit>> {
        concurrent.retain(|one| one.standing != Standing::Done);
        concurrent.sort_by(|one, other| one.name.cmp(&other.name));
        let blind = concurrent
            .iter()
            .filter(|one| one.diff.is_none())
            .map(|one| Blind::new(one, &expected))
            .collect();
        let mut legal = Self {
            snapshot: expected,
            in_flight: Vec::new(),
            all_in_flight: None,
            subtracted: Vec::new(),
            blind,
        };
        let mut misfits = Vec::new();
        // The expected schema was made by running them in the order of their
        // names.
        for one in concurrent.iter().rev() {
            misfits.extend(legal.subtract(one));
        }
        legal.subtracted.reverse();
        if !misfits.is_empty() {
            misfits.reverse();
            return Err(misfits);
        }
        concurrent.retain(|one| one.standing == Standing::InFlight);
        legal.all_in_flight = concurrent
            .iter()
            .filter_map(|one| one.diff.as_ref())
            .try_fold(Diff::default(), |all, diff| all.then(diff))
            .ok();
        legal.in_flight = concurrent;
        Ok(legal)
    }

    /// A schema that is the only legal one.
    #[must_use]
    pub fn exactly(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            in_flight: Vec::new(),
            all_in_flight: None,
            subtracted: Vec::new(),
            blind: Vec::new(),
        }
    }

    /// The schema when all is settled, as it was given.
    #[must_use]
    pub fn into_expected(mut self) -> Snapshot {
        for diff in &self.subtracted {
            let put_back = diff.apply(&mut self.snapshot);
            debug_assert_eq!(put_back, Ok(()), "it was taken out of this very schema");
        }
        self.snapshot
    }

    /// Whether nothing is in flight, and everything can be judged.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.in_flight.is_empty() && self.blind.is_empty()
    }

    /// Takes out what a migration changes that is not done.
    fn subtract(&mut self, one: &Concurrent) -> Option<Misfit> {
        let diff = one.diff.as_ref()?;
        let Err(conflict) = diff.inverse().apply(&mut self.snapshot) else {
            self.subtracted.push(diff.clone());
            return None;
        };
        // The expected schema of a folder without it never had it; that of
        // whoever gave it up may have lost it since.
        let may_lack_it = one.origin == Origin::Ledger || one.standing == Standing::Abandoned;
        let is_hidden = self
            .blind
            .iter()
            .any(|blind| blind.is_all(&conflict.object));
        if may_lack_it || is_hidden {
            return None;
        }
        Some(Misfit {
            name: one.name.clone(),
            conflict,
        })
    }

    /// Judges a live schema.
    #[must_use]
    pub fn judge(&self, live: &Snapshot) -> Verdict {
        let mut difference = Diff::between(&self.snapshot, live);
        let mut seen: BTreeMap<&Name, (usize, BTreeSet<ObjectId>)> = BTreeMap::new();
        difference.retain(|change| {
            if self.blind.iter().any(|blind| blind.hides(change)) {
                return false;
            }
            let mut is_legal = false;
            for one in &self.in_flight {
                let (after, half_way) = seen.entry(&one.name).or_default();
                match half_way::seen(one, change, &self.snapshot) {
                    Some(Seen::After) => *after += 1,
                    Some(Seen::HalfWay) => drop(half_way.insert(change.object.clone())),
                    None => continue,
                }
                is_legal = true;
            }
            let is_within = |all: &Diff| half_way::is_within(all, change);
            !is_legal && !self.all_in_flight.as_ref().is_some_and(is_within)
        });
        let half_way = self.in_flight.iter().filter_map(|one| {
            let (after, mut places) = seen.remove(&one.name)?;
            let changes = one.diff.as_ref().map_or(&[][..], Diff::changes);
            if (1..changes.len()).contains(&after) {
                places.extend(changes.iter().map(|change| change.object.clone()));
            }
            (!places.is_empty()).then(|| (one.name.clone(), places))
        });
        Verdict {
            half_way: half_way.collect(),
            difference,
        }
    }
}

impl Verdict {
    /// Whether all is well.
    #[must_use]
    pub fn is_legal(&self) -> bool {
        self.difference.is_empty()
    }
}

#[cfg(test)]
mod tests;
