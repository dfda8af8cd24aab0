//! What commands of `--on-ready` and `--on-settled` do → a line, or JSON.

use serde_json::{Value, json};

use super::json::milliseconds;
use super::line::{Line, Tone};
use crate::apply::human;
use crate::cli::hook::{Stream, Told, What, option};
use crate::readiness::Goal;

/// Whether it is a problem, which is told however quiet the rest is.
pub(super) fn is_failure(told: &Told) -> bool {
    matches!(
        told.what,
        What::Ended {
            failure: Some(_),
            ..
        }
    )
}

/// For people.
pub(super) fn line(told: &Told) -> Line {
    let name = option(told.goal);
    match &told.what {
        What::Began { .. } => Line::active("Running", format!("`{name}`")),
        What::Output { line, .. } => {
            let verb = match told.goal {
                Goal::Ready => "on-ready",
                Goal::Settled => "on-settled",
            };
            Line::active(verb, line)
        }
        What::Ended {
            duration,
            failure: None,
            ..
        } => Line::done("Finished", format!("`{name}` in {}", human(duration))),
        What::Ended {
            failure: Some(reason),
            again,
            ..
        } => {
            let again = again.map_or_else(String::new, |pause| {
                format!("; it is run again in {}", human(&pause))
            });
            Line::new(Tone::Failed, "Failed", format!("`{name}`: {reason}{again}"))
        }
    }
}

/// By `docs/json/event.schema.json`.
pub(super) fn json(told: &Told) -> Value {
    let hook = option(told.goal).trim_start_matches('-');
    match &told.what {
        What::Began { deployment } => json!({
            "event": "hook-began",
            "hook": hook,
            "deployment": deployment,
        }),
        What::Output { stream, line } => json!({
            "event": "hook-output",
            "hook": hook,
            "stream": match stream {
                Stream::Out => "stdout",
                Stream::Err => "stderr",
            },
            "line": line,
        }),
        What::Ended {
            duration,
            failure,
            again,
        } => json!({
            "event": "hook-ended",
            "hook": hook,
            "duration_ms": milliseconds(*duration),
            "error": failure,
            "again_after_ms": again.map(milliseconds),
        }),
    }
}
