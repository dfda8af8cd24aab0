//! What `segue lint` has found as JSON, by `docs/json/lint.schema.json`.

use serde_json::{Value, json};

use super::json::VERSION;
use super::lint::{Item, Linted};
use crate::diagnostic::to_json;
use crate::lint::Release;

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
    json!({
        "diagnostic": to_json(&item.diagnostic),
        "waived": item.waived(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::report::schema;
    use crate::diagnostic::{Diagnostic, code};
    use crate::lint::{File, Finding, Settings, lint};
    use crate::text::Source;

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
        let mut waived = found(&source);
        waived.waived = Some("it is small".to_owned());
        let linted = Linted {
            items: vec![
                Item::invalid(Diagnostic::new(code::INVALID_UTF8, "not UTF-8")),
                item(found(&source)),
                item(waived),
            ],
            files: 1,
            release: Release::Together,
        };
        let value = json(&linted);
        schema::check("lint", &value);
        assert_eq!(value["findings"][2]["waived"], "it is small");
    }
}
