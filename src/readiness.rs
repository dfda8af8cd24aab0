//! Files and history → whether the wait is over. Pure: the clock comes in.

use std::time::{Duration, Instant};

use crate::history::{Deployment, DeploymentState, History, Progress};
use crate::migration::{Kind, Migration, Name};
use crate::text::{count, names};

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
    /// What had failed already when we looked first.
    before: Option<Failures>,
    /// A deployment without a runner, and since when.
    orphan: Option<(i64, Instant)>,
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

impl Looker {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(project: &str, goal: Goal) -> Self {
        Self {
            project: project.to_owned(),
            goal,
            before: None,
            orphan: None,
        }
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
        let failures = self.failures(migrations, history);
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

        let open = |is_concurrent: bool| -> Vec<&Migration> {
            migrations
                .iter()
                .filter(|migration| {
                    (migration.kind == Kind::Concurrent) == is_concurrent
                        && history.progress(&self.project, &migration.name).is_open()
                })
                .collect()
        };
        let pending = open(false);
        let ready = history.ready_deployment(migrations.iter());
        if migrations.is_empty() {
            return Verdict::Reached(None);
        }
        let (true, Some(ready)) = (pending.is_empty(), ready) else {
            if let Some(id) = new_failure.deployment {
                return Verdict::Failed {
                    reason: format!("deployment {id} {}", failed(history, id)),
                };
            }
            return Verdict::NotYet {
                missing: self.not_ready(&pending, history, is_standby, now),
            };
        };
        if self.goal == Goal::Ready {
            return Verdict::Reached(Some(Box::new(ready.clone())));
        }
        let tail = open(true);
        if tail.is_empty() {
            return Verdict::Reached(Some(Box::new(ready.clone())));
        }
        let is_running = tail.iter().any(|migration| {
            matches!(
                history.progress(&self.project, &migration.name),
                Progress::Running(_)
            )
        });
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
        Verdict::NotYet {
            missing: format!(
                "deployment {} is ready; its tail is not done: {}",
                ready.id,
                names(tail.iter().map(|migration| &migration.name))
            ),
        }
    }

    fn failures(&self, migrations: &[Migration], history: &History) -> Failures {
        let last = migrations.iter().map(|migration| &migration.name).max();
        Failures {
            deployment: history
                .deployments
                .first()
                .filter(|newest| newest.state == DeploymentState::Failed)
                // Another folder's failure does not concern us.
                .filter(|newest| newest.migration.as_ref() == last)
                .map(|newest| newest.id),
            migrations: migrations
                .iter()
                .map(|migration| &migration.name)
                .filter(|name| matches!(history.progress(&self.project, name), Progress::Failed(_)))
                .cloned()
                .collect(),
        }
    }

    /// What is missing before readiness, and who works on it.
    fn not_ready(
        &mut self,
        pending: &[&Migration],
        history: &History,
        is_standby: bool,
        now: Instant,
    ) -> String {
        let what = if pending.is_empty() {
            "no deployment of this folder is ready".to_owned()
        } else {
            format!(
                "{} pending: {}",
                count(pending.len(), "migration"),
                names(pending.iter().map(|migration| &migration.name))
            )
        };
        let newest = history.deployments.first();
        // One that came back, or ended, may be missed again later.
        let orphan = self.orphan.take();
        let who = match newest.map(|newest| (newest, newest.state)) {
            Some((newest, DeploymentState::Running)) if newest.is_held || is_standby => {
                format!("deployment {} is under way", newest.id)
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
                    format!(
                        "deployment {} is abandoned, its runner is gone: `segue up` starts afresh",
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
            _ => "nobody works on it yet".to_owned(),
        };
        format!("{what}; {who}")
    }
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
