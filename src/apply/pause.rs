//! Between two tries of what queues for locks: a while in any case, and for as
//! long as those who were in the way still are. Nobody of ours queues meanwhile,
//! so nobody queues behind us.

use std::time::{Duration, Instant};

use super::stalled::SIGN_OF_LIFE;
use super::{ApplyError, Event, Run, Signal, standalone};
use crate::migration::Name;
use crate::postgres::activity::{self, Blocker, LockWait};
use crate::postgres::{Error, Session, autovacuum};

/// Between two looks at those in the way, before jitter. A look takes no lock
/// that anybody waits for.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_millis(400);

/// Between two signs of life: far more often than anybody asks for one.
const SHOW_LIFE: Duration = Duration::from_secs(1);

/// Whom it waits for is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// Why a pause ended without another try being due.
#[derive(Debug)]
pub(super) enum Stopped {
    /// `--retry-for` is over.
    GaveUp(GaveUp),
    /// The user asked to end.
    Interrupted(Signal),
    /// Another run, in the session with this pid, has claimed the locks of the
    /// migration at hand.
    Preempted(i32),
    /// The session that looks failed; another one may go on.
    Postgres(Error),
}

/// What is done at times during a pause.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meanwhile<'s> {
    /// Nothing.
    Nothing,
    /// This session, which holds a lock that others wait for, shows that we
    /// live.
    ShowLife(&'s Session),
    /// It is looked whether another run has claimed the locks of this migration.
    MakeWay(&'s Name),
}

/// A wait for a lock, or for a try without an error, that reached its bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gave up after {} while waiting for {what}; `--retry-for` sets how long", super::human(.after))]
pub struct GaveUp {
    /// What for, for people, whoever is in the way included.
    pub what: String,
    /// Who is in the way, as of the end.
    pub blockers: Vec<Blocker>,
    /// How long.
    pub after: Duration,
}

/// The pause after a try that failed.
#[derive(Debug)]
pub(super) struct Pause<'a> {
    run: &'a Run,
    /// When it failed first.
    since: Instant,
    /// The server's words.
    cause: String,
    /// What it waited for, and those who still are in the way.
    wait: Option<LockWait>,
    heeds_signals: bool,
    /// The shortest time until the next try.
    first: Option<Duration>,
    /// Until the next look.
    look: Duration,
    /// When those in the way were looked at as a whole.
    looked: Instant,
    /// When the session that holds the lock was last heard of.
    shown: Instant,
    has_asked_autovacuum: bool,
}

impl<'a> Pause<'a> {
    /// After a try that failed for `cause`, one of several since `since`.
    pub(super) fn new(
        run: &'a Run,
        since: Instant,
        cause: String,
        wait: Option<LockWait>,
        first: Duration,
    ) -> Self {
        Self {
            run,
            since,
            cause,
            wait: wait.filter(|wait| !wait.blockers.is_empty()),
            heeds_signals: true,
            first: Some(first),
            look: LOOK,
            looked: Instant::now(),
            shown: Instant::now(),
            has_asked_autovacuum: false,
        }
    }

    /// After a try of a block, which is told, and whom it has met.
    pub(super) fn of_block(
        run: &'a Run,
        since: Instant,
        attempt: usize,
        name: Option<Name>,
        cause: String,
        wait: Option<LockWait>,
    ) -> Self {
        let first = run.settings.pause();
        run.events.tell(Event::BlockRetried {
            attempt,
            name,
            cause: cause.clone(),
            pause: first,
        });
        let this = Self::new(run, since, cause, wait, first);
        this.tell();
        this
    }

    /// Signals are left to somebody else.
    pub(super) fn ignoring_signals(mut self) -> Self {
        self.heeds_signals = false;
        self
    }

