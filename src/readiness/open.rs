//! What is not done yet of what is waited for.

use super::Goal;
use crate::history::{Deployment, DeploymentState, History, Progress};
use crate::migration::{Kind, Migration, Name};

/// What is not done yet.
#[derive(Debug, Default)]
pub(super) struct Open<'a> {
    /// Before readiness.
    pub(super) batch: Vec<Name>,
    /// After it, as far as it is waited for.
    pub(super) tail: Vec<Name>,
    /// What is half taken back, by this folder or another: the schema is that
    /// of neither.
    pub(super) half: Vec<Name>,
    /// The deployment by which all that is not open is ready.
    pub(super) ready: Option<&'a Deployment>,
    /// Whether there is nothing to wait for.
    pub(super) is_nothing: bool,
}

impl<'a> Open<'a> {
    /// Of a folder.
    pub(super) fn of_folder(migrations: &[Migration], goal: Goal, history: &'a History) -> Self {
        let open = |is_concurrent: bool| -> Vec<Name> {
            migrations
                .iter()
                .filter(|migration| (migration.kind == Kind::Concurrent) == is_concurrent)
                .map(|migration| &migration.name)
                .filter(|name| !history.is_closed(name))
                .cloned()
                .collect()
        };
        Self {
            batch: open(false),
            tail: match goal {
                Goal::Ready => Vec::new(),
                Goal::Settled => open(true),
            },
            half: history.reverting.keys().cloned().collect(),
            ready: history.ready_deployment(migrations.iter()),
            is_nothing: migrations.is_empty() && history.reverting.is_empty(),
        }
    }

    /// Of one migration, by the ledger alone.
    pub(super) fn of_migration(name: &Name, goal: Goal, history: &'a History) -> Self {
        let Some(record) = history.records.get(name) else {
            return Self {
                batch: vec![name.clone()],
                ..Self::default()
            };
        };
        let since: Vec<&Deployment> = history
            .deployments
            .iter()
            .filter(|one| one.ready_at.is_some() && Some(one.id) >= record.deployment)
            .collect();
        let is_half = history.reverting.contains_key(name);
        let mut open = Self {
            half: is_half.then(|| name.clone()).into_iter().collect(),
            ready: since.first().copied(),
            ..Self::default()
        };
        match (history.is_closed(name), record.kind) {
            (false, Kind::Concurrent) => open.tail.push(name.clone()),
            (false, _) => open.batch.push(name.clone()),
            // Its deployment may be waiting for it to be ready.
            (true, Kind::Concurrent) => open.is_nothing = open.ready.is_none(),
            (true, _) if goal == Goal::Settled => {
                let tails = since.iter().flat_map(|one| &one.tail);
                open.tail = tails
                    .filter(|name| !history.is_closed(name))
                    .cloned()
                    .collect();
                open.tail.sort();
                open.tail.dedup();
            }
            (true, _) => {}
        }
        open
    }

    /// The deployment that seems to have put an end to it: the newest that is
    /// ready, if its folder goes beyond `last`, if what is open is not in its
    /// tail, and if nobody works on anything. What was pending was not in its
    /// batch: it would be applied.
    pub(super) fn superseding(
        &self,
        last: &Name,
        history: &History,
        project: &str,
        is_standby: bool,
    ) -> Option<i64> {
        let newest = history.deployments.first()?;
        if newest.state == DeploymentState::Running && (newest.is_held || is_standby) {
            return None;
        }
        let mut ready = history.deployments.iter();
        let ready = ready.find(|one| one.ready_at.is_some())?;
        let is_beyond = ready.migration.as_ref() > Some(last);
        let mut open = self.batch.iter().chain(&self.tail).peekable();
        let is_left = |name: &Name| {
            let progress = history.progress(project, name);
            !ready.tail.contains(name) && !matches!(progress, Progress::Running(_))
        };
        (is_beyond && open.peek().is_some() && open.all(is_left)).then_some(ready.id)
    }
}
