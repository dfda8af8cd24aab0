//! Waiting for somebody else's run, as `segue wait` does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Committed;
use super::ready::Settled;
use super::run::Prepared;
use super::{Deployment, Error, Event, Ready};
use crate::apply::watch::{Look, PAUSE, Seen, Watch, Watched};
use crate::diagnostic::{Diagnostic, Severity};
use crate::migration::{Kind, Migration};
use crate::readiness::{Goal, Looker, Verdict};
use crate::version::Version;

/// Longest wait where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_mins(10);

/// What a wait has come to.
struct Reached {
    deployment: Option<i64>,
    schema_version: Option<Version>,
    /// Concurrent migrations that are not done.
    tail: Vec<String>,
}

impl Deployment {
    /// Waits until another process has made this program's migrations ready:
    /// for instances that do not migrate themselves. Works on a standby, and
    /// through a server's restart; writes nothing.
    ///
    /// What was ready before is so at once, and nothing is missed in between:
    /// it listens, then reads, and the table is believed, never a
    /// notification.
    ///
    /// # Errors
    /// [`Error::FailedElsewhere`] when that run fails meanwhile,
    /// [`Error::TimedOut`], and what [`Deployment::up`] finds before it begins.
    pub fn wait_ready(&self) -> impl Future<Output = Result<Ready, Error>> + Send + use<> {
        let of = self.clone();
        async move {
            let Reached {
                deployment,
                schema_version,
                tail,
            } = of.wait(Goal::Ready).await?;
            Ok(Ready {
                of,
                deployment,
                schema_version,
                is_settled: tail.is_empty(),
                tail,
            })
        }
    }

    /// Waits until another process has settled this program's migrations, as
    /// [`Deployment::wait_ready`].
    ///
    /// # Errors
    /// As [`Deployment::wait_ready`].
    pub fn wait_settled(&self) -> impl Future<Output = Result<Settled, Error>> + Send + use<> {
        let of = self.clone();
        async move {
            let Reached { deployment, .. } = of.wait(Goal::Settled).await?;
            Ok(Settled { deployment })
        }
    }

    async fn wait(&self, goal: Goal) -> Result<Reached, Error> {
        let Prepared {
            target, migrations, ..
        } = self.prepare().await?;
        let problems = migrations.iter().flat_map(|one| one.problems.clone());
        let problems: Vec<Diagnostic> = problems.collect();
        if problems.iter().any(|one| one.severity == Severity::Error) {
            return Err(Error::invalid(problems));
        }
        let longest = self.timeout.unwrap_or(TIMEOUT);
        let mut watch = Watch::new(Watched {
            target,
            project: self.project.clone(),
            owner: self.owner.clone(),
            migrations: migrations.into(),
        });
        let mut missing = None;
        let ended = tokio::select! {
            ended = tokio::time::timeout(longest, self.watch(&mut watch, goal, &mut missing)) => {
                ended.unwrap_or_else(|_| Err(late(goal, missing, longest)))
            }
            _ = self.interrupt.first() => Err(Error::Stopped {
                committed: Committed::default(),
            }),
        };
        watch.close().await;
        ended
    }

    /// Looks until it is over. What is missing is kept for who gives up.
    async fn watch(
        &self,
        watch: &mut Watch,
        goal: Goal,
        missing: &mut Option<String>,
    ) -> Result<Reached, Error> {
        let migrations = Arc::clone(&watch.watched().migrations);
        let mut looker = Looker::new(&self.project, goal);
        loop {
            let pause = looker.pause(PAUSE, Instant::now());
            let found = match watch.next(pause).await {
                Look::Away(away) if away.is_passing => away.error.to_string(),
                Look::Away(away) => return Err(away.error.into()),
                Look::Seen(seen) => {
                    let standby = seen.is_standby();
                    match looker.look(&migrations, &seen.history, standby, Instant::now()) {
                        Verdict::Reached(deployment) => {
                            return Ok(Reached {
                                deployment: deployment.map(|one| one.id),
                                schema_version: seen.history.schema_version(),
                                tail: open(&self.project, &migrations, &seen),
                            });
                        }
                        Verdict::Failed { reason } => {
                            return Err(Error::FailedElsewhere { reason });
                        }
                        Verdict::NotYet { missing } => missing,
                    }
                }
            };
            if missing.as_ref() != Some(&found) {
                self.tell(Event::Waiting {
                    what: found.clone(),
                });
                *missing = Some(found);
            }
        }
    }
}

/// Names of the concurrent migrations that are not done.
fn open(project: &str, migrations: &[Migration], seen: &Seen) -> Vec<String> {
    let concurrent = migrations
        .iter()
        .filter(|migration| migration.kind == Kind::Concurrent);
    concurrent
        .filter(|migration| seen.history.progress(project, &migration.name).is_open())
        .map(|migration| migration.name.to_string())
        .collect()
}

fn late(goal: Goal, missing: Option<String>, after: Duration) -> Error {
    let goal = format!("the deployment to be {}", goal.as_str());
    Error::TimedOut {
        what: match missing {
            Some(missing) => format!("{goal}: {missing}"),
            None => goal,
        },
        after,
        committed: None,
    }
}
