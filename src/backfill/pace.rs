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
//!
//! The gentlest schedule is one that takes the least part of one connection's
//! time. So a batch never gets longer than the budget says; what there is of
//! time goes into pauses, and if there is plenty, batches get shorter too.
//! Behind its time, it makes the pauses shorter, down to the least one.

use std::collections::BTreeMap;
use std::time::Duration;

use cost::Cost;
use past::Past;

mod cost;
mod impossible;
mod left;
mod past;
mod span;
#[cfg(test)]
mod tests;

pub use impossible::{Impossible, Remedy, Stage};
pub use left::{Look, Source, Total};

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
    /// Somebody waits for it: no pauses but those of `rate`, and no deadline.
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
/// ten as long as the server does as it has done so far.
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
/// A batch has at most so many times the rows of the largest one that went well.
const GROWTH: f64 = 2.0;
/// Pauses take at most so many times what batches take: a backfill that works
/// for a twentieth of the time is felt by nobody, and that it ends early is
/// worth more.
const PAUSES_MOST: f64 = 19.0;
/// With plenty of time, batches are made for this part of the budget at least…
const SHORTEST: f64 = 0.25;
/// …as long as no larger part of them goes into what is not rows.
const OVERHEAD_MOST: f64 = 0.1;
/// Part of the time left that is planned with; the rest is for surprises.
const PLANNED: f64 = 0.95;
/// It slackens only where so much of the whole time would stay unused: a pace
/// that follows each new estimate has no end that can be told beforehand.
const UNUSED: f64 = 0.25;
/// So much more than planned has to be asked for, until it hurries.
const BEHIND: f64 = 1.05;
/// During this part of the rows it follows each estimate.
const LEARNING: f64 = 0.05;
/// Batches after the sizes have stopped growing, until the calibration is done.
const CALIBRATED: u32 = 8;
/// Standard deviations of an interval that holds nine times in ten.
const NINE_IN_TEN: f64 = 1.645;
/// Seconds over which a table is seen to grow.
const GROWTH_SEEN: f64 = 60.0;
/// What does not end is as good as this, in seconds: a thousand years.
const NEVER: f64 = 3.2e10;

/// The schedule of one backfill.
#[derive(Clone, Debug)]
pub struct Pace {
    budget: Budget,
    cost: Cost,
    past: Past,
    /// Seconds before the first batch of this one.
    passed: f64,
    /// Seconds since.
    elapsed: f64,
    done: f64,
    remaining: Option<Remaining>,
    /// Totals as they were estimated: seconds, rows.
    totals: Vec<(f64, f64)>,
    /// Rows of the largest batch that stayed within its time.
    reached: f64,
    /// Rows that a batch may have after one that took far too long.
    cap: Option<f64>,
    /// Batches in a row that took too long.
    strikes: u32,
    /// Batches since sizes have stopped growing.
    settled: u32,
    /// Rows per second, waits apart, that the deadline asks for.
    speed: Option<f64>,
    order: Order,
    stage: Stage,
    impossible: Option<Impossible>,
    /// Words of a signal and seconds, by those words without their numbers.
    waited: BTreeMap<String, (String, f64)>,
}

