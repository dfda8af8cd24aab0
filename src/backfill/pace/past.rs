//! How fast it went, as a mean and as a spread.

use super::cost::Shape;

/// Batches in a row, as one figure.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    batches: f64,
    rows: f64,
    seconds: f64,
}

/// All batches, in blocks of about as many rows each: few, however long it takes.
#[derive(Clone, Debug)]
pub struct Past {
    blocks: Vec<Block>,
    /// Rows that make a block full.
    block_rows: f64,
    /// Seconds of batches and pauses.
    busy: f64,
    /// Seconds of waits.
    waited: f64,
    /// Squares of their seconds.
    squares: f64,
}

/// Time against what the shape says, a mean with the deviation of its future.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// 1: as the shape says.
    pub mean: f64,
    /// Standard deviation of the future's mean, as a part of `mean`.
    pub deviation: f64,
}

/// Blocks are paired when there are so many.
const BLOCKS_MAX: usize = 32;
/// So many blocks weigh half as much as the same number after them.
const HALF_LIFE: f64 = 8.0;
/// So many blocks that all differ from all before them are another time.
const SHIFT: usize = 4;
/// Part of the mean by which nobody knows the future: other parts of a table
/// have longer rows or are less often in memory.
const UNKNOWN: f64 = 0.03;

impl Past {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            blocks: Vec::new(),
            block_rows: 0.0,
            busy: 0.0,
            waited: 0.0,
            squares: 0.0,
        }
    }

    /// Takes up a batch, the pause before it and what it waited for besides.
    pub fn record(&mut self, rows: f64, seconds: f64, pause: f64, waited: f64, shape: Shape) {
        self.busy += seconds + pause;
        self.waited += waited;
        self.squares += waited.powi(2);
        match self.blocks.last_mut() {
            Some(block) if block.rows < self.block_rows => {
                block.batches += 1.0;
                block.rows += rows;
                block.seconds += seconds;
            }
            _ => {
                // Full ones only: the last batch of a block may be anything.
                self.forget_another_time(shape);
                self.blocks.push(Block {
                    batches: 1.0,
                    rows,
                    seconds,
                });
            }
        }
        if self.blocks.len() > BLOCKS_MAX {
            self.pair();
        }
    }

    fn pair(&mut self) {
        self.blocks = self
            .blocks
            .chunks(2)
            .map(|pair| {
                pair.iter().fold(Block::default(), |sum, block| Block {
                    batches: sum.batches + block.batches,
                    rows: sum.rows + block.rows,
                    seconds: sum.seconds + block.seconds,
                })
            })
            .collect();
        let rows: f64 = self.blocks.iter().map(|block| block.rows).sum();
        #[expect(clippy::cast_precision_loss, reason = "at most 32")]
        let blocks = self.blocks.len() as f64;
        // As many as the larger ones hold, so that blocks are of a size
        // although the first batches were small.
        self.block_rows = self.block_rows.max(rows / blocks);
    }

    /// A server that is slower or faster from some point on stays so: what was
    /// before says nothing about what is left.
    fn forget_another_time(&mut self, shape: Shape) {
        let count = self.blocks.len();
        if count < 3 * SHIFT {
            return;
        }
        let ratios: Vec<f64> = self.ratios(shape).collect();
        let (before, since) = ratios.split_at(count - SHIFT);
        let least = |ratios: &[f64]| ratios.iter().copied().fold(f64::MAX, f64::min);
        let most = |ratios: &[f64]| ratios.iter().copied().fold(0.0, f64::max);
        if least(since) > most(before) * 1.15 || most(since) * 1.15 < least(before) {
            self.blocks.drain(..count - SHIFT);
        }
    }

    fn ratios(&self, shape: Shape) -> impl Iterator<Item = f64> {
        self.blocks
            .iter()
            .map(move |block| block.seconds / shape.seconds(block.batches, block.rows))
    }

    /// Time against what `shape` says, for `rows` to come.
    pub fn ratio(&self, shape: Shape, rows: f64) -> Ratio {
        // Each block weighs by its rows too: the one at hand is not yet full,
        // and the first ones were small.
        let mut weights: Vec<f64> = Vec::with_capacity(self.blocks.len());
        let mut age = 0.0;
        for block in self.blocks.iter().rev() {
            weights.push(block.rows * 0.5_f64.powf(age / HALF_LIFE));
            age += 1.0;
        }
        weights.reverse();
        let sum: f64 = weights.iter().sum();
        if sum <= 0.0 {
            return Ratio {
                mean: 1.0,
                deviation: 1.0,
            };
        }
        let of = |index: usize| weights[index] / sum;
        let mean: f64 = self
            .ratios(shape)
            .enumerate()
            .map(|(index, ratio)| ratio * of(index))
            .sum();
        let variance: f64 = self
            .ratios(shape)
            .enumerate()
            .map(|(index, ratio)| (ratio / mean - 1.0).powi(2) * of(index))
            .sum();
        // So many blocks of one weight would be as sure.
        let blocks = 1.0
            / (0..weights.len())
                .map(|index| of(index).powi(2))
                .sum::<f64>();
        let block_rows = self
            .blocks
            .iter()
            .map(|block| block.rows)
            .fold(1.0, f64::max);
        let to_come = (rows / block_rows).max(1.0);
        let few = 1.0 + 5.0 / blocks;
        let deviation = variance * few * (1.0 / blocks + 1.0 / to_come);
        Ratio {
            mean,
            deviation: (deviation + UNKNOWN.powi(2)).sqrt(),
        }
    }

    /// Seconds of waits for each second of batches and pauses, with its standard
    /// deviation, for a future of `share` times the past.
    pub fn waits(&self, share: f64) -> (f64, f64) {
        if self.squares == 0.0 || self.busy <= 0.0 {
            return (0.0, 0.0);
        }
        let mean = self.waited / self.busy;
        // Waits come at random and last at random. So many of one length would
        // be as sure: a few long ones count, not the many short ones.
        let waits = self.waited.powi(2) / self.squares;
        let to_come = (waits * share).max(0.5);
        // One that is known by a few is known badly.
        let few = 1.0 + 1.0 / waits;
        (mean, mean * few * (1.0 / waits + 1.0 / to_come).sqrt())
    }
}
