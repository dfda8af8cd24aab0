//! The schedule against the world: how much is left, and whether the time
//! suffices.

use std::time::{Duration, Instant};

use super::{Filler, News};
use crate::apply::standalone::StandaloneError;
use crate::backfill::pace::{Impossible, Stage, Total};
use crate::diagnostic::{Diagnostic, code};
use crate::postgres::backfill::estimate;

/// An estimate is made again after so long…
const AGAIN: Duration = Duration::from_secs(10);
/// …or after this part of all rows, but not sooner than that.
const PART: u64 = 100;
const AGAIN_MIN: Duration = Duration::from_secs(1);

/// What has been estimated, and what has been told.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    total: Option<Total>,
    /// When, and how many rows were done by then.
    last: Option<(Instant, u64)>,
    /// Whether users know that the time does not suffice.
    is_told: bool,
}

impl Estimates {
    /// Of a backfill whose rows an earlier run has estimated.
    pub(super) fn new(total: Option<u64>) -> Self {
        Self {
            total: total.map(Total::known),
            ..Self::default()
        }
    }

    fn is_due(&self, rows: u64, total: Option<u64>) -> bool {
        let Some((at, before)) = self.last else {
            return true;
        };
        let part = total.unwrap_or(u64::MAX) / PART;
        let since = at.elapsed();
        since >= AGAIN || since >= AGAIN_MIN && rows.saturating_sub(before) >= part
    }
}

impl Filler<'_> {
    /// Estimates the rows left, now and then. Outside of a transaction.
    pub(super) async fn estimate(&mut self) -> Result<(), StandaloneError> {
        if !self.estimates.is_due(self.rows, self.total) {
            return Ok(());
        }
        let began = Instant::now();
        let end = self.table.ends_at().and_then(|end| end.first());
        let look = estimate::look(
            self.session,
            &self.facts,
            &self.keyset,
            self.cursor.as_ref(),
            end.map(String::as_str),
        );
        if let Some(look) = look.await? {
            let total = self
                .estimates
                .total
                .get_or_insert_with(|| Total::new(&look));
            let remaining = total.remaining(&look, self.rows);
            self.total = Some(self.rows + remaining.likely);
            self.pace.remaining(remaining);
        }
        self.estimates.last = Some((Instant::now(), self.rows));
        self.held_up += began.elapsed();
        Ok(())
    }

    /// Fails a backfill that has hardly begun and cannot be done in time; tells
    /// it of one that is under way, once each time that it turns out.
    pub(super) async fn judge(&mut self) -> Result<(), StandaloneError> {
        let Some(impossible) = self.pace.impossible() else {
            self.estimates.is_told = false;
            return Ok(());
        };
        if self.estimates.is_told {
            return Ok(());
        }
        let why = impossible.to_string();
        match impossible.stage {
            Stage::Underway => {
                self.estimates.is_told = true;
                self.tell(News::Impossible { why });
                Ok(())
            }
            Stage::Calibration => {
                let refused = self.refuse_impossible(impossible);
                let forecast = self.pace.forecast();
                let (ledger, name) = (self.work.ledger, &self.work.migration.name);
                let session = self.session;
                ledger
                    .foresee_backfill(session, name, forecast, Some(&why))
                    .await?;
                Err(StandaloneError::Failed(Box::new(refused)))
            }
        }
    }

    fn refuse_impossible(&self, impossible: &Impossible) -> Diagnostic {
        let migration = self.work.migration;
        let why = impossible.to_string();
        let refused = Diagnostic::error(
            code::BACKFILL_IMPOSSIBLE,
            format!("the backfill of `{}` is {why}", self.facts.relation),
        )
        .help(format!(
            "change what `backfill:` says and run `segue settle`; without a change that goes on as fast as the budget allows, {} rows are done",
            crate::text::thousands(self.rows)
        ));
        match &migration.backfill {
            Some(directive) => refused.source(&migration.source).label(directive.span, ""),
            None => self.text.diagnostic(migration, refused),
        }
    }
}
