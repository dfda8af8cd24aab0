//! Statements awaited: who is in their way is told, and waited out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::StandaloneError;
use crate::apply::batch::LockBounds;
use crate::apply::pause::{Meanwhile, Pause, Stopped};
use crate::apply::stalled::Stalled;
use crate::apply::{Event, Run, Signal};
use crate::history::LockKey;
use crate::migration::Name;
use crate::plan::OnConflict;
use crate::postgres::activity::{self, Blocker, LockWait};
use crate::postgres::connect::Canceller;
use crate::postgres::progress::{self, Progress};
use crate::postgres::{Error, Session, lock};

/// Silence of the server after which the lock queue is looked at.
const SILENCE: Duration = Duration::from_millis(15);
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// An error that comes so soon after a lock wait was ended is about that.
const CUT_SHORT: Duration = Duration::from_secs(1);
/// The statement's own reply waits meanwhile, its locks held.
const LOOK_MAX: Duration = Duration::from_secs(2);

const SILENCE_MAX_BOUNDED: Duration = Duration::from_millis(250);

/// How a statement may wait in the lock queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queues {
    /// For as long as it takes.
    Freely,
    /// Not long enough to kill a concurrent build.
    Bounded,
}

/// Watches one session from a second one.
pub(super) struct Watch<'a> {
    run: &'a Run,
    pid: i32,
    canceller: Canceller,
    /// Whether signals end the run; else that is left to the caller.
    heeds_signals: bool,
    /// Whether a lock that a concurrent migration holds is the caller's to deal
    /// with, and not to be waited for here.
    yields: bool,
    /// Whether a claim of another run's batch ends the work.
    heeds_claims: bool,
    /// Helpers that a stopped runner has left.
    stalled: Stalled<'a>,
    second: Option<Session>,
    /// The last lock that was waited for.
    wait: Option<LockWait>,
    /// Who was told last.
    told: Vec<i32>,
    /// Since when the statement at hand has been failing.
    failing_since: Option<Instant>,
    /// The statement at hand, from 1, and its migration.
    at: Option<(Name, usize)>,
    /// Set once all statements are done: the version that is waited for, for
    /// people.
    version: Option<String>,
    /// How often it has failed.
    failures: usize,
    /// Since when those who hold its table have been waited for, or have got on.
    waiting_since: Option<Instant>,
    /// How far they were then.
    seen: BTreeMap<i32, Progress>,
    /// When a lock wait that was too long was ended.
    cut_short: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(run: &'a Run, session: &Session, heeds_signals: bool) -> Self {
        Self {
            run,
            pid: session.backend().pid,
            canceller: session.canceller(),
            heeds_signals,
            yields: false,
            heeds_claims: true,
            stalled: Stalled::new(run),
            second: None,
            wait: None,
            told: Vec::new(),
            failing_since: None,
            at: None,
            version: None,
            failures: 0,
            waiting_since: None,
            seen: BTreeMap::new(),
            cut_short: None,
        }
    }

    /// The same, but a lock that a concurrent migration holds is not waited for.
    pub(super) fn yielding(mut self, yields: bool) -> Self {
        self.yields = yields;
        self
    }

    /// The same, on behalf of the batch that has claimed the locks of the
    /// migration at hand.
    pub(super) fn for_claimant(mut self) -> Self {
        self.heeds_claims = false;
        self
    }

    /// Ends with the lock that is waited for, if a concurrent migration holds
    /// it: the batch's lock is not kept while that one runs.
    ///
    /// Only before the first statement, unless the run is to end: what a file
    /// has set in its session would be lost.
    fn yield_to(&self, wait: &LockWait) -> Result<(), StandaloneError> {
        let is_at_first = self.at.as_ref().is_some_and(|(_, number)| *number == 1);
        let is_held = wait.blockers.iter().any(Blocker::is_of_migration);
        let ends = self.run.settings.on_conflict == OnConflict::Fail;
        let is_table = wait.lock_type == "relation";
        if self.yields && is_held && is_table && (is_at_first || ends) {
            let number = self.at.as_ref().map_or(1, |(_, number)| *number);
            return Err(StandaloneError::Conflict(Box::new(wait.clone()), number));
        }
        Ok(())
    }

    /// As `yield_to`, for sessions that hold a table.
    pub(super) async fn yield_to_holders(
        &self,
        session: &Session,
        (oid, relation): (u32, &str),
        pids: &[i32],
    ) -> Result<(), StandaloneError> {
        if !self.yields {
            return Ok(());
        }
        let mut blockers = Vec::new();
        for pid in pids {
            blockers.extend(activity::backend(session, *pid).await?);
        }
        self.yield_to(&LockWait::foreseen(oid, relation.to_owned(), blockers))
    }

    /// What comes is about this statement, counted from 1.
    pub(super) fn begin(&mut self, name: &Name, number: usize) {
        let at = (name.clone(), number);
        if self.at.as_ref() != Some(&at) {
            self.forget();
            self.at = Some(at);
        }
    }

    /// All statements are done: what is waited for is the version of the schema.
    pub(super) fn begin_version(&mut self) {
        self.forget();
        self.version = Some(format!("schema version of `{}`", self.run.project));
    }

    /// The statement at hand is done.
    pub(super) fn forget(&mut self) {
        self.wait = None;
        self.version = None;
        self.failing_since = None;
        self.failures = 0;
        self.go_on();
    }

    /// The wait for those who held the table is over.
    pub(super) fn go_on(&mut self) {
        self.waiting_since = None;
        self.told.clear();
    }

    /// A signal has been heeded; what comes now cleans up.
    pub(super) fn ignore_signals(&mut self) {
        self.heeds_signals = false;
    }

    /// Awaits `work`, a statement of the session, while watching the lock queue.
    pub(super) async fn guard<T>(
        &mut self,
        session: &Session,
        work: impl Future<Output = T>,
    ) -> Result<T, StandaloneError> {
        self.guard_within(session, work, Queues::Freely).await
    }

    /// The same for what can be rolled back: beside a concurrent build it must
    /// not queue for a table for long, whatever a file or a function has set,
    /// or the build dies of a deadlock.
    pub(super) async fn guard_beside_builds<T>(
        &mut self,
        session: &Session,
        work: impl Future<Output = T>,
    ) -> Result<T, StandaloneError> {
        self.guard_within(session, work, Queues::Bounded).await
    }

    async fn guard_within<T>(
        &mut self,
        session: &Session,
        work: impl Future<Output = T>,
        queues: Queues,
    ) -> Result<T, StandaloneError> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let silence_max = match queues {
            Queues::Freely => SILENCE_MAX,
            Queues::Bounded => SILENCE_MAX_BOUNDED,
        };
        // Opened during a short wait in the queue, it would come too late to see
        // who is before us.
        let _ = tokio::time::timeout(LOOK_MAX, self.open_second(session)).await;
        tokio::pin!(work);
        let mut silence = SILENCE;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                signal = self.signal() => {
                    // What cannot be cancelled ends with the connection, which
                    // the caller drops.
                    let _ = self.canceller.cancel().await;
                    let _ = tokio::time::timeout(PATIENCE, &mut work).await;
                    return Err(StandaloneError::Interrupted(signal));
                }
                () = tokio::time::sleep(silence) => {}
            }
            silence = (silence * 2).min(silence_max);
            // What cannot be looked at is only not told.
            let _ = tokio::time::timeout(LOOK_MAX, self.look(session, queues)).await;
        }
    }

    /// Whether a lock wait has just been ended.
    pub(super) fn was_cut_short(&self) -> bool {
        self.cut_short.is_some_and(|at| at.elapsed() < CUT_SHORT)
    }

    async fn signal(&self) -> Signal {
        if self.heeds_signals {
            self.run.interrupt.first().await
        } else {
            std::future::pending().await
        }
    }

    async fn open_second(&mut self, session: &Session) -> Result<(), Error> {
        if self.second.as_ref().is_none_or(Session::is_lost) {
            self.second = Some(session.sibling(Duration::ZERO).await?);
        }
        Ok(())
    }

    async fn look(&mut self, session: &Session, queues: Queues) -> Result<(), Error> {
        self.open_second(session).await?;
        let Some(second) = &self.second else {
            return Ok(());
        };
        let Some(wait) = activity::lock_wait(second, self.pid).await? else {
            return Ok(());
        };
        // A row may be waited for as long as it takes.
        let is_bounded = queues == Queues::Bounded && wait.lock_type == "relation";
        let is_too_long = if is_bounded {
            let bounds = LockBounds::of(second, Duration::MAX).await?;
            bounds.are_passed(second, &wait).await
        } else {
            Ok(false)
        };
        self.note(wait);
        if is_too_long? && !self.was_cut_short() {
            self.cut_short = Some(Instant::now());
            self.canceller.cancel().await?;
        }
        Ok(())
    }

    fn note(&mut self, mut wait: LockWait) {
        if self.version.is_some() && wait.lock_type == "advisory" {
            wait.relation_name.clone_from(&self.version);
        }
        self.tell(
            wait.relation_name.clone(),
            Some(wait.lock_type.clone()),
            wait.blockers.clone(),
        );
        self.wait = Some(wait);
    }

    /// Tells who is in the way, once.
    fn tell(&mut self, relation: Option<String>, lock: Option<String>, blockers: Vec<Blocker>) {
        let pids: Vec<i32> = blockers.iter().map(|blocker| blocker.pid).collect();
        if pids.is_empty() || pids == self.told {
            return;
        }
        self.told = pids;
        self.run.events.tell(Event::WaitingForLock {
            relation,
            lock,
            blockers,
        });
    }

    /// The session of another run whose batch has claimed the locks of the
    /// migration at hand. What cannot be looked at is not pre-empted.
    pub(super) async fn preempted_by(&self, session: &Session) -> Option<i32> {
        let (name, _) = self.at.as_ref()?;
        preempted_by(self.run, session, name).await.ok().flatten()
    }

    /// Refuses to go on with a migration whose locks another run has claimed:
    /// that run waits for us to end.
    async fn make_way(&self, session: &Session) -> Result<(), StandaloneError> {
        if !self.heeds_claims {
            return Ok(());
        }
        match self.preempted_by(session).await {
            Some(pid) => Err(StandaloneError::Preempted(pid)),
            None => Ok(()),
        }
    }

    /// Waits before the next try: a while in any case, and for as long as those
    /// who held the lock still do.
    pub(super) async fn pause(
        &mut self,
        session: &Session,
        cause: &str,
    ) -> Result<(), StandaloneError> {
        let wait = self.wait.take();
        if let Some(wait) = &wait {
            self.yield_to(wait)?;
        }
        let first = self.run.settings.pause();
        self.failures += 1;
        // Of the version it is told that it is waited for, and for whom.
        if self.version.is_none()
            && let Some((name, number)) = self.at.clone()
        {
            self.run.events.tell(Event::StatementRetried {
                name,
                number,
                attempt: self.failures,
                cause: cause.to_owned(),
                pause: first,
            });
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let pause = Pause::new(self.run, since, cause.to_owned(), wait, first);
        let mut pause = if self.heeds_signals {
            pause
        } else {
            pause.ignoring_signals()
        };
        let meanwhile = match &self.at {
            Some((name, _)) if self.heeds_claims => Meanwhile::MakeWay(name),
            _ => Meanwhile::Nothing,
        };
        Ok(pause.over(session, meanwhile).await?)
    }

    /// Waits a little for sessions that hold a table, and tells them. Only time
    /// in which none of them visibly gets on is bounded: one may be a build of
    /// hours whose runner is gone.
    pub(super) async fn wait_for(
        &mut self,
        session: &Session,
        relation: &str,
        pids: &[i32],
    ) -> Result<(), StandaloneError> {
        const POLL: Duration = Duration::from_millis(250);
        let what = format!("{} to let go of `{relation}`", list(pids.iter().copied()));
        let seen = progress::of(session, pids).await?;
        if seen != self.seen {
            self.seen = seen;
            self.waiting_since = None;
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let bound = self.run.settings.concurrent_wait;
        check(since, what, bound, "--concurrent-wait")?;
        if pids != self.told {
            let mut blockers = Vec::new();
            for pid in pids {
                let known = activity::backend(session, *pid).await?;
                blockers.push(known.unwrap_or_else(|| Blocker {
                    pid: *pid,
                    ..Blocker::default()
                }));
            }
            self.tell(Some(relation.to_owned()), None, blockers);
        }
        self.end_stalled(session, pids).await?;
        self.sleep(POLL * fastrand::u32(75..=125) / 100).await?;
        self.make_way(session).await
    }

    /// Ends those of `pids` that build an index of a partition for the migration
    /// at hand, or have built it, and whose runner is stopped.
    async fn end_stalled(&mut self, session: &Session, pids: &[i32]) -> Result<(), Error> {
        let Some((name, _)) = &self.at else {
            return Ok(());
        };
        let mut helpers = lock::holders(session, LockKey::helpers(&self.run.project, name)).await?;
        helpers.retain(|pid| pids.contains(pid));
        self.stalled.look_at_helpers(session, &helpers).await
    }

    /// A moment, so that a look that finds nothing to do is not the next one at
    /// once.
    pub(super) async fn breathe(&self) -> Result<(), StandaloneError> {
        self.sleep(Duration::from_millis(100)).await
    }

    async fn sleep(&self, pause: Duration) -> Result<(), StandaloneError> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            signal = self.signal() => Err(StandaloneError::Interrupted(signal)),
        }
    }
}

