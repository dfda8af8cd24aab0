//! What `segue lint` has found as SARIF 2.1.0 (OASIS, "Static Analysis Results
//! Interchange Format"), waived findings as suppressed ones.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::check_ci::Repository;
use super::lint::{Item, Linted};
use super::lint_ci::{fingerprints, message, place};
use crate::diagnostic::{Code, Severity};
use crate::lint::{Rule, TABLE};

/// What may stand in a relative reference as it is (RFC 3986, section 3.3); a
/// colon would be a scheme.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The log, of one run.
pub(crate) fn sarif(linted: &Linted, repository: &Repository) -> Value {
    // Problems that are no rule's are told as what they are, too.
    let mut others: Vec<Code> = Vec::new();
    for item in &linted.items {
        let code = item.diagnostic.code;
        if Rule::named(code.as_str()).is_none() && !others.contains(&code) {
            others.push(code);
        }
    }
    let ids: Vec<&str> = TABLE
        .iter()
        .map(|rule| rule.name)
        .chain(others.iter().map(|code| code.as_str()))
        .collect();
    let rules = TABLE.iter().map(rule).chain(others.iter().map(|code| {
        json!({
            "id": code.as_str(),
            "shortDescription": { "text": first_sentence(code.explanation()) },
            "fullDescription": { "text": code.explanation() },
            "help": { "text": code.explanation() },
            "defaultConfiguration": { "level": level(code.severity()) },
        })
    }));
    let items: Vec<&Item> = linted.items.iter().collect();
    let results = items
        .iter()
        .zip(fingerprints(&items, repository))
        .map(|(item, fingerprint)| result(item, &fingerprint, &ids, repository));
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "segue",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "shortDescription": { "text": rule.summary() },
        "fullDescription": { "text": rule.summary() },
        "help": { "text": rule.page, "markdown": rule.page },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn result(item: &Item, fingerprint: &str, ids: &[&str], repository: &Repository) -> Value {
    let code = item.diagnostic.code.as_str();
    let mut result = json!({
        "ruleId": code,
        "ruleIndex": ids.iter().position(|id| *id == code),
        "level": level(item.diagnostic.severity),
        "message": { "text": message(&item.diagnostic) },
        "partialFingerprints": { "segue/v1": fingerprint },
        "locations": [],
    });
    if let Some(place) = place(&item.diagnostic, repository) {
        result["locations"] = json!([{
            "physicalLocation": {
                "artifactLocation": {
                    "uri": utf8_percent_encode(&place.path, PATH).to_string(),
                    "uriBaseId": "%SRCROOT%",
                },
                "region": {
                    "startLine": place.start.line,
                    "startColumn": place.start.column,
                    "endLine": place.end.line,
                    "endColumn": place.end.column,
                },
            },
        }]);
    }
    // The standard: where one result has the property, each has it.
    result["suppressions"] = match item.waived() {
        Some(reason) => json!([{ "kind": "inSource", "justification": reason }]),
        None => json!([]),
    };
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}
