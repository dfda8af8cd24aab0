//! Fingerprints of states, on a server that need not run.

use std::collections::BTreeMap;

use super::{Stage, VisitError, kept};
use crate::files;
use crate::migration::Name;
use crate::visit::{Fingerprint, States, Then, Visit};

/// What states depend on besides the migrations.
#[derive(Clone, Debug)]
pub struct Prints {
    /// Of the server and what is run there first.
    pub(super) seed: Fingerprint,
    /// Of the rows that a backfill is tried on, by its name.
    rows: BTreeMap<Name, Fingerprint>,
}

impl Prints {
    /// Of the server that there would be.
    ///
    /// # Errors
    /// No server; a file that cannot be read.
    pub fn read(stage: &Stage, states: &States) -> Result<Self, VisitError> {
        let mut rows = BTreeMap::new();
        for migration in states.migrations() {
            if let (Some(_), Some(path)) = (&migration.backfill, &migration.rows) {
                // One that is no SQL is told by who runs it.
                let checksum = files::script(path)?.map(|script| script.checksum);
                let fingerprint = Fingerprint::of(format!("{checksum:?}").as_bytes());
                rows.insert(migration.name.clone(), fingerprint);
            }
        }
        Ok(Self {
            seed: kept::seed(stage)?,
            rows,
        })
    }

    /// Of a state: databases with equal ones are equal. On a server of the
    /// user's that is as true as nobody changes its settings, or the server.
    #[must_use]
    pub fn fingerprint(&self, states: &States, visit: &Visit) -> Fingerprint {
        let fingerprint = states.fingerprint(visit).with(self.seed.bytes());
        let rows = match &visit.then {
            Then::Backfilling { index, .. } => self.rows.get(&states.migrations()[*index].name),
            _ => None,
        };
        rows.map_or(fingerprint, |rows| fingerprint.with(rows.bytes()))
    }
}
