//! What `segue lint` has found as JSON, by `docs/json/lint.schema.json`.

use serde_json::{Value, json};

use super::json::VERSION;
use super::lint::{Item, Linted};
use crate::diagnostic::to_json;
use crate::lint::{Fix, Release};
use crate::text::{Source, Span};

/// The result.
pub(crate) fn json(linted: &Linted) -> Value {
    json!({
        "version": VERSION,
        "ok": linted.is_well(false),
        "files": linted.files,
        "release": match linted.release {
            Release::Apart => "apart",
            Release::Together => "together",
        },
        "findings": linted.items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn item(item: &Item) -> Value {
    let fix = item
        .finding
        .as_ref()
        .and_then(|finding| finding.fix.as_ref());
    let source = item.diagnostic.source.as_deref();
    json!({
        "diagnostic": to_json(&item.diagnostic),
        "waived": item.waived(),
        "fix": fix.zip(source).map(|(fix, source)| self::fix(fix, source)),
    })
}

fn fix(fix: &Fix, source: &Source) -> Value {
    let position = |at: usize| {
        let position = source.position(at);
        json!({ "line": position.line, "column": position.column })
    };
    let place = |span: Span| (position(span.start), position(span.end));
    let edits = fix.edits.iter().map(|edit| {
        let (start, end) = place(edit.span);
        json!({ "start": start, "end": end, "text": edit.text })
    });
    let files = fix.files.iter();
    json!({
        "title": fix.title,
        "edits": edits.collect::<Vec<_>>(),
        "files": files
            .map(|file| json!({ "slug": file.slug, "text": file.text }))
            .collect::<Vec<_>>(),
    })
}
