//! The place of a change: in a snapshot, and in a value that holds it.

use super::{Change, Conflict};
use crate::schema::{Level, Map, Snapshot, Value};

/// Whether `snapshot` is as `change` wants it.
pub(super) fn check(change: &Change, snapshot: &Snapshot) -> Result<(), Conflict> {
    let attributes = snapshot.objects.get(&change.object);
    match (attributes, &change.before) {
        (None, None) if change.path.is_empty() => Ok(()),
        (Some(attributes), Some(Value::Object(before)))
            if change.path.is_empty() && attributes == before =>
        {
            Ok(())
        }
        _ if change.path.is_empty() => Err(Conflict {
            object: change.object.clone(),
            path: Vec::new(),
            wanted: change.before.clone(),
            found: attributes.map(|attributes| Value::Object(attributes.clone())),
        }),
        (Some(attributes), _) => look(attributes, 0, change),
        (None, _) => Err(nothing(change, 0, None)),
    }
}

/// Makes `snapshot` as `change` has it after; it has been checked.
pub(super) fn write(change: &Change, snapshot: &mut Snapshot) {
    if !change.path.is_empty() {
        if let Some(attributes) = snapshot.objects.get_mut(&change.object) {
            put(attributes, 0, &change.path, change.after.as_ref());
        }
    } else if let Some(Value::Object(attributes)) = &change.after {
        let attributes = attributes.clone();
        snapshot.objects.insert(change.object.clone(), attributes);
    } else {
        snapshot.objects.remove(&change.object);
    }
}

/// Applies changes within a place `depth` keys deep to the value there.
pub(super) fn edit<'a>(
    value: Option<Value>,
    depth: usize,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<Option<Value>, Conflict> {
    let mut value = value;
    for change in changes {
        if change.path.len() == depth {
            if value != change.before {
                return Err(Conflict {
                    object: change.object.clone(),
                    path: change.path.clone(),
                    wanted: change.before.clone(),
                    found: value,
                });
            }
            value.clone_from(&change.after);
            continue;
        }
        let is_collection = Level::at(depth) == Level::Collection;
        let mut map = match value {
            Some(Value::Object(map)) => map,
            None if is_collection => Map::new(),
            value => return Err(nothing(change, depth, value)),
        };
        look(&map, depth, change)?;
        put(&mut map, depth, &change.path, change.after.as_ref());
        value = (!is_collection || !map.is_empty()).then_some(Value::Object(map));
    }
    Ok(value)
}

/// Whether `map`, which stands `depth` keys deep, is as `change` wants it
/// further down.
fn look(map: &Map<String, Value>, depth: usize, change: &Change) -> Result<(), Conflict> {
    let mut map = map;
    let last = change.path.len() - 1;
    for (above, key) in change.path.iter().enumerate().skip(depth) {
        let value = map.get(key);
        if above == last {
            return if value == change.before.as_ref() {
                Ok(())
            } else {
                Err(Conflict {
                    object: change.object.clone(),
                    path: change.path.clone(),
                    wanted: change.before.clone(),
                    found: value.cloned(),
                })
            };
        }
        let here = above + 1;
        map = match value {
            Some(Value::Object(map)) => map,
            Some(other) => return Err(nothing(change, here, Some(other.clone()))),
            // It has no parts, the wanted one included.
            None if Level::at(here) == Level::Collection => &EMPTY,
            None => return Err(nothing(change, here, None)),
        };
    }
    Ok(())
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

/// There is nothing, or no map, where `change` wants to change something
/// within.
fn nothing(change: &Change, depth: usize, found: Option<Value>) -> Conflict {
    Conflict {
        object: change.object.clone(),
        path: change.path[..depth].to_vec(),
        wanted: Some(Value::Object(Map::new())),
        found,
    }
}

/// Writes to a path that has been looked at.
fn put(map: &mut Map<String, Value>, depth: usize, path: &[String], value: Option<&Value>) {
    let key = &path[depth];
    let here = depth + 1;
    match (here == path.len(), value) {
        (true, Some(value)) => drop(map.insert(key.clone(), value.clone())),
        (true, None) => drop(map.remove(key)),
        (false, _) => {
            let below = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, here, path, value);
                if below.is_empty() && Level::at(here) == Level::Collection {
                    map.remove(key);
                }
            }
        }
    }
}