    /// Waits until another try is due; looks by `session`, in autocommit. After
    /// [`Stopped::Postgres`] it may be called again, with another session.
    pub(super) async fn over(
        &mut self,
        session: &Session,
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Stopped> {
        loop {
            let asked = self.ask_autovacuum(session).await;
            if asked.map_err(Stopped::Postgres)? {
                return self.check_patience();
            }
            if self.since.elapsed() >= self.run.settings.retry_for {
                self.look_again(session).await;
            }
            self.check_patience()?;
            let look = self.look * fastrand::u32(75..=125) / 100;
            let pause = self.first.take().unwrap_or(look);
            self.sleep(pause, session, meanwhile).await?;
            let Some(wait) = &mut self.wait else {
                return Ok(());
            };
            let looked = activity::still_holding(session, wait).await;
            let holding = looked.map_err(Stopped::Postgres)?;
            wait.blockers.retain(|one| holding.contains(&one.pid));
            if wait.blockers.is_empty() {
                return Ok(());
            }
            self.look = (self.look * 3 / 2).min(LOOK_MAX);
            if self.looked.elapsed() >= TELL_AGAIN {
                self.look_again(session).await;
                self.tell();
            }
        }
    }

    /// Asks autovacuum workers for the table, once nobody else is in the way;
    /// whether they have gone.
    async fn ask_autovacuum(&mut self, session: &Session) -> Result<bool, Error> {
        let Some(wait) = &self.wait else {
            return Ok(false);
        };
        if self.has_asked_autovacuum || !wait.blockers.iter().all(Blocker::is_autovacuum) {
            return Ok(false);
        }
        let asked = autovacuum::make_way(session, wait).await;
        self.has_asked_autovacuum = asked.is_ok();
        asked
    }

    /// What those in the way do by now. What cannot be looked at stays as it
    /// was.
    async fn look_again(&mut self, session: &Session) {
        let Some(wait) = &mut self.wait else { return };
        for blocker in &mut wait.blockers {
            if blocker.prepared.is_some() {
                if let Some(age) = &mut blocker.transaction_age {
                    *age += self.looked.elapsed();
                }
            } else if let Ok(Some(known)) = activity::backend(session, blocker.pid).await {
                *blocker = known;
            }
        }
        self.looked = Instant::now();
    }

    fn tell(&self) {
        if let Some(wait) = &self.wait {
            self.run.events.tell(Event::WaitingForLock {
                relation: wait.relation_name.clone(),
                lock: Some(wait.lock_type.clone()),
                blockers: wait.blockers.clone(),
            });
        }
    }

    fn check_patience(&self) -> Result<(), Stopped> {
        let after = self.since.elapsed();
        if after < self.run.settings.retry_for {
            return Ok(());
        }
        let (what, blockers) = if let Some(wait) = &self.wait {
            let names: Vec<String> = wait.blockers.iter().map(ToString::to_string).collect();
            let lock = super::blocker::lock(wait.relation_name.as_deref(), &wait.lock_type);
            let what = format!("{lock}, held by {}", names.join(", and by "));
            (what, wait.blockers.clone())
        } else {
            let what = format!("a try without this error: {}", self.cause);
            (what, Vec::new())
        };
        Err(Stopped::GaveUp(GaveUp {
            what,
            blockers,
            after,
        }))
    }

    async fn sleep(
        &mut self,
        pause: Duration,
        session: &Session,
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Stopped> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let signal = async {
                if self.heeds_signals {
                    self.run.interrupt.first().await
                } else {
                    std::future::pending().await
                }
            };
            tokio::select! {
                () = tokio::time::sleep(left.min(SIGN_OF_LIFE)) => {}
                signal = signal => return Err(Stopped::Interrupted(signal)),
            }
            match meanwhile {
                Meanwhile::Nothing => {}
                Meanwhile::ShowLife(worker) => {
                    if self.shown.elapsed() >= SHOW_LIFE {
                        self.shown = Instant::now();
                        // That it is lost, its next statement tells.
                        let _ = worker.execute("SELECT 1").await;
                    }
                }
                Meanwhile::MakeWay(name) => {
                    // What cannot be looked at is not pre-empted.
                    let claimed = standalone::preempted_by(self.run, session, name).await;
                    if let Ok(Some(pid)) = claimed {
                        return Err(Stopped::Preempted(pid));
                    }
                }
            }
            if Instant::now() >= until {
                return Ok(());
            }
        }
    }
}

impl Stopped {
    /// As an error of the run.
    pub(super) fn into_apply_error(self, committed: &[Name]) -> ApplyError {
        let committed = committed.to_vec();
        match self {
            Self::GaveUp(gave_up) => ApplyError::Blocked { gave_up, committed },
            Self::Interrupted(signal) => ApplyError::Interrupted { signal, committed },
            // Only a concurrent migration is pre-empted, which is no block.
            Self::Preempted(pid) => ApplyError::Refused {
                reason: format!("pre-empted by another run, pid {pid}"),
                help: "run `segue up` again when that one is ready".to_owned(),
            },
            Self::Postgres(error) => error.into(),
        }
    }
}
