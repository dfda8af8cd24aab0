//! A runner that is stopped or cut off while its session does nothing: its
//! advisory lock would stay behind for as long as it pleases. Whoever needs the
//! lock ends the session. That is safe at any point: what was committed is in
//! the ledger, and the runner, if it goes on, finds its connection lost and
//! reads the history again.

use std::time::{Duration, Instant};

use super::{Event, Run};
use crate::postgres::activity::{self, Blocker};
use crate::postgres::{Error, Failure, Session};

/// Says of an idle session that its runner is at work in another one.
pub(super) const AT_WORK: &str = "/* segue is at work elsewhere */ SELECT 1";

/// A runner that lives shows that by a statement at least so often.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Pause between two looks at the same session.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at who holds a lock that is waited for.
#[derive(Debug)]
pub(super) struct Stalled<'a> {
    run: &'a Run,
    looked: Option<Instant>,
    /// No right to end it, or it goes on all the same.
    spared: Option<i32>,
}

impl<'a> Stalled<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self {
            run,
            looked: None,
            spared: None,
        }
    }

    /// Ends the session of `holder` if it has done nothing for too long.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn look(&mut self, session: &Session, holder: &Blocker) -> Result<(), Error> {
        let pid = holder.pid;
        if self.spared == Some(pid)
            || holder.state.as_deref() != Some("idle")
            || self.looked.is_some_and(|looked| looked.elapsed() < LOOK)
        {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let is_at_work = holder
            .query
            .as_deref()
            .is_some_and(|query| query == AT_WORK);
        let Some(idle) = activity::idle_for(session, pid).await? else {
            return Ok(());
        };
        if is_at_work || idle < self.run.settings.stalled_after {
            return Ok(());
        }
        self.spared = Some(pid);
        match activity::terminate(session, pid).await {
            Ok(()) => {
                self.run.events.tell(Event::StalledEnded {
                    holder: holder.clone(),
                    idle,
                });
                Ok(())
            }
            Err(error) if error.failure() == Failure::InsufficientPrivilege => Ok(()),
            Err(error) => Err(error),
        }
    }
}
