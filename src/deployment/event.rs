//! What happens during a run, for the program that runs it.

use std::fmt;
use std::time::Duration;

use tokio::sync::broadcast;

use super::Problem;
use crate::apply::{self, blocker, human};
use crate::migration::Kind;
use crate::plan::Step;
use crate::postgres::activity::Blocker;
use crate::text::{count, names};

/// Something has happened, or goes on. As text it is one line, but for
/// [`Event::Failed`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// This is what will be done; comes again when it was decided anew.
    Planned {
        /// Migrations to be applied before the deployment is ready.
        batch: Vec<String>,
        /// Concurrent migrations that run afterwards.
        tail: Vec<String>,
    },
    /// Something is in the way, and waited for.
    Waiting {
        /// For what, and who is in the way.
        what: String,
    },
    /// What was under way was rolled back and will be tried again.
    Retrying {
        /// The server's words.
        reason: String,
        /// How long until then, at least.
        pause: Duration,
    },
    /// A transaction of the batch is committed.
    Committed {
        /// Number of its migrations.
        migrations: usize,
        /// How long it was open.
        duration: Duration,
    },
    /// The deployment is ready: new code may serve.
    Ready {
        /// Its number, as in `segue.deployment`.
        deployment: i64,
        /// Whether it was so before this run.
        again: bool,
        /// The version of the schema, `3.1.0`, if a migration has brought one.
        schema_version: Option<String>,
    },
    /// A migration begins that runs outside a transaction.
    Began {
        /// Name of its file.
        migration: String,
    },
    /// How far a concurrent migration is.
    Progress {
        /// Name of its file.
        migration: String,
        /// In PostgreSQL's words, `building index: scanning table` for example.
        phase: String,
        /// Units done.
        done: Option<u64>,
        /// Units in all.
        total: Option<u64>,
    },
    /// A concurrent migration is done.
    Done {
        /// Name of its file.
        migration: String,
        /// How long it ran.
        duration: Duration,
    },
    /// A concurrent migration failed; independent others go on.
    Failed {
        /// Name of its file.
        migration: String,
        /// What, where, and the server's words.
        problem: Problem,
    },
    /// The deployment is settled: the tail is done, too.
    Settled {
        /// Its number.
        deployment: i64,
    },
    /// Something else that is worth a line in a log: what was repaired, a
    /// schema that is not as expected, a warning of the server.
    Noted {
        /// One line.
        text: String,
    },
    /// Events were not taken in time, and the oldest are gone.
    Missed {
        /// How many.
        events: u64,
    },
}

/// So many events are kept for who is slow to take them.
const KEPT_MAX: usize = 1024;

impl Event {
    pub(super) fn channel() -> broadcast::Sender<Self> {
        broadcast::Sender::new(KEPT_MAX)
    }

