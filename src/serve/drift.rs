//! Drift, looked for now and then while everything is settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::state::State;
use crate::apply::drift::{self, Drift};
use crate::apply::watch::Watched;
use crate::schema::Rules;
use crate::status::{Stage, Status};

/// What was found, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub drift: Drift,
    pub at: Instant,
}

/// A comparison that takes longer does not end.
const MEASURE_MAX: Duration = Duration::from_mins(2);

/// Pause after one that failed.
const RETRY: Duration = Duration::from_secs(30);

/// Compares every so often, and publishes what was found; nothing while the
/// schema is not settled, or it cannot be told.
pub(super) async fn follow(
    watched: Watched,
    rules: Rules,
    every: Duration,
    mut state: watch::Receiver<Arc<State>>,
    publisher: watch::Sender<Option<Measured>>,
) {
    loop {
        let found = match state.wait_for(|state| settled(state).is_some()).await {
            Ok(state) => settled(&state),
            Err(_) => return,
        };
        let measuring = Box::pin(drift::measure(&watched, &rules));
        let measured = tokio::time::timeout(MEASURE_MAX, measuring).await;
        let at = Instant::now();
        let pause = match measured {
            Ok(Ok(drift)) => {
                publisher.send_replace(drift.map(|drift| Measured { drift, at }));
                every
            }
            failed => {
                tracing::debug!(?failed, "drift could not be told");
                publisher.send_replace(None);
                every.min(RETRY)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = state.wait_for(|state| settled(state) != found) => {
                if changed.is_err() {
                    return;
                }
                publisher.send_replace(None);
            }
        }
    }
}

/// Everything is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settled {
    /// By which deployment; `None` of a folder without migrations.
    by: Option<i64>,
}

/// Whether everything is, in a database that is seen.
fn settled(state: &State) -> Option<Settled> {
    let view = &state.view;
    let is_settled = view.stage == Stage::Settled && view.stale.is_none();
    let ready = view.status.as_ref().and_then(Status::ready);
    is_settled.then(|| Settled {
        by: ready.map(|deployment| deployment.id),
    })
}
