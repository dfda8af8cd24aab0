//! Sessions of others, which a concurrent statement waits for.

use std::time::{Duration, Instant};

use super::super::RehearseError;
use crate::postgres::waits::{self, Waiting};
use crate::postgres::{Session, Target};
use crate::rehearsal::torture::Hold;

/// How long a statement may take to begin; one that is quicker than we look is
/// over by then.
const BEGIN_MAX: Duration = Duration::from_secs(1);

/// How long it may take to stop.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A session in a transaction; it ends when dropped.
#[derive(Debug)]
pub(super) struct Holder(Session);

impl Holder {
    /// Takes a lock on each table, or a snapshot.
    pub(super) async fn open(
        target: &Target,
        wait: Duration,
        hold: Hold,
    ) -> Result<Self, RehearseError> {
        let session = Session::connect(target, wait).await?;
        match hold {
            Hold::Writers => waits::lock_tables(&session).await?,
            Hold::Snapshot => waits::take_snapshot(&session).await?,
        }
        Ok(Self(session))
    }

    /// Waits until the statement of backend `pid` waits for this session; the
    /// phase that it is in, or `None` if it ends, does not begin, or does not
    /// come to that in time.
    pub(super) async fn holds_up(
        &self,
        control: &Session,
        pid: i32,
    ) -> Result<Option<String>, RehearseError> {
        const PAUSE: Duration = Duration::from_millis(10);
        let began = Instant::now();
        let mut has_begun = false;
        loop {
            match waits::look(control, pid, self.0.backend().pid).await? {
                Waiting::For(phase) => return Ok(Some(phase)),
                Waiting::Busy => has_begun = true,
                Waiting::Idle if has_begun => return Ok(None),
                Waiting::Idle => {}
            }
            let patience = if has_begun { STOP_MAX } else { BEGIN_MAX };
            if began.elapsed() > patience {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Lets go.
    pub(super) async fn close(self) {
        self.0.close().await;
    }

    /// Lets go after a while, in which the next run meets what still goes on.
    pub(super) fn close_after(self, while_: Duration) {
        tokio::spawn(async move {
            tokio::time::sleep(while_).await;
            self.0.close().await;
        });
    }
}
