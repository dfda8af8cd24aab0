//! A block until it is committed: retries, cuts, lost connections.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::conflict::{After, Missed};
use super::server::{self, Heeds};
use super::{Next, Runner};
use crate::apply::batch::{Batch, Ended, LockBounds, Try, Unfolded};
use crate::apply::pause::{Meanwhile, Pause, Stopped};
use crate::apply::role::Made;
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event, NOT_RETRIED, PAUSE_MIN};
use crate::diagnostic::{Diagnostic, code};
use crate::history::{LockKey, State};
use crate::migration::Name;
use crate::plan::{Block, LedgerOf, Ready};
use crate::postgres::activity::{self, LockWait};
use crate::postgres::ledger::Brought;
use crate::postgres::transaction::{self, Status};
use crate::postgres::{Error, lock, settings};
use crate::text::Variables;

impl Runner<'_> {
    pub(super) async fn block(
        &mut self,
        survey: &Survey,
        block: &Block,
    ) -> Result<Next, ApplyError> {
        let began = Instant::now();
        let mut failing_since = None;
        let is_last = block.is_last && survey.plan.ready == Ready::WithLastBlock;
        let announcement = is_last.then(|| self.announcement(survey));
        let mut roles = Made::default();
        let batch_variables = variables(survey, block);
        for attempt in 1.. {
            self.control_again().await?;
            self.prepare_check(survey, is_last).await?;
            let Some(session) = self.batch.as_ref() else {
                return Ok(Next::PlanAgain);
            };
            let bounds = LockBounds::of(&self.control, self.run.settings.lock_timeout).await?;
            self.refuse_long_lock_timeout(bounds.beside_a_build).await?;
            self.run.events.tell(Event::BlockBegan {
                migrations: block.migrations.len(),
                attempt,
            });
            let tried = Instant::now();
            let brought = OnceLock::new();
            let batch = self.batch_view(survey, &brought);
            let check = self.block_check(survey, is_last);
            let trying = Try::run(
                &batch,
                session,
                block,
                &self.fire_before,
                bounds,
                announcement.as_ref(),
                check.as_ref(),
            );
            let ended = Box::pin(self.beating(trying)).await;
            match ended {
                Ended::Committed(checked) => {
                    self.keep_checked(checked.map(|checked| *checked));
                    self.committed(block, tried.elapsed());
                    if let Some(brought) = brought.get() {
                        self.take_over(block, *brought).await?;
                    }
                    if is_last {
                        self.tell_ready(survey);
                    }
                    return Ok(after(block));
                }
                Ended::Retry {
                    name,
                    cause,
                    wait,
                    diagnostic,
                } => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    let times = (since, attempt);
                    let again = self.again(survey, times, name, cause, wait, diagnostic);
                    if let Some(next) = again.await? {
                        return Ok(next);
                    }
                }
                Ended::FireTriggersBefore(name) => self.fire_before.push(name),
                Ended::Cut(cut) => {
                    self.run.events.tell(Event::BlockCut { cut: cut.clone() });
                    self.options.cuts.insert(cut);
                    return Ok(Next::PlanAgain);
                }
                Ended::Unfold(unfolded) => return Ok(self.unfold(unfolded)),
                Ended::Failed(diagnostic) => {
                    if roles.make(self.run, &diagnostic, &batch_variables).await? {
                        continue;
                    }
                    return Err(ApplyError::Migration {
                        diagnostic,
                        committed: self.committed.clone(),
                    });
                }
                Ended::Mismatch(mismatch) => {
                    return Err(ApplyError::Mismatch {
                        mismatch,
                        committed: self.committed.clone(),
                    });
                }
                Ended::Refused(error) => return Err(*error),
                Ended::Interrupted(signal) => {
                    self.batch = None;
                    return Err(ApplyError::Interrupted {
                        signal,
                        committed: self.committed.clone(),
                    });
                }
                Ended::Unanswered { after } => return Err(self.commit_unknown(after)),
                Ended::Lost { reason, commit } => {
                    let brought = brought.get().copied();
                    let (times, announcing) = ((began, tried), is_last.then_some(survey));
                    return self
                        .lost_in(block, &reason, commit, brought, times, announcing)
                        .await;
                }
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// The block was rolled back, and a retry may cure it: pauses before the
    /// next one, unless the plan has to be made again first.
    async fn again(
        &mut self,
        survey: &Survey,
        (since, attempt): (Instant, usize),
        name: Option<Name>,
        cause: String,
        wait: Option<LockWait>,
        diagnostic: Box<Diagnostic>,
    ) -> Result<Option<Next>, ApplyError> {
        let missed = Missed {
            wait,
            needed_by: name.as_ref(),
            diagnostic: &diagnostic,
        };
        match self.conflict(survey, missed).await? {
            After::Go(next) => Ok(Some(next)),
            After::Pause(_) if self.run.settings.retry_for.is_zero() => {
                Err(ApplyError::Migration {
                    diagnostic: Box::new(diagnostic.note(NOT_RETRIED)),
                    committed: self.committed.clone(),
                })
            }
            After::Pause(wait) => {
                let pause = Pause::of_block(self.run, since, attempt, name, cause, wait);
                self.pause(pause).await?;
                Ok(None)
            }
        }
    }

    /// The connection is gone: finds out whether the block is committed, if its
    /// COMMIT was sent, with which it announced what was surveyed.
    async fn lost_in(
        &mut self,
        block: &Block,
        reason: &str,
        commit: Option<String>,
        brought: Option<Brought>,
        (began, tried): (Instant, Instant),
        announcing: Option<&Survey>,
    ) -> Result<Next, ApplyError> {
        self.batch = None;
        self.run.events.tell(Event::ConnectionLost {
            reason: reason.to_owned(),
        });
        let Some(id) = commit else {
            return self.lost(began, reason).await;
        };
        if let Some(brought) = brought {
            // Unless it is one that has begun before.
            self.deployment.get_or_insert(brought.deployment);
        }
        if self.resolve(&id, block).await? {
            self.committed(block, tried.elapsed());
            if let Some(brought) = brought {
                self.take_over(block, brought).await?;
            }
            if let Some(survey) = announcing {
                self.tell_ready(survey);
            }
            return Ok(after(block));
        }
        if block.brings == Some(LedgerOf::Segue) {
            self.deployment = None;
        }
        Ok(Next::PlanAgain)
    }

    /// Whether the ledger says that this run has committed the block.
    async fn is_recorded(&self, block: &Block) -> Result<bool, ApplyError> {
        if self.reverts.is_some() {
            let Some(deployment) = self.deployment else {
                return Ok(false);
            };
            let taken = self.ledger.reverted_by(&self.control, deployment).await?;
            let mut reverted = block.migrations.iter().filter_map(Name::reverted);
            return Ok(reverted.all(|name| taken.contains(&name)));
        }
        let history = self.ledger.history(&self.control).await?;
        Ok(block.migrations.iter().all(|name| {
            history.records.get(name).is_some_and(|record| {
                record.state == State::Applied && record.deployment == self.deployment
            })
        }))
    }

    fn batch_view<'b>(&'b self, survey: &'b Survey, brought: &'b OnceLock<Brought>) -> Batch<'b> {
        Batch {
            run: self.run,
            ledger: Some(&self.ledger),
            graph: &survey.graph,
            history: &survey.history,
            was_empty: self.was_empty.unwrap_or(false),
            control: &self.control,
            deployment: self.deployment,
            last: survey.last(),
            fingerprint: &survey.fingerprint,
            brought,
        }
    }

    /// The end of a run that does not know whether its COMMIT happened.
    fn commit_unknown(&mut self, after: Duration) -> ApplyError {
        self.batch = None;
        // Its row may be the very one that the open transaction has locked,
        // and whether it failed is not known.
        self.deployment = None;
        ApplyError::CommitUnknown {
            after,
            committed: self.committed.clone(),
        }
    }

    /// The block runs again without a migration that could not be folded.
    fn unfold(&mut self, unfolded: Unfolded) -> Next {
        let Unfolded { name, reason } = unfolded;
        self.options.unfolded.insert(name.clone());
        self.run.events.tell(Event::Unfolded { name, reason });
        Next::PlanAgain
    }

    fn committed(&mut self, block: &Block, duration: Duration) {
        self.committed.extend(block.migrations.iter().cloned());
        self.run.events.tell(Event::BlockCommitted {
            migrations: block.migrations.len(),
            duration,
        });
    }

    /// A waiter on a table whose index is being built kills the build.
    async fn refuse_long_lock_timeout(&self, lock_wait_max: Duration) -> Result<(), ApplyError> {
        if self.run.settings.lock_timeout <= lock_wait_max
            || !settings::is_building(&self.control).await?
        {
            return Ok(());
        }
        Err(ApplyError::Refused {
            reason: format!(
                "an index is being built concurrently, and `--lock-timeout {}` is longer than half of the server's `deadlock_timeout`: a lock wait as long as that would kill the build",
                super::super::human(&self.run.settings.lock_timeout)
            ),
            help: format!(
                "use `--lock-timeout {}` or less; tries are repeated for `--retry-for` anyway",
                super::super::human(&lock_wait_max)
            ),
        })
    }

    /// Waits before the next try of a block.
    pub(super) async fn pause(&mut self, mut pause: Pause<'_>) -> Result<(), ApplyError> {
        loop {
            let meanwhile = match &self.batch {
                Some(session) => Meanwhile::ShowLife(session),
                None => Meanwhile::Nothing,
            };
            let over = pause.over(&self.control, meanwhile);
            let (control, ledger) = (&self.control, &self.ledger);
            match self
                .beat
                .during(control, ledger, self.deployment, over)
                .await
            {
                Ok(()) => return Ok(()),
                Err(Stopped::Postgres(error)) => self.control_lost(error).await?,
                Err(stopped) => return Err(stopped.into_apply_error(&self.committed)),
            }
        }
    }

    /// Looks at locks from another session, where the one that did is lost: the
    /// block does not depend on it.
    async fn control_lost(&mut self, error: Error) -> Result<(), ApplyError> {
        if !error.failure().is_connection_lost() {
            return Err(error.into());
        }
        self.run.events.tell(Event::ConnectionLost {
            reason: error.to_string(),
        });
        let patience = self.run.settings.retry_for;
        self.control_anew(patience, Heeds::Signals).await
    }

    /// The connection ended before COMMIT: nothing of the block is there, once
    /// the old backend is gone. Its lock tells.
    pub(super) async fn lost(&mut self, began: Instant, reason: &str) -> Result<Next, ApplyError> {
        self.losses += 1;
        if self.losses > super::LOSSES_MAX {
            let diagnostic = Diagnostic::error(
                code::NOT_FINISHED,
                format!("the connection was lost {} times in a row", self.losses),
            );
            return Err(ApplyError::Migration {
                diagnostic: Box::new(
                    diagnostic
                        .note(reason)
                        .help("the server's log says why, if it was the server"),
                ),
                committed: self.committed.clone(),
            });
        }
        let pause = Pause::new(self.run, began, reason.to_owned(), None, PAUSE_MIN);
        self.pause(pause).await?;
        Ok(Next::PlanAgain)
    }

    /// Finds out whether a transaction whose COMMIT was sent is committed.
    ///
    /// The batch's lock comes first: while the old backend lives, its
    /// transaction may still be committing, and looking once would say "not
    /// applied" of a commit that comes later.
    async fn resolve(&mut self, id: &str, block: &Block) -> Result<bool, ApplyError> {
        let limit = self.run.settings.commit_wait;
        let began = Instant::now();
        // Signals wait, as they do at COMMIT itself.
        let session = match server::reach_again(self.run, limit, Heeds::Nothing).await {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(%error, "whether COMMIT happened could not be looked up");
                return Err(self.commit_unknown(began.elapsed()));
            }
        };
        // Both went the same way, so the other one may be dead and not know it.
        self.control_anew(limit, Heeds::Nothing).await?;
        let key = LockKey::batch(&self.run.project);
        let mut told = Instant::now();
        while !lock::try_lock(&session, key).await? {
            if told.elapsed() > Duration::from_secs(2)
                && let Some(pid) = lock::held(&self.control).await?.get(&key)
            {
                told = Instant::now();
                let backend = activity::backend(&self.control, *pid).await?;
                self.run.events.tell(Event::CommitWaits {
                    pid: *pid,
                    wait_event: backend.and_then(|backend| backend.wait_event),
                });
            }
            if began.elapsed() > limit {
                return Err(self.commit_unknown(began.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // After a fail-over the number may mean nothing, or another
        // transaction; the ledger decides then.
        while let Ok(Status::InProgress) = transaction::status(&session, id).await {
            if began.elapsed() > limit {
                return Err(self.commit_unknown(began.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // While the lock was polled, another run may have applied the same
        // files: only the deployment's number tells that it was us.
        if self.ledger.version().is_none() {
            self.find_ledger().await?;
        }
        let committed = self.is_recorded(block).await?;
        self.batch = Some(session);
        self.run.events.tell(Event::CommitResolved { committed });
        Ok(committed)
    }
}

/// The variables of all its migrations.
fn variables(survey: &Survey, block: &Block) -> Variables {
    let names = block.migrations.iter();
    let migrations = names.filter_map(|name| survey.graph.get(name));
    migrations.fold(Variables::default(), |all, one| all.and(&one.variables))
}

/// How the rest of a plan stands after `block`.
fn after(block: &Block) -> Next {
    if block.brings.is_some() {
        Next::PlanAgain
    } else {
        Next::Step
    }
}
