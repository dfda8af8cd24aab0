//! Two diffs, one after the other, as one.

use super::{Change, Conflict, between, place};

/// Both canonical, and so is the result.
pub(super) fn compose(first: &[Change], next: &[Change]) -> Result<Vec<Change>, Conflict> {
    let (mut first, mut next) = (first, next);
    let mut changes = Vec::new();
    loop {
        // The earlier one is the widest place: what it holds comes right after
        // it, on either side.
        let root = match (first.first(), next.first()) {
            (Some(one), Some(two)) if two.place() < one.place() => two,
            (Some(one), _) => one,
            (None, Some(two)) => two,
            (None, None) => return Ok(changes),
        };
        let begin = take(&mut first, root);
        let end = take(&mut next, root);
        match (begin, end) {
            (alone, []) | ([], alone) => changes.extend_from_slice(alone),
            (begin, end) => between::canonical(join(root, begin, end)?, &mut changes),
        }
    }
}

/// Cuts off the leading changes within the place of `root`.
fn take<'a>(changes: &mut &'a [Change], root: &Change) -> &'a [Change] {
    let count = changes
        .iter()
        .take_while(|change| root.holds(change))
        .count();
    let (taken, rest) = changes.split_at(count);
    *changes = rest;
    taken
}

/// Both within the place of `root`, which is one of them.
fn join(root: &Change, begin: &[Change], end: &[Change]) -> Result<Change, Conflict> {
    let depth = root.path.len();
    let (before, after) = match begin {
        [whole] if whole.path.len() == depth => {
            let after = place::edit(whole.after.clone(), depth, end.iter())?;
            (whole.before.clone(), after)
        }
        parts => {
            // `next` changes the whole of it, so it says how the parts are
            // between the two; undone, they are as they were at first.
            let undone: Vec<_> = parts.iter().cloned().map(Change::inverse).collect();
            let before = place::edit(root.before.clone(), depth, undone.iter());
            let before = before.map_err(|conflict| Conflict {
                wanted: conflict.found,
                found: conflict.wanted,
                ..conflict
            })?;
            (before, root.after.clone())
        }
    };
    Ok(Change {
        object: root.object.clone(),
        path: root.path.clone(),
        before,
        after,
    })
}
