//! How many rows a batch takes and how long the pause before it is: solved from
//! what the batches so far took and from what is left.
//!
//! There is no clock in here: durations come in, orders and predictions go out.
//! Whoever runs the batches calls, for each batch:
//!
//! 1. [`Pace::next`]: holds the pause, then runs a batch of so many rows;
//! 2. [`Pace::record`] after it was committed, [`Pace::shrink`] if it was rolled
//!    back and is to be tried again;
//! 3. [`Pace::time_left`] and [`Pace::rate`] with what the row of
//!    `segue.backfill` said in that transaction;
//! 4. [`Pace::remaining`] whenever there is a new estimate of the rows left;
//! 5. [`Pace::impossible`], and does what its [`Stage`] says.

use std::time::Duration;

mod impossible;

pub use impossible::{Impossible, Stage};

/// What a backfill may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Time left until it has to be done; `None`: there is no such time.
    pub within: Option<Duration>,
    /// How long one batch may take.
    pub batch_time: Duration,
    /// Least pause between two batches.
    pub pause: Duration,
    /// So many rows per second at most.
    pub rate: Option<u64>,
    /// Somebody waits for it: no pauses, and no deadline.
    pub foreground: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Rows of the next batch, at least 1.
    pub rows: u64,
    /// Pause before it.
    pub pause: Duration,
}

/// Rows that are left to do, with an interval that holds nine times in ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// At least.
    pub low: u64,
    /// Most likely.
    pub likely: u64,
    /// At most.
    pub high: u64,
}

/// Time until the backfill is done, with an interval that holds nine times in
/// ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Hardly sooner.
    pub earliest: Duration,
    /// Most likely.
    pub likely: Duration,
    /// Hardly later.
    pub latest: Duration,
}

/// Rows of the first batch.
const FIRST_ROWS: u64 = 100;

/// The schedule of one backfill.
#[derive(Clone, Debug)]
pub struct Pace {
    budget: Budget,
    remaining: Option<Remaining>,
    rows: u64,
    row_seconds: Option<f64>,
    throttled: f64,
    elapsed: f64,
}

impl Pace {
    /// Of a backfill that has done nothing yet.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            remaining: None,
            rows: FIRST_ROWS,
            row_seconds: None,
            throttled: 0.0,
            elapsed: 0.0,
        }
    }

    /// Of a backfill that goes on: `passed` since its first batch, and
    /// `batch_rows` the size of its last one, if that is known.
    #[must_use]
    pub fn resumed(budget: Budget, passed: Duration, batch_rows: Option<u64>) -> Self {
        let mut pace = Self::new(budget);
        pace.rows = batch_rows.map_or(FIRST_ROWS, |rows| (rows / 4).max(FIRST_ROWS));
        pace.elapsed = passed.as_secs_f64();
        pace
    }

    /// A batch of `rows` was committed and `took` so long, from its first
    /// statement to the answer to its COMMIT. `throttled`: what went by since
    /// the batch before besides the pause that was ordered: waits for a signal,
    /// for a connection, for retries.
    pub fn record(&mut self, rows: u64, took: Duration, throttled: Duration) {
        self.throttled += throttled.as_secs_f64();
        self.elapsed += took.as_secs_f64() + self.pause().as_secs_f64() + throttled.as_secs_f64();
        if rows == 0 {
            return;
        }
        let sample = took.as_secs_f64() / float(rows);
        let row_seconds = self
            .row_seconds
            .map_or(sample, |mean| mean + (sample - mean) * 0.25);
        self.row_seconds = Some(row_seconds);
        let fits = whole(self.budget.batch_time.as_secs_f64() / row_seconds.max(1e-9));
        self.rows = fits.clamp(1, rows.max(self.rows).saturating_mul(2));
    }

    /// A batch was rolled back because of others (a deadlock, a lock that did
    /// not come): the next one is smaller.
    pub fn shrink(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// `signal`, in words for people, has kept it waiting for so long. It is
    /// part of what [`Self::record`] gets as `throttled`; here it is only for
    /// the text of [`Impossible`].
    pub fn waited(&mut self, _signal: &str, _time: Duration) {}

    /// So much time is left by the server's clock. For each batch: people
    /// change deadlines, and clocks jump.
    pub fn time_left(&mut self, left: Option<Duration>) {
        self.budget.within = left;
    }

    /// The user wants so many rows per second at most.
    pub fn rate(&mut self, rate: Option<u64>) {
        self.budget.rate = rate;
    }

    /// A new estimate of what is left to do.
    pub fn remaining(&mut self, remaining: Remaining) {
        self.remaining = Some(remaining);
    }

    /// The next batch and the pause before it.
    #[must_use]
    pub fn next(&self) -> Order {
        Order {
            rows: self.rows,
            pause: self.pause(),
        }
    }

    /// When it will be done; `None` until something is known.
    #[must_use]
    pub fn forecast(&self) -> Option<Forecast> {
        let remaining = self.remaining?;
        let row_seconds = self.row_seconds? + self.pause().as_secs_f64() / float(self.rows);
        let end = |rows: u64| Duration::try_from_secs_f64(float(rows) * row_seconds).ok();
        Some(Forecast {
            earliest: end(remaining.low)?,
            likely: end(remaining.likely)?,
            latest: end(remaining.high)?,
        })
    }

    /// Why the time does not suffice. Asked after each batch; what is to be done
    /// about it depends on [`Impossible::stage`].
    #[must_use]
    pub fn impossible(&self) -> Option<Impossible> {
        None
    }

    fn pause(&self) -> Duration {
        if self.budget.foreground {
            return Duration::ZERO;
        }
        let work = self.row_seconds.unwrap_or(0.0) * float(self.rows);
        let capped = self
            .budget
            .rate
            .map_or(0.0, |rate| float(self.rows) / float(rate.max(1)) - work);
        let spread = match (self.budget.within, self.remaining) {
            (Some(left), Some(remaining)) => {
                let batches = (float(remaining.high) / float(self.rows)).max(1.0);
                (left.as_secs_f64() * 0.9 / batches - work).min(work * 19.0)
            }
            _ => 0.0,
        };
        let pause = Duration::try_from_secs_f64(capped.max(spread).max(0.0)).unwrap_or_default();
        pause.max(self.budget.pause)
    }
}

#[expect(clippy::cast_precision_loss, reason = "estimates have fewer digits")]
fn float(rows: u64) -> f64 {
    rows as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
fn whole(rows: f64) -> u64 {
    rows as u64
}
