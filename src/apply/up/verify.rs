//! The checks of the schema around the steps of a run: before anything runs,
//! before readiness where no block can do it, and after the tail.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::Runner;
use crate::apply::batch::BlockCheck;
use crate::apply::check::{self, Checked, Expectation, Looking, Mismatch, Stage};
use crate::apply::stalled::SIGN_OF_LIFE;
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event, OnMismatch};
use crate::history::DeploymentState;
use crate::plan::{BeforeReady, Checks, TailStep};
use crate::postgres::introspect::Baseline;
use crate::postgres::ledger::When;
use crate::postgres::{Failure, activity};
use crate::schema::{Diff, Snapshot};

/// What a run knows of the live schema.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether it has looked before anything ran.
    has_looked: bool,
    /// What was not as the last settled deployment had left it.
    drift: Diff,
    /// The schema as it was when this run had committed so much.
    baseline: Option<(usize, Baseline)>,
    /// The schema as it is when all is settled, if a check has seen it so.
    settled: Option<Left>,
    /// The schema as it was before this run has applied anything, if nothing
    /// was under way then; and what was applied when it was about to be read.
    before: Option<(String, Snapshot)>,
    /// What others had applied when the schema was about to be read last.
    others: Option<String>,
    /// Whether somebody with a newer folder has applied more meanwhile, so that
    /// the schema can neither be verified nor settled by this run.
    pub(super) is_overtaken: bool,
}

/// A schema in which nothing is under way.
#[derive(Debug)]
struct Left {
    snapshot: Snapshot,
    /// Whether it is as expected.
    is_legal: bool,
}

