//! A lock that the batch needs and that a concurrent migration holds: what to
//! do, as the user has asked.

use crate::graph::Graph;
use crate::migration::{Kind, Name};

/// What to do when the batch needs a lock that a concurrent migration holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Wait until it lets go.
    #[default]
    Wait,
    /// End with an error.
    Fail,
    /// Cancel it, apply the batch, and run it again.
    Preempt,
}

/// A session that works on a concurrent migration and holds a lock that the
/// batch needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whose migration.
    pub project: String,
    /// Which.
    pub name: Name,
    /// The session.
    pub pid: i32,
    /// Whether what it runs can be cancelled and run again: a `CALL` or `DO`
    /// with a COMMIT of its own cannot.
    pub is_repeatable: bool,
}

/// What the batch does about those that hold a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// None of them works on a concurrent migration: try again, as ever.
    Retry,
    /// Wait for the strangers among them first: without their locks nothing
    /// would be won by a cancelled build.
    StrangersFirst,
    /// Wait outside of any transaction, without the batch's lock; then plan
    /// again.
    Wait,
    /// End with an error.
    Fail,
    /// Cancel those that work on a concurrent migration, then plan again.
    Preempt,
    /// End with an error: these are not ours to cancel.
    NotOurs(NotOurs),
}

/// Why a concurrent migration is not pre-empted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOurs {
    /// It is another project's.
    Project,
    /// This folder does not have it, so nobody here could run it again.
    Folder,
    /// How much of its statement is done could not be known afterwards.
    Unrepeatable,
}

/// Decides what the batch of `project` does about a lock that `holders` hold,
/// and perhaps `strangers`, who are none.
#[must_use]
pub fn course(
    on_conflict: OnConflict,
    project: &str,
    graph: &Graph,
    holders: &[Holder],
    strangers: bool,
) -> Course {
    let is_known = |holder: &Holder| {
        let migration = graph.get(&holder.name);
        migration.is_some_and(|migration| migration.kind == Kind::Concurrent)
    };
    match on_conflict {
        _ if holders.is_empty() => Course::Retry,
        OnConflict::Wait => Course::Wait,
        OnConflict::Fail => Course::Fail,
        OnConflict::Preempt if holders.iter().any(|one| one.project != project) => {
            Course::NotOurs(NotOurs::Project)
        }
        OnConflict::Preempt if !holders.iter().all(is_known) => Course::NotOurs(NotOurs::Folder),
        OnConflict::Preempt if !holders.iter().all(|one| one.is_repeatable) => {
            Course::NotOurs(NotOurs::Unrepeatable)
        }
        OnConflict::Preempt if strangers => Course::StrangersFirst,
        OnConflict::Preempt => Course::Preempt,
    }
}

#[cfg(test)]
mod tests;
