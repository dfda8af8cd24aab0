//! Signals in the tail: the first one leaves builds to the server, a second
//! SIGINT cancels them and removes what they left.

use std::time::Duration;

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
        held: Vec<(Name, Session)>,
        report: &mut Report,
    ) {
        let mut builds = Vec::new();
        for (name, session) in held {
            let survives = tokio::time::timeout(LOOK_WITHIN, self.survives(&name, &session)).await;
            // Where it cannot be known the session is left alone.
            if matches!(survives, Ok(Ok(false))) {
                self.stop(name, session, report).await;
            } else {
                builds.push((name, session));
            }
        }
        if builds.is_empty() {
            return;
        }
        self.run.events.tell(Event::Detached {
            builds: builds
                .iter()
                .map(|(name, session)| (name.clone(), session.backend().pid))
                .collect(),
        });
        // SIGTERM comes from a supervisor, who waits for our end.
        let patience = if signal == Signal::Interrupt {
            AGAIN_WITHIN
        } else {
            Duration::ZERO
        };
        let again = tokio::time::timeout(patience, self.run.interrupt.again()).await;
        for (name, session) in builds {
            if again.is_ok() {
                self.cancel(graph, name, session, report).await;
            } else {
                report.detached.push((name, session.backend().pid));
            }
        }
    }

    /// Whether what the session does now goes on without us: it has written
    /// an intent, and is at work.
    async fn survives(&self, name: &Name, session: &Session) -> Result<bool, postgres::Error> {
        let control = self.control.session().await?;
        let backend = session.backend();
        let is_begun = self
            .ledger
            .intents(&control, name)
            .await?
            .iter()
            .any(|intent| intent.state == IntentState::Begun && intent.backend == *backend);
        let state = activity::backend(&control, backend.pid)
            .await?
            .and_then(|backend| backend.state);
        Ok(is_begun && state.as_deref() == Some("active"))
    }

    /// Ends what the session does, in a transaction or between statements.
    async fn stop(&self, name: Name, session: Session, report: &mut Report) {
        if self.interrupt_statement(&session).await {
            // COMMIT may have been quicker than the signal.
            let state = match self.control.session().await {
                Ok(control) => self.ledger.state(&control, &name).await.ok().flatten(),
                Err(_) => None,
            };
            session.close().await;
            self.watch.end(&name);
            self.clear_progress(&name).await;
            if state == Some(State::Applied) {
                report.done.push(name);
            } else {
                report.cancelled.push(name);
            }
        } else {
            report.detached.push((name, session.backend().pid));
        }
    }

    /// Cancels a build and removes what it left.
    async fn cancel(&self, graph: &Graph, name: Name, mut session: Session, report: &mut Report) {
        let pid = session.backend().pid;
        if !self.interrupt_statement(&session).await {
            report.detached.push((name, pid));
            return;
        }
        let cleaned = match graph.get(&name) {
            Some(migration) => {
                standalone::clean_up(self.run, self.ledger, &mut session, migration).await
            }
            None => Ok(()),
        };
        if let Err(error) = cleaned {
            tracing::warn!(migration = %name, %error, "what the cancelled build left could not be removed");
            report.left_behind.push(name);
        } else {
            report.cancelled.push(name.clone());
            self.watch.end(&name);
            self.clear_progress(&name).await;
        }
        session.close().await;
    }

    /// Cancels what the session runs and waits for its end; whether it ended.
    async fn interrupt_statement(&self, session: &Session) -> bool {
        if let Err(error) = session.cancel().await {
            tracing::warn!(%error, "a statement could not be cancelled");
            return false;
        }
        // Queued behind the cancelled statement, so its reply is that one's
        // end; outside of a transaction it is a mere warning.
        let ended = tokio::time::timeout(CANCEL_WITHIN, session.execute("ROLLBACK")).await;
        matches!(ended, Ok(Ok(())))
    }
}
