//! HAProxy's agent-check: a line to each connection.
//!
//! From HAProxy's configuration manual, "agent-check": words between blanks, up
//! to the first line end. `up` and `down` set the operational state, `ready`
//! and `drain` the administrative one; behind a `#`, which needs a blank before
//! it, comes a reason for its logs and statistics, if there is an operational
//! state. What is not said stays as it was: `up` alone does not take `drain`
//! back.

use super::Course;
use super::state::State;

/// Longest reason; HAProxy reads a line into a buffer.
const REASON_CHARS_MAX: usize = 200;

/// The line for what is known now, with its end.
pub(super) fn line(state: &State, course: Course) -> String {
    let view = &state.view;
    let (words, why) = if course.drains {
        ("up drain", "segue serve is stopping")
    } else if view.is_ready {
        // `ready` takes back whatever this server, or one before it, has said.
        ("up ready", view.reason.as_str())
    } else if state.was_ready {
        // It has sessions, which may finish.
        ("up drain", view.reason.as_str())
    } else {
        ("down", view.reason.as_str())
    };
    format!("{words} #{}\n", reason(why))
}

/// What HAProxy can show: one line of ASCII.
fn reason(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            ' '..='~' => letter,
            letter if letter.is_whitespace() => ' ',
            _ => '?',
        })
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests;
