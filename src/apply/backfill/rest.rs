//! Between two batches, where no transaction is open: pauses, what users want,
//! and others who need the migration's locks.

use std::time::{Duration, Instant};

use super::{Filler, News, Over};
use crate::apply::standalone::{self, StandaloneError};
use crate::apply::{Event, NOT_RETRIED, human};
use crate::diagnostic::{Diagnostic, code};
use crate::postgres::ledger::Wishes;
use crate::postgres::{Failure, ServerError};

/// Between two looks at the row while nothing is done.
const POLL: Duration = Duration::from_secs(1);
/// Between two looks for those who need its locks.
const LOOK: Duration = Duration::from_millis(200);

impl Filler<'_> {
    /// Waits as long as anybody wants it to, and the pause that is due.
    pub(super) async fn rest(&mut self) -> Result<Option<Over>, StandaloneError> {
        if self.looked.elapsed() >= LOOK {
            self.make_way().await?;
        }
        if let Some(over) = self.stay().await? {
            return Ok(Some(over));
        }
        loop {
            if let Some(over) = self.obey().await? {
                return Ok(Some(over));
            }
            if let Some(over) = self.throttled().await? {
                return Ok(Some(over));
            }
            // A user may have asked it to pause while it waited for others.
            if self.wishes.paused_by.is_none() {
                break;
            }
        }
        self.estimate().await?;
        // In the foreground it is what the user's rate asks for.
        self.sleep(self.pace.next().pause).await
    }

    /// Rows that it may still do.
    pub(super) fn rows_allowed(&self) -> u64 {
        let most = self.work.run.settings.backfill_rows_max;
        most.map_or(u64::MAX, |most| most.saturating_sub(self.rows))
    }

    /// Does nothing any more once it has done what it may.
    async fn stay(&mut self) -> Result<Option<Over>, StandaloneError> {
        while self.rows_allowed() == 0 {
            tokio::time::sleep(POLL).await;
            if let Some(over) = self.look().await? {
                return Ok(Some(over));
            }
        }
        Ok(None)
    }

    /// Does nothing while a signal is there.
    async fn throttled(&mut self) -> Result<Option<Over>, StandaloneError> {
        let began = Instant::now();
        let name = &self.work.migration.name;
        loop {
            let Some(lookout) = &mut self.lookout else {
                return Ok(None);
            };
            let sign = lookout.sign();
            if sign.has_looked && sign.signals.is_empty() {
                break;
            }
            if let Some(after) = sign.too_long {
                return Err(self.refuse_wait(&sign.signals, after));
            }
            if sign.signals != self.throttled_by {
                let ledger = self.work.ledger;
                let throttled = ledger.throttle_backfill(self.session, name, &sign.signals);
                throttled.await?;
                self.throttled_by.clone_from(&sign.signals);
            }
            let since = Instant::now();
            lookout.next(POLL).await;
            if let Some(cause) = &sign.cause {
                self.pace.waited(cause, since.elapsed());
            }
            if let Some(over) = self.look().await? {
                return Ok(Some(over));
            }
        }
        if !self.throttled_by.is_empty() {
            let ledger = self.work.ledger;
            ledger.throttle_backfill(self.session, name, &[]).await?;
            self.throttled_by.clear();
            self.held_up += began.elapsed();
        }
        Ok(None)
    }

    /// It has waited for longer than `[backfill]` lets it.
    fn refuse_wait(&self, signals: &[String], after: Duration) -> StandaloneError {
        let diagnostic = Diagnostic::error(
            code::NOT_FINISHED,
            format!("the backfill has waited {} in one stretch", human(&after)),
        );
        let noted = signals.iter().fold(diagnostic, Diagnostic::note);
        let diagnostic = noted.help("`segue settle` goes on when that is over");
        let migration = self.work.migration;
        StandaloneError::Failed(Box::new(self.text.diagnostic(migration, diagnostic)))
    }

    /// Does nothing while a user has paused it.
    async fn obey(&mut self) -> Result<Option<Over>, StandaloneError> {
        let began = Instant::now();
        let mut told: Option<String> = None;
        while let Some(by) = self.wishes.paused_by.clone() {
            if told.as_ref() != Some(&by) {
                self.tell(News::Paused { by: by.clone() });
                told = Some(by);
            }
            tokio::time::sleep(POLL).await;
            if let Some(over) = self.look().await? {
                return Ok(Some(over));
            }
        }
        if told.is_some() {
            let after = began.elapsed();
            self.held_up += after;
            self.tell(News::GoesOn { after });
        }
        Ok(None)
    }

    /// A pause; one that is long is cut short by what users want.
    async fn sleep(&mut self, pause: Duration) -> Result<Option<Over>, StandaloneError> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(left.min(POLL)).await;
            if left > POLL {
                if let Some(over) = self.look().await? {
                    return Ok(Some(over));
                }
                if let Some(over) = self.obey().await? {
                    return Ok(Some(over));
                }
            }
        }
    }

    /// Looks at all that may have changed while nothing was done.
    async fn look(&mut self) -> Result<Option<Over>, StandaloneError> {
        self.make_way().await?;
        let name = &self.work.migration.name;
        let wishes = self.work.ledger.backfill_wishes(self.session, name);
        let wishes = wishes.await?;
        if wishes.is_abandoned {
            return Ok(Some(Over::Abandoned));
        }
        self.take_wishes(wishes);
        Ok(None)
    }

    /// Ends it for a batch that needs its locks.
    async fn make_way(&mut self) -> Result<(), StandaloneError> {
        self.looked = Instant::now();
        let name = &self.work.migration.name;
        let claimed = standalone::preempted_by(self.work.run, self.session, name);
        match claimed.await? {
            Some(pid) => Err(StandaloneError::Preempted(pid)),
            None => Ok(()),
        }
    }

    pub(super) fn take_wishes(&mut self, wishes: Wishes) {
        self.pace.rate(wishes.rate);
        self.pace.time_left(wishes.time_left);
        self.wishes = wishes;
    }

    /// A batch is committed.
    pub(super) fn went_well(&mut self) {
        self.failing = None;
        self.backoff.reset();
    }

    /// Waits before the next try of a batch that others have disturbed; the
    /// error ends it when nothing has gone well for `--retry-for`.
    pub(super) async fn again(
        &mut self,
        error: &ServerError,
    ) -> Result<Option<Over>, StandaloneError> {
        if error.failure() == Failure::Cancelled
            && let Some(over) = self.look().await?
        {
            return Ok(Some(over));
        }
        let run = self.work.run;
        let bound = run.settings.retry_for;
        let (since, failures) = self.failing.unwrap_or((Instant::now(), 0));
        let attempt = failures + 1;
        self.failing = Some((since, attempt));
        if since.elapsed() >= bound {
            let diagnostic = self.text.error(self.work.migration, error);
            let diagnostic = if bound.is_zero() {
                diagnostic.note(NOT_RETRIED)
            } else {
                diagnostic.note(format!(
                    "tried again for {}, as `--retry-for` says; {} rows are done",
                    human(&bound),
                    crate::text::thousands(self.rows)
                ))
            };
            return Err(StandaloneError::Failed(Box::new(diagnostic)));
        }
        let pause = self.backoff.pause() * fastrand::u32(75..=125) / 100;
        let pause = pause.min(bound.saturating_sub(since.elapsed()));
        run.events.tell(Event::StatementRetried {
            name: self.work.migration.name.clone(),
            number: 1,
            attempt,
            cause: self.work.migration.variables.conceal(&error.to_string()),
            pause,
        });
        let began = Instant::now();
        let over = self.sleep(pause).await;
        self.held_up += began.elapsed();
        over
    }
}
