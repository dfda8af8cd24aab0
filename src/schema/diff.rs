//! Differences of two snapshots as values: computed, applied, inverted,
//! composed.
//!
//! Laws, held by property tests: `between(a, b)` applied to `a` gives `b`; its
//! inverse applied to `b` gives `a`; composing is associative where it is
//! defined.

use super::{ObjectId, Snapshot, Value};

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

/// What turns one snapshot into another.
///
/// Canonical: sorted by object and path; of each change the sides differ and
/// are not both maps (it would be one change per key instead); no path is a
/// prefix of another one of the same object. So equal differences are equal
/// values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    changes: Vec<Change>,
}

/// Something stands where a diff wants something else.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{object} is not as the diff has it")]
pub struct Conflict {
    /// Where.
    pub object: ObjectId,
    /// Keys within the object.
    pub path: Vec<String>,
    /// What the diff wants there.
    pub wanted: Option<Value>,
    /// What is there.
    pub found: Option<Value>,
}

impl Diff {
    /// What turns `before` into `after`.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        todo!("{before:?} {after:?}")
    }

    /// The changes, sorted by object and path.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Applies it in place.
    ///
    /// # Errors
    /// The first place that is not as *before*; `snapshot` is unchanged then.
    pub fn apply(&self, snapshot: &mut Snapshot) -> Result<(), Conflict> {
        todo!("{snapshot:?}")
    }

    /// What undoes it.
    #[must_use]
    pub fn inverse(&self) -> Self {
        todo!()
    }

    /// This one and then `next`, as one.
    ///
    /// # Errors
    /// Where `next` does not begin where this one ends.
    pub fn then(&self, next: &Self) -> Result<Self, Conflict> {
        todo!("{next:?}")
    }

    /// As stored in a migration's header: an array of objects
    /// `{"object": [namespace or null, kind, name], "path": […], "before": …,
    /// "after": …}`; a side that is not there has no key.
    #[must_use]
    pub fn to_json(&self) -> Value {
        todo!()
    }

    /// From what [`Diff::to_json`] gave.
    ///
    /// # Errors
    /// What is wrong, a sentence for people.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        todo!("{json}")
    }
}
