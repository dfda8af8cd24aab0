//! What a database says about a project: what has been applied, what runs now.
//!
//! Values only; [`crate::postgres::ledger`] reads them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::migration::{Checksum, Kind, Migration, Name};
use crate::schema::Diff;
use crate::version::Version;

mod renamed;

pub use renamed::Renamed;

/// What the ledger says of one migration.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Of the text that was applied, or tried last.
    pub checksum: Checksum,
    /// How far it is.
    pub state: State,
    /// The half of the deployment that it ran in.
    pub kind: Kind,
    /// The deployment that applied or tried it last.
    pub deployment: Option<i64>,
    /// RFC 3339 time of application or of the last try, UTC.
    pub at: String,
    /// Its schema diff for each major version, as it was when it was tried
    /// last; `None` if it has none, or is applied.
    pub schema_diff: Option<Arc<BTreeMap<u32, Diff>>>,
    /// The version of the schema that the database has reached with it, once it
    /// is applied.
    pub schema_version: Option<Version>,
}

/// How far a migration is, by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Done.
    Applied,
    /// Begun outside a transaction, not ended: it runs, or its runner died.
    Begun,
    /// Ended with this error.
    Failed(String),
    /// Given up by `segue abandon`.
    Abandoned,
}

/// State of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentState {
    /// Its batch is under way, or its runner died in it.
    Running,
    /// Batch committed.
    Ready,
    /// Tail done too.
    Settled,
    /// Ended before it was ready.
    Failed,
}

impl DeploymentState {
    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }
}

/// One run of `segue up` with something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Counts up.
    pub id: i64,
    /// How far it is.
    pub state: DeploymentState,
    /// Name of the last migration of its folder.
    pub migration: Option<Name>,
    /// Fingerprint of all batch migrations that it stands for.
    pub fingerprint: String,
    /// Concurrent migrations that were left when it became ready.
    pub tail: Vec<Name>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub ready_at: Option<String>,
    /// RFC 3339, UTC.
    pub settled_at: Option<String>,
    /// Why it failed, or how its tail did.
    pub error: Option<String>,
    /// Whether a runner holds its lock, that is: works on it now.
    pub is_held: bool,
}

/// How far a concurrent migration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressRow {
    /// The backend that works on it.
    pub pid: i32,
    /// In PostgreSQL's words, `building index: scanning table` for example.
    pub phase: String,
    /// Units done, blocks mostly.
    pub done: Option<u64>,
    /// Units in all.
    pub total: Option<u64>,
    /// Whom it waits for, for people.
    pub waits_for: Option<String>,
    /// What would end that wait, for people.
    pub ends_wait: Option<String>,
    /// Of a statement that is done partition by partition: how many of them
    /// have their index, and how many there are.
    pub partitions: Option<(u64, u64)>,
}

/// Key of an advisory lock, as `pg_try_advisory_lock(bigint)` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockKey(pub i64);

impl LockKey {
    /// Creation and upgrades of the ledger itself, all projects.
    #[must_use]
    pub fn ledger() -> Self {
        Self::of(&["ledger"])
    }

    /// The batch of a project.
    #[must_use]
    pub fn batch(project: &str) -> Self {
        Self::of(&["batch", project])
    }

    /// The first halves of the shared locks by which a session tells the
    /// numbers of its code's version; the second halves are the numbers.
    #[must_use]
    pub fn app_classes(project: &str) -> [u32; 3] {
        ["app-major", "app-minor", "app-patch"].map(|part| Self::of(&[part, project]).halves().0)
    }

    /// A `segue add`, which looks at the schema before and after.
    #[must_use]
    pub fn add(project: &str) -> Self {
        Self::of(&["add", project])
    }

    /// A standalone or concurrent migration.
    #[must_use]
    pub fn migration(project: &str, name: &Name) -> Self {
        Self::of(&["migration", project, name.as_str()])
    }

    /// Those who help the session that runs a migration; shared.
    #[must_use]
    pub fn helpers(project: &str, name: &Name) -> Self {
        Self::of(&["helpers", project, name.as_str()])
    }

    /// Whoever builds the index of the partition with this OID, for a statement
    /// of a migration that is done partition by partition.
    #[must_use]
    pub fn partition(project: &str, name: &Name, oid: u32) -> Self {
        Self::of(&["partition", project, name.as_str(), &oid.to_string()])
    }

    /// The batch that has cancelled a concurrent migration and needs its locks:
    /// nobody runs it while this one is held.
    #[must_use]
    pub fn preemption(project: &str, name: &Name) -> Self {
        Self::of(&["preemption", project, name.as_str()])
    }

    /// A deployment's runner.
    #[must_use]
    pub fn deployment(project: &str, id: i64) -> Self {
        Self::of(&["deployment", project, &id.to_string()])
    }

    fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update("segue");
        for part in parts {
            hash.update([0]);
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let first = digest.first_chunk().expect("32 bytes hold 8");
        Self(i64::from_be_bytes(*first))
    }

    /// `classid` and `objid` of this lock in `pg_locks` (`objsubid` is 1).
    #[must_use]
    pub fn halves(self) -> (u32, u32) {
        let bytes = self.0.to_be_bytes();
        let half = |at| u32::from_be_bytes(std::array::from_fn(|index| bytes[at + index]));
        (half(0), half(4))
    }

