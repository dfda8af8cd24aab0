//! A check's result as JSON, by `docs/json/check.schema.json`.

use serde_json::{Value, json};

use super::check::Checked;
use super::json::{VERSION, milliseconds};
use crate::apply::rehearse::{Seen, Verdict};
use crate::diagnostic::to_json;
use crate::schema::Diff;

/// The result.
pub(crate) fn json(checked: &Checked) -> Value {
    let majors = checked.majors.iter().map(|(major, seen)| {
        json!({ "major": major, "steps": seen.iter().map(step).collect::<Vec<_>>() })
    });
    let found = checked.found.iter().map(|found| {
        json!({
            "step": found.finding.step.as_str(),
            "majors": found.majors,
            "diagnostic": to_json(&found.finding.diagnostic),
            "difference": found.finding.difference.as_ref().map(Diff::to_json),
        })
    });
    json!({
        "version": VERSION,
        "ok": checked.is_well(),
        "files": checked.files.as_ref().map(step),
        "majors": majors.collect::<Vec<_>>(),
        "findings": found.collect::<Vec<_>>(),
    })
}

fn step(seen: &Seen) -> Value {
    let (verdict, why) = match &seen.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed => ("failed", None),
        Verdict::Skipped(why) => ("skipped", Some(why)),
    };
    json!({
        "step": seen.step.as_str(),
        "verdict": verdict,
        "why": why,
        "count": seen.count,
        "duration_ms": milliseconds(seen.duration),
    })
}
