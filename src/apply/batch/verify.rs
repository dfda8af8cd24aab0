//! The check of the schema inside a block, before its COMMIT.

use std::time::Instant;

use super::{Ended, Flight, Try};
use crate::apply::check::{Checked, Expectation, Mismatch, READINGS_MAX, Stage, concurrent_now};
use crate::apply::survey::Survey;
use crate::apply::{OnMismatch, Run, up};
use crate::migration::Name;
use crate::postgres::introspect::{self, Baseline, Reading};
use crate::postgres::ledger::Ledger;
use crate::postgres::{Error, Failure};
use crate::schema::Diff;
use crate::verify::Concurrent;

/// What a block needs to check the schema.
pub(in crate::apply) struct BlockCheck<'a> {
    pub(in crate::apply) expectation: &'a Expectation,
    pub(in crate::apply) ledger: &'a Ledger,
    /// The schema before the block began.
    pub(in crate::apply) baseline: &'a Baseline,
    pub(in crate::apply) survey: &'a Survey,
    /// What was there before this run.
    pub(in crate::apply) drift: &'a Diff,
    /// What this run has committed before the block.
    pub(in crate::apply) committed: &'a [Name],
}

/// How often reading is tried that a lock stands in the way of, before the
/// whole block is.
const TRIES_MAX: usize = 3;

impl Try<'_> {
    /// Checks the schema as it would be after COMMIT.
    ///
    /// How far the concurrent migrations are is known from the plan. Locks are
    /// held, so the ledger is read again only if the schema is not legal by
    /// that: somebody else's tail may have gone on since.
    pub(super) async fn verify(&mut self, check: &BlockCheck<'_>) -> Result<Box<Checked>, Ended> {
        let before = check.planned(check.ledger.project());
        let mut readings = 0;
        loop {
            let began = Instant::now();
            let reading = self.reading(check).await?;
            let after = match readings {
                0 => before.clone(),
                _ => self.concurrent(check).await?,
            };
            let judged = check.expectation.judge(
                Stage::Batch,
                reading.snapshot,
                &before,
                after,
                check.survey,
            );
            let mut checked = judged.map_err(|error| Ended::Refused(Box::new(error)))?;
            checked.duration = began.elapsed();
            readings += 1;
            if checked.verdict.is_legal() {
                return Ok(Box::new(checked));
            }
            if readings < READINGS_MAX {
                continue;
            }
            if check.expectation.on_mismatch() == OnMismatch::Warn {
                return Ok(Box::new(checked));
            }
            self.tell_ran();
            return Err(match check.tell(self.batch.run, &checked) {
                Some(mismatch) => Ended::Mismatch(mismatch),
                None => return Ok(Box::new(checked)),
            });
        }
    }

    async fn concurrent(&mut self, check: &BlockCheck<'_>) -> Result<Vec<Concurrent>, Ended> {
        let control = self.batch.control;
        let looking = concurrent_now(check.expectation, control, check.ledger, check.survey);
        match self.guard(looking).await? {
            Ok(concurrent) => Ok(concurrent),
            Err(error) => Err(self.judge(error, None)),
        }
    }

    /// The schema as it is inside the transaction.
    async fn reading(&mut self, check: &BlockCheck<'_>) -> Result<Reading, Ended> {
        let session = self.session;
        let mut tries = 0;
        loop {
            tries += 1;
            let changed = self
                .guard(introspect::changed(session, check.baseline))
                .await?;
            match changed {
                Ok(changed) => return Ok(changed.reading),
                // The transaction can go on after it.
                Err(error) if error.failure() == Failure::LockTimeout && tries < TRIES_MAX => {}
                Err(error) => return Err(self.judge_ours(error)),
            }
        }
    }

    fn judge_ours(&mut self, error: Error) -> Ended {
        let migration = self.migrations.len().saturating_sub(1);
        self.judge(error, Some(Flight::Ours { migration }))
    }
}

impl BlockCheck<'_> {
    /// How far the concurrent migrations were when the plan was made.
    fn planned(&self, project: &str) -> Vec<Concurrent> {
        let (graph, history) = (&self.survey.graph, &self.survey.history);
        let done = self.survey.plan.folded().cloned().collect();
        self.expectation.concurrent(graph, history, project, &done)
    }

    /// Tells what the check gave; what is not as expected, if that is to be a
    /// failure.
    pub(super) fn tell(&self, run: &Run, checked: &Checked) -> Option<Box<Mismatch>> {
        let block = self.survey.plan.batch.last();
        let mut applied = self.committed.to_vec();
        if let Some(crate::plan::Step::Block(block)) = block {
            applied.extend(block.migrations.iter().cloned());
        }
        up::told(
            run,
            self.expectation,
            checked,
            self.survey,
            self.drift,
            &applied,
        )
    }
}
