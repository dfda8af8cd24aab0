//! Changes as JSON: in a migration's header, in the ledger.

use super::Change;
use crate::schema::{Kind, Map, ObjectId, Value};

const KEYS: [&str; 4] = ["object", "path", "before", "after"];

/// See [`Diff::to_json`](super::Diff::to_json).
pub(super) fn write(change: &Change) -> Value {
    let ObjectId {
        namespace,
        kind,
        name,
    } = &change.object;
    let namespace = namespace.clone().map_or(Value::Null, Value::String);
    let mut entry = Map::new();
    let object = vec![namespace, kind.as_str().into(), name.as_str().into()];
    entry.insert("object".to_owned(), Value::Array(object));
    entry.insert("path".to_owned(), change.path.clone().into());
    for (key, side) in [("before", &change.before), ("after", &change.after)] {
        if let Some(value) = side {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(entry)
}

/// The changes as they are; [`valid`] and order are left to
/// [`Diff::from_changes`](super::Diff::from_changes).
pub(super) fn read(json: &Value) -> Result<Vec<Change>, String> {
    let Value::Array(entries) = json else {
        return Err("a schema diff is an array of changes".to_owned());
    };
    let numbered = (1..).zip(entries);
    let changes = numbered.map(|(number, entry)| {
        let change = match entry {
            Value::Object(entry) => read_entry(entry),
            _ => Err("a change is an object with `object`, `path`, `before` and `after`".into()),
        };
        change.map_err(|reason| format!("change {number}: {reason}"))
    });
    changes.collect()
}

/// One change.
pub(super) fn read_entry(entry: &Map<String, Value>) -> Result<Change, String> {
    if let Some(key) = entry.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("there is no key `{key}` in a change"));
    }
    let object = entry.get("object").ok_or("`object` is missing")?;
    let path = entry.get("path").ok_or("`path` is missing")?;
    let keys = path.as_array().and_then(|keys| {
        let keys = keys.iter().map(|key| key.as_str().map(str::to_owned));
        keys.collect::<Option<Vec<_>>>()
    });
    let change = Change {
        object: read_object(object)?,
        path: keys.ok_or("`path` is not an array of strings")?,
        before: entry.get("before").cloned(),
        after: entry.get("after").cloned(),
    };
    valid(&change)?;
    Ok(change)
}

fn read_object(object: &Value) -> Result<ObjectId, String> {
    let parts = object.as_array().map(Vec::as_slice);
    let Some([namespace, Value::String(kind), Value::String(name)]) = parts else {
        return Err("`object` is not an array of namespace, kind and name".to_owned());
    };
    let namespace = match namespace {
        Value::Null => None,
        Value::String(namespace) => Some(namespace.clone()),
        _ => return Err("the namespace in `object` is neither a string nor null".to_owned()),
    };
    Ok(ObjectId {
        namespace,
        kind: kind
            .parse::<Kind>()
            .map_err(|()| format!("there is no kind of object `{kind}`"))?,
        name: name.clone(),
    })
}

/// What is wrong with a change by itself.
pub(super) fn valid(change: &Change) -> Result<(), String> {
    for (key, side) in [("before", &change.before), ("after", &change.after)] {
        let Some(value) = side else { continue };
        if let Some(place) = null_within(value) {
            return Err(format!(
                "`{key}{place}` is null; what is not there has no key"
            ));
        }
        if change.path.is_empty() && !value.is_object() {
            return Err(format!("`{key}` of a whole object is not a map"));
        }
    }
    if change.before.is_none() && change.after.is_none() {
        return Err("`before` and `after` are both missing".to_owned());
    }
    Ok(())
}

/// Where there is a null, `.a.0.b` for example.
fn null_within(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Array(values) => {
            let mut values = values.iter().enumerate();
            values.find_map(|(index, value)| Some(format!(".{index}{}", null_within(value)?)))
        }
        Value::Object(map) => {
            let mut entries = map.iter();
            entries.find_map(|(key, value)| Some(format!(".{key}{}", null_within(value)?)))
        }
        _ => None,
    }
}

/// For messages.
pub(super) fn place(change: &Change) -> String {
    if change.path.is_empty() {
        format!("`{}`", change.object)
    } else {
        format!("`{}`, `{}`", change.object, change.path.join("."))
    }
}

/// Why these two cannot stand in one diff.
pub(super) fn collision(outer: &Change, inner: &Change) -> String {
    if outer.path == inner.path {
        format!("{} is changed twice", place(outer))
    } else {
        format!(
            "{} is changed as a whole and, at `{}`, in part",
            place(outer),
            inner.path.join(".")
        )
    }
}
