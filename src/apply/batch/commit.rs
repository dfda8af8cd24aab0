//! The end of a block: ledger, readiness, notification and COMMIT, and the
//! proof that it happened.

use std::time::{Duration, Instant};

use super::{Announcement, BlockCheck, Ended, Flight, Try, words};
use crate::apply::Event;
use crate::apply::check::Checked;
use crate::plan::LedgerOf;
use crate::postgres::ledger::Applied;
use crate::postgres::transaction::{self, Status};
use crate::postgres::{Error, Pipeline, activity};

/// Silence after COMMIT before it is looked at why.
const SILENCE: Duration = Duration::from_secs(2);

impl Try<'_> {
    pub(super) async fn commit(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        applied: &[Applied],
        announcement: Option<&Announcement>,
        check: Option<&BlockCheck<'_>>,
    ) -> Result<Option<Box<Checked>>, Ended> {
        let last = self.migrations.len().saturating_sub(1);
        // Deferred constraints fail here, where the error is still an error of
        // a statement, and before anything is recorded. The role that ran the
        // migrations has to be the one whose triggers fire, so it comes before
        // the session is cleaned.
        pipeline.push(
            &"SET CONSTRAINTS ALL IMMEDIATE".into(),
            Flight::Ours { migration: last },
        );
        self.drain_constraints(pipeline).await?;
        pipeline.push(&self.clean().into(), Flight::Ours { migration: last });
        self.drain(pipeline).await?;
        // Before the ledger's rows: what they lock, other runs wait for.
        let checked = match check {
            Some(check) => Some(self.verify(check).await?),
            None => None,
        };
        let brought;
        let (ledger, deployment) = if self.brings == Some(LedgerOf::Segue) {
            let (ledger, deployment) = self.take_over().await?;
            brought = ledger;
            (Some(&brought), Some(deployment))
        } else {
            (self.batch.ledger, self.batch.deployment)
        };
        let adopted = if self.brings == Some(LedgerOf::Codd) {
            self.take_codd().await?
        } else {
            Vec::new()
        };
        let mut statements = Vec::new();
        if let Some(ledger) = ledger {
            statements.extend(ledger.applied_sql(deployment, applied));
            if let Some(deployment) = deployment {
                statements.extend(ledger.adopted_sql(deployment, &adopted));
            }
            if let Some(announcement) = announcement {
                statements.extend(ledger.ready_sql(&announcement.notice, &announcement.tail));
            }
        }
        for statement in statements {
            pipeline.push(&statement.into(), Flight::Ours { migration: last });
        }
        self.drain(pipeline).await?;
        let session = self.session;
        let id = self
            .guard(transaction::current_id(session))
            .await?
            .map_err(|error| self.judge(error, None))?;
        self.tell_ran();
        if let (Some(checked), Some(check)) = (&checked, check) {
            check.tell(self.batch.run, checked);
        }
        self.send_commit(&id).await?;
        Ok(checked)
    }

    /// As `drain`, but an error is one of COMMIT.
    async fn drain_constraints(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
    ) -> Result<(), Ended> {
        while let Some((flight, result)) = self.guard(pipeline.next()).await? {
            match result {
                Err(Error::Server(error)) if !error.failure().is_transient() => {
                    let mut diagnostic = words(&error);
                    if let [migration] = self.migrations.as_slice() {
                        diagnostic = diagnostic.source(&migration.source);
                    }
                    return Err(Ended::Failed(Box::new(diagnostic.note(format!(
                        "a deferred constraint or trigger failed at the end of the transaction{}",
                        self.of_whom()
                    )))));
                }
                result => self.land(flight, result)?,
            }
        }
        Ok(())
    }

    async fn send_commit(&mut self, id: &str) -> Result<(), Ended> {
        let session = self.session;
        let limit = self.batch.run.settings.commit_wait;
        let lost = |reason: String| Ended::Lost {
            reason,
            commit: Some(id.to_owned()),
        };
        let commit = session.execute("COMMIT");
        tokio::pin!(commit);
        let sent = Instant::now();
        let result = loop {
            // Signals wait: whoever interrupts wants to know how it ended.
            let left = limit.saturating_sub(sent.elapsed());
            tokio::select! {
                biased;
                result = &mut commit => break result,
                () = tokio::time::sleep(SILENCE.min(left)) => {}
            }
            let after = sent.elapsed();
            if after >= limit {
                return Err(Ended::Unanswered { after });
            }
            // The other connection may be as dead as this one.
            let _ = tokio::time::timeout(SILENCE, self.tell_commit_waits()).await;
        };
        match result {
            Ok(()) => {}
            Err(Error::Server(error)) if error.failure().is_connection_lost() => {
                return Err(lost(error.message.clone()));
            }
            Err(Error::Lost(reason)) => return Err(lost(reason)),
            Err(error) => return Err(self.judge(error, None)),
        }
        // COMMIT of a transaction that has failed answers without an error.
        match transaction::status(session, id).await {
            Ok(Status::Committed) => Ok(()),
            Ok(status) => Err(self.judge(
                Error::Protocol(format!(
                    "the server answered COMMIT without an error, but the transaction is {status:?}"
                )),
                None,
            )),
            Err(Error::Lost(reason)) => Err(lost(reason)),
            Err(error) => Err(lost(error.to_string())),
        }
    }

    async fn tell_commit_waits(&self) {
        let pid = self.session.backend().pid;
        if let Ok(Some(backend)) = activity::backend(self.batch.control, pid).await {
            self.batch.run.events.tell(Event::CommitWaits {
                pid,
                wait_event: backend.wait_event,
            });
        }
    }
}
