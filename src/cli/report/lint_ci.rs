//! What `segue lint` has found in the forms of GitHub and GitLab.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check_ci::{Repository, data, fingerprint, property};
use super::lint::{Item, Linted};
use super::lint_text;
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::Position;

/// Where a finding is, lines and columns from 1, columns in characters.
pub(super) struct Place {
    /// As the repository's host knows it.
    pub path: String,
    pub start: Position,
    /// One past the last character.
    pub end: Position,
}

/// A workflow command per finding (GitHub's manual, "Workflow commands for
/// GitHub Actions").
pub(crate) fn github(linted: &Linted, repository: &Repository) -> String {
    let mut text = String::new();
    for item in linted.standing() {
        let diagnostic = &item.diagnostic;
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut properties = Vec::new();
        if let Some(place) = place(diagnostic, repository) {
            properties.push(format!("file={}", property(&place.path)));
            properties.push(format!("line={}", place.start.line));
            // Columns are for one line only.
            if place.start.line == place.end.line {
                properties.push(format!("col={}", place.start.column));
                properties.push(format!("endColumn={}", place.end.column));
            } else {
                properties.push(format!("endLine={}", place.end.line));
            }
        }
        properties.push(format!("title={}", property(diagnostic.code.as_str())));
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "::{command} {}::{}",
            properties.join(","),
            data(&message(diagnostic))
        );
    }
    let _ = writeln!(text, "{}", lint_text::summary(linted));
    text
}

/// A Code Quality report (GitLab's manual, "Code Quality report format").
pub(crate) fn gitlab(linted: &Linted, repository: &Repository) -> Value {
    let items: Vec<&Item> = linted.standing().collect();
    let fingerprints = fingerprints(&items, repository);
    let issues = items.iter().zip(fingerprints).map(|(item, fingerprint)| {
        let diagnostic = &item.diagnostic;
        let place = place(diagnostic, repository);
        json!({
            "description": message(diagnostic),
            "check_name": diagnostic.code.as_str(),
            "fingerprint": fingerprint,
            "severity": match diagnostic.severity {
                Severity::Error => "major",
                Severity::Warning => "minor",
            },
            // Each issue needs a file, or it is not shown.
            "location": match place {
                Some(place) => json!({
                    "path": place.path,
                    "lines": { "begin": place.start.line, "end": place.end.line },
                }),
                None => json!({ "path": "segue.toml", "lines": { "begin": 1 } }),
            },
        })
    });
    Value::Array(issues.collect())
}

/// One per finding, all of them different, and the same ones after a file has
/// only moved: of several equal findings in a file, each has its number.
pub(super) fn fingerprints(items: &[&Item], repository: &Repository) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let print = |item: &&Item| {
        let diagnostic = &item.diagnostic;
        let path = place(diagnostic, repository).map_or_else(String::new, |place| place.path);
        let code = diagnostic.code.as_str();
        let first = fingerprint(&[code, &path, &diagnostic.message]);
        let number = seen.entry(first.clone()).or_default();
        *number += 1;
        match *number {
            1 => first,
            number => fingerprint(&[code, &path, &diagnostic.message, &number.to_string()]),
        }
    };
    items.iter().map(print).collect()
}

/// Where a finding is.
pub(super) fn place(diagnostic: &Diagnostic, repository: &Repository) -> Option<Place> {
    let source = diagnostic.source.as_ref()?;
    let path = repository.path(source.name());
    let first = Position { line: 1, column: 1 };
    let (start, end) = diagnostic.labels.first().map_or((first, first), |label| {
        let Position { line, column } = source.position(label.span.end);
        let start = source.position(label.span.start);
        (start, Position { line, column })
    });
    Some(Place { path, start, end })
}

/// All that there is to say, as plain text.
pub(super) fn message(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    for note in &diagnostic.notes {
        let _ = write!(text, "\n{note}");
    }
    for help in &diagnostic.helps {
        let _ = write!(text, "\nhelp: {help}");
    }
    text
}
