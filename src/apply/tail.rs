//! The tail: what runs after readiness, each migration in a session of its
//! own that holds its lock, some side by side.
//!
//! No session here waits for a lock in the server or leaves a transaction open
//! beside a build: a snapshot of ours would hold up our own builds. Which
//! member may start is `schedule`'s to say, one member is `step`, whom a
//! build waits for is `watch`'s, and what a signal does is `detach`'s.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::backfill::Hurry;
use super::slots::Slots;
use super::survey::relate;
use super::{ApplyError, Event, Run};
use crate::diagnostic::{Diagnostic, code};
use crate::graph::Graph;
use crate::migration::Name;
use crate::plan::TailStep;
use crate::postgres::ledger::Ledger;

mod control;
mod detach;
mod elsewhere;
mod pace;
mod schedule;
mod step;
mod watch;

pub use detach::AGAIN_WITHIN;
pub(super) use elsewhere::{wait_for, wait_out};

use control::Control;
use schedule::Schedule;
use step::{End, Held};
use watch::Watch;

/// How a tail ended. Each member is in one of the lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Done, by this run or, while it waited, by another one.
    pub done: Vec<Name>,
    /// Given up by `segue abandon` meanwhile.
    pub abandoned: Vec<Name>,
    /// Failed, each with its reason.
    pub failed: Vec<(Name, Box<Diagnostic>)>,
    /// Go on in the server, in the backend with this pid: the user asked us
    /// to end.
    pub detached: Vec<(Name, i32)>,
    /// Cancelled since the user asked us to end; nothing of them is left.
    pub cancelled: Vec<Name>,
    /// Backfills that were stopped between two batches since the user asked us
    /// to end, with rows done and, an estimate, rows in all; the next run goes
    /// on there.
    pub stopped: Vec<(Name, u64, Option<u64>)>,
    /// Cancelled, but what was left could not be removed; the next run does.
    pub left_behind: Vec<Name>,
    /// Run in another session, with this pid, which made no visible progress
    /// for `--concurrent-wait`, or still ran when the user asked us to end.
    pub elsewhere: Vec<(Name, i32)>,
    /// Not started: a member that comes before was not done, or the user asked
    /// us to end.
    pub not_started: Vec<Name>,
}

impl Report {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.failed.is_empty()
            && self.detached.is_empty()
            && self.cancelled.is_empty()
            && self.stopped.is_empty()
            && self.left_behind.is_empty()
            && self.elsewhere.is_empty()
            && self.not_started.is_empty()
    }

    /// Why it is not done, one line; `None` if nothing failed: then the user
    /// asked us to end, or another session is still at it.
    #[must_use]
    pub fn first_failure(&self) -> Option<String> {
        let (name, diagnostic) = self.failed.first()?;
        Some(format!("{name}: {}", diagnostic.message))
    }

    /// Why it is not done, one line.
    #[must_use]
    pub fn summary(&self) -> String {
        if let Some(failure) = self.first_failure() {
            return match self.failed.len() {
                1 => failure,
                more => format!("{failure} (and {} more failed)", more - 1),
            };
        }
        match self.elsewhere.first() {
            Some((name, pid)) => {
                format!("`{name}` runs in another session, pid {pid}, and makes no progress")
            }
            None => "the tail is not done".to_owned(),
        }
    }

    /// Why the only member of this tail is not done, for a batch that needs
    /// it; nothing if it is.
    pub(super) fn into_result(mut self, run: &Run, committed: &[Name]) -> Result<(), ApplyError> {
        let committed = committed.to_vec();
        if let Some((_, diagnostic)) = self.failed.pop() {
            return Err(ApplyError::Migration {
                diagnostic,
                committed,
            });
        }
        if let Some(signal) = run.interrupt.signals().first
            && !self.is_done()
        {
            return Err(ApplyError::Interrupted { signal, committed });
        }
        match self.elsewhere.pop() {
            Some((name, pid)) => Err(ApplyError::TimedOut {
                what: format!("`{name}`, which runs in pid {pid} and makes no progress"),
                after: run.settings.concurrent_wait,
                option: "--concurrent-wait",
                committed,
            }),
            None => Ok(()),
        }
    }

    fn sort(&mut self) {
        self.done.sort();
        self.abandoned.sort();
        self.failed.sort_by(|one, other| one.0.cmp(&other.0));
        self.detached.sort();
        self.cancelled.sort();
        self.stopped.sort();
        self.left_behind.sort();
        self.elsewhere.sort();
        self.not_started.sort();
    }
}

