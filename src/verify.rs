//! Live snapshot against the legal ones → [`Verdict`].
//!
//! Legal now is the expected schema without what the concurrent migrations
//! change that are not done; of those in flight, before, after and the known
//! half-way states all pass. Pure: who reads the snapshots is left to
//! [`crate::apply`].

use std::collections::BTreeSet;

use crate::migration::{Name, Relations};
use crate::schema::{Conflict, Diff, ObjectId, Snapshot};

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

/// What is known of a concurrent migration.
#[derive(Clone, Debug)]
pub struct Concurrent {
    /// Which.
    pub name: Name,
    /// How far it is.
    pub standing: Standing,
    /// What it changes, on this major version; `None` if its file does not say.
    pub diff: Option<Diff>,
    /// Objects that its parts for other major versions name.
    pub objects: BTreeSet<ObjectId>,
    /// What its statements name, if that is known.
    pub relations: Option<Relations>,
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
    in_flight: Vec<Concurrent>,
    /// Objects that cannot be judged, with the migration that is the reason.
    pub blind: Vec<(ObjectId, Name)>,
}

/// What comparing gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// From what is legal to what is; empty: all is well.
    pub difference: Diff,
    /// Concurrent migrations of which something half-way was seen, and let
    /// pass.
    pub half_way: Vec<Name>,
}

impl Legal {
    /// What is legal now, given the schema when all is settled.
    ///
    /// # Errors
    /// All stored diffs that do not fit.
    pub fn new(expected: Snapshot, concurrent: Vec<Concurrent>) -> Result<Self, Vec<Misfit>> {
        todo!("{expected:?} {concurrent:?}")
    }

    /// Judges a live schema.
    #[must_use]
    pub fn judge(&self, live: &Snapshot) -> Verdict {
        todo!("{live:?} {:?}", self.in_flight)
    }
}
