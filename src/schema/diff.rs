//! Differences of two snapshots as values: computed, applied, inverted,
//! composed.
//!
//! Laws, held by property tests: `between(a, b)` applied to `a` gives `b`; its
//! inverse applied to `b` gives `a`; composing is associative where it is
//! defined. They are about snapshots in normal form, see
//! [`Attributes`](super::Attributes): a collection that is not there and an
//! empty one are the same, and parts of one collection are independent of each
//! other.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{ObjectId, Snapshot, Value};

mod between;
mod compose;
mod conflict;
mod json;
mod place;
mod read;

pub use conflict::Conflict;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where.
    pub object: ObjectId,
    /// Keys within the object, `["columns", "id", "type"]` for example; empty
    /// for the whole object.
    pub path: Vec<String>,
    /// `None`: not there. Never `null`.
    pub before: Option<Value>,
    /// `None`: not there. Never `null`.
    pub after: Option<Value>,
}

impl Change {
    /// Changes are sorted by place, and of each place there is one.
    fn place(&self) -> (&ObjectId, &[String]) {
        (&self.object, &self.path)
    }

    /// Whether `other` is at this place or within it.
    fn holds(&self, other: &Self) -> bool {
        self.object == other.object && other.path.starts_with(&self.path)
    }

    /// An entry of [`Diff::to_json`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        json::write(self)
    }

    /// What undoes it.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            before: self.after,
            after: self.before,
            ..self
        }
    }
}

/// What turns one snapshot into another.
///
/// Canonical: sorted by object and path; of each change the sides differ and
/// are not both maps, nor is one a collection and the other not there (it would
/// be one change per key instead); no path is a prefix of another one of the
/// same object. So equal differences are equal values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    changes: Vec<Change>,
}

impl Diff {
    /// What turns `before` into `after`.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        between::snapshots(before, after)
    }

    /// Changes in any order, made canonical.
    ///
    /// # Errors
    /// A sentence for people if one of them holds a `null`, concerns an object
    /// as a whole without being a map, or stands at or within the place of
    /// another one.
    pub fn from_changes(mut changes: Vec<Change>) -> Result<Self, String> {
        changes.sort_by(|one, other| one.place().cmp(&other.place()));
        for change in &changes {
            json::valid(change).map_err(|reason| format!("{}: {reason}", json::place(change)))?;
        }
        for pair in changes.windows(2) {
            if pair[0].holds(&pair[1]) {
                return Err(json::collision(&pair[0], &pair[1]));
            }
        }
        let mut canonical = Vec::with_capacity(changes.len());
        for change in changes {
            between::canonical(change, &mut canonical);
        }
        Ok(Self { changes: canonical })
    }

    /// The changes, sorted by object and path.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes, sorted by object and path.
    #[must_use]
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The objects that it changes, adds or removes.
    #[must_use]
    pub fn objects(&self) -> BTreeSet<ObjectId> {
        let objects = self.changes.iter().map(|change| change.object.clone());
        objects.collect()
    }

    /// Only what `keep` wants; a part of a canonical diff is canonical.
    pub fn retain(&mut self, keep: impl FnMut(&Change) -> bool) {
        self.changes.retain(keep);
    }

    /// Whether both change the same place, or one a place within one of the
    /// other.
    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.changes.iter(), other.changes.iter());
        let (mut our, mut their) = (ours.next(), theirs.next());
        // Within a diff no place holds another, so the earlier of two that do
        // not hold each other holds none of the rest.
        while let (Some(one), Some(two)) = (our, their) {
            if one.holds(two) || two.holds(one) {
                return true;
            }
            match one.place().cmp(&two.place()) {
                Ordering::Less => our = ours.next(),
                Ordering::Equal | Ordering::Greater => their = theirs.next(),
            }
        }
        false
    }

    /// Applies it in place.
    ///
    /// # Errors
    /// The first place that is not as *before*; `snapshot` is unchanged then.
    pub fn apply(&self, snapshot: &mut Snapshot) -> Result<(), Conflict> {
        // No change can help or hinder another one: their places are apart.
        for change in &self.changes {
            place::check(change, snapshot)?;
        }
        for change in &self.changes {
            place::write(change, snapshot);
        }
        Ok(())
    }

    /// What undoes it.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let changes = self.changes.iter().cloned().map(Change::inverse);
        Self {
            changes: changes.collect(),
        }
    }

    /// This one and then `next`, as one.
    ///
    /// # Errors
    /// Where `next` does not begin where this one ends.
    pub fn then(&self, next: &Self) -> Result<Self, Conflict> {
        compose::compose(&self.changes, &next.changes).map(|changes| Self { changes })
    }

    /// As stored in a migration's header: an array of objects
    /// `{"object": [namespace or null, kind, name], "path": […], "before": …,
    /// "after": …}`; a side that is not there has no key.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.changes.iter().map(Change::to_json).collect()
    }

    /// From what [`Diff::to_json`] gave.
    ///
    /// # Errors
    /// What is wrong, a sentence for people.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        Self::from_changes(json::read(json)?)
    }
}

impl serde::Serialize for Diff {
    /// As [`Diff::to_json`].
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.changes.iter().map(Change::to_json))
    }
}

#[cfg(test)]
mod tests;