impl From<Stopped> for StandaloneError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::GaveUp(gave_up) => Self::Blocked(gave_up),
            Stopped::Interrupted(signal) => Self::Interrupted(signal),
            Stopped::Preempted(pid) => Self::Preempted(pid),
            Stopped::Postgres(error) => error.into(),
        }
    }
}

/// The session of another run whose batch has claimed the locks of `name`.
///
/// # Errors
/// As [`Session::execute`].
pub(in crate::apply) async fn preempted_by(
    run: &Run,
    session: &Session,
    name: &Name,
) -> Result<Option<i32>, Error> {
    let key = LockKey::preemption(&run.project, name);
    Ok(lock::held(session).await?.get(&key).copied())
}

fn check(
    since: Instant,
    what: String,
    bound: Duration,
    option: &'static str,
) -> Result<(), StandaloneError> {
    let after = since.elapsed();
    if after < bound {
        return Ok(());
    }
    Err(StandaloneError::TimedOut {
        what,
        after,
        option,
    })
}

fn list(pids: impl Iterator<Item = i32>) -> String {
    let names: Vec<String> = pids
        .map(|pid| match pid {
            0 => "a prepared transaction".to_owned(),
            pid => format!("pid {pid}"),
        })
        .collect();
    names.join(", ")
}
