//! A [`Status`] in one word: how far this folder's deployment is.

use super::{Entry, EntryState, Status};
use crate::history::{Deployment, DeploymentState};
use crate::migration::Kind;

/// How far a database is on the way to a folder's migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The database has not been seen yet.
    Unknown,
    /// Migrations are pending, and nobody is at work on them.
    Pending,
    /// A batch is under way.
    Running,
    /// The newest deployment ended before it was ready.
    Failed,
    /// The newest deployment's runner is gone, before it was ready.
    Abandoned,
    /// The batch is committed; the tail is not done.
    Ready,
    /// Nothing is left to do.
    Settled,
}

impl Stage {
    /// All of them, in the order in which a deployment may pass them.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Pending,
        Self::Running,
        Self::Failed,
        Self::Abandoned,
        Self::Ready,
        Self::Settled,
    ];

    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Ready => "ready",
            Self::Settled => "settled",
        }
    }
}

impl Status {
    /// How far it is, never [`Stage::Unknown`], and since when as the ledger
    /// has it: RFC 3339, UTC. What the ledger has no time of is `None`.
    #[must_use]
    pub fn stage(&self) -> (Stage, Option<&str>) {
        if let Some(ready) = self.ready() {
            return if self.entries.iter().any(|entry| is_due(entry, true)) {
                (Stage::Ready, ready.ready_at.as_deref())
            } else {
                let since = ready.settled_at.as_ref().or(ready.ready_at.as_ref());
                (Stage::Settled, since.map(String::as_str))
            };
        }
        // A folder without migrations asks for nothing.
        if !self.entries.iter().any(|entry| !entry.is_missing) {
            return (Stage::Settled, None);
        }
        match self.deployments.first() {
            Some(newest) if self.is_abandoned(newest) => {
                (Stage::Abandoned, Some(&newest.started_at))
            }
            Some(newest) if newest.state == DeploymentState::Running => {
                (Stage::Running, Some(&newest.started_at))
            }
            Some(newest) if newest.state == DeploymentState::Failed => (Stage::Failed, None),
            _ => (Stage::Pending, None),
        }
    }

    /// The deployment by which all batch migrations of the folder are there.
    #[must_use]
    pub fn ready(&self) -> Option<&Deployment> {
        let mut files = self.entries.iter().filter(|entry| !entry.is_missing);
        if files.any(|entry| is_due(entry, false)) {
            return None;
        }
        let last = self
            .entries
            .iter()
            .filter(|entry| !entry.is_missing && entry.kind != Kind::Concurrent)
            .filter_map(|entry| entry.deployment)
            .max();
        self.deployments
            .iter()
            .find(|deployment| deployment.ready_at.is_some() && Some(deployment.id) >= last)
    }
}

/// Whether there is something left to do for this file, in the tail or before.
fn is_due(entry: &Entry, in_tail: bool) -> bool {
    !entry.is_missing
        && (entry.kind == Kind::Concurrent) == in_tail
        && !matches!(entry.state, EntryState::Applied | EntryState::Abandoned)
}
