//! The verdict that the time does not suffice, and what would make it suffice.

use std::fmt;
use std::time::Duration;

use super::span::Span;
use super::{NEVER, PLANNED, Pace, Work, duration, float, whole};
use crate::text::{list, thousands};

/// When it turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At calibration, with hardly anything done: the migration fails, and says
    /// this. Nothing is lost if it is tried again with another budget.
    Calibration,
    /// Later: it goes on as fast as its budget allows, and this is told and kept
    /// in the row, until [`super::Pace::impossible`] is `None` again.
    Underway,
}

/// Why a backfill cannot be done in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Impossible {
    /// When it turned out.
    pub stage: Stage,
    /// Time that it most likely needs from now on, with no pause but the least;
    /// `None`: rows come faster than they are done.
    pub needs: Option<Duration>,
    /// Time that is left.
    pub has: Duration,
    /// Any one of these would do, the mildest one first.
    pub remedies: Vec<Remedy>,
    /// What has kept it waiting, longest first, with its part of all the time,
    /// from 0 to 1. Nothing of less than a twentieth.
    pub waited: Vec<(String, f64)>,
}

/// What would make it possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Batches of so much time.
    BatchTime(Duration),
    /// A least pause of at most this.
    Pause(Duration),
    /// A rate of at least so many rows per second.
    Rate(u64),
    /// Without what it waited for.
    NoWaits,
    /// A deadline so long after the first batch.
    Within(Duration),
}

/// Nobody wants locks for longer.
const BATCH_TIME_MOST: f64 = 10.0;

impl Pace {
    pub(super) fn verdict(&self, left: f64, work: &Work) -> Impossible {
        let needs = self.end(work.likely, self.full(), self.arrivals());
        let mut remedies = Vec::new();
        let (waits, _) = self.past.waits(self.share(work.likely));
        let rows = self.fitting_rows();
        let row = self.seconds(rows) / rows;
        // What a row may take, waits apart, so that all are done.
        let arrivals = self.arrivals();
        let available = left * PLANNED;
        let may = available / (work.high + arrivals * available) / (1.0 + waits);
        let shape = self.cost.shape();
        let factor = row * rows / shape.seconds(1.0, rows);
        let (batch, each) = (shape.batch * factor, shape.row * factor);
        let free = may - each - batch / rows;
        let pause = self.least_pause();
        let is_capped = self.budget.rate.is_some_and(|rate| may < 1.0 / float(rate));
        if is_capped && row + pause / rows <= may {
            remedies.push(Remedy::Rate(whole((1.0 / may).ceil())));
        } else if !is_capped && may > 0.0 {
            if pause > 0.0 && free > 0.0 {
                remedies.push(Remedy::Pause(duration(free * rows)));
            }
            let larger = (batch + pause) / (may - each);
            let seconds = batch + each * larger;
            if may > each && seconds <= BATCH_TIME_MOST && seconds > self.batch_time() {
                remedies.push(Remedy::BatchTime(duration(seconds)));
            }
        }
        if waits > 0.0 && needs / (1.0 + waits) <= available {
            remedies.push(Remedy::NoWaits);
        }
        let whole_time =
            self.passed + self.elapsed + self.end(work.high, self.full(), self.arrivals());
        if whole_time < NEVER {
            remedies.push(Remedy::Within(duration(whole_time)));
        }
        let mut waited: Vec<(String, f64)> = self
            .waited
            .values()
            .map(|(signal, seconds)| (signal.clone(), seconds / self.elapsed.max(1e-9)))
            .filter(|(_, part)| *part >= 0.05)
            .collect();
        waited.sort_by(|left, right| right.1.total_cmp(&left.1));
        Impossible {
            stage: self.stage,
            needs: (needs < NEVER).then(|| duration(needs)),
            has: duration(left),
            remedies,
            waited,
        }
    }
}

impl fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.needs {
            Some(needs) if self.has.is_zero() => {
                let needs = Span::near(needs);
                write!(formatter, "impossible: needs {needs} more, has none")?;
            }
            Some(needs) => {
                let (needs, has) = Span::apart(needs, self.has);
                write!(
                    formatter,
                    "impossible: needs {needs} at this budget, has {has}"
                )?;
            }
            None => {
                let has = Span::near(self.has);
                write!(
                    formatter,
                    "impossible: rows are added as fast as this budget does them, has {has}"
                )?;
            }
        }
        if let Some((last, first)) = self.remedies.split_last() {
            let first: Vec<String> = first.iter().map(Remedy::to_string).collect();
            let or = if first.is_empty() { "" } else { " or " };
            let first = first.join(", ");
            write!(formatter, "; it would do {first}{or}{last}")?;
        }
        if !self.waited.is_empty() {
            let waited = self.waited.iter().map(|(signal, part)| {
                let percent = whole((part * 100.0).round());
                format!("{signal} for {percent} % of the time")
            });
            let waited: Vec<String> = waited.collect();
            write!(formatter, "; it waited because {}", list(waited))?;
        }
        Ok(())
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchTime(time) => {
                write!(formatter, "with `batch-time {}`", Span::above(*time))
            }
            Self::Pause(pause) => write!(formatter, "with `pause {}`", Span::below(*pause)),
            Self::Rate(rate) => {
                let rate = thousands(*rate);
                write!(formatter, "with a rate of {rate} rows per second")
            }
            Self::NoWaits => formatter.write_str("without its waits"),
            Self::Within(within) => write!(formatter, "with `within {}`", Span::above(*within)),
        }
    }
}
