//! Rows that are left, without counting them.

use super::{NINE_IN_TEN, Remaining, float, whole};

/// What the server says about a table at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Rows of the whole table. Only the first look's is used: what the
    /// backfill writes makes the table larger, with rows that are dead.
    pub total: f64,
    /// Part of the rows above the cursor, from 0 to 1. Both sides of this
    /// fraction are off by the same factor, so it stands.
    pub above: f64,
    /// Rows changed since the statistics were taken, as a part of all. Only the
    /// first look's is used: later on it is the backfill's own work.
    pub stale: f64,
    /// From where.
    pub source: Source,
}

/// From where a [`Look`] knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// The planner's statistics.
    Statistics {
        /// Columns of the key. What two columns have to do with each other is
        /// not in the statistics.
        columns: usize,
    },
    /// A sample of so many blocks, of a table without statistics.
    Sample {
        /// Blocks that were read.
        blocks: u64,
        /// Blocks that the table has.
        of: u64,
    },
    /// The physical place, of a key that is one.
    Place,
}

impl Source {
    /// Standard deviation of the number of rows, as a part of it.
    fn of_total(self, stale: f64) -> f64 {
        match self {
            Self::Statistics { .. } | Self::Place => 0.02 + 0.3 * stale.clamp(0.0, 1.0),
            // Rows of a block stand for those of all blocks, and vary by less
            // than their own number.
            Self::Sample { blocks, of } if blocks < of => 0.01 + 0.5 / float(blocks.max(1)).sqrt(),
            Self::Sample { .. } => 0.001,
        }
    }

    /// Standard deviation of the fraction.
    fn of_above(self, above: f64, stale: f64) -> f64 {
        match self {
            // A histogram of a hundred ranges, and rows within one as it
            // comes.
            Self::Statistics { columns: 1 } => 0.004 + 0.05 * stale.clamp(0.0, 1.0),
            Self::Statistics { .. } => 0.03 + 0.05 * stale.clamp(0.0, 1.0),
            // Neighbours in a table have neighbouring keys: a block counts once.
            Self::Sample { blocks, of } if blocks < of => {
                let blocks = float(blocks.max(1));
                0.002 + (above * (1.0 - above) / blocks).sqrt()
            }
            Self::Sample { .. } => 0.001,
            Self::Place => 0.005,
        }
    }
}

/// The rows of a table, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    rows: f64,
    /// Standard deviation.
    deviation: f64,
    /// As in [`Look`].
    stale: f64,
}

impl Total {
    /// By the look at the beginning.
    #[must_use]
    pub fn new(look: &Look) -> Self {
        Self {
            rows: look.total,
            deviation: look.total * look.source.of_total(look.stale),
            stale: look.stale,
        }
    }

    /// As an earlier run estimated it.
    #[must_use]
    pub fn known(rows: u64) -> Self {
        let rows = float(rows);
        Self {
            rows,
            deviation: rows * 0.05,
            stale: 0.0,
        }
    }

    /// What is left after `done` rows by this look.
    ///
    /// It is estimated in up to three ways: the total times the fraction, the
    /// rows done against the rest of the fraction, and, where the fraction is
    /// vague, the total without the rows done. Each counts by how sure it is,
    /// and where they disagree, the interval gets wider. Where they contradict each
    /// other, the rows done are believed.
    #[must_use]
    pub fn remaining(&self, look: &Look, done: u64) -> Remaining {
        let above = look.above.clamp(0.0, 1.0);
        let fraction = look.source.of_above(above, self.stale);
        let done = float(done);
        let mut ways: Vec<(f64, f64)> = Vec::with_capacity(3);
        ways.push((
            self.rows * above,
            (self.deviation * above).hypot(self.rows * fraction),
        ));
        if done > 0.0 {
            // No part of the table is nothing, not even one that was done.
            let below = (1.0 - above).max(fraction / 2.0);
            ways.push((done * above / below, done * fraction / below.powi(2)));
        }
        if matches!(look.source, Source::Statistics { columns } if columns > 1) {
            ways.push(((self.rows - done).max(0.0), self.deviation));
        }
        let (mut likely, mut deviation, apart) = mean(&ways);
        let (mut low, mut high) = (f64::MAX, 0.0_f64);
        if apart > 4.0 && ways.len() > 1 {
            // One of them is not what it says of itself, and it is the catalog
            // that may know of half of the rows. The interval has them all.
            for (rows, deviation) in &ways {
                low = low.min(rows - deviation * NINE_IN_TEN);
                high = high.max(rows + deviation * NINE_IN_TEN);
            }
            ways[0].1 = (ways[0].0 - ways[1].0).abs();
            (likely, deviation, _) = mean(&ways[..2]);
        }
        low = low.min(likely - deviation * NINE_IN_TEN);
        high = high.max(likely + deviation * NINE_IN_TEN);
        Remaining {
            low: whole(low.max(0.0).round()),
            likely: whole(likely.round()),
            high: whole(high.round()),
        }
    }
}

