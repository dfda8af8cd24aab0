//! What verifying a database gave, as text.

use std::fmt::Write as _;

use super::Report;
use super::mismatch::{self, EXPECTED, SETTLED};
use super::phrase::{count, names};
use crate::apply::human;
use crate::cli::verify::{State, Verified};

/// The whole of it.
pub(crate) fn verified(verified: &Verified, report: &Report) -> String {
    let project = &verified.project;
    let mut text = String::new();
    // Writing into a string cannot fail, here and below.
    let _ = match &verified.state {
        State::Checked(checked) => {
            let difference = &checked.verdict.difference;
            text.push_str(&report.schema_diff_text(difference, EXPECTED.before, EXPECTED.after));
            for line in mismatch::beside(
                &checked.verdict.half_way,
                &checked.blind,
                &checked.unused_rules,
            ) {
                let _ = writeln!(text, "{}: {}", line.verb, line.text);
            }
            if checked.blind.iter().any(|blind| blind.is_total) {
                writeln!(text, "Project `{project}`: the schema cannot be verified.")
            } else if difference.is_empty() {
                let duration = human(&checked.duration);
                writeln!(
                    text,
                    "Project `{project}`: the schema is as expected ({duration})."
                )
            } else {
                writeln!(text, "Project `{project}`: the schema is not as expected.")
            }
        }
        State::Elsewhere {
            pending,
            missing,
            drift,
            ..
        } => {
            let behind = (!pending.is_empty()).then(|| {
                format!(
                    "behind by {}: {}",
                    count(pending.len(), "migration"),
                    names(pending)
                )
            });
            let ahead = (!missing.is_empty()).then(|| {
                format!(
                    "{} that this folder lacks: {}",
                    count(missing.len(), "migration"),
                    names(missing)
                )
            });
            let place = match (behind, ahead) {
                (Some(behind), None) => format!("the database is {behind}"),
                (None, Some(ahead)) => format!("the database is ahead by {ahead}"),
                (behind, ahead) => format!(
                    "the database has diverged: {}, and has {}",
                    behind.unwrap_or_default(),
                    ahead.unwrap_or_default()
                ),
            };
            let _ = writeln!(text, "Project `{project}`: {place}.");
            text.push_str("Its schema is not compared with this folder's.\n");
            match drift {
                None => Ok(()),
                Some((since, difference)) if difference.is_empty() => writeln!(
                    text,
                    "It is as deployment {since}, the last one that was settled, has left it."
                ),
                Some((since, difference)) => {
                    let diff = report.schema_diff_text(difference, SETTLED.before, SETTLED.after);
                    writeln!(
                        text,
                        "It is not as deployment {since}, the last one that was settled, has left it:\n\n{diff}"
                    )
                }
            }
        }
    };
    text
}
