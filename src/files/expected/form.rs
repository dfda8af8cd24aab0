//! An object's attributes ↔ the text of its file.
//!
//! JSON, indented, keys sorted, a key to a line, a line end at the end: git
//! merges what two branches change in different places. A text of several lines
//! is kept as `{"@lines": […]}`, so that a changed view is one changed line. Keys
//! of the schema's own that begin with `@` get another one.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::schema::{Attributes, Map, ObjectId, Value};

/// Marks a text of several lines.
const LINES: &str = "@lines";

/// The whole name, where the file's is cut.
pub(super) const NAME: &str = "@name";

/// The whole name of the namespace, where the folder's is cut.
pub(super) const NAMESPACE: &str = "@namespace";

/// What a file holds.
pub(super) struct Content {
    /// The object.
    pub attributes: Attributes,
    /// Its whole name, if that of the file is cut.
    pub name: Option<String>,
    /// The whole name of its namespace, if that of the folder is cut.
    pub namespace: Option<String>,
}

/// The text of an object's file; names that the path does not hold are added.
pub(super) fn print(object: &ObjectId, attributes: &Attributes, cut: Cut) -> String {
    let mut map = outgoing_map(attributes);
    if cut.name {
        map.insert(NAME.to_owned(), Value::String(object.name.clone()));
    }
    if let (true, Some(namespace)) = (cut.namespace, &object.namespace) {
        map.insert(NAMESPACE.to_owned(), Value::String(namespace.clone()));
    }
    format!("{:#}\n", Value::Object(map))
}

/// Which names the path does not hold.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The file's.
    pub name: bool,
    /// The folder's.
    pub namespace: bool,
}

/// Reads the text of a file.
///
/// # Errors
/// What is wrong and where, for people.
pub(super) fn parse(text: &[u8]) -> Result<Content, String> {
    if let Some(line) = conflict(text) {
        return Err(format!("line {line} is the mark of a merge conflict"));
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let Strict(value) = serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        format!(
            "line {}, column {}: {message}",
            error.line(),
            error.column()
        )
    })?;
    let Value::Object(mut map) = value else {
        return Err("it holds no JSON object".to_owned());
    };
    let mut text = |key: &str| match map.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` is not a string")),
    };
    let (name, namespace) = (text(NAME)?, text(NAMESPACE)?);
    Ok(Content {
        attributes: incoming_map(map)?,
        name,
        namespace,
    })
}

/// The line, from 1, of the first mark that git leaves where it could not
/// merge.
fn conflict(text: &[u8]) -> Option<usize> {
    let is_mark = |line: &[u8]| {
        [b"<<<<<<<".as_slice(), b"|||||||", b"=======", b">>>>>>>"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let line = text.split(|byte| *byte == b'\n').position(is_mark)?;
    Some(line + 1)
}

fn outgoing(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains('\n') => {
            let lines = text.split('\n').map(Value::from).collect();
            Value::Object(Map::from_iter([(LINES.to_owned(), Value::Array(lines))]))
        }
        Value::Array(values) => Value::Array(values.iter().map(outgoing).collect()),
        Value::Object(map) => Value::Object(outgoing_map(map)),
        other => other.clone(),
    }
}

fn outgoing_map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .map(|(key, value)| {
            let key = match key.strip_prefix('@') {
                Some(_) => format!("@{key}"),
                None => key.clone(),
            };
            (key, outgoing(value))
        })
        .collect()
}

fn incoming(value: Value) -> Result<Value, String> {
    match value {
        Value::Object(map) if map.contains_key(LINES) => lines(map),
        Value::Object(map) => Ok(Value::Object(incoming_map(map)?)),
        Value::Array(values) => {
            let values: Result<_, _> = values.into_iter().map(incoming).collect();
            Ok(Value::Array(values?))
        }
        other => Ok(other),
    }
}

fn incoming_map(map: Map<String, Value>) -> Result<Map<String, Value>, String> {
    map.into_iter()
        .map(|(key, value)| {
            let key = match key.strip_prefix('@') {
                None => key,
                Some(own) if own.starts_with('@') => own.to_owned(),
                Some(_) => return Err(format!("`{key}` is not known here")),
            };
            Ok((key, incoming(value)?))
        })
        .collect()
}

fn lines(map: Map<String, Value>) -> Result<Value, String> {
    let wrong = || format!("`{LINES}` is not a list of strings that stands alone");
    let alone = map.len() == 1;
    let Some((_, Value::Array(lines))) = map.into_iter().next().filter(|_| alone) else {
        return Err(wrong());
    };
    let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
    match lines {
        // Fewer than two would have been a string.
        Some(lines) if lines.len() > 1 && lines.iter().all(|line| !line.contains('\n')) => {
            Ok(Value::String(lines.join("\n")))
        }
        _ => Err(wrong()),
    }
}

/// JSON without `null`, and without a key that comes twice: a merge can leave
/// one, and one of the two would be lost without a word.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value that is not null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("`{key}` is there twice")));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests;
