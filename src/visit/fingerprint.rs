//! What a state depends on, in one value: two states with equal fingerprints
//! on equal servers are equal.

use sha2::{Digest as _, Sha256};

use super::{States, Then, Visit};
use crate::migration::Migration;

/// SHA-256 of all that decides what a database is in a state: project, names,
/// texts and variables of the migrations, and what is done with them. The
/// server, and the rows of `NAME.rows.sql`, are added by
/// [`Fingerprint::with`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl std::fmt::Display for Fingerprint {
    /// 64 hexadecimal digits.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl Fingerprint {
    /// Of this, and of something more.
    #[must_use]
    pub fn with(self, more: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        add(&mut hash, more);
        Self(hash.finalize().into())
    }

    /// As bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of anything.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// With its length, so that no two lists of texts are one.
fn add(hash: &mut Sha256, text: &[u8]) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// Of a migration by itself.
pub(super) fn of(migration: &Migration) -> Fingerprint {
    let mut hash = Sha256::new();
    add(&mut hash, migration.name.as_str().as_bytes());
    hash.update(migration.checksum.0);
    // Stored in the ledger, and no part of the checksum.
    let diff = migration.schema_diff.as_ref();
    add(&mut hash, format!("{diff:?}").as_bytes());
    for name in migration.variables.names() {
        add(&mut hash, name.as_bytes());
        let value = migration.variables.get(name).unwrap_or_default();
        add(&mut hash, value.as_bytes());
    }
    Fingerprint(hash.finalize().into())
}

/// Of the first migrations, none of them to all, given those of each.
pub(super) fn prefixes(project: &str, own: &[Fingerprint]) -> Vec<Fingerprint> {
    let mut all = vec![Fingerprint::of(project.as_bytes())];
    for one in own {
        all.push(all[all.len() - 1].with(&one.0));
    }
    all
}

impl States {
    /// Of the state in which so many migrations are settled, and nothing more.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn settled_fingerprint(&self, settled: usize) -> Fingerprint {
        self.settled[settled]
    }

    /// Of a state.
    #[must_use]
    pub fn fingerprint(&self, visit: &Visit) -> Fingerprint {
        let settled = self.settled[visit.settled];
        match &visit.then {
            Then::Nothing => settled,
            Then::Ready(also) => also.iter().fold(settled.with(b"ready"), |before, index| {
                before.with(&self.own[*index].0)
            }),
            Then::Building(index) => settled.with(b"building").with(&self.own[*index].0),
            Then::Backfilling {
                index,
                percent,
                rows_after,
            } => settled
                .with(b"backfilling")
                .with(&self.own[*index].0)
                .with(&[percent.get()])
                .with(&self.settled[*rows_after].0),
        }
    }
}
