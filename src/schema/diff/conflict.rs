//! Something stands where a diff wants something else.

use std::fmt;

use crate::schema::{ObjectId, Value};

/// Something stands where a diff wants something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Where.
    pub object: ObjectId,
    /// Keys within the object.
    pub path: Vec<String>,
    /// What the diff wants there; `{}`: anything that has parts.
    pub wanted: Option<Value>,
    /// What is there.
    pub found: Option<Value>,
}

impl std::error::Error for Conflict {}

impl fmt::Display for Conflict {
    /// `table public.users, columns.id.type: wanted "integer", found "bigint"`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.object)?;
        if !self.path.is_empty() {
            write!(formatter, ", {}", self.path.join("."))?;
        }
        match (&self.wanted, &self.found) {
            (Some(_), None) => formatter.write_str(" is not there"),
            (None, Some(_)) => formatter.write_str(" is there already"),
            (Some(Value::Object(_)), Some(Value::Object(_))) => {
                formatter.write_str(" is there, but not as it should be")
            }
            (wanted, found) => {
                formatter.write_str(": wanted ")?;
                write_side(formatter, wanted.as_ref())?;
                formatter.write_str(", found ")?;
                write_side(formatter, found.as_ref())
            }
        }
    }
}

/// Longest value that is told, in characters.
const SHOWN_MAX: usize = 80;

fn write_side(formatter: &mut fmt::Formatter<'_>, value: Option<&Value>) -> fmt::Result {
    let text = match value {
        None => return formatter.write_str("nothing"),
        Some(Value::Object(_)) => return formatter.write_str("something with parts"),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => write!(formatter, "{}…", &text[..end]),
        None => formatter.write_str(&text),
    }
}
