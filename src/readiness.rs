//! Files and history → whether the wait is over. Pure: the clock comes in.

use std::time::{Duration, Instant};

use crate::history::{Deployment, DeploymentState, History, Progress};
use crate::migration::{Migration, Name};
use crate::text::{count, names};

mod open;

use open::Open;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The batch is committed: new code may serve.
    Ready,
    /// The concurrent migrations are done too.
    Settled,
}

impl Goal {
    /// As users write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Settled => "settled",
        }
    }
}

/// What one look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is over; the deployment that this folder stands by, if it has any
    /// migration.
    Reached(Option<Box<Deployment>>),
    /// What is missing, one line.
    NotYet {
        /// For people.
        missing: String,
    },
    /// A deployment of this folder has failed before our eyes.
    Failed {
        /// For people.
        reason: String,
    },
}

/// Looks, and remembers what it saw.
#[derive(Debug)]
pub struct Looker {
    project: String,
    goal: Goal,
    /// The one migration that is waited for, in place of a folder's.
    only: Option<Name>,
    /// What had failed already when we looked first.
    before: Option<Failures>,
    /// A deployment without a runner, and since when.
    orphan: Option<(i64, Instant)>,
    superseded_by: Option<i64>,
}

#[derive(Debug, Default)]
struct Failures {
    /// The newest deployment, if it had failed before it was ready.
    deployment: Option<i64>,
    /// The concurrent migrations whose last try had failed.
    migrations: Vec<Name>,
}

/// The row is committed before its lock is taken, so a runner is missed only
/// after a while.
pub const ORPHAN_AFTER: Duration = Duration::from_millis(1500);

/// A runner gives a sign of life every 2 s.
const SILENCE_MAX: Duration = Duration::from_secs(10);

impl Looker {
    /// Has seen nothing yet; waits for a folder's migrations.
    #[must_use]
    pub fn new(project: &str, goal: Goal) -> Self {
        Self {
            project: project.to_owned(),
            goal,
            only: None,
            before: None,
            orphan: None,
            superseded_by: None,
        }
    }

    /// Has seen nothing yet; waits for one migration, whatever the folder has.
    ///
    /// It is ready when it is applied and a deployment at or after the one that
    /// applied it is ready, and settled when the tails of all of those are done.
    /// A concurrent one is both when it is applied.
    #[must_use]
    pub fn of_migration(project: &str, goal: Goal, name: Name) -> Self {
        Self {
            only: Some(name),
            ..Self::new(project, goal)
        }
    }

    /// The deployment that seems to have put an end to what is waited for, by
    /// the last look: one of a later folder, which is ready without it, while
    /// nobody works on anything. Another run may still bring it, so the wait
    /// goes on.
    #[must_use]
    pub fn superseded_by(&self) -> Option<i64> {
        self.superseded_by
    }

    /// How soon after `now` to look again, if not later than `longest`: a
    /// runner that seems to be gone is doubted no longer than necessary.
    #[must_use]
    pub fn pause(&self, longest: Duration, now: Instant) -> Duration {
        let doubted = self.orphan.map(|(_, since)| now.duration_since(since));
        match doubted.and_then(|doubted| ORPHAN_AFTER.checked_sub(doubted)) {
            Some(left) => left.min(longest),
            None => longest,
        }
    }

    /// Judges what is there `now`.
    pub fn look(
        &mut self,
        migrations: &[Migration],
        history: &History,
        is_standby: bool,
        now: Instant,
    ) -> Verdict {
        let open = match &self.only {
            Some(name) => Open::of_migration(name, self.goal, history),
            None => Open::of_folder(migrations, self.goal, history),
        };
        let failures = self.failures(migrations, &open, history);
        let before = self.before.get_or_insert(Failures {
            deployment: failures.deployment,
            migrations: failures.migrations.clone(),
        });
        let new_failure = Failures {
            deployment: failures
                .deployment
                .filter(|id| before.deployment != Some(*id)),
            migrations: failures
                .migrations
                .iter()
                .filter(|name| !before.migrations.contains(name))
                .cloned()
                .collect(),
        };
        // What runs again has not failed any more, and may fail anew.
        before.deployment = before
            .deployment
            .filter(|id| failures.deployment == Some(*id));
        before
            .migrations
            .retain(|name| failures.migrations.contains(name));

        let scope = match &self.only {
            Some(name) => Some(name),
            None => migrations.iter().map(|migration| &migration.name).max(),
        };
        self.superseded_by =
            scope.and_then(|last| open.superseding(last, history, &self.project, is_standby));
        if open.is_nothing {
            return Verdict::Reached(None);
        }
        let is_applied = open.batch.is_empty() && open.half.is_empty();
        let (true, Some(ready)) = (is_applied, open.ready) else {
            if let Some(id) = new_failure.deployment {
                return Verdict::Failed {
                    reason: format!("deployment {id} {}", failed(history, id)),
                };
            }
            return Verdict::NotYet {
                missing: self.not_ready(&open, history, is_standby, now),
            };
        };
        if open.tail.is_empty() {
            return Verdict::Reached(Some(Box::new(ready.clone())));
        }
        let is_running = open
            .tail
            .iter()
            .any(|name| matches!(history.progress(&self.project, name), Progress::Running(_)));
        if let Some(name) = new_failure.migrations.first()
            && !is_running
        {
            let error = match history.progress(&self.project, name) {
                Progress::Failed(error) => error,
                _ => String::new(),
            };
            return Verdict::Failed {
                reason: format!("concurrent migration `{name}` failed: {error}"),
            };
        }
        let mut missing = format!(
            "deployment {} is ready; its tail is not done: {}",
            ready.id,
            names(&open.tail)
        );
        if let Some(id) = self.superseded_by {
            missing = format!("{missing}; {}", superseded(id, open.tail.len()));
        }
        Verdict::NotYet { missing }
    }