    /// The key that `pg_locks` shows as these halves.
    #[must_use]
    pub fn from_halves(classid: u32, objid: u32) -> Self {
        let (high, low) = (classid.to_be_bytes(), objid.to_be_bytes());
        Self(i64::from_be_bytes([
            high[0], high[1], high[2], high[3], low[0], low[1], low[2], low[3],
        ]))
    }
}

/// All that a plan needs to know of a database.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Version of the ledger; `None` where it has never been made.
    pub ledger: Option<u32>,
    /// By name, those that the ledger knows.
    pub records: BTreeMap<Name, Record>,
    /// Migrations that are taken back statement by statement, and are not
    /// taken back yet: what the ledger says of the file that does so.
    pub reverting: BTreeMap<Name, Record>,
    /// Advisory locks that are held in the database, with the pid of the
    /// backend that holds each.
    pub locks: BTreeMap<LockKey, i32>,
    /// The deployments that matter, newest first: the newest, the newest that
    /// became ready, and all that are ready but not settled.
    pub deployments: Vec<Deployment>,
    /// Whether the database holds relations that are not the system's or
    /// segue's.
    pub has_user_relations: bool,
    /// On a standby, where locks cannot be seen: for how long nothing has been
    /// heard of the runner of the newest deployment, if that is running and if
    /// it can be known.
    pub silence: Option<Duration>,
    /// The newest deployment that has taken migrations back and has not become
    /// ready: no older one says what the schema is.
    pub unready_reversal: Option<i64>,
    /// Migrations that the ledger has under another name; all else here has
    /// the folder's names. Empty before [`History::follow`].
    pub renamed: Vec<Renamed>,
}

/// How far a migration is, locks included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Pending,
    /// The session with this pid works on it now.
    Running(i32),
    /// Begun outside a transaction by a runner that is gone.
    Interrupted,
    /// Ended with this error.
    Failed(String),
    /// Done.
    Applied,
    /// Given up.
    Abandoned,
}

impl Progress {
    /// Whether there is something left to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self, Self::Applied | Self::Abandoned)
    }
}

impl History {
    /// Takes the advisory locks that are held now.
    pub fn see_locks(&mut self, project: &str, locks: BTreeMap<LockKey, i32>) {
        for deployment in &mut self.deployments {
            let key = LockKey::deployment(project, deployment.id);
            deployment.is_held = locks.contains_key(&key);
        }
        self.locks = locks;
    }

    /// The version of the schema: the highest that an applied migration has
    /// brought which is not being taken back.
    #[must_use]
    pub fn schema_version(&self) -> Option<Version> {
        let applied = self.records.iter();
        applied
            .filter(|(_, record)| record.state == State::Applied)
            .filter(|(name, _)| !self.reverting.contains_key(name))
            .filter_map(|(_, record)| record.schema_version)
            .max()
    }

    /// Whether `name` is applied or given up: there is nothing to do for it.
    #[must_use]
    pub fn is_closed(&self, name: &Name) -> bool {
        let record = self.records.get(name);
        record.is_some_and(|record| matches!(record.state, State::Applied | State::Abandoned))
            && !self.reverting.contains_key(name)
    }

    /// Whether a migration has begun outside a transaction and is not done.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        let is_begun = |record: &Record| matches!(record.state, State::Begun | State::Failed(_));
        self.records.values().any(is_begun) || !self.reverting.is_empty()
    }

    /// How far `name` is.
    #[must_use]
    pub fn progress(&self, project: &str, name: &Name) -> Progress {
        // Half taken back, it is neither applied nor pending: what the file
        // has come to that does so says more.
        let (record, key) = match self.reverting.get(name) {
            Some(reverting) => (
                Some(reverting),
                LockKey::migration(project, &name.revert_file()),
            ),
            None => (self.records.get(name), LockKey::migration(project, name)),
        };
        let state = record.map(|record| &record.state);
        match state {
            Some(State::Applied) => return Progress::Applied,
            Some(State::Abandoned) => return Progress::Abandoned,
            Some(State::Begun | State::Failed(_)) | None => {}
        }
        if let Some(pid) = self.locks.get(&key) {
            return Progress::Running(*pid);
        }
        match state {
            Some(State::Begun) => Progress::Interrupted,
            Some(State::Failed(error)) => Progress::Failed(error.clone()),
            _ => Progress::Pending,
        }
    }

    /// The newest deployment that has become ready, at or after those that
    /// applied `migrations`, and after each that has taken others back.
    #[must_use]
    pub fn ready_deployment<'a>(
        &self,
        migrations: impl Iterator<Item = &'a Migration>,
    ) -> Option<&Deployment> {
        let last = migrations
            .filter(|migration| migration.kind != Kind::Concurrent)
            .filter_map(|migration| self.records.get(&migration.name)?.deployment)
            .max();
        self.deployments.iter().find(|deployment| {
            let id = Some(deployment.id);
            deployment.ready_at.is_some() && id >= last && id > self.unready_reversal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_key_survives_the_halves_of_pg_locks() {
        let key = LockKey::batch("main");
        let (classid, objid) = key.halves();
        assert_eq!(LockKey::from_halves(classid, objid), key);
        assert_ne!(key, LockKey::batch("other"));
    }
}
