//! A server that takes its time by a model, without taking any.

use std::time::Duration;

use super::super::{
    Budget, Forecast, Impossible, Look, Pace, Source, Total, duration, float, whole,
};

/// What a backfill meets.
#[derive(Clone, Debug)]
pub struct Server {
    /// Rows of the table at the beginning.
    pub rows: f64,
    /// Seconds of a batch, besides its rows.
    pub batch: f64,
    /// Seconds of a row.
    pub row: f64,
    /// Deviation of the logarithm of what a batch takes.
    pub noise: f64,
    /// The same of an hour of the day: it comes and goes.
    pub tide: f64,
    /// Part of the batches that take ten times as long.
    pub slow: f64,
    /// From this part of the rows on, everything takes so many times as long.
    pub turn: Option<(f64, f64)>,
    /// Rows per second that come in above the cursor.
    pub growth: f64,
    /// Part of the batches after which a signal says no, and seconds until it
    /// lets go, as a mean.
    pub waits: Option<(f64, f64)>,
    /// What the catalog says of the rows at the beginning, as a multiple.
    pub catalog: f64,
}

impl Server {
    /// Steady, with some noise: 5,000 rows per 200 ms.
    pub fn steady(rows: f64) -> Self {
        Self {
            rows,
            batch: 0.002,
            row: 0.000_04,
            noise: 0.15,
            tide: 0.0,
            slow: 0.0,
            turn: None,
            growth: 0.0,
            waits: None,
            catalog: 1.0,
        }
    }

    /// Seconds for all of it at full budget, without noise.
    pub fn least(&self, budget: &Budget) -> f64 {
        let batch_time = budget.batch_time.as_secs_f64();
        let batches = self.rows * self.row / (batch_time - self.batch).max(batch_time / 4.0);
        self.rows * self.row + batches * (self.batch + budget.pause.as_secs_f64())
    }
}

/// How it went.
#[derive(Debug, Default)]
pub struct Run {
    /// Seconds from the first batch to the last.
    pub ended: f64,
    /// Rows, seconds and the pause before, of each batch.
    pub batches: Vec<(u64, f64, f64)>,
    /// After so many seconds a tenth was done, and this was told.
    pub tenth: Option<(f64, Forecast)>,
    /// What was impossible, and after how many batches: each change.
    pub impossible: Vec<(usize, Option<Impossible>)>,
}

impl Run {
    /// Seconds in which it worked, as a part of all.
    pub fn duty(&self) -> f64 {
        self.batches.iter().map(|batch| batch.1).sum::<f64>() / self.ended
    }

    /// Part of the batches that took longer than so many seconds.
    pub fn longer(&self, seconds: f64) -> f64 {
        let longer = self.batches.iter().filter(|batch| batch.1 > seconds);
        float(longer.count() as u64) / float(self.batches.len() as u64)
    }

    /// How far the end that was told after a tenth was off, as a part of the
    /// whole time.
    pub fn error(&self) -> f64 {
        let (at, forecast) = self.tenth.expect("a forecast after a tenth");
        (at + forecast.likely.as_secs_f64() - self.ended).abs() / self.ended
    }

    /// Whether the interval told after a tenth was right.
    pub fn is_covered(&self) -> bool {
        let (at, forecast) = self.tenth.expect("a forecast after a tenth");
        let rest = self.ended - at;
        forecast.earliest.as_secs_f64() <= rest && rest <= forecast.latest.as_secs_f64()
    }
}

/// Numbers that look like chance and are the same each time (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        float(bits) / float(1 << 53)
    }

    /// About 0 with a standard deviation of 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Runs batches until none is left, or it is impossible at calibration.
pub fn run(server: &Server, budget: &Budget, seed: u64) -> Run {
    use super::super::Stage;

    let mut chance = Chance::new(seed);
    let mut pace = Pace::new(budget.clone());
    let mut run = Run::default();
    let (mut now, mut done) = (0.0, 0.0);
    let source = Source::Statistics { columns: 1 };
    let rows_at = |now: f64| server.rows + server.growth * now;
    let first = Look {
        total: server.rows * server.catalog * (1.0 + 0.02 * chance.normal()),
        above: 1.0,
        stale: 0.0,
        source,
    };
    let total = Total::new(&first);
    pace.remaining(total.remaining(&first, 0));
    let mut looked_at = 0.0;
    let phase = chance.uniform();
    loop {
        let order = pace.next();
        let pause = order.pause.as_secs_f64();
        now += pause;
        let mut waited = 0.0;
        if let Some((part, mean)) = server.waits
            && chance.uniform() < part
        {
            waited = -mean * (1.0 - chance.uniform()).ln();
            pace.waited("replica b is behind", duration(waited));
            now += waited;
        }
        let rows = float(order.rows).min((rows_at(now) - done).floor());
        let mut seconds = server.batch + server.row * rows;
        seconds *= (server.noise * chance.normal() - server.noise.powi(2) / 2.0).exp();
        seconds *= 1.0 + server.tide * (std::f64::consts::TAU * (now / 3600.0 + phase)).sin();
        if chance.uniform() < server.slow {
            seconds *= 10.0;
        }
        if let Some((from, factor)) = server.turn
            && done >= from * server.rows
        {
            seconds *= factor;
        }
        now += seconds;
        done += rows;
        run.batches.push((whole(rows), seconds, pause));
        pace.record(whole(rows), duration(seconds), duration(waited));
        if budget.within.is_some() {
            let within = budget.within.unwrap_or_default().as_secs_f64();
            pace.time_left(Some(duration((within - now).max(0.0))));
        }
        if now - looked_at >= 10.0 || run.batches.len() == 16 {
            looked_at = now;
            let above = 1.0 - done / rows_at(now) + 0.003 * chance.normal();
            let look = Look { above, ..first };
            pace.remaining(total.remaining(&look, whole(done)));
        }
        let told = run.impossible.last().and_then(|(_, told)| told.as_ref());
        if told.is_some() != pace.impossible().is_some() {
            let impossible = pace.impossible().cloned();
            run.impossible.push((run.batches.len(), impossible));
        }
        if pace
            .impossible()
            .is_some_and(|impossible| impossible.stage == Stage::Calibration)
        {
            break;
        }
        if rows < float(order.rows) {
            // What comes in after that is not waited for.
            break;
        }
        if run.tenth.is_none() && done >= 0.1 * server.rows {
            run.tenth = pace.forecast().map(|forecast| (now, forecast));
        }
        assert!(run.batches.len() < 2_000_000, "it does not end");
    }
    run.ended = now;
    run
}

/// 200 ms, no pause, so many seconds.
pub fn budget(within: Option<f64>) -> Budget {
    Budget {
        within: within.map(duration),
        batch_time: Duration::from_millis(200),
        pause: Duration::ZERO,
        rate: None,
        foreground: false,
    }
}