/// Their mean, each by how sure it is; its standard deviation; and how far they
/// are apart, 1 being what chance does.
fn mean(ways: &[(f64, f64)]) -> (f64, f64, f64) {
    let weight = |deviation: f64| 1.0 / (deviation.powi(2) + 1.0);
    let weights: f64 = ways.iter().map(|way| weight(way.1)).sum();
    let mean = ways.iter().map(|way| way.0 * weight(way.1)).sum::<f64>() / weights;
    let squares: f64 = ways
        .iter()
        .map(|way| (way.0 - mean).powi(2) * weight(way.1))
        .sum();
    let apart = squares / float(ways.len() as u64 - 1).max(1.0);
    (mean, (apart.max(1.0) / weights).sqrt(), apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATISTICS: Source = Source::Statistics { columns: 1 };

    fn look(total: f64, above: f64, source: Source) -> Look {
        Look {
            total,
            above,
            stale: 0.0,
            source,
        }
    }

    #[test]
    fn at_the_beginning_it_is_the_total() {
        let first = look(1e6, 1.0, STATISTICS);
        let remaining = Total::new(&first).remaining(&first, 0);
        let expected = Remaining {
            low: 966_448,
            likely: 1_000_000,
            high: 1_033_552,
        };
        assert_eq!(remaining, expected);
    }

    #[test]
    fn rows_done_correct_a_total_that_was_wrong() {
        // Half of a million rows was what the catalog knew.
        let total = Total::new(&look(5e5, 1.0, STATISTICS));
        let after = |done: u64| {
            let above = 1.0 - float(done) / 1e6;
            total.remaining(&look(5e5, above, STATISTICS), done)
        };
        let mut offs = Vec::new();
        for done in [50_000, 200_000, 500_000, 900_000] {
            let Remaining { low, likely, high } = after(done);
            let truth = 1_000_000 - done;
            assert!(low <= truth && truth <= high, "{done}: {low} to {high}");
            let off = float(likely.abs_diff(truth)) / float(truth);
            offs.push(off);
        }
        assert!(offs.iter().all(|off| *off < 0.05), "{offs:?}");
    }

    #[test]
    fn dead_rows_do_not_matter() {
        let total = Total::new(&look(1e6, 1.0, STATISTICS));
        // The file has doubled; the planner takes it for twice as many rows.
        let bloated = total.remaining(&look(2e6, 0.5, STATISTICS), 500_000);
        let lean = total.remaining(&look(1e6, 0.5, STATISTICS), 500_000);
        assert_eq!(bloated, lean);
    }

    #[test]
    fn a_vague_fraction_yields_to_what_was_done() {
        let composite = Source::Statistics { columns: 2 };
        let total = Total::new(&look(1e6, 1.0, composite));
        let remaining = total.remaining(&look(1e6, 0.56, composite), 500_000);
        assert!(remaining.likely.abs_diff(500_000) < 30_000, "{remaining:?}");
        assert!(remaining.low < 500_000 && remaining.high > 500_000);
    }

    #[test]
    fn nothing_left_is_nothing() {
        for source in [STATISTICS, Source::Place] {
            let total = Total::new(&look(1e6, 1.0, source));
            let remaining = total.remaining(&look(1e6, 0.0, source), 1_000_000);
            assert_eq!((remaining.low, remaining.likely), (0, 0));
        }
        let empty = look(0.0, 0.0, Source::Sample { blocks: 0, of: 0 });
        let remaining = Total::new(&empty).remaining(&empty, 0);
        assert_eq!(remaining.likely, 0);
    }
}
