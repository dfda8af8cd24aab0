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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::report::schema;
    use crate::diagnostic::{Diagnostic, code};
    use crate::lint::{Edit, File, Finding, NewFile, Settings, lint};

    /// A finding of a rule.
    fn found(source: &Arc<Source>) -> Finding {
        let file = File::of_text("a.sql", source).expect("a valid file");
        let mut findings = lint(&[file], &Settings::default());
        findings.pop().expect("a finding")
    }

    #[test]
    fn it_is_as_its_schema_says() {
        let source = Arc::new(Source::new("a.sql", "CREATE INDEX i ON t (a);\n"));
        let item = |finding| Item::finding(finding, |_| Some(Arc::clone(&source)));
        let fixed = found(&source).fix(Fix {
            title: "move it".to_owned(),
            edits: vec![Edit {
                span: Span::new(0, 24),
                text: String::new(),
            }],
            files: vec![NewFile {
                slug: "i".to_owned(),
                text: "SELECT 1".to_owned(),
            }],
        });
        let mut waived = found(&source);
        waived.waived = Some("it is small".to_owned());
        let linted = Linted {
            items: vec![
                Item::invalid(Diagnostic::new(code::INVALID_UTF8, "not UTF-8")),
                item(fixed),
                item(waived),
            ],
            files: 1,
            release: Release::Together,
        };
        let value = json(&linted);
        schema::check("lint", &value);
        assert_eq!(value["findings"][1]["fix"]["edits"][0]["end"]["column"], 25);
        assert_eq!(value["findings"][2]["waived"], "it is small");
    }
}