/// What all members share.
struct Tail<'a> {
    run: &'a Run,
    ledger: &'a Ledger,
    deployment: Option<i64>,
    /// Whether the batch waits for it.
    hurry: Hurry,
    control: Control<'a>,
    watch: Watch<'a>,
    slots: Arc<Slots>,
}

type Work<'a> = Pin<Box<dyn Future<Output = (Name, End)> + Send + 'a>>;

/// Runs `steps`, independent ones side by side, at most `--jobs` at once. Those
/// that another session runs are waited for and, if it dies, taken over.
///
/// Waiting for another session is bounded by `--concurrent-wait`, where only
/// time without visible progress counts: a build of hours that gets on is not
/// given up.
///
/// # Errors
/// [`ApplyError::Postgres`] if there is no connection to begin with; what
/// happens to single members is in the report.
pub(super) async fn run(
    run: &Run,
    ledger: &Ledger,
    graph: &Graph,
    steps: &[TailStep],
    deployment: Option<i64>,
    hurry: Hurry,
) -> Result<Report, ApplyError> {
    let mut report = Report::default();
    if steps.is_empty() {
        return Ok(report);
    }
    let tail = Tail {
        run,
        ledger,
        deployment,
        hurry,
        control: Control::new(run),
        watch: Watch::new(run, ledger),
        slots: Arc::new(Slots::new(run.settings.jobs)),
    };
    // What the batch has made is there by now.
    let mut steps = steps.to_vec();
    let relating = async {
        let session = tail.control.session().await?;
        relate(&session, graph, &mut steps).await
    };
    tokio::select! {
        related = relating => related?,
        _ = run.interrupt.first() => {
            report.not_started = steps.iter().map(|step| step.name.clone()).collect();
            return Ok(report);
        }
    }
    let mut schedule = Schedule::new(&steps);
    let held = {
        let mut watching = std::pin::pin!(tail.watching());
        let mut places = tail.slots.changes();
        let mut progress = Progress {
            tail: &tail,
            schedule: &mut schedule,
            report: &mut report,
            work: FuturesUnordered::new(),
            losses: BTreeMap::new(),
            held: Vec::new(),
        };
        loop {
            progress.start(graph);
            tokio::select! {
                ended = progress.work.next() => match ended {
                    Some((name, end)) => progress.end(name, end),
                    None => break,
                },
                // A helper has left its place. The sender is the tail's own.
                _ = places.changed() => {}
                never = &mut watching => match never {},
            }
        }
        progress.held
    };
    report.not_started.extend(schedule.left().cloned());
    if let Some(signal) = run.interrupt.signals().first {
        // Boxed: it is large, and rare.
        Box::pin(tail.detach(graph, signal, held, &mut report)).await;
    }
    tail.control.close().await;
    report.sort();
    Ok(report)
}

/// The members under way.
struct Progress<'a, 'b> {
    tail: &'a Tail<'a>,
    schedule: &'b mut Schedule<'a>,
    report: &'b mut Report,
    work: FuturesUnordered<Work<'a>>,
    /// When each member lost its session first, of losses that followed each
    /// other too soon.
    losses: BTreeMap<Name, Instant>,
    /// At work when the user asked us to end.
    held: Vec<(Name, Held)>,
}

