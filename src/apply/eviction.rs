//! The lock of a migration, taken from whoever runs it: cancelled, and waited
//! for until what it left is removed.

use std::time::{Duration, Instant};

use super::stalled::Stalled;
use super::{ApplyError, Event, Run, standalone};
use crate::history::LockKey;
use crate::migration::Name;
use crate::postgres::{Failure, Session, activity, lock};

const POLL: Duration = Duration::from_millis(200);
/// A runner may go on with its next statement, or be between two of them.
const CANCEL_AGAIN: Duration = Duration::from_secs(3);

/// How it is done.
pub(super) struct Eviction<'a> {
    pub(super) run: &'a Run,
    pub(super) key: LockKey,
    pub(super) name: &'a Name,
    /// Since when `--concurrent-wait` counts.
    pub(super) began: Instant,
    /// Of whom was told already that he runs it.
    pub(super) told: Option<i32>,
    /// How long its runner may take to remove what it left, before that is
    /// cancelled too: somebody else's transaction may be in the way.
    pub(super) clean_up_within: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Evicted {
    /// The session has the lock.
    Now,
    /// Another role runs it, and ours has no right to cancel what that one
    /// does. Nothing has changed.
    NoRight {
        /// The session that runs it.
        pid: i32,
    },
}

impl Eviction<'_> {
    /// Takes the lock for `session`, and cancels whoever has it and those who
    /// help with partitions.
    ///
    /// # Errors
    /// [`ApplyError::TimedOut`] after `--concurrent-wait`,
    /// [`ApplyError::Interrupted`] on a signal.
    pub(super) async fn of(&self, session: &Session) -> Result<Evicted, ApplyError> {
        let Self { run, key, name, .. } = *self;
        let mut cancelled: Option<Instant> = None;
        let mut told = self.told;
        let mut stalled = Stalled::new(run);
        let helping = LockKey::helpers(&run.project, name);
        let mut is_ours = false;
        loop {
            is_ours = is_ours || lock::try_lock(session, key).await?;
            // They may have outlived the one they helped.
            let helpers = lock::holders(session, helping).await?;
            if is_ours && helpers.is_empty() {
                return Ok(Evicted::Now);
            }
            stalled.look_at_helpers(session, &helpers).await?;
            let mut pid = helpers.first().copied();
            let mut cleans_up = false;
            if !is_ours && let Some(holder) = activity::holder(session, key).await? {
                pid = Some(holder.pid);
                stalled.look(session, &holder).await?;
                if told != pid {
                    told = pid;
                    run.events.tell(Event::RunsElsewhere {
                        name: name.clone(),
                        holder: holder.clone(),
                    });
                }
                cleans_up = holder
                    .query
                    .as_deref()
                    .is_some_and(|query| query.contains(standalone::CLEAN_UP_MARK))
                    && holder
                        .query_age
                        .is_none_or(|age| age < self.clean_up_within);
            }
            if !cleans_up && cancelled.is_none_or(|at| at.elapsed() >= CANCEL_AGAIN) {
                cancelled = Some(Instant::now());
                for key in [key, helping] {
                    match lock::cancel_holders(session, key).await {
                        Err(error) if error.failure() == Failure::InsufficientPrivilege => {
                            return Ok(Evicted::NoRight {
                                pid: pid.unwrap_or_default(),
                            });
                        }
                        result => result?,
                    }
                }
            }
            self.pause("the session that runs", pid).await?;
        }
    }

    /// Takes the lock for `session` once it is free, without cancelling
    /// anybody.
    ///
    /// # Errors
    /// As [`Eviction::of`].
    pub(super) async fn wait(&self, session: &Session) -> Result<(), ApplyError> {
        while !lock::try_lock(session, self.key).await? {
            self.pause("the session that runs", self.told).await?;
        }
        Ok(())
    }

    /// Takes the claim for `session` once no other batch has it; tells which.
    ///
    /// # Errors
    /// As [`Eviction::of`].
    pub(super) async fn claim(&self, session: &Session) -> Result<(), ApplyError> {
        let mut told = None;
        while !lock::try_lock(session, self.key).await? {
            if let Some(holder) = activity::holder(session, self.key).await?
                && told != Some(holder.pid)
            {
                told = Some(holder.pid);
                self.run.events.tell(Event::WaitingForBatch { holder });
            }
            self.pause("the batch that has pre-empted", told).await?;
        }
        Ok(())
    }

    async fn pause(&self, who: &str, pid: Option<i32>) -> Result<(), ApplyError> {
        if self.began.elapsed() >= self.run.settings.concurrent_wait {
            let pid = pid.map_or_else(String::new, |pid| format!(", pid {pid},"));
            return Err(ApplyError::TimedOut {
                what: format!("{who} `{}`{pid} to end", self.name),
                after: self.began.elapsed(),
                option: "--concurrent-wait",
                committed: Vec::new(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(POLL * fastrand::u32(75..=125) / 100) => Ok(()),
            signal = self.run.interrupt.first() => {
                Err(ApplyError::Interrupted { signal, committed: Vec::new() })
            }
        }
    }
}
