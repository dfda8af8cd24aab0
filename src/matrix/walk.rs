//! How a program that keeps its sessions is led through the states.
//!
//! Its sessions cross a schema change where the code must work on both sides of
//! it: elsewhere nobody would leave it connected. So a column falls into
//! *stretches*; in each the program is started once, at the state before the
//! first one that is wanted, and the schema changes below it, step by step.

use std::ops::RangeInclusive;

use crate::compatibility::Verdict;

/// States that one program goes through without being ended, if all goes well:
/// places in the column, from 0.
pub type Stretch = RangeInclusive<usize>;

/// The stretches that give all cells that are wanted; in each the last state is
/// a wanted one, and the first is one or the state before one. Into some states
/// no program is led: a stretch begins there.
///
/// All lists have a place per state.
#[must_use]
pub fn stretches(promises: &[Verdict], is_wanted: &[bool], begins: &[bool]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut first = 0;
    while first < promises.len() {
        let must = (first..promises.len()).take_while(|index| {
            promises[*index] == Verdict::Must && (*index == first || !begins[*index])
        });
        let must = must.count();
        // What need not work is looked at by itself.
        let end = first + must.max(1);
        let mut wanted = (first..end).filter(|index| is_wanted[*index]);
        if let Some(from) = wanted.next() {
            let to = wanted.next_back().unwrap_or(from);
            stretches.push(from.saturating_sub(1).max(first)..=to);
        }
        first = end;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `M` must, `B` must and begins, `n` need not; below it `x` is wanted.
    #[track_caller]
    fn check(promises: &str, wanted: &str, expected: &[Stretch]) {
        let begins: Vec<_> = promises.chars().map(|one| one == 'B').collect();
        let promises: Vec<_> = promises
            .chars()
            .map(|one| match one {
                'M' | 'B' => Verdict::Must,
                _ => Verdict::NeedNot,
            })
            .collect();
        let wanted: Vec<_> = wanted.chars().map(|one| one == 'x').collect();
        assert_eq!(stretches(&promises, &wanted, &begins), expected);
    }

    #[test]
    fn sessions_are_kept_where_the_code_must_work() {
        check("MMMM", "xxxx", &[0..=3]);
        check("nMMn", "xxxx", &[0..=0, 1..=2, 3..=3]);
        check("MMnMM", "xxxxx", &[0..=1, 2..=2, 3..=4]);
        check("nnn", "xxx", &[0..=0, 1..=1, 2..=2]);
        check("", "", &[]);
        check("MMBMM", "xxxxx", &[0..=1, 2..=4]);
        check("MMBMM", "....x", &[3..=4]);
        check("MBBM", ".xx.", &[1..=1, 2..=2]);
    }

    #[test]
    fn a_walk_begins_before_the_first_wanted_state_and_ends_with_the_last() {
        check("MMMMM", "...x.", &[2..=3]);
        check("MMMMM", "x....", &[0..=0]);
        check("MMMMM", ".x.x.", &[0..=3]);
        check("nMMMM", ".x...", &[1..=1]);
        check("nMMMM", "..x..", &[1..=2]);
        check("MMnMM", "....x", &[3..=4]);
        check("nnMM", "....", &[]);
    }
}
