//! Two values → the canonical changes between them.

use std::collections::BTreeMap;

use super::{Change, Diff};
use crate::schema::{Level, Map, ObjectId, Snapshot, Value};

pub(super) fn snapshots(before: &Snapshot, after: &Snapshot) -> Diff {
    let mut objects: BTreeMap<&ObjectId, [Option<&Map<String, Value>>; 2]> = BTreeMap::new();
    for (object, attributes) in &before.objects {
        // Most objects of two schemas are the same.
        match after.objects.get(object) {
            Some(same) if same == attributes => {}
            other => drop(objects.insert(object, [Some(attributes), other])),
        }
    }
    for (object, attributes) in &after.objects {
        if !before.objects.contains_key(object) {
            objects.insert(object, [None, Some(attributes)]);
        }
    }
    let mut changes = Vec::new();
    for (object, sides) in objects {
        let mut walk = Walk {
            object,
            path: Vec::new(),
            changes: &mut changes,
        };
        match sides {
            [Some(before), Some(after)] => walk.maps(before, after),
            [before, after] => {
                let whole = |attributes: Option<&Map<String, Value>>| {
                    attributes.map(|attributes| Value::Object(attributes.clone()))
                };
                walk.leaf(whole(before), whole(after));
            }
        }
    }
    Diff { changes }
}

/// Adds what is left of `change` when it is made canonical: nothing, itself, or
/// changes within its place, sorted.
pub(super) fn canonical(change: Change, changes: &mut Vec<Change>) {
    let mut walk = Walk {
        object: &change.object,
        path: change.path,
        changes,
    };
    walk.values(change.before.as_ref(), change.after.as_ref());
}

struct Walk<'a> {
    object: &'a ObjectId,
    path: Vec<String>,
    changes: &'a mut Vec<Change>,
}

impl Walk<'_> {
    fn values(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let none = Map::new();
        let is_collection = Level::at(self.path.len()) == Level::Collection;
        match (before, after) {
            _ if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => self.maps(before, after),
            (Some(Value::Object(before)), None) if is_collection => self.maps(before, &none),
            (None, Some(Value::Object(after))) if is_collection => self.maps(&none, after),
            (before, after) => self.leaf(before.cloned(), after.cloned()),
        }
    }

    fn maps(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.path.push(key.clone());
            self.values(before.get(key), after.get(key));
            self.path.pop();
        }
    }

    fn leaf(&mut self, before: Option<Value>, after: Option<Value>) {
        let level = Level::at(self.path.len());
        let [before, after] = [before, after].map(|side| normal(side, level));
        if before != after {
            self.changes.push(Change {
                object: self.object.clone(),
                path: self.path.clone(),
                before,
                after,
            });
        }
    }
}

/// Without empty collections.
fn normal(value: Option<Value>, level: Level) -> Option<Value> {
    match value? {
        Value::Object(mut map) => {
            level.prune(&mut map);
            let is_there = level == Level::Entity || !map.is_empty();
            is_there.then_some(Value::Object(map))
        }
        value => Some(value),
    }
}
