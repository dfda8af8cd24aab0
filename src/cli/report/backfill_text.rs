//! What `segue backfill status` prints of one.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::phrase::{left, thousands};
use crate::backfill::standing::{Ends, SetAside, minute, span};
use crate::backfill::{Backfill, Standing};
use crate::cli::backfill::Course;
use crate::cli::duration::HumanDuration;
use crate::migration::Name;

/// All that is shown of one backfill.
pub(crate) struct Shown<'a> {
    pub name: &'a Name,
    pub course: &'a Course,
    /// What its file says, if there is one.
    pub directive: Option<&'a Backfill>,
    /// `None` before it has begun.
    pub standing: Option<&'a Standing>,
    /// Rows in quarantine, all of them.
    pub aside: &'a [SetAside],
    /// To say how long something takes; `None` where that would be new each
    /// second.
    pub now: Option<Timestamp>,
}

/// So many rows in quarantine are listed; JSON has all of them.
const ASIDE_MAX: usize = 10;

/// Characters of the bar.
const BAR: usize = 40;

/// Several lines, with a line end.
pub(crate) fn text(shown: &Shown<'_>) -> String {
    let mut text = format!("Backfill `{}`", shown.name);
    // One that was paused before it has begun has a row, and nothing in it.
    let standing = shown.standing.filter(|_| *shown.course != Course::Pending);
    match (standing, shown.directive) {
        (Some(standing), _) => {
            let key = standing.key.join(", ");
            // Writing into a string cannot fail, here and below.
            let _ = writeln!(text, ": {} by {key}", standing.relation);
            begun(&mut text, shown, standing);
        }
        (None, Some(directive)) => {
            let _ = writeln!(text, ": {} by {}", directive.table, directive.key);
            course(&mut text, shown);
            if let Some(standing) = shown.standing {
                wishes(&mut text, shown, standing);
            }
        }
        (None, None) => {
            text.push('\n');
            course(&mut text, shown);
        }
    }
    text
}

fn line(text: &mut String, word: &str, what: &str) {
    let indented = what.replace('\n', &format!("\n{:14}", ""));
    let _ = writeln!(text, "  {word:<12}{indented}");
}

fn begun(text: &mut String, shown: &Shown<'_>, standing: &Standing) {
    let is_running = matches!(shown.course, Course::Running(_));
    if let Some(percent) = standing.percent() {
        let full = usize::try_from(percent).unwrap_or(0) * BAR / 100;
        let bar = format!("[{:<BAR$}] {percent}%", "=".repeat(full));
        let _ = writeln!(text, "  {bar}");
    }
    let changed = match standing.changed {
        changed if changed == standing.rows => String::new(),
        changed => format!(", {} of them changed", thousands(changed)),
    };
    line(text, "done", &format!("{}{changed}", standing.counts()));
    line(text, "begun", &begun_at(shown, standing));
    course(text, shown);
    if standing.finished_at.is_none() && shown.course.is_open() {
        pace(text, shown, standing, is_running);
    }
    deadline(text, shown, standing);
    if shown.course.is_open() {
        wishes(text, shown, standing);
    }
    held_back(text, shown, standing, is_running);
    quarantine(text, shown, standing);
}

/// What somebody wants of it.
fn wishes(text: &mut String, shown: &Shown<'_>, standing: &Standing) {
    if let Some(rate) = standing.rate {
        line(
            text,
            "rate",
            &format!("at most {} rows/s, as asked", thousands(rate)),
        );
    }
    if let Some(paused) = &standing.paused {
        let help = format!("`segue backfill resume {}` lets it go on", shown.name);
        line(
            text,
            "paused",
            &format!("{}\n{help}", said(&paused.to_string(), "paused ")),
        );
    }
}

fn held_back(text: &mut String, shown: &Shown<'_>, standing: &Standing, is_running: bool) {
    if let Some(throttled) = standing.throttled.as_ref().filter(|_| is_running) {
        let since = throttled.since.map_or_else(String::new, |since| {
            format!("since {}{}\n", minute(since), ago(shown.now, since))
        });
        line(
            text,
            "held back",
            &format!("{since}{}", throttled.by.join("\n")),
        );
    }
}

