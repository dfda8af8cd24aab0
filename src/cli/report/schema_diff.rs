//! A [`Diff`] for people.

use std::fmt::Write as _;

use crate::schema::{Diff, Value};

/// One line per change.
pub(crate) fn text(diff: &Diff) -> String {
    let mut text = String::new();
    for change in diff.changes() {
        let side = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => value.to_string(),
        };
        let mut place = change.object.to_string();
        if !change.path.is_empty() {
            let _ = write!(place, ", {}", change.path.join(" "));
        }
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{place}: {} instead of {}",
            side(&change.after),
            side(&change.before)
        );
    }
    text
}
