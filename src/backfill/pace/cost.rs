//! What a batch takes, by its rows.

use std::collections::VecDeque;

/// A batch takes so long, plus so long for each of its rows, and all that times
/// a factor which says how the server is doing.
///
/// The two parts come from the first batches, whose sizes differ for that
/// reason. Later on only the factor follows: a server that slows down makes
/// batches smaller at the same time, and a fit to that would find that the
/// rows of a batch cost nothing.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Rows and seconds of the first batches.
    first: Vec<(f64, f64)>,
    /// Rows and seconds of the latest ones.
    latest: VecDeque<(f64, f64)>,
    shape: Shape,
    factor: f64,
    spread: f64,
}

/// The two parts, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// For the batch: its round trips, its commit.
    pub batch: f64,
    /// For each row.
    pub row: f64,
}

impl Shape {
    /// Seconds of so many batches that have so many rows together.
    pub fn seconds(self, batches: f64, rows: f64) -> f64 {
        self.batch * batches + self.row * rows
    }
}

/// So many batches make the shape.
const FIRST: usize = 32;
/// So many batches make the factor.
const LATEST: usize = 15;
/// Part of the largest batch that its rows take at least.
const ROWS_LEAST: f64 = 0.02;
/// A single row takes some time: no division by nothing.
const ROW_LEAST: f64 = 1e-9;

impl Cost {
    /// Nothing is known until the first batch.
    pub fn new() -> Self {
        Self {
            first: Vec::new(),
            latest: VecDeque::new(),
            shape: Shape {
                batch: 0.0,
                row: ROW_LEAST,
            },
            factor: 1.0,
            spread: Self::SPREAD_UNKNOWN,
        }
    }

    /// Ratio of a slow batch to a usual one, as long as it is not known.
    const SPREAD_UNKNOWN: f64 = 1.2;

    /// Takes up a batch of at least one row.
    pub fn record(&mut self, rows: f64, seconds: f64) {
        if self.first.len() < FIRST {
            self.first.push((rows, seconds));
            self.shape = fit(&self.first);
        }
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back((rows, seconds));
        let mut ratios: Vec<f64> = self
            .latest
            .iter()
            .map(|&(rows, seconds)| seconds / self.shape.seconds(1.0, rows).max(ROW_LEAST))
            .collect();
        ratios.sort_by(f64::total_cmp);
        // The lower one of two: the very first batch reads what nobody has
        // read before.
        self.factor = ratios[(ratios.len() - 1) / 2].max(1e-6);
        let slow = ratios[ratios.len() * 9 / 10] / self.factor;
        if ratios.len() == LATEST {
            // Of fifteen it is a guess; of many times fifteen it is known.
            self.spread += (slow.clamp(1.05, 1.5) - self.spread) / 16.0;
        }
    }

    /// Whether a batch has been recorded.
    pub fn is_known(&self) -> bool {
        !self.latest.is_empty()
    }

    /// Whether the two parts are still being told apart.
    pub fn is_learning(&self) -> bool {
        self.first.len() < FIRST
    }

    /// The two parts.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Seconds of a usual batch.
    pub fn seconds(&self, rows: f64) -> f64 {
        self.shape.seconds(1.0, rows) * self.factor
    }

    /// Rows of a batch of which nine in ten stay below `seconds`.
    ///
    /// Where the batch itself takes most of that, a quarter of `seconds` is for
    /// rows all the same: else it would never end.
    pub fn rows_within(&self, seconds: f64) -> f64 {
        let seconds = seconds / (self.factor * self.spread);
        let for_rows = (seconds - self.shape.batch).max(seconds / 4.0);
        (for_rows / self.shape.row).max(1.0)
    }
}

/// The shape of these batches by medians (Theil and Sen), so that single slow
/// ones do not matter.
///
/// Time per row over the inverse of the rows: the slope is what the batch takes,
/// and each batch counts by its relative error.
fn fit(batches: &[(f64, f64)]) -> Shape {
    let points: Vec<(f64, f64)> = batches
        .iter()
        .map(|(rows, seconds)| (1.0 / rows, seconds / rows))
        .collect();
    let widest = points.iter().map(|point| point.0).fold(0.0, f64::max);
    let mut slopes = Vec::new();
    for (index, left) in points.iter().enumerate() {
        for right in &points[index + 1..] {
            let apart = left.0 - right.0;
            if apart.abs() >= widest / 4.0 {
                slopes.push((left.1 - right.1) / apart);
            }
        }
    }
    let batch = median(&mut slopes).unwrap_or(0.0).max(0.0);
    let mut rows: Vec<f64> = points
        .iter()
        .map(|point| point.1 - batch * point.0)
        .collect();
    let row = median(&mut rows).unwrap_or(0.0);
    // Rows that seem to take nothing take little: larger batches will tell.
    let largest = batches
        .iter()
        .fold((1.0, 0.0), |largest: (f64, f64), batch| {
            if batch.0 > largest.0 { *batch } else { largest }
        });
    let row = row.max(largest.1 / largest.0 * ROWS_LEAST).max(ROW_LEAST);
    Shape { batch, row }
}

/// The lower one of two.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}
