//! [`Status`] as text.

use std::fmt::Write as _;
use std::time::Duration;

use super::phrase::{count, names};
use super::tell::progress;
use crate::history::{Deployment, DeploymentState, ProgressRow};
use crate::migration::Name;
use crate::status::{Entry, EntryState, Pace, Status};

/// Where the project stands; `all` lists each migration.
pub(crate) fn status(status: &Status, all: bool) -> String {
    let mut text = format!("Project `{}`\n", status.project);
    if let Some(version) = status.schema_version {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "  {:<12}{version}", "schema");
    }
    let counted = |text: &mut String, word: &str, is: &dyn Fn(&Entry) -> bool, list: bool| {
        let found: Vec<&Name> = status
            .entries
            .iter()
            .filter(|entry| is(entry))
            .map(|entry| &entry.name)
            .collect();
        if found.is_empty() {
            return;
        }
        let _ = write!(text, "  {word:<12}{}", count(found.len(), "migration"));
        if list {
            let _ = write!(text, ": {}", names(found));
        }
        text.push('\n');
    };
    let is = |entry: &Entry, state: &EntryState| entry.state == *state;
    counted(
        &mut text,
        "applied",
        &|one| is(one, &EntryState::Applied),
        false,
    );
    counted(
        &mut text,
        "abandoned",
        &|one| is(one, &EntryState::Abandoned),
        true,
    );
    counted(&mut text, "modified", &|one| one.is_modified, true);
    counted(&mut text, "missing", &|one| one.is_missing, true);
    counted(
        &mut text,
        "pending",
        &|one| is(one, &EntryState::Pending),
        true,
    );
    for entry in &status.entries {
        let _ = match &entry.state {
            EntryState::Running(pid, row) => {
                let course = match (&entry.backfill, row) {
                    (Some(standing), _) => Some(standing.line(true)),
                    (None, row) => row.as_ref().map(phase),
                };
                writeln!(
                    text,
                    "  {:<12}`{}`{}{}",
                    "running",
                    entry.name,
                    pid.map_or_else(String::new, |pid| format!(" (pid {pid})")),
                    course.map_or_else(String::new, |course| format!(": {course}"))
                )
            }
            EntryState::Interrupted => writeln!(
                text,
                "  {:<12}`{}`: its runner is gone; `segue settle` goes on",
                "interrupted", entry.name
            ),
            EntryState::Failed(error) => {
                writeln!(text, "  {:<12}`{}`: {error}", "failed", entry.name)
            }
            EntryState::HalfReverted => writeln!(
                text,
                "  {:<12}`{}`: half taken back; `segue revert` goes on, with the `--to` that it was begun with",
                "reverting", entry.name
            ),
            EntryState::Pending | EntryState::Applied | EntryState::Abandoned => Ok(()),
        };
        backfill(&mut text, entry);
    }
    if status.entries.is_empty() {
        text.push_str("  no migrations, in the folder or applied\n");
    }
    for deployment in &status.deployments {
        let _ = writeln!(text, "{}", self::deployment(status, deployment));
    }
    if all && !status.entries.is_empty() {
        text.push('\n');
        for entry in &status.entries {
            let at = entry.at.as_deref().map_or_else(|| "-".to_owned(), short);
            let _ = writeln!(text, "{:<12}{at:<22}{}", entry.state.as_str(), entry.name);
        }
    }
    text
}

/// How far a backfill is that nobody runs, and what is in the way of one.
fn backfill(text: &mut String, entry: &Entry) {
    let Some(standing) = &entry.backfill else {
        return;
    };
    let is_running = matches!(entry.state, EntryState::Running(..));
    let line = (!is_running).then(|| standing.line(false));
    for line in line.into_iter().chain(standing.troubles(is_running)) {
        let _ = writeln!(text, "  {:<12}{line}", "");
    }
}

fn phase(row: &ProgressRow) -> String {
    // One look has no rate.
    let reading = Pace::default().read(
        &Name::new(""),
        &row.phase,
        row.done,
        row.total,
        Duration::ZERO,
    );
    let mut text = progress(&row.phase, row.done, row.total, &reading);
    if let Some((done, total)) = row.partitions {
        text = format!("{done} of {total} partitions, {text}");
    }
    match &row.waits_for {
        Some(whom) => format!("{text}, waits for {whom}"),
        None => text,
    }
}

fn deployment(status: &Status, deployment: &Deployment) -> String {
    let mut text = format!("Deployment {}: ", deployment.id);
    let since = |at: &Option<String>| {
        at.as_deref()
            .map_or_else(String::new, |at| format!(" since {}", short(at)))
    };
    match deployment.state {
        DeploymentState::Running if status.is_abandoned(deployment) => {
            text.push_str("abandoned: it began ");
            text.push_str(&short(&deployment.started_at));
            let is_half = |entry: &Entry| entry.state == EntryState::HalfReverted;
            text.push_str(if status.entries.iter().any(is_half) {
                " and its runner is gone; `segue revert` goes on"
            } else {
                " and its runner is gone; `segue up` starts afresh"
            });
        }
        DeploymentState::Running => {
            let _ = write!(text, "running since {}", short(&deployment.started_at));
        }
        DeploymentState::Ready => {
            let _ = write!(text, "ready{}", since(&deployment.ready_at));
            if !deployment.tail.is_empty() {
                let _ = write!(text, ", not settled; tail: {}", names(&deployment.tail));
            }
        }
        DeploymentState::Settled => {
            let _ = write!(text, "settled{}", since(&deployment.settled_at));
        }
        DeploymentState::Failed => text.push_str("failed before it was ready"),
    }
    if let Some(error) = &deployment.error
        && deployment.state != DeploymentState::Settled
    {
        let _ = write!(
            text,
            "\n  {}",
            error.lines().collect::<Vec<_>>().join("\n  ")
        );
    }
    text
}

/// `2026-01-31 10:00:00Z` of `2026-01-31T10:00:00.123456Z`: readers want no
/// fractions.
fn short(at: &str) -> String {
    let whole = at
        .split_once('.')
        .map_or(at.trim_end_matches('Z'), |(whole, _)| whole);
    format!("{}Z", whole.replacen('T', " ", 1))
}
