//! What `segue lint` has found as text.

use std::fmt::Write as _;

use super::lint::Linted;
use super::phrase::count;
use crate::diagnostic::Severity;
use crate::diagnostic::render::{Style, render};

/// Each finding, then one line about all of them.
pub(crate) fn text(linted: &Linted) -> String {
    let mut text = String::new();
    for item in linted.standing() {
        // Where standard output is no terminal, colours are taken out again.
        text.push_str(&render(&item.diagnostic, Style::Colour));
        text.push('\n');
    }
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}", summary(linted));
    text
}

/// One line about all of it.
pub(crate) fn summary(linted: &Linted) -> String {
    let mut parts = Vec::new();
    match linted.count(Severity::Error) {
        0 => {}
        errors => parts.push(count(errors, "error")),
    }
    match linted.count(Severity::Warning) {
        0 => {}
        warnings => parts.push(count(warnings, "warning")),
    }
    if parts.is_empty() {
        parts.push("nothing found".to_owned());
    }
    match linted.items.len() - linted.standing().count() {
        0 => {}
        waived => parts.push(format!("{waived} waived")),
    }
    format!("{} in {}", parts.join(", "), count(linted.files, "file"))
}