    /// What a program is told of it, if anything.
    #[expect(clippy::too_many_lines, reason = "an arm per event: a table")]
    pub(super) fn of(event: &apply::Event) -> Option<Self> {
        use apply::Event as Told;
        let waiting = |what: String| Self::Waiting { what };
        let noted = |text: String| Self::Noted { text };
        Some(match event {
            Told::Planned(plan) => Self::Planned {
                batch: plan
                    .batch
                    .iter()
                    .flat_map(Step::names)
                    .map(ToString::to_string)
                    .collect(),
                tail: plan.tail.iter().map(|step| step.name.to_string()).collect(),
            },
            Told::WaitingForBatch { holder } => {
                waiting(format!("another run to end its batch: {holder}"))
            }
            Told::WaitingForLock {
                relation,
                lock,
                blockers,
            } => {
                let lock = lock.as_deref().unwrap_or("relation");
                let lock = blocker::lock(relation.as_deref(), lock);
                waiting(format!("{lock}: {}", all(blockers)))
            }
            Told::BuildWaits {
                name,
                blockers,
                since,
            } => waiting(format!(
                "`{name}` has waited {} for {}",
                human(since),
                all(blockers)
            )),
            Told::RunsElsewhere { name, holder } => waiting(format!("`{name}`, run by {holder}")),
            Told::CommitWaits { pid, wait_event } => {
                let event = wait_event.as_deref();
                let event = event.map_or_else(String::new, |event| format!(" for {event}"));
                waiting(format!("the answer to COMMIT; pid {pid} waits{event}"))
            }
            Told::BlockRetried { cause, pause, .. }
            | Told::StatementRetried { cause, pause, .. } => Self::Retrying {
                reason: cause.clone(),
                pause: *pause,
            },
            Told::BlockCommitted {
                migrations,
                duration,
            } => Self::Committed {
                migrations: *migrations,
                duration: *duration,
            },
            Told::Ready {
                deployment,
                again,
                schema_version,
                ..
            } => Self::Ready {
                deployment: *deployment,
                again: *again,
                schema_version: schema_version.map(|version| version.to_string()),
            },
            Told::MigrationBegan {
                name,
                kind: Kind::Standalone | Kind::Concurrent,
                ..
            } => Self::Began {
                migration: name.to_string(),
            },
            Told::Progress {
                name,
                phase,
                done,
                total,
            } => Self::Progress {
                migration: name.to_string(),
                phase: phase.clone(),
                done: *done,
                total: *total,
            },
            Told::MigrationDone { name, duration } => Self::Done {
                migration: name.to_string(),
                duration: *duration,
            },
            Told::MigrationFailed { name, diagnostic } => Self::Failed {
                migration: name.to_string(),
                problem: Problem::new(diagnostic.as_ref().clone()),
            },
            Told::Settled { deployment, .. } => Self::Settled {
                deployment: *deployment,
            },
            Told::LedgerCreated => noted("the ledger was made, in namespace segue".to_owned()),
            Told::StalledEnded { holder, idle } => noted(format!(
                "ended a session that held a lock and did nothing for {}: {holder}",
                human(idle)
            )),
            Told::Conflict { name, holder, .. } => noted(format!(
                "the batch needs a lock that `{name}` holds: {holder}"
            )),
            Told::Preempted { name, .. } => noted(format!(
                "`{name}` was cancelled for another run's batch, and runs again after it"
            )),
            Told::BlockCut { cut } => noted(format!(
                "the batch was rolled back, and runs in two transactions, cut before `{}`",
                cut.before
            )),
            Told::Unfolded { name, reason } => noted(format!(
                "the batch was rolled back, and runs without `{name}`, which runs by itself: {reason}"
            )),
            Told::ConnectionLost { reason } => noted(format!("the connection was lost: {reason}")),
            Told::Backfill { name, news } => noted(format!("`{name}`: {news}")),
            Told::Repaired { name, what } => noted(format!("`{name}`: {what}")),
            Told::Detached { builds } => noted(format!(
                "goes on in the server: {}",
                names(builds.iter().map(|(name, _)| name))
            )),
            Told::DriftFound { since, .. } => noted(format!(
                "the schema is not as deployment {since} has left it"
            )),
            Told::Overtaken { names: lacked } => noted(format!(
                "a newer deployment has applied {} that this one lacks: {}",
                count(lacked.len(), "migration"),
                names(lacked)
            )),
            Told::Mismatched { mismatch, .. } => noted(mismatch.summary()),
            Told::Notice { notice, .. } => {
                noted(format!("{}: {}", notice.severity, notice.message))
            }
            // `Deployment` takes nothing back.
            Told::ReversalPlanned { .. }
            | Told::RowsReverted { .. }
            | Told::LedgerBrought { .. }
            | Told::DeploymentBegan { .. }
            | Told::BlockBegan { .. }
            | Told::MigrationRan { .. }
            | Told::MigrationBegan { .. }
            | Told::RoleMade { .. }
            | Told::CommitResolved { .. }
            | Told::TailBegan { .. }
            | Told::StatementBegan { .. }
            | Told::StatementSkipped { .. }
            | Told::PartitionBegan { .. }
            // `Deployment` returns by itself when this comes, and runs no service.
            | Told::Reached { .. }
            | Told::ServiceWaits { .. }
            | Told::ServiceRetries { .. }
            | Told::ServiceLacks { .. }
            | Told::Verified { .. } => return None,
        })
    }
}

fn all(blockers: &[Blocker]) -> String {
    let blockers: Vec<_> = blockers.iter().map(ToString::to_string).collect();
    blockers.join("; ")
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned { batch, tail } => match (batch.as_slice(), tail.as_slice()) {
                ([], []) => formatter.write_str("nothing to do"),
                (batch, []) => write!(formatter, "to apply: {}", names(batch)),
                ([], tail) => write!(formatter, "to do after ready: {}", names(tail)),
                (batch, tail) => write!(
                    formatter,
                    "to apply: {}; after ready: {}",
                    names(batch),
                    names(tail)
                ),
            },
            Self::Waiting { what } => write!(formatter, "waiting for {what}"),
            Self::Retrying { reason, pause } => {
                write!(formatter, "trying again in {}: {reason}", human(pause))
            }
            Self::Committed {
                migrations,
                duration,
            } => write!(
                formatter,
                "committed {} in {}",
                count(*migrations, "migration"),
                human(duration)
            ),
            Self::Ready { deployment, .. } => write!(formatter, "deployment {deployment} is ready"),
            Self::Began { migration } => write!(formatter, "running `{migration}`"),
            Self::Progress {
                migration,
                phase,
                done,
                total,
            } => match (done, total) {
                (Some(done), Some(total)) => {
                    write!(formatter, "`{migration}`: {phase}, {done} of {total}")
                }
                _ => write!(formatter, "`{migration}`: {phase}"),
            },
            Self::Done {
                migration,
                duration,
            } => write!(
                formatter,
                "`{migration}` is done, after {}",
                human(duration)
            ),
            Self::Failed { migration, problem } => {
                write!(formatter, "`{migration}` failed: {problem}")
            }
            Self::Settled { deployment } => {
                write!(formatter, "deployment {deployment} is settled")
            }
            Self::Noted { text } => formatter.write_str(text),
            Self::Missed { events } => write!(formatter, "{events} events were missed"),
        }
    }
}

/// Events as they come; see [`Deployment::events`](super::Deployment::events).
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    pub(super) fn of(sender: &broadcast::Sender<Event>) -> Self {
        Self(sender.subscribe())
    }

    /// The next one; `None` once the deployment and all its runs are gone.
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(events)) => Some(Event::Missed { events }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// All of them, as a stream.
    pub fn into_stream(self) -> impl futures_util::Stream<Item = Event> + Send {
        futures_util::stream::unfold(self, |mut events| async move {
            Some((events.next().await?, events))
        })
    }
}
