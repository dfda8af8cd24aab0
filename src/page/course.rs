//! A status → the parts of the picture: what was there before, what the
//! deployment at hand does before it is ready, and what it does after.

use std::collections::BTreeSet;

use crate::history::{Deployment, DeploymentState};
use crate::migration::{Kind, Name};
use crate::status::{Entry, EntryState, Status};

/// Each migration of a status in one of three parts; all by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course<'a> {
    /// The newest deployment, or the one that made the folder ready.
    pub deployment: Option<&'a Deployment>,
    /// The same, if the picture is about it; `None` if it was over before what
    /// is pending now came.
    pub at_hand: Option<&'a Deployment>,
    /// Applied by earlier deployments, or given up.
    pub before: Vec<&'a Entry>,
    /// Before the deployment is ready.
    pub batch: Vec<&'a Entry>,
    /// After it.
    pub tail: Vec<&'a Entry>,
    /// Whether the deployment is ready for the folder.
    pub is_ready: bool,
}

impl<'a> Course<'a> {
    pub(super) fn new(status: &'a Status) -> Self {
        let ready = status.ready();
        let deployment = ready.or(status.deployments.first());
        // One that became ready for an older folder has nothing to do with
        // what is pending now.
        let at_hand = deployment.filter(|one| {
            ready.is_some()
                || matches!(
                    one.state,
                    DeploymentState::Running | DeploymentState::Failed
                )
        });
        let foreground = foreground(&status.entries);
        let mut course = Self {
            deployment,
            at_hand,
            before: Vec::new(),
            batch: Vec::new(),
            tail: Vec::new(),
            is_ready: ready.is_some(),
        };
        for entry in &status.entries {
            let is_open = is_open(entry);
            let is_of_it = at_hand.is_some_and(|one| entry.deployment == Some(one.id));
            let part = if entry.kind == Kind::Concurrent {
                let was_left = at_hand.is_some_and(|one| one.tail.contains(&entry.name));
                if is_open && foreground.contains(&entry.name) && ready.is_none() {
                    &mut course.batch
                } else if is_open || was_left {
                    &mut course.tail
                } else if is_of_it {
                    &mut course.batch
                } else {
                    &mut course.before
                }
            } else if (is_open && !entry.is_missing) || is_of_it {
                &mut course.batch
            } else {
                &mut course.before
            };
            part.push(entry);
        }
        course
    }
}

/// Whether something is left to do for it.
pub(super) fn is_open(entry: &Entry) -> bool {
    !matches!(entry.state, EntryState::Applied | EntryState::Abandoned)
}

/// Open concurrent migrations that an open one of the folder needs done: they
/// run before the deployment is ready.
fn foreground(entries: &[Entry]) -> BTreeSet<&Name> {
    entries
        .iter()
        .filter(|entry| is_open(entry) && !entry.is_missing)
        .flat_map(|entry| &entry.ends)
        .collect()
}

#[cfg(test)]
mod tests;
