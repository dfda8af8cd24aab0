//! The block's session while it is silent: whom it waits for is looked at, and
//! a lock wait that is too long is ended.

use std::time::{Duration, Instant};

use super::{Ended, Try};
use crate::postgres::activity::{self, LockWait};
use crate::postgres::{Error, Session, settings};

/// Silence of the server after which the lock queue is looked at.
const SILENCE: Duration = Duration::from_millis(15);
const SILENCE_MAX: Duration = Duration::from_millis(250);

/// A look that takes longer is given up: the other connection may be dead.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// An error that comes so soon after a lock wait was ended is about that.
const CUT_SHORT: Duration = Duration::from_secs(1);

/// The longest that a lock may be waited for. The server keeps to it by
/// `lock_timeout`, which a function may set for itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::apply) struct LockBounds {
    /// At any time.
    pub(in crate::apply) always: Duration,
    /// While an index is built concurrently in the database.
    pub(in crate::apply) beside_a_build: Duration,
}

impl LockBounds {
    /// What `lock_timeout` allows, or the server's `deadlock_timeout`.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(in crate::apply) async fn of(
        session: &Session,
        lock_timeout: Duration,
    ) -> Result<Self, Error> {
        let beside_a_build = settings::lock_wait_max(session).await?;
        Ok(Self {
            always: beside_a_build.max(lock_timeout),
            beside_a_build,
        })
    }

    /// Whether a wait has lasted too long; looks by `session`.
    pub(in crate::apply) async fn are_passed(
        self,
        session: &Session,
        wait: &LockWait,
    ) -> Result<bool, Error> {
        // The server comes first where it may.
        const GRACE: Duration = Duration::from_millis(30);
        let age = wait.age.saturating_sub(GRACE);
        if age < self.beside_a_build {
            return Ok(false);
        }
        Ok(age >= self.always || settings::is_building(session).await?)
    }

    /// Between two looks at a wait that may become too long.
    pub(in crate::apply) fn look(self) -> Duration {
        SILENCE_MAX.min(self.beside_a_build / 2)
    }
}

impl Try<'_> {
    /// Awaits `work` while watching for signals and for the lock queue.
    pub(super) async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let run = self.batch.run;
        tokio::pin!(work);
        let mut silence = SILENCE;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                signal = run.interrupt.first() => return Err(Ended::Interrupted(signal)),
                () = tokio::time::sleep(silence) => {}
            }
            silence = (silence * 2).min(self.bounds.look());
            tokio::select! {
                // What cannot be looked at is only not told.
                _ = tokio::time::timeout(LOOK_MAX, self.look()) => {}
                signal = run.interrupt.first() => return Err(Ended::Interrupted(signal)),
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let control = self.batch.control;
        let pid = self.session.backend().pid;
        let Some(wait) = activity::lock_wait(control, pid).await? else {
            return Ok(());
        };
        let is_too_long = self.bounds.are_passed(control, &wait).await;
        self.wait = Some(wait);
        if is_too_long? && !self.was_cut_short() {
            self.cut_short = Some(Instant::now());
            self.session.cancel().await?;
        }
        Ok(())
    }

    /// Whether a lock wait has just been ended.
    pub(super) fn was_cut_short(&self) -> bool {
        self.cut_short.is_some_and(|at| at.elapsed() < CUT_SHORT)
    }
}