impl<'a> Progress<'a, '_> {
    /// Starts what may start, nothing once the user asked us to end.
    fn start(&mut self, graph: &'a Graph) {
        let slots = &self.tail.slots;
        while self.tail.run.interrupt.signals().first.is_none()
            && let Some(name) = self.schedule.start(slots.for_members())
        {
            let tail = self.tail;
            let migration = graph.get(name).expect("the plan was made of this graph");
            let partner = migration.partner.as_ref();
            let partner = partner.filter(|partner| graph.get(&partner.name).is_some());
            self.work.push(Box::pin(async move {
                (name.clone(), tail.work(migration, partner).await)
            }));
        }
        slots.set_members(self.schedule.running(), self.schedule.wants_place());
    }

    fn end(&mut self, name: Name, end: End) {
        let tail = self.tail;
        match end {
            End::Done(duration) => {
                self.schedule.is_over(&name);
                tail.run.events.tell(Event::MigrationDone {
                    name: name.clone(),
                    duration,
                });
                self.report.done.push(name);
            }
            End::Abandoned => {
                self.schedule.is_over(&name);
                self.report.abandoned.push(name);
            }
            End::Failed(diagnostic) => self.fail(name, diagnostic),
            End::Free => self.schedule.is_free(&name),
            End::RunsElsewhere => self.wait(name),
            End::Preempted(by) => self.preempted(name, by),
            End::Lost { reason, after } => {
                tail.run.events.tell(Event::ConnectionLost {
                    reason: reason.clone(),
                });
                // One that worked for long before it was lost is no endless
                // loop of a build that takes the server down each time.
                let bound = tail.run.settings.retry_for;
                let first = match self.losses.get(&name) {
                    Some(first) if after < bound => *first,
                    _ => Instant::now(),
                };
                self.losses.insert(name.clone(), first);
                if first.elapsed() > bound {
                    let diagnostic = lost(&name, &reason, bound);
                    self.fail(name, Box::new(diagnostic));
                } else {
                    self.wait(name);
                }
            }
            End::TimedOut(pid) => {
                self.schedule.is_undone(&name);
                self.report.elsewhere.push((name, pid));
            }
            End::Held(held) => {
                self.schedule.is_undone(&name);
                match (held, tail.watch.pid(&name)) {
                    (Some(held), _) => self.held.push((name, *held)),
                    (None, Some(pid)) => self.report.elsewhere.push((name, pid)),
                    (None, None) => self.report.not_started.push(name),
                }
            }
        }
    }

    fn preempted(&mut self, name: Name, pid: i32) {
        let tail = self.tail;
        self.schedule.runs_elsewhere(&name);
        self.work.push(Box::pin(async move {
            tail.tell_preempted(&name, pid).await;
            let end = tail.wait(&name).await;
            (name, end)
        }));
    }

    fn wait(&mut self, name: Name) {
        self.schedule.runs_elsewhere(&name);
        let tail = self.tail;
        self.work.push(Box::pin(async move {
            let end = tail.wait(&name).await;
            (name, end)
        }));
    }

    fn fail(&mut self, name: Name, diagnostic: Box<Diagnostic>) {
        self.schedule.is_undone(&name);
        self.tail.run.events.tell(Event::MigrationFailed {
            name: name.clone(),
            diagnostic: diagnostic.clone(),
        });
        self.report.failed.push((name, diagnostic));
    }
}

impl Tail<'_> {
    /// Looks at the builds, for ever. That a look fails stops no build: the
    /// next one may do.
    async fn watching(&self) -> Infallible {
        loop {
            tokio::time::sleep(self.watch.pause()).await;
            let look = async {
                let session = self.control.session().await?;
                self.watch.look(&session).await
            };
            if let Err(error) = look.await {
                tracing::warn!(%error, "running builds could not be looked at");
            }
        }
    }
}

fn lost(name: &Name, reason: &str, bound: Duration) -> Diagnostic {
    Diagnostic::error(
        code::NOT_FINISHED,
        format!("the session that ran `{name}` was lost again and again"),
    )
    .note(reason)
    .note(format!("tried for {}", super::human(&bound)))
    .help("see the server's log for the reason, then run `segue settle`")
}
