//! A [`Diagnostic`] as JSON, for `--json` outputs.

use serde_json::{Value, json};

use super::{Diagnostic, Severity};
use crate::text::{Source, Span};

/// The diagnostic as one JSON object.
///
/// Shape: `severity` (`"error"` or `"warning"`), `code`, `message`, `sqlstate`
/// (or null), `file`, `line`, `column`, `end` (`{line, column}`, one past the
/// last character; these four are null without a place), `labels` (all places,
/// the primary one first, each `{line, column, end, text}`), `notes`, `helps`.
/// Lines and columns count from 1, columns in characters.
#[must_use]
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let source = diagnostic.source.as_deref();
    let labels: Vec<Value> = source.map_or_else(Vec::new, |source| {
        let place = |label: &super::Label| {
            let mut place = place(source, label.span);
            place["text"] = json!(label.text);
            place
        };
        diagnostic.labels.iter().map(place).collect()
    });
    let primary = labels.first().cloned().unwrap_or(Value::Null);
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": diagnostic.code.as_str(),
        "message": diagnostic.message,
        "sqlstate": diagnostic.sqlstate,
        "file": source.map(Source::name),
        "line": primary["line"],
        "column": primary["column"],
        "end": primary["end"],
        "labels": labels,
        "notes": diagnostic.notes,
        "helps": diagnostic.helps,
    })
}

fn place(source: &Source, span: Span) -> Value {
    let start = source.position(span.start);
    let end = source.position(span.end);
    json!({
        "line": start.line,
        "column": start.column,
        "end": { "line": end.line, "column": end.column },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::code;

    #[test]
    fn places_are_lines_and_columns() {
        let source = Arc::new(Source::new("m/a.sql", "SELECT 1;\nSELECT é.x;\n"));
        let diagnostic = Diagnostic::new(code::SERVER_ERROR, "missing FROM-clause entry")
            .source(&source)
            .label(Span::new(17, 19), "here")
            .note("a fact")
            .help("type this")
            .sqlstate("42P01");
        assert_eq!(
            to_json(&diagnostic),
            json!({
                "severity": "error",
                "code": "server-error",
                "message": "missing FROM-clause entry",
                "sqlstate": "42P01",
                "file": "m/a.sql",
                "line": 2,
                "column": 8,
                "end": { "line": 2, "column": 9 },
                "labels": [{ "line": 2, "column": 8, "end": { "line": 2, "column": 9 }, "text": "here" }],
                "notes": ["a fact"],
                "helps": ["type this"],
            })
        );
    }

    #[test]
    fn a_problem_without_a_place_has_nulls() {
        let json = to_json(&Diagnostic::new(code::DUPLICATE_NAME, "twice"));
        for key in ["sqlstate", "file", "line", "column", "end"] {
            assert_eq!(json[key], Value::Null, "{key}");
        }
        assert_eq!(json["labels"], json!([]));
    }
}