    fn failures(&self, migrations: &[Migration], open: &Open, history: &History) -> Failures {
        let last = migrations.iter().map(|migration| &migration.name).max();
        let concerns_us = |newest: &Deployment| match &self.only {
            // It may have had it, or not.
            Some(name) => newest.migration.as_ref() >= Some(name),
            // Another folder's failure does not concern us.
            None => newest.migration.as_ref() == last,
        };
        let names: Vec<&Name> = match self.only {
            Some(_) => open.tail.iter().collect(),
            None => migrations.iter().map(|migration| &migration.name).collect(),
        };
        Failures {
            deployment: history
                .deployments
                .first()
                .filter(|newest| newest.state == DeploymentState::Failed)
                .filter(|newest| concerns_us(newest))
                .map(|newest| newest.id),
            migrations: names
                .into_iter()
                .filter(|name| matches!(history.progress(&self.project, name), Progress::Failed(_)))
                .cloned()
                .collect(),
        }
    }

    /// What is missing before readiness, and who works on it.
    fn not_ready(
        &mut self,
        open: &Open,
        history: &History,
        is_standby: bool,
        now: Instant,
    ) -> String {
        let pending = open.batch.as_slice();
        let what = match (&self.only, pending) {
            _ if !open.half.is_empty() => {
                let are = if open.half.len() == 1 { "is" } else { "are" };
                format!("{} {are} half taken back", names(&open.half))
            }
            (Some(only), []) => format!("no deployment since `{only}` is ready"),
            (None, []) => "no deployment of this folder is ready".to_owned(),
            (_, pending) => format!(
                "{} pending: {}",
                count(pending.len(), "migration"),
                names(pending)
            ),
        };
        let newest = history.deployments.first();
        // One that came back, or ended, may be missed again later.
        let orphan = self.orphan.take();
        let who = match newest.map(|newest| (newest, newest.state)) {
            Some((newest, DeploymentState::Running)) if newest.is_held || is_standby => {
                let id = newest.id;
                match history.silence.filter(|silence| *silence > SILENCE_MAX) {
                    Some(silence) => format!(
                        "deployment {id} seems abandoned: its runner has given no sign of life for more than {} s",
                        silence.as_secs() / 10 * 10
                    ),
                    None => format!("deployment {id} is under way"),
                }
            }
            Some((newest, DeploymentState::Running)) => {
                let since = match orphan {
                    Some((id, since)) if id == newest.id => since,
                    _ => now,
                };
                self.orphan = Some((newest.id, since));
                if now.duration_since(since) < ORPHAN_AFTER {
                    format!("deployment {} is under way", newest.id)
                } else {
                    let next = if open.half.is_empty() {
                        "`segue up` starts afresh"
                    } else {
                        "`segue revert` goes on"
                    };
                    format!(
                        "deployment {} is abandoned, its runner is gone: {next}",
                        newest.id
                    )
                }
            }
            Some((newest, DeploymentState::Failed)) => {
                format!(
                    "the last deployment, {}, {}",
                    newest.id,
                    failed(history, newest.id)
                )
            }
            _ => match self.superseded_by {
                Some(id) => superseded(id, pending.len()),
                None => "nobody works on it yet".to_owned(),
            },
        };
        format!("{what}; {who}")
    }
}

fn superseded(id: i64, count: usize) -> String {
    let them = if count == 1 { "it" } else { "them" };
    format!(
        "deployment {id}, of a later folder, is ready without {them}: superseded, unless another `segue up` brings {them}"
    )
}

fn failed(history: &History, id: i64) -> String {
    let error = history
        .deployments
        .iter()
        .find(|deployment| deployment.id == id)
        .and_then(|deployment| deployment.error.as_deref());
    match error {
        Some(error) => format!("failed: {error}"),
        None => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests;
