//! What of a difference was there before.

use crate::schema::{Change, Diff, Value};

/// Splits `difference`, from what is legal to what is, into what `drift` had
/// made already and is still so, and the rest.
#[must_use]
pub fn split(difference: &Diff, drift: &Diff) -> (Diff, Diff) {
    let was_there = |change: &Change| {
        drift
            .changes()
            .iter()
            .any(|earlier| is_still(earlier, change))
    };
    let (mut before, mut rest) = (difference.clone(), difference.clone());
    before.retain(was_there);
    rest.retain(|change| !was_there(change));
    (before, rest)
}

/// Whether what `change` leads to is what `earlier` led to, as far as one of
/// them tells of the other.
fn is_still(earlier: &Change, change: &Change) -> bool {
    if earlier.object != change.object {
        return false;
    }
    if let Some(rest) = change.path.strip_prefix(&*earlier.path) {
        descend(earlier.after.as_ref(), rest) == change.after.as_ref()
    } else if let Some(rest) = earlier.path.strip_prefix(&*change.path) {
        descend(change.after.as_ref(), rest) == earlier.after.as_ref()
    } else {
        false
    }
}

fn descend<'a>(value: Option<&'a Value>, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value?, |value, key| value.as_object()?.get(key))
}