impl Pace {
    /// Of a backfill that has done nothing yet.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self::starting(budget, Duration::ZERO, FIRST_ROWS, Stage::Calibration)
    }

    /// Of a backfill that goes on: `passed` since its first batch, and
    /// `batch_rows` the size of its last one, if that is known. Batches grow from
    /// small ones again, as what they take is to be learned again.
    #[must_use]
    pub fn resumed(budget: Budget, passed: Duration, batch_rows: Option<u64>) -> Self {
        let rows = batch_rows.map_or(FIRST_ROWS, |rows| rows.clamp(1, FIRST_ROWS));
        Self::starting(budget, passed, rows, Stage::Underway)
    }

    fn starting(budget: Budget, passed: Duration, rows: u64, stage: Stage) -> Self {
        let pause = if budget.foreground {
            Duration::ZERO
        } else {
            budget.pause
        };
        let rows = budget.rate.map_or(rows, |rate| rows.min(rate.max(1)));
        Self {
            cost: Cost::new(),
            past: Past::new(),
            passed: passed.as_secs_f64(),
            elapsed: 0.0,
            done: 0.0,
            remaining: None,
            totals: Vec::new(),
            reached: float(rows) / GROWTH,
            cap: None,
            strikes: 0,
            settled: 0,
            speed: None,
            order: Order { rows, pause },
            stage,
            impossible: None,
            waited: BTreeMap::new(),
            budget,
        }
    }

    /// A batch of `rows` was committed and `took` so long, from its first
    /// statement to the answer to its COMMIT. `throttled`: what went by since
    /// the batch before besides the pause that was ordered: waits for a signal,
    /// for a connection, for retries.
    pub fn record(&mut self, rows: u64, took: Duration, throttled: Duration) {
        let seconds = took.as_secs_f64();
        let pause = self.order.pause.as_secs_f64();
        let throttled = throttled.as_secs_f64();
        self.elapsed += seconds + pause + throttled;
        if let Some(within) = &mut self.budget.within {
            *within = within.saturating_sub(duration(seconds + pause + throttled));
        }
        let rows = float(rows);
        self.done += rows;
        if rows > 0.0 {
            self.cost.record(rows, seconds);
            let shape = self.cost.shape();
            self.past.record(rows, seconds, pause, throttled, shape);
            self.bound(rows, seconds);
        }
        if let Some(remaining) = &mut self.remaining {
            // Until there is a new estimate.
            let rows = whole(rows);
            remaining.low = remaining.low.saturating_sub(rows);
            remaining.likely = remaining.likely.saturating_sub(rows);
            remaining.high = remaining.high.saturating_sub(rows);
        }
        self.solve();
        let grows = self.reached * GROWTH < self.planned_rows();
        self.settled = if grows { 0 } else { self.settled + 1 };
        self.judge();
    }

    /// A batch was rolled back because of others (a deadlock, a lock that did
    /// not come): the next one is smaller.
    pub fn shrink(&mut self) {
        self.cap = Some((float(self.order.rows) / 2.0).max(1.0));
        self.solve();
    }

    /// `signal`, in words for people, has kept it waiting for so long. It is
    /// part of what [`Self::record`] gets as `throttled`; here it is only for
    /// the text of [`Impossible`].
    pub fn waited(&mut self, signal: &str, time: Duration) {
        // It is `14 s behind` now and `15 s behind` a second later.
        let key = signal.replace(|letter: char| letter.is_ascii_digit(), "");
        let (words, seconds) = self.waited.entry(key).or_default();
        signal.clone_into(words);
        *seconds += time.as_secs_f64();
    }

    /// So much time is left by the server's clock. For each batch: people
    /// change deadlines, and clocks jump.
    pub fn time_left(&mut self, left: Option<Duration>) {
        self.budget.within = left;
        self.solve();
    }

    /// The user wants so many rows per second at most.
    pub fn rate(&mut self, rate: Option<u64>) {
        if self.budget.rate != rate {
            self.budget.rate = rate;
            self.solve();
        }
    }

    /// A new estimate of what is left to do.
    pub fn remaining(&mut self, remaining: Remaining) {
        let total = self.done + float(remaining.likely);
        self.remaining = Some(remaining);
        self.totals.push((self.elapsed, total));
        if self.totals.len() > 64 {
            let mut index = 0;
            self.totals.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        self.solve();
    }

    /// The next batch and the pause before it.
    #[must_use]
    pub fn next(&self) -> Order {
        self.order
    }

    /// When it will be done; `None` until something is known.
    #[must_use]
    pub fn forecast(&self) -> Option<Forecast> {
        let work = self.work()?;
        let seconds = |rows: f64, arrivals: f64| {
            let as_now = self.end(rows, self.planned(), arrivals);
            let end = match self.deadline() {
                // What would be late is hurried.
                Some(left) if as_now > left * PLANNED => {
                    as_now.min(self.end(rows, self.full(), arrivals).max(left * PLANNED))
                }
                _ => as_now,
            };
            duration(end)
        };
        let arrivals = self.arrivals();
        Some(Forecast {
            earliest: seconds(work.low, 0.0),
            likely: seconds(work.likely, arrivals),
            latest: seconds(work.high, arrivals),
        })
    }

    /// Why the time does not suffice. Asked after each batch; what is to be done
    /// about it depends on [`Impossible::stage`].
    ///
    /// It is said once the calibration is over (the sizes of batches have
    /// stopped growing, eight batches ago) and the rows left are known, and only
    /// if even the *earliest* end at full budget is too late: a wide interval
    /// condemns nobody. It is taken back when the most likely end is in time.
    #[must_use]
    pub fn impossible(&self) -> Option<&Impossible> {
        self.impossible.as_ref()
    }

    fn batch_time(&self) -> f64 {
        self.budget.batch_time.as_secs_f64().max(0.001)
    }

    /// Seconds until the deadline, if that counts.
    fn deadline(&self) -> Option<f64> {
        let left = self.budget.within.filter(|_| !self.budget.foreground)?;
        Some(left.as_secs_f64())
    }

    fn least_pause(&self) -> f64 {
        if self.budget.foreground {
            0.0
        } else {
            self.budget.pause.as_secs_f64()
        }
    }

    /// Sees to it that a batch far too long is not followed by another one.
    fn bound(&mut self, rows: f64, seconds: f64) {
        // Where one row or the batch itself takes longer than the budget,
        // fewer rows are no cure.
        let usual = self.cost.seconds(self.fitting_rows());
        let ratio = seconds / self.batch_time().max(usual);
        if ratio > 1.5 {
            self.strikes += 1;
            // A single slow one may be chance; a very slow one is not waited for.
            if ratio >= 4.0 || self.strikes >= 2 {
                // What a batch takes without its rows is seen only by batches
                // that differ.
                let least = if self.cost.is_learning() { 4.0 } else { 1.0 };
                self.cap = Some((rows / ratio.clamp(least, 16.0)).max(1.0));
            }
            return;
        }
        self.strikes = 0;
        self.reached = self.reached.max(rows);
        if ratio <= 1.2 {
            let fitting = self.fitting_rows();
            self.cap = self
                .cap
                .map(|cap| cap * GROWTH)
                .filter(|cap| *cap < fitting);
        }
    }

    /// Rows of a batch that takes all of its time, and keeps the user's rate
    /// within each second.
    fn fitting_rows(&self) -> f64 {
        let rate = self.budget.rate.map_or(f64::MAX, |rate| float(rate.max(1)));
        self.cost.rows_within(self.batch_time()).min(rate)
    }

    /// Seconds of a batch of `rows`, as a mean.
    fn seconds(&self, rows: f64) -> f64 {
        let shape = self.cost.shape();
        shape.seconds(1.0, rows) * self.past.ratio(shape, rows).mean
    }

    /// Rows and pause at full budget.
    fn full(&self) -> (f64, f64) {
        let rows = self.fitting_rows();
        (rows, self.pause(rows, None))
    }

    /// Rows and pause of the schedule, calibration apart.
    fn planned(&self) -> (f64, f64) {
        let rows = self.planned_rows();
        (rows, self.pause(rows, self.speed))
    }

    fn planned_rows(&self) -> f64 {
        let most = self.fitting_rows();
        let Some(speed) = self.speed else {
            return most;
        };
        let shape = self.cost.shape();
        let ratio = self.past.ratio(shape, most).mean;
        // What part of the time is work.
        let duty = self.seconds(most) / most * speed;
        let shorter = (most * (2.0 * duty).clamp(SHORTEST, 1.0))
            .max(shape.batch / shape.row * (1.0 / OVERHEAD_MOST - 1.0));
        // As small as leaves time for the least pause.
        let spare = 1.0 - shape.row * ratio * speed;
        let least = if spare > 0.0 {
            speed * (shape.batch * ratio + self.least_pause()) / spare
        } else {
            most
        };
        shorter.max(least).clamp(1.0, most.max(1.0))
    }

    /// Pause before a batch of `rows` at so many rows per second, `None`: as
    /// many as the budget allows.
    fn pause(&self, rows: f64, speed: Option<f64>) -> f64 {
        let seconds = self.seconds(rows);
        let capped = self
            .budget
            .rate
            .map_or(0.0, |rate| rows / float(rate.max(1)) - seconds);
        let spread = speed.map_or(0.0, |speed| {
            (rows / speed - seconds).min(seconds * PAUSES_MOST)
        });
        self.least_pause().max(capped).max(spread)
    }

    /// Seconds for `rows` at this size and pause, waits included.
    fn end(&self, rows: f64, (batch_rows, pause): (f64, f64), arrivals: f64) -> f64 {
        let (waits, _) = self.past.waits(self.share(rows));
        let row = (self.seconds(batch_rows) + pause) / batch_rows * (1.0 + waits);
        let arrivals = arrivals * row;
        if arrivals >= 0.99 {
            return NEVER;
        }
        rows * row / (1.0 - arrivals)
    }

    /// The rest as a multiple of what has been done.
    fn share(&self, rows: f64) -> f64 {
        rows / self.done.max(1.0)
    }

    /// Rows left, the uncertainty of the speed counted as one of rows.
    fn work(&self) -> Option<Work> {
        let remaining = self.remaining.filter(|_| self.cost.is_known())?;
        let likely = float(remaining.likely);
        let rate = self.past.ratio(self.cost.shape(), likely).deviation;
        let (waits, deviation) = self.past.waits(self.share(likely));
        let waits = deviation / (1.0 + waits);
        let pace = rate.hypot(waits) * NINE_IN_TEN * likely;
        let low = pace.hypot(likely - float(remaining.low));
        let high = pace.hypot(float(remaining.high) - likely);
        Some(Work {
            low: (likely - low).max(0.0),
            likely,
            high: likely + high,
        })
    }

    /// Rows per second that come into what is left.
    fn arrivals(&self) -> f64 {
        let Some((&(now, total), remaining)) = self.totals.last().zip(self.remaining) else {
            return 0.0;
        };
        // Since half of the time: the first estimates are the worst ones.
        let Some(&(then, before)) = self.totals.iter().find(|(at, _)| *at >= now / 2.0) else {
            return 0.0;
        };
        // Two estimates differ by chance, too.
        let chance = float(remaining.high - remaining.low) / 2.0;
        let seconds = now - then;
        if seconds < GROWTH_SEEN {
            return 0.0;
        }
        ((total - before - chance) / seconds).max(0.0)
    }

    /// Sets the order.
    fn solve(&mut self) {
        if !self.cost.is_known() {
            return;
        }
        self.speed = self.required_speed();
        let (planned, _) = self.planned();
        let rows = planned
            .min(self.reached * GROWTH)
            .min(self.cap.unwrap_or(f64::MAX))
            .max(1.0)
            .floor();
        self.order = Order {
            rows: whole(rows),
            pause: duration(self.pause(rows, self.speed)),
        };
    }

    /// The speed that ends in time, even if there is more to do than is likely.
    fn required_speed(&self) -> Option<f64> {
        let left = self.deadline()?;
        let work = self.work()?;
        let (waits, _) = self.past.waits(self.share(work.likely));
        let required = (work.high / (left * PLANNED).max(1e-3) + self.arrivals()) * (1.0 + waits);
        let Some(speed) = self.speed else {
            return Some(required);
        };
        let as_now = self.end(work.likely, self.planned(), self.arrivals());
        let whole = self.elapsed + left;
        let is_early = self.done < (self.done + work.likely) * LEARNING;
        if is_early || required > speed * BEHIND || left - as_now > whole * UNUSED {
            Some(required)
        } else {
            Some(speed)
        }
    }

    /// Whether the time suffices.
    fn judge(&mut self) {
        let (Some(left), Some(work)) = (self.deadline(), self.work()) else {
            self.impossible = None;
            return;
        };
        if self.settled < CALIBRATED {
            return;
        }
        let is_late = if self.impossible.is_some() {
            left == 0.0 || self.end(work.likely, self.full(), self.arrivals()) > left * PLANNED
        } else {
            self.end(work.low, self.full(), 0.0) > left
        };
        if is_late {
            self.impossible = Some(self.verdict(left, &work));
        } else {
            self.impossible = None;
            self.stage = Stage::Underway;
        }
    }
}

/// Rows.
#[derive(Clone, Copy, Debug)]
struct Work {
    low: f64,
    likely: f64,
    high: f64,
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, NEVER)).unwrap_or_default()
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
