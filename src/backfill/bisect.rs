//! The rows of a batch that has failed because of its data, in smaller and
//! smaller batches until the one is found that cannot be done.
//!
//! Rows are taken in the order of their keys from the cursor on, so a size is
//! all there is to choose:
//!
//! - of rows among which one cannot be done, half are tried next; if these
//!   succeed, it is among the rest,
//! - one that fails by itself is set aside,
//! - after that sizes double from 1 on, so that many bad rows side by side cost
//!   a try each.
//!
//! One bad row among `n` costs about twice the work of `n` rows and
//! `2 log2 n` batches.

/// How many rows are tried next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bisect(State);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing is wrong.
    #[default]
    Whole,
    /// One of the next so many rows, at least 1, cannot be done.
    Suspect(u64),
    /// Something was wrong with the rows before: so many at most, at least 1.
    Careful(u64),
}

/// What is to be done about a batch that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try fewer rows.
    Smaller,
    /// It was a single row: set it aside.
    SetAside,
}

impl Bisect {
    /// So many of the `paced` rows, at least 1.
    #[must_use]
    pub fn rows(self, paced: u64) -> u64 {
        let rows = match self.0 {
            State::Whole => paced,
            State::Suspect(rows) => paced.min(rows.div_ceil(2)),
            State::Careful(rows) => paced.min(rows),
        };
        rows.max(1)
    }

    /// Whether rows are looked for that cannot be done.
    #[must_use]
    pub fn is_searching(self) -> bool {
        matches!(self.0, State::Suspect(_))
    }

    /// A batch of `rows` of `paced` is committed.
    pub fn succeeded(&mut self, rows: u64, paced: u64) {
        self.0 = match self.0 {
            // Others may have changed the bad row meanwhile, or done away with
            // it.
            State::Suspect(suspect) => match suspect.saturating_sub(rows) {
                0 => State::Whole,
                rest => State::Suspect(rest),
            },
            State::Careful(before) if before.saturating_mul(2) < paced => {
                State::Careful(before.saturating_mul(2))
            }
            State::Whole | State::Careful(_) => State::Whole,
        };
    }

    /// A batch of `rows` has failed because of its data.
    pub fn failed(&mut self, rows: u64) -> Verdict {
        if rows <= 1 {
            self.0 = State::Careful(1);
            return Verdict::SetAside;
        }
        self.0 = State::Suspect(rows);
        Verdict::Smaller
    }

    /// A batch of `rows` has failed because of others: fewer are in their way,
    /// or wait for them.
    pub fn disturbed(&mut self, rows: u64) {
        if let State::Whole | State::Careful(_) = self.0 {
            self.0 = State::Careful((rows / 2).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Runs over `rows` rows of which these are bad, `paced` at once; those set
    /// aside, and how many batches and rows were tried.
    fn run(rows: u64, paced: u64, bad: &BTreeSet<u64>) -> (BTreeSet<u64>, u64, u64) {
        let mut bisect = Bisect::default();
        let (mut cursor, mut aside) = (0, BTreeSet::new());
        let (mut batches, mut tried) = (0, 0);
        while cursor < rows {
            let size = bisect.rows(paced).min(rows - cursor);
            batches += 1;
            tried += size;
            assert!(batches < 100_000, "no end");
            if bad.range(cursor..cursor + size).next().is_none() {
                bisect.succeeded(size, paced);
                cursor += size;
            } else if bisect.failed(size) == Verdict::SetAside {
                assert_eq!(size, 1);
                assert!(aside.insert(cursor), "set aside twice");
                cursor += 1;
            }
        }
        (aside, batches, tried)
    }

    #[test]
    fn exactly_the_bad_rows_are_set_aside() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let rows = random.u64(1..400);
            let paced = random.u64(1..300);
            let share = random.u64(1..60);
            let bad: BTreeSet<u64> = (0..rows).filter(|_| random.u64(0..share) == 0).collect();
            assert_eq!(run(rows, paced, &bad).0, bad, "{rows} rows by {paced}");
        }
    }

    #[test]
    fn one_bad_row_costs_little() {
        for at in [0, 1, 499, 500, 998, 999] {
            let (_, batches, tried) = run(1000, 1000, &BTreeSet::from([at]));
            assert!(batches <= 2 * 10 + 3, "{batches} batches for row {at}");
            assert!(tried <= 5 * 1000, "{tried} rows tried for row {at}");
        }
    }

    #[test]
    fn bad_rows_side_by_side_cost_a_try_each() {
        let bad: BTreeSet<u64> = (0..1000).collect();
        let (_, batches, tried) = run(1000, 1000, &bad);
        assert!(batches <= 1000 + 10, "{batches} batches");
        assert!(tried <= 3000, "{tried} rows tried");
    }

    #[test]
    fn others_in_the_way_make_it_careful_for_a_while() {
        let mut bisect = Bisect::default();
        bisect.disturbed(1000);
        assert_eq!(bisect.rows(1000), 500);
        bisect.disturbed(500);
        bisect.succeeded(250, 1000);
        assert_eq!(bisect.rows(1000), 500);
        bisect.succeeded(500, 1000);
        assert_eq!(bisect.rows(1000), 1000);
        bisect.disturbed(1);
        assert_eq!(bisect.rows(1000), 1);
    }
}
