//! What verifying a database gave, as JSON, by `docs/json/verify.schema.json`.

use serde_json::{Value, json};

use super::json::{VERSION, blind, half_way, milliseconds};
use super::mismatch::{EXPECTED, SETTLED};
use super::schema_diff;
use crate::cli::verify::{State, Verified};
use crate::migration::Name;
use crate::schema::Diff;

/// The whole of it.
pub(crate) fn verified(verified: &Verified) -> Value {
    let mut value = json!({
        "version": VERSION,
        "project": verified.project,
        "major": verified.major,
        "pending": [],
        "missing": [],
        "difference": null,
        "half_way": [],
        "blind": [],
        "unused_rules": [],
        "drift": null,
    });
    let duration = match &verified.state {
        State::Checked(checked) => {
            let is_total = checked.blind.iter().any(|one| one.is_total);
            value["state"] = json!(match checked.verdict.is_legal() {
                true if is_total => "unknown",
                true => "legal",
                false => "mismatch",
            });
            value["difference"] = schema_diff::json(&checked.verdict.difference, EXPECTED);
            value["half_way"] = json!(half_way(&checked.verdict.half_way));
            value["blind"] = checked.blind.iter().map(blind).collect();
            value["unused_rules"] = json!(checked.unused_rules);
            checked.duration
        }
        State::Elsewhere {
            pending,
            missing,
            drift,
            duration,
        } => {
            value["state"] = json!(match (pending.is_empty(), missing.is_empty()) {
                (false, true) => "behind",
                (true, _) => "ahead",
                (false, false) => "diverged",
            });
            value["pending"] = names(pending);
            value["missing"] = names(missing);
            value["drift"] = drift.as_ref().map_or(Value::Null, |(since, difference)| {
                self::drift(*since, difference)
            });
            *duration
        }
    };
    value["duration_ms"] = json!(milliseconds(duration));
    value
}

fn drift(since: i64, difference: &Diff) -> Value {
    json!({ "since": since, "difference": schema_diff::json(difference, SETTLED) })
}

fn names(names: &[Name]) -> Value {
    names.iter().map(Name::as_str).collect()
}
