//! Signals in the tail: the first one leaves builds to the server, a second
//! SIGINT cancels them and removes what they left.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::step::Held;
use super::{Report, Tail};
use crate::apply::{Event, Signal, standalone};
use crate::graph::Graph;
use crate::history::State;
use crate::migration::Name;
use crate::postgres::ledger::IntentState;
use crate::postgres::{self, Session, activity};

/// How long after the first SIGINT a second one is waited for.
pub const AGAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long a cancelled statement may take to end.
const CANCEL_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to remove what a cancelled build left. A transaction
/// that was in the way of the build is in the way of this, too.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to find out what survives.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

impl Tail<'_> {
    /// Ends the run while these sessions are at work.
    ///
    /// A statement that refuses a transaction block goes on in the server when
    /// we are gone. One inside a transaction would be rolled back then: it is
    /// cancelled at once, which leaves nothing behind.
    pub(super) async fn detach(
        &self,
        graph: &Graph,
        signal: Signal,
        held: Vec<(Name, Held)>,
        report: &mut Report,
    ) {
        let mut builds = Vec::new();
        for (name, held) in held {
            let survives = tokio::time::timeout(LOOK_WITHIN, self.survives(&name, &held)).await;
            match survives {
                Ok(Ok(pids)) if pids.is_empty() => {
                    self.stop(graph, name, held.session, report).await;
                }
                Ok(Ok(pids)) => builds.push((name, held, pids)),
                // Where it cannot be known the session is left alone.
                _ => {
                    let pid = held.session.backend().pid;
                    builds.push((name, held, vec![pid]));
                }
            }
        }
        if builds.is_empty() {
            return;
        }
        self.run.events.tell(Event::Detached {
            builds: builds
                .iter()
                .flat_map(|(name, _, pids)| pids.iter().map(|pid| (name.clone(), *pid)))
                .collect(),
        });
        // SIGTERM comes from a supervisor, who waits for our end.
        let patience = if signal == Signal::Interrupt {
            AGAIN_WITHIN
        } else {
            Duration::ZERO
        };
        let again = tokio::time::timeout(patience, self.run.interrupt.again()).await;
        // All are cancelled before anything is removed: a removal waits for the
        // snapshots of builds that still run.
        let ended: Vec<bool> = if again.is_ok() {
            let ends = builds.iter().map(|(_, held, _)| interrupt_statements(held));
            join_all(ends).await
        } else {
            vec![false; builds.len()]
        };
        for ((name, held, pids), ended) in builds.into_iter().zip(ended) {
            if ended {
                self.remove(graph, name, held, report).await;
            } else {
                let pids = pids.into_iter().map(|pid| (name.clone(), pid));
                report.detached.extend(pids);
            }
        }
    }

    /// The pids of the sessions whose work goes on without us: they are at it,
    /// and an intent says so.
    async fn survives(&self, name: &Name, held: &Held) -> Result<Vec<i32>, postgres::Error> {
        let control = self.control.session().await?;
        let backend = held.session.backend();
        let is_begun = self
            .ledger
            .intents(&control, name)
            .await?
            .iter()
            .any(|intent| intent.state == IntentState::Begun && intent.backend == *backend);
        if !is_begun {
            return Ok(Vec::new());
        }
        let mut at_work = Vec::new();
        let helpers = held.helpers.iter().map(|helper| helper.backend().pid);
        for pid in std::iter::once(backend.pid).chain(helpers) {
            let state = activity::backend(&control, pid).await?;
            if state.and_then(|backend| backend.state).as_deref() == Some("active") {
                at_work.push(pid);
            }
        }
        Ok(at_work)
    }

    /// Ends what the session does, in a transaction or between statements.
    async fn stop(&self, graph: &Graph, name: Name, session: Session, report: &mut Report) {
        if !interrupt_statement(&session).await {
            report.detached.push((name, session.backend().pid));
            return;
        }
        // COMMIT may have been quicker than the signal.
        let look = async {
            let control = self.control.session().await?;
            let state = self.ledger.state(&control, &name).await?;
            let is_backfill = graph.get(&name).is_some_and(|one| one.backfill.is_some());
            let rows = if is_backfill {
                self.ledger.backfill_progress(&control, &name).await?
            } else {
                None
            };
            Ok::<_, postgres::Error>((state, rows))
        };
        let looked = tokio::time::timeout(LOOK_WITHIN, look).await;
        session.close().await;
        self.watch.end(&name);
        self.clear_progress(&name).await;
        match looked {
            Ok(Ok((Some(State::Applied), _))) => report.done.push(name),
            Ok(Ok((_, Some(rows)))) => {
                let done = rows.done.unwrap_or_default();
                report.stopped.push((name, done, rows.total));
            }
            _ => report.cancelled.push(name),
        }
    }

    /// Removes what a cancelled build left.
    async fn remove(&self, graph: &Graph, name: Name, held: Held, report: &mut Report) {
        let Some(migration) = graph.get(&name) else {
            return;
        };
        let Held {
            mut session,
            helpers,
        } = held;
        // They hold locks, which would be waited for.
        let helpers = helpers.into_iter().filter_map(Arc::into_inner);
        join_all(helpers.map(Session::close)).await;
        let cleaning = standalone::clean_up(self.run, self.ledger, &mut session, migration);
        let why = match tokio::time::timeout(CLEAN_UP_WITHIN, cleaning).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                interrupt_statement(&session).await;
                Some("somebody else's transaction is in the way".to_owned())
            }
        };
        session.close().await;
        self.watch.end(&name);
        self.clear_progress(&name).await;
        match why {
            None => report.cancelled.push(name),
            Some(why) => {
                tracing::warn!(migration = %name, why, "what the cancelled build left could not be removed");
                report.left_behind.push(name);
            }
        }
    }
}

/// Cancels what these sessions run and waits for its end; whether all ended.
async fn interrupt_statements(held: &Held) -> bool {
    let helpers = held.helpers.iter().map(AsRef::as_ref);
    let sessions = std::iter::once(&held.session).chain(helpers);
    let ended = join_all(sessions.map(interrupt_statement)).await;
    ended.into_iter().all(|ended| ended)
}

/// Cancels what the session runs and waits for its end; whether it ended.
async fn interrupt_statement(session: &Session) -> bool {
    if let Err(error) = session.cancel().await {
        tracing::warn!(%error, "a statement could not be cancelled");
        return false;
    }
    // Queued behind the cancelled statement, so its reply is that one's end;
    // outside of a transaction it is a mere warning.
    let ended = tokio::time::timeout(CANCEL_WITHIN, session.execute("ROLLBACK")).await;
    matches!(ended, Ok(Ok(())))
}
