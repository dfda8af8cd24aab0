//! A check's result as JSON, by `docs/json/check.schema.json`.

use serde_json::{Value, json};

use super::check::Checked;
use super::json::{VERSION, milliseconds};
use super::schema_diff::{self, Sides};
use crate::apply::rehearse::{Seen, Verdict};
use crate::diagnostic::to_json;
use crate::rehearsal::Difference;

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
            "about": found.finding.file,
            "difference": found.finding.difference.as_ref().map(difference),
        })
    });
    json!({
        "version": VERSION,
        "ok": checked.is_well(),
        "files": checked.files.as_ref().map(step),
        "lint": checked.lint.as_ref().map(step),
        "majors": majors.collect::<Vec<_>>(),
        "findings": found.collect::<Vec<_>>(),
    })
}

fn difference(difference: &Difference) -> Value {
    let sides = Sides {
        before: difference.before,
        after: difference.after,
    };
    schema_diff::json(&difference.diff, sides)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::apply::rehearse::Examined;
    use crate::cli::report::schema;
    use crate::diagnostic::{Diagnostic, code};
    use crate::rehearsal::{Finding, Step};
    use crate::schema::Diff;

    #[test]
    fn it_is_as_its_schema_says() {
        let mut checked = Checked::default();
        checked.files(3, std::iter::empty(), Duration::ZERO);
        schema::check("check", &json(&checked));
        checked.lint(3, None, Duration::ZERO);
        schema::check("check", &json(&checked));
        let diagnostic = Diagnostic::new(code::UNEXPECTED_SCHEMA, "another one");
        let finding = Finding::new(Step::Expected, diagnostic).about("expected-schema/pg17");
        let difference = Diff::default();
        let seen = |step: &Step| Seen {
            step: *step,
            verdict: match step {
                Step::Expected => Verdict::Failed,
                Step::Diffs => Verdict::Skipped("there are none".to_owned()),
                _ => Verdict::Passed,
            },
            count: 1,
            duration: Duration::from_millis(7),
        };
        checked.examined(
            Examined {
                major: 17,
                seen: Step::ALL[2..].iter().map(seen).collect(),
                findings: vec![
                    finding.clone(),
                    finding.with_difference(difference, ["expected", "made"]),
                ],
                ..Examined::default()
            },
            &BTreeSet::new(),
        );
        schema::check("check", &json(&checked));
    }
}
