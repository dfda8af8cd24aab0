//! Signs of life of a batch, for those who follow it on a standby: advisory
//! locks are not replicated, rows are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Runner;
use crate::migration::Name;
use crate::postgres::Session;
use crate::postgres::ledger::Ledger;

/// Between two signs.
const PAUSE: Duration = Duration::from_secs(2);

/// A batch that is done sooner gives none.
const FIRST: Duration = Duration::from_secs(1);

/// A sign that takes longer is given up: the connection may be dead, which is
/// for others to find out.
const BEAT_MAX: Duration = Duration::from_secs(5);

/// Gives signs of life.
#[derive(Debug, Default)]
pub(super) struct Beat {
    was_given: AtomicBool,
}

impl Beat {
    /// Does `work`, which leaves `control` in autocommit between its messages,
    /// and meanwhile says that it is being done.
    pub(super) async fn during<T>(
        &self,
        control: &Session,
        ledger: &Ledger,
        deployment: Option<i64>,
        work: impl Future<Output = T>,
    ) -> T {
        let beating = async {
            let (Some(deployment), Some(_)) = (deployment, ledger.version()) else {
                return std::future::pending().await;
            };
            tokio::time::sleep(FIRST).await;
            loop {
                self.was_given.store(true, Ordering::Relaxed);
                // Without it a standby's readers know less, and nothing else.
                let beat = ledger.beat(control, deployment);
                if let Ok(Err(error)) = tokio::time::timeout(BEAT_MAX, beat).await {
                    tracing::debug!(%error, "no sign of life could be given");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            never = beating => never,
        }
    }
}

impl Runner<'_> {
    /// Does a part of the batch, with signs of life.
    pub(super) async fn beating<T>(&self, work: impl Future<Output = T>) -> T {
        let (control, ledger) = (&self.control, &self.ledger);
        let beating = self.beat.during(control, ledger, self.deployment, work);
        beating.await
    }

    /// The batch is over: nobody waits for signs of it any more.
    pub(super) async fn stop_beating(&self) {
        if self.beat.was_given.swap(false, Ordering::Relaxed) && !self.control.is_lost() {
            let batch = Name::new("");
            let clearing = self.ledger.clear_progress(&self.control, &batch);
            // What stays behind is the row of a deployment that is not running.
            let _ = tokio::time::timeout(BEAT_MAX, clearing).await;
        }
    }
}
