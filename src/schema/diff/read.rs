//! Diffs straight from JSON text, so that what is wrong has a line and a
//! column there.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Change, Diff, json};
use crate::schema::{Map, Value};

impl<'de> Deserialize<'de> for Diff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Changes;
        impl<'de> Visitor<'de> for Changes {
            type Value = Diff;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of changes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Diff, A::Error> {
                let mut changes = Vec::new();
                while let Some(Entry(change)) = entries.next_element()? {
                    changes.push(change);
                }
                Diff::from_changes(changes).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_seq(Changes)
    }
}

struct Entry(Change);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a change, which is an object")
            }

            // What is wrong is said in here, because the reader then adds the
            // place where the entry ends.
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Entry, A::Error> {
                let change = json::read_entry(&strict(entries)?);
                change.map(Entry).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

fn strict<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Map<String, Value>, A::Error> {
    let mut map = Map::new();
    while let Some(key) = entries.next_key::<String>()? {
        if map.contains_key(&key) {
            return Err(A::Error::custom(format!("`{key}` is given twice")));
        }
        let Strict(value) = entries.next_value()?;
        map.insert(key, value);
    }
    Ok(map)
}

/// Any JSON in which no key is given twice; of two, `serde_json`'s own value
/// would keep the second.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Strict;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_string<E>(self, value: String) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Strict, A::Error> {
                let mut values = Vec::new();
                while let Some(Strict(value)) = elements.next_element()? {
                    values.push(value);
                }
                Ok(Strict(Value::Array(values)))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Strict, A::Error> {
                Ok(Strict(Value::Object(strict(entries)?)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
