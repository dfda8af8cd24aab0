//! A runner that is stopped or cut off while its session does nothing: its
//! advisory lock would stay behind for as long as it pleases. Whoever needs the
//! lock ends the session. That is safe at any point: what was committed is in
//! the ledger, and the runner, if it goes on, finds its connection lost and
//! reads the history again.

use std::collections::{BTreeMap, BTreeSet};
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

/// Looks at those who hold a lock that is waited for.
#[derive(Debug)]
pub(super) struct Stalled<'a> {
    run: &'a Run,
    looked: BTreeMap<i32, Instant>,
    /// No right to end them, or they go on all the same.
    spared: BTreeSet<i32>,
}

impl<'a> Stalled<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self {
            run,
            looked: BTreeMap::new(),
            spared: BTreeSet::new(),
        }
    }

    /// As [`Stalled::look`], for those who build indexes of partitions for a
    /// migration. Their builds go on without a runner, and only then are they
    /// idle, with the locks that say of a partition that it is at work.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn look_at_helpers(
        &mut self,
        session: &Session,
        helpers: &[i32],
    ) -> Result<(), Error> {
        for pid in helpers {
            if self.is_due(*pid)
                && let Some(helper) = activity::backend(session, *pid).await?
            {
                self.look(session, &helper).await?;
                self.looked.insert(*pid, Instant::now());
            }
        }
        Ok(())
    }

    fn is_due(&self, pid: i32) -> bool {
        let looked = self.looked.get(&pid);
        !self.spared.contains(&pid) && looked.is_none_or(|looked| looked.elapsed() >= LOOK)
    }

    /// Ends the session of `holder` if it has done nothing for too long.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn look(&mut self, session: &Session, holder: &Blocker) -> Result<(), Error> {
        let pid = holder.pid;
        if holder.state.as_deref() != Some("idle") || !self.is_due(pid) {
            return Ok(());
        }
        self.looked.insert(pid, Instant::now());
        let idle_min = self.run.settings.stalled_after;
        match activity::end_idle(session, pid, idle_min, AT_WORK).await {
            Ok(None) => Ok(()),
            Ok(Some(idle)) => {
                self.spared.insert(pid);
                self.run.events.tell(Event::StalledEnded {
                    holder: holder.clone(),
                    idle,
                });
                Ok(())
            }
            Err(error) if error.failure() == Failure::InsufficientPrivilege => {
                self.spared.insert(pid);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
