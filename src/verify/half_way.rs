//! Whether a difference is something that a migration in flight may have made:
//! any subset of its diff, and the states in which PostgreSQL leaves an object
//! between the transactions of one statement.

use super::Concurrent;
use super::blind::is_relation;
use crate::procedure::reindex::stem;
use crate::schema::{Change, Diff, ObjectId, Snapshot, Value};

/// What of a migration in flight was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A change of its diff, as it will stay.
    After,
    /// Something in between.
    HalfWay,
}

/// What `change`, from `legal` to what is, is of the migration `one`; `None` if
/// it has nothing to do with it.
pub(super) fn seen(one: &Concurrent, change: &Change, legal: &Snapshot) -> Option<Seen> {
    if let Some(diff) = &one.diff {
        let is_after = |planned: &Change| {
            planned.object == change.object
                && planned.path == change.path
                && planned.after == change.after
        };
        if diff.changes().iter().any(is_after) {
            return Some(Seen::After);
        }
        if is_within(diff, change) {
            return Some(Seen::HalfWay);
        }
    }
    let is_half_way = is_made(one, change)
        || is_reindex_leftover(one, change, legal)
        || is_detaching(one, change);
    is_half_way.then_some(Seen::HalfWay)
}

/// Whether what is now at the place of `change` lies between the two sides of
/// `diff`.
pub(super) fn is_within(diff: &Diff, change: &Change) -> bool {
    diff.changes()
        .iter()
        .filter(|planned| planned.object == change.object)
        .filter_map(|planned| {
            let rest = change.path.strip_prefix(&*planned.path)?;
            let before = descend(planned.before.as_ref(), rest);
            Some((before, descend(planned.after.as_ref(), rest)))
        })
        .any(|(before, after)| {
            let mut path: Vec<&str> = change.path.iter().map(String::as_str).collect();
            is_between(before, after, change.after.as_ref(), &mut path)
        })
}

fn descend<'a>(value: Option<&'a Value>, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value?, |value, key| value.as_object()?.get(key))
}

/// Whether `live` is before, after, or by each key one of the two; `path` leads
/// to it.
fn is_between<'a>(
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    live: Option<&'a Value>,
    path: &mut Vec<&'a str>,
) -> bool {
    if live == before || live == after {
        return true;
    }
    let Some(live) = live else { return false };
    if is_unfinished(path, live) {
        return true;
    }
    let is_map = |side: Option<&Value>| side.is_none_or(Value::is_object);
    let Value::Object(keys) = live else {
        return false;
    };
    if (before.is_none() && after.is_none()) || !is_map(before) || !is_map(after) {
        return false;
    }
    keys.iter().all(|(key, value)| {
        let side = |side: Option<&'a Value>| side.and_then(|side| side.get(key));
        path.push(key);
        let is_between = is_between(side(before), side(after), Some(value), path);
        path.pop();
        is_between
    })
}

/// Whether it is what PostgreSQL says of a part that is being made or removed.
fn is_unfinished(path: &[&str], value: &Value) -> bool {
    match path {
        [.., "indexes", _, "valid" | "ready" | "live"] | [.., "constraints", _, "validated"] => {
            *value == Value::Bool(false)
        }
        [.., "detach_pending"] => *value == Value::Bool(true),
        _ => false,
    }
}

/// Whether the statements make what is there, or make anew what is not there:
/// an index that is built under another name, dropped and built again.
fn is_made(one: &Concurrent, change: &Change) -> bool {
    let Some(relations) = &one.relations else {
        return false;
    };
    match change.path.as_slice() {
        [] => {
            change.before.is_none()
                && is_relation(change.object.kind)
                && relations.makes.contains(&change.object.name)
        }
        [part, index] if part == "indexes" => relations.makes.contains(index),
        [part, index, key] if part == "indexes" && relations.makes.contains(index) => change
            .after
            .as_ref()
            .is_some_and(|value| is_unfinished(&[part, index, key], value)),
        _ => false,
    }
}