impl Runner<'_> {
    /// Before anything runs: tells what somebody has changed since the last
    /// deployment was settled, so that it is not blamed on this one.
    pub(super) async fn look_before(&mut self, survey: &Survey) -> Result<(), ApplyError> {
        let Some(expectation) = &self.expectation else {
            return Ok(());
        };
        let Checks::Made { before_ready, .. } = survey.plan.checks else {
            return Ok(());
        };
        if std::mem::replace(&mut self.known.has_looked, true) {
            return Ok(());
        }
        let looking = self.looking(expectation, survey);
        let settled = check::settled_snapshot(&looking, &self.control).await?;
        if settled.is_none() && before_ready != Some(BeforeReady::InTheTransaction) {
            return Ok(());
        }
        let others = self.others().await;
        let baseline = self.baseline().await?;
        if let Some((since, settled)) = settled
            && let Some(expectation) = &self.expectation
        {
            let difference = expectation.drift(settled, baseline.reading.snapshot.clone());
            if !difference.is_empty() {
                self.known.drift = difference.clone();
                self.run
                    .events
                    .tell(Event::DriftFound { since, difference });
            }
        }
        if let Some(expectation) = &self.expectation
            && self.reverts.is_none()
            && !survey.history.is_under_way()
        {
            let mut before = baseline.reading.snapshot.clone();
            expectation.rule(&mut before);
            self.known.before = others.map(|others| (others, before));
        }
        self.known.baseline = Some((self.committed.len(), baseline));
        Ok(())
    }

    fn looking<'b>(&'b self, expectation: &'b Expectation, survey: &'b Survey) -> Looking<'b> {
        Looking {
            expectation,
            ledger: &self.ledger,
            survey,
            lock_timeout: self.run.settings.lock_timeout,
            patience: self.run.settings.retry_for,
        }
    }

    /// What others have applied, before the schema is read that tells of it. Of
    /// a schema where this is not known nothing is kept.
    async fn others(&mut self) -> Option<String> {
        self.control_again().await.ok()?;
        let others = self
            .ledger
            .applied_by_others(&self.control, self.deployment);
        others.await.ok()
    }

    /// The whole schema, read on the control session.
    async fn baseline(&mut self) -> Result<Baseline, ApplyError> {
        let began = Instant::now();
        loop {
            self.control_again().await?;
            let lock_timeout = self.run.settings.lock_timeout;
            let patience = self.run.settings.retry_for;
            let reading = check::patiently(&self.control, lock_timeout, Baseline::read);
            let reading = tokio::select! {
                reading = reading => reading,
                never = self.tell_lock_wait() => match never {},
                signal = self.run.interrupt.first() => {
                    self.end_reading().await;
                    return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
                }
            };
            match reading {
                Ok(baseline) => return Ok(baseline),
                Err(error) => {
                    let failure = error.failure();
                    let is_passing = failure == Failure::LockTimeout
                        || failure.is_connection_lost()
                        || self.control.is_lost();
                    if !is_passing {
                        return Err(error.into());
                    }
                    if began.elapsed() >= patience {
                        return Err(ApplyError::TimedOut {
                            what: format!("the schema to be read: {error}"),
                            after: began.elapsed(),
                            option: "--retry-for",
                            committed: Vec::new(),
                        });
                    }
                    tokio::time::sleep(crate::apply::PAUSE_MIN).await;
                }
            }
        }
    }

    /// Tells what the control session waits for, for ever; looks by the batch's
    /// session.
    async fn tell_lock_wait(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_millis(20);
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(batch) = &self.batch else { continue };
            // What cannot be looked at is only not told.
            let look = activity::lock_wait(batch, self.control.backend().pid).await;
            if let Ok(Some(wait)) = look {
                self.run.events.tell(Event::WaitingForLock {
                    relation: wait.relation_name,
                    lock: Some(wait.lock_type),
                    blockers: wait.blockers,
                });
            }
        }
    }

    /// Says to those who wait for the batch's lock that its runner lives, for
    /// ever.
    async fn show_life(&self) -> Infallible {
        loop {
            if let Some(batch) = &self.batch {
                // That it is lost, its next statement tells.
                let _ = batch.execute("SELECT 1").await;
            }
            tokio::time::sleep(SIGN_OF_LIFE).await;
        }
    }

    /// Ends what reading had begun when it was given up: no snapshot of ours
    /// stays open, and the session can say how the run ended.
    async fn end_reading(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let ending = async {
            self.control.cancel().await?;
            self.control.execute("ROLLBACK").await?;
            self.control.execute("RESET lock_timeout").await
        };
        // What cannot be ended ends with the connection.
        let _ = tokio::time::timeout(PATIENCE, ending).await;
    }

    /// Takes care that the schema as it is before the last block is known.
    pub(super) async fn prepare_check(
        &mut self,
        survey: &Survey,
        is_last: bool,
    ) -> Result<(), ApplyError> {
        let is_checked = is_last && matches!(survey.plan.checks, Checks::Made { .. });
        let is_fresh = self
            .known
            .baseline
            .as_ref()
            .is_some_and(|(committed, _)| *committed == self.committed.len());
        if is_checked && !is_fresh {
            self.known.baseline = None;
            // Of a large schema it takes long.
            self.work_elsewhere().await;
            self.known.baseline = Some((self.committed.len(), self.baseline().await?));
        }
        if is_checked {
            self.known.others = self.others().await;
        }
        Ok(())
    }

    /// What the last block needs to check the schema before its COMMIT.
    pub(super) fn block_check<'b>(
        &'b self,
        survey: &'b Survey,
        is_last: bool,
    ) -> Option<BlockCheck<'b>> {
        if !is_last || !matches!(survey.plan.checks, Checks::Made { .. }) {
            return None;
        }
        let (_, baseline) = self.known.baseline.as_ref()?;
        Some(BlockCheck {
            expectation: self.expectation.as_ref()?,
            ledger: &self.ledger,
            baseline,
            survey,
            drift: &self.known.drift,
            committed: &self.committed,
        })
    }

    /// Keeps what the last block's check has seen, for when all is settled.
    pub(super) fn keep_checked(&mut self, checked: Option<Checked>) {
        self.known.baseline = None;
        self.known.settled = checked.and_then(settled);
    }

    /// Verifies what is committed, before it is announced as ready.
    pub(super) async fn verify_batch(&mut self, survey: &Survey) -> Result<(), ApplyError> {
        if !matches!(survey.plan.checks, Checks::Made { .. }) {
            return Ok(());
        }
        let Some(mut mismatch) = self.verify(survey, Stage::Batch).await? else {
            return Ok(());
        };
        mismatch.is_committed = true;
        Err(ApplyError::Mismatch {
            mismatch,
            committed: self.committed.clone(),
        })
    }

    /// Verifies what the tail has left, before the deployment is settled;
    /// what is not as expected, if that is to be a failure.
    pub(super) async fn verify_tail(
        &mut self,
        survey: &Survey,
        steps: &[TailStep],
    ) -> Result<Option<Box<Mismatch>>, ApplyError> {
        let is_checked = matches!(survey.plan.checks, Checks::Made { .. });
        // Without a tail, the check before readiness has said it all.
        if !is_checked || (steps.is_empty() && self.is_announced) {
            return Ok(None);
        }
        let Some(mismatch) = self.verify(survey, Stage::Tail).await? else {
            return Ok(None);
        };
        let notice = self.notice(DeploymentState::Failed, survey);
        // The report says it anyway; the row is for those who look later.
        if self.control_again().await.is_ok() {
            let summary = mismatch.summary();
            let _ = self
                .ledger
                .fail_tail(&self.control, &notice, &summary)
                .await;
        }
        Ok(Some(mismatch))
    }

    /// Reads and judges the schema on the control session, and tells what it
    /// gave; what is not as expected, if that is to be a failure.
    async fn verify(
        &mut self,
        survey: &Survey,
        stage: Stage,
    ) -> Result<Option<Box<Mismatch>>, ApplyError> {
        let began = Instant::now();
        let patience = self.run.settings.retry_for;
        self.known.others = self.others().await;
        let checked = loop {
            self.control_again().await?;
            let Some(expectation) = &self.expectation else {
                return Ok(None);
            };
            let looking = self.looking(expectation, survey);
            let looking = looking.look(&self.control, stage);
            let looked = tokio::select! {
                looked = looking => looked,
                never = self.show_life() => match never {},
                signal = self.run.interrupt.first() => {
                    self.end_reading().await;
                    return Err(ApplyError::Interrupted {
                        signal,
                        committed: self.committed.clone(),
                    });
                }
            };
            match looked {
                Err(ApplyError::Postgres(error))
                    if (error.failure().is_connection_lost() || self.control.is_lost())
                        && began.elapsed() < patience =>
                {
                    self.run.events.tell(Event::ConnectionLost {
                        reason: error.to_string(),
                    });
                    tokio::time::sleep(crate::apply::PAUSE_MIN).await;
                }
                looked => break looked?,
            }
        };
        if !checked.verdict.is_legal() && !checked.overtaken.is_empty() {
            self.known.is_overtaken = true;
            // Kept, what was right before that would look like drift later.
            self.known.settled = None;
            self.run.events.tell(Event::Overtaken {
                names: checked.overtaken,
            });
            return Ok(None);
        }
        let Some(expectation) = &self.expectation else {
            return Ok(None);
        };
        let mismatch = told(
            self.run,
            expectation,
            &checked,
            survey,
            &self.known.drift,
            &self.committed,
        );
        self.known.settled = settled(checked);
        Ok(mismatch)
    }

    /// Keeps the schema in the ledger as the last settled deployment left it,
    /// to tell drift from; and the one from before it, to be gone back to.
    pub(super) async fn keep_snapshot(&mut self, settled: &[i64]) {
        let (left, before) = (self.known.settled.take(), self.known.before.take());
        let (Some(expectation), Some(deployment)) = (
            &self.expectation,
            // One that came later has another schema.
            settled
                .iter()
                .max()
                .filter(|newest| Some(**newest) == self.deployment),
        ) else {
            return;
        };
        let (major, control) = (expectation.major(), &self.control);
        if let Some(left) = left.as_ref().filter(|left| left.is_legal)
            && let Err(error) = self
                .ledger
                .keep_snapshot(control, major, *deployment, &left.snapshot)
                .await
        {
            // Only drift cannot be told apart next time.
            tracing::warn!(%error, "the settled schema could not be kept");
        }
        let others = self.known.others.as_deref();
        let moments = [
            before
                .as_ref()
                .map(|(others, before)| (When::Before, others.as_str(), before)),
            left.as_ref()
                .zip(others)
                .map(|(left, others)| (When::After, others, &left.snapshot)),
        ];
        for (when, known, snapshot) in moments.into_iter().flatten() {
            let run = (major, *deployment);
            let seen = (known, snapshot);
            if let Err(error) = self.ledger.keep_past(control, run, when, seen).await {
                // Only what goes back to it cannot be verified.
                tracing::warn!(%error, "a past schema could not be kept");
            }
        }
    }
}

/// The snapshot of a check that has seen the schema as it is when all is
/// settled.
fn settled(checked: Checked) -> Option<Left> {
    checked.is_exact.then(|| Left {
        is_legal: checked.verdict.is_legal(),
        snapshot: checked.snapshot,
    })
}

/// Tells what a check gave; what is not as expected, if that is to be a
/// failure.
pub(in crate::apply) fn told(
    run: &crate::apply::Run,
    expectation: &Expectation,
    checked: &Checked,
    survey: &Survey,
    drift: &Diff,
    applied: &[crate::migration::Name],
) -> Option<Box<Mismatch>> {
    if checked.verdict.is_legal() {
        run.events.tell(Event::Verified {
            stage: checked.stage,
            duration: checked.duration,
            half_way: checked.verdict.half_way.clone(),
            blind: checked.blind.clone(),
            unused_rules: checked.unused_rules.clone(),
        });
        return None;
    }
    let mismatch = Box::new(checked.mismatch(&survey.graph, drift, applied));
    let goes_on = expectation.on_mismatch() == OnMismatch::Warn;
    run.events.tell(Event::Mismatched {
        mismatch: mismatch.clone(),
        goes_on,
    });
    (!goes_on).then_some(mismatch)
}
