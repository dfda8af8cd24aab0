//! Rows that are wanted → all rows that they refer to, directly or not.

use std::collections::{BTreeMap, BTreeSet};

/// Rows by the relation that holds them (a table or a partition) and their
/// place in it, `(0,1)`: within one transaction of REPEATABLE READ a place is
/// one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    chosen: BTreeMap<u32, BTreeSet<String>>,
    /// Those whose references nobody has followed yet.
    fresh: BTreeMap<u32, BTreeSet<String>>,
}

impl Closure {
    /// Takes a row; one that is there already changes nothing, so that a cycle
    /// of references ends.
    pub fn add(&mut self, relation: u32, place: String) {
        let chosen = self.chosen.entry(relation).or_default();
        if chosen.insert(place.clone()) {
            self.fresh.entry(relation).or_default().insert(place);
        }
    }

    /// A relation with rows whose references are to be followed now, at most
    /// `most` of them; `None`: all have been.
    pub fn next(&mut self, most: usize) -> Option<(u32, Vec<String>)> {
        let (relation, places) = self.fresh.iter_mut().next()?;
        let relation = *relation;
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some(place) = places.pop_first() else {
                break;
            };
            taken.push(place);
        }
        if places.is_empty() {
            self.fresh.remove(&relation);
        }
        Some((relation, taken))
    }

    /// All rows, by relation; none is without rows.
    #[must_use]
    pub fn chosen(&self) -> &BTreeMap<u32, BTreeSet<String>> {
        &self.chosen
    }
}