/// Who runs it, and how it ended.
fn course(text: &mut String, shown: &Shown<'_>) {
    match shown.course {
        Course::Pending => line(text, "pending", "not begun; `segue up` begins it"),
        Course::Running(Some(pid)) => line(text, "running", &format!("by pid {pid}")),
        Course::Running(None) => line(
            text,
            "running",
            "or interrupted: this is a standby, which cannot see its runner",
        ),
        Course::Interrupted => line(
            text,
            "interrupted",
            "nobody runs it: `segue settle` goes on",
        ),
        Course::Failed(error) => {
            line(
                text,
                "failed",
                &format!("{error}\n`segue settle` tries again"),
            );
        }
        Course::Applied => {
            let took = shown.standing.and_then(|standing| {
                let took = standing.finished_at?.duration_since(standing.began_at);
                Some(format!(", after {}", left(Duration::try_from(took).ok()?)))
            });
            let at = shown.standing.and_then(|standing| standing.finished_at);
            let at = at.map_or_else(String::new, minute);
            line(
                text,
                "applied",
                &format!("{at}{}", took.unwrap_or_default()),
            );
        }
        Course::Abandoned => line(
            text,
            "abandoned",
            "what is done stays done, all other rows are as they were",
        ),
    }
}

fn begun_at(shown: &Shown<'_>, standing: &Standing) -> String {
    let ago = ago(shown.now, standing.began_at);
    format!("{}{ago}", minute(standing.began_at))
}

fn pace(text: &mut String, shown: &Shown<'_>, standing: &Standing, is_running: bool) {
    let mut facts = Vec::new();
    if let Some(rate) = standing.expected_rate().filter(|_| is_running) {
        facts.push(format!("{} rows/s", thousands(rate)));
    }
    if let Some(rows) = standing.batch_rows {
        facts.push(format!("batches of {} rows", thousands(rows)));
    }
    if let Some(pause) = standing.pause {
        facts.push(format!("{} between them", HumanDuration(pause)));
    }
    if !facts.is_empty() {
        line(text, "pace", &facts.join(", "));
    }
    if let Some(Ends {
        earliest, latest, ..
    }) = standing
        .ends
        .filter(|_| is_running && standing.paused.is_none())
    {
        line(
            text,
            "ends",
            &format!(
                "{}{}",
                span(earliest, latest),
                ahead(shown.now, earliest, latest)
            ),
        );
    }
}

fn deadline(text: &mut String, shown: &Shown<'_>, standing: &Standing) {
    let Some(deadline) = standing.deadline().filter(|_| shown.course.is_open()) else {
        return;
    };
    let met = match (standing.is_in_time(), &standing.impossible) {
        (_, Some(why)) => format!("\n{why}"),
        (Some(true), None) => ", and will be met".to_owned(),
        (Some(false), None) => ", and may be missed".to_owned(),
        (None, None) => String::new(),
    };
    line(text, "deadline", &format!("{}{met}", minute(deadline)));
}

fn quarantine(text: &mut String, shown: &Shown<'_>, standing: &Standing) {
    if shown.aside.is_empty() {
        return;
    }
    let rows = super::phrase::count(shown.aside.len(), "row");
    let bound = shown.directive.map_or_else(String::new, |directive| {
        format!(" of at most {}", thousands(directive.quarantine))
    });
    let mut lines = vec![format!("{rows}{bound}")];
    let listed = shown.aside.iter().take(ASIDE_MAX);
    lines.extend(listed.map(|row| row.line(&standing.key)));
    if shown.aside.len() > ASIDE_MAX {
        let more = shown.aside.len() - ASIDE_MAX;
        lines.push(format!("and {more} more; `--json` has all of them"));
    }
    if shown.course.is_open() {
        lines.push("the next run tries them again first".to_owned());
    }
    line(text, "quarantine", &lines.join("\n"));
}

/// Without the word that stands before it already.
fn said<'a>(text: &'a str, word: &str) -> &'a str {
    text.strip_prefix(word).unwrap_or(text)
}

/// ` (2h 5m ago)`
fn ago(now: Option<Timestamp>, at: Timestamp) -> String {
    let time = now.and_then(|now| Duration::try_from(now.duration_since(at)).ok());
    time.map_or_else(String::new, |time| format!(" ({} ago)", left(time)))
}

/// ` (in 2h 0m to 2h 20m)`
fn ahead(now: Option<Timestamp>, from: Timestamp, to: Timestamp) -> String {
    let Some(now) = now else {
        return String::new();
    };
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let (from, to) = (left(until(from)), left(until(to)));
    if from == to {
        format!(" (in {from})")
    } else {
        format!(" (in {from} to {to})")
    }
}

#[cfg(test)]
mod tests;