/// Whether it is an invalid index that `REINDEX CONCURRENTLY` has left beside
/// the one that it rebuilds, on a relation that the migration names.
fn is_reindex_leftover(one: &Concurrent, change: &Change, legal: &Snapshot) -> bool {
    let ([part, leftover], None, Some(index)) =
        (&*change.path, &change.before, change.after.as_ref())
    else {
        return false;
    };
    let is_invalid = ["valid", "ready", "live"]
        .iter()
        .any(|key| index.get(key) == Some(&Value::Bool(false)));
    if part != "indexes" || !is_invalid {
        return false;
    }
    let Some(stem) = stem(leftover) else {
        return false;
    };
    let beside = legal
        .objects
        .get(&change.object)
        .and_then(|attributes| attributes.get("indexes")?.as_object());
    let mut beside = beside.into_iter().flat_map(|indexes| indexes.keys());
    let is_named = |index: &String| {
        let names = |relations: &crate::migration::Relations| {
            lineage(legal, &change.object, index)
                .iter()
                .any(|name| relations.touches.contains(*name))
        };
        // What cannot be parsed may be a REINDEX of anything.
        one.reindexes_all || one.relations.as_ref().is_none_or(names)
    };
    beside.any(|index| is_stem(stem, index, leftover) && is_named(index))
}

/// An index and its table, and what they are partitions of, up to the first:
/// `REINDEX` of the whole rebuilds all of them.
fn lineage<'a>(legal: &'a Snapshot, table: &'a ObjectId, index: &'a str) -> Vec<&'a str> {
    const LEVELS_MAX: usize = 32;
    let mut names = Vec::new();
    let mut at = Some((table, Some(index)));
    while let Some((table, index)) = at.filter(|_| names.len() < 2 * LEVELS_MAX) {
        names.push(table.name.as_str());
        names.extend(index);
        let attributes = legal.objects.get(table);
        let parent_index = index.and_then(|index| {
            let parent = attributes?.get("indexes")?.get(index)?.get("parent")?;
            Some(bare(parent.as_str()?))
        });
        let whole = attributes.and_then(|attributes| attributes.get("partition_of")?.as_str());
        at = whole.and_then(|whole| {
            let is_whole = |object: &&ObjectId| {
                object.kind == table.kind && object.name == bare(whole) && object != &table
            };
            Some((legal.objects.keys().find(is_whole)?, parent_index))
        });
    }
    names
}

/// The name of `namespace.name`, as `regclass` shows it; one that has a quote
/// or a dot in it is not found again.
fn bare(shown: &str) -> &str {
    shown.rsplit('.').next().unwrap_or(shown).trim_matches('"')
}

/// Whether `stem` is the name of `index`, or as much of it as PostgreSQL keeps
/// so that the leftover's name fits (63 bytes, whole characters).
fn is_stem(stem: &str, index: &str, leftover: &str) -> bool {
    const NAME_BYTES_MAX: usize = 63;
    const CHAR_BYTES_MAX: usize = 4;
    stem == index || (index.starts_with(stem) && leftover.len() > NAME_BYTES_MAX - CHAR_BYTES_MAX)
}

/// Whether it is a partition that the migration detaches, between the two
/// transactions of `DETACH PARTITION CONCURRENTLY`.
fn is_detaching(one: &Concurrent, change: &Change) -> bool {
    let path: Vec<&str> = change.path.iter().map(String::as_str).collect();
    let is_pending = change
        .after
        .as_ref()
        .is_some_and(|value| path.last() == Some(&"detach_pending") && is_unfinished(&path, value));
    let is_changed = |diff: &Diff| {
        diff.changes()
            .iter()
            .any(|planned| planned.object == change.object)
    };
    is_pending && one.diff.as_ref().is_some_and(is_changed)
}
