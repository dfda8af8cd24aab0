//! What is told of backfills that have begun and are not done.

use jiff::Timestamp;

use super::Text;
use crate::backfill::Standing;
use crate::serve::state::Moment;
use crate::status::{EntryState, Status};

/// One backfill.
struct Told<'a> {
    migration: &'a str,
    standing: &'a Standing,
    is_running: bool,
}

/// Writes a family for each thing there is to know.
pub(super) fn write(text: &mut Text<'_>, status: &Status, now: &Moment) {
    let all: Vec<Told<'_>> = status
        .entries
        .iter()
        .filter_map(|entry| {
            Some(Told {
                migration: entry.name.as_str(),
                standing: entry.backfill.as_ref()?,
                is_running: matches!(entry.state, EntryState::Running(..)),
            })
        })
        .collect();
    let seconds_to = |at: Timestamp| at.duration_since(now.time).as_secs_f64();
    text.counter(
        "segue_backfill_rows_total",
        "Rows in the ranges that a backfill has done.",
    );
    each(text, "segue_backfill_rows_total", &all, |one| {
        Some(one.standing.rows)
    });
    text.gauge(
        "segue_backfill_rows_estimated",
        "About how many rows a backfill has in all, once that is known.",
    );
    each(text, "segue_backfill_rows_estimated", &all, |one| {
        one.standing.total
    });
    text.gauge(
        "segue_backfill_left_seconds",
        "How long a running backfill will still take, by its runner's prediction.",
    );
    for one in &all {
        let Some(ends) = one.standing.ends.filter(|_| one.goes_on()) else {
            continue;
        };
        for (bound, at) in [
            ("earliest", ends.earliest),
            ("likely", ends.likely),
            ("latest", ends.latest),
        ] {
            let labels = [("migration", one.migration), ("bound", bound)];
            // It may be late by its own prediction.
            let left = seconds_to(at).max(0.0);
            text.sample("segue_backfill_left_seconds", &labels, left);
        }
    }
    text.gauge(
        "segue_backfill_deadline_seconds",
        "How long a backfill has until its deadline; negative after it.",
    );
    each(text, "segue_backfill_deadline_seconds", &all, |one| {
        one.standing.deadline().map(seconds_to)
    });
    flags(text, &all);
    text.gauge(
        "segue_backfill_quarantined_rows",
        "Rows that a backfill has set aside.",
    );
    each(text, "segue_backfill_quarantined_rows", &all, |one| {
        Some(one.standing.quarantined)
    });
    text.gauge(
        "segue_backfill_written_age_seconds",
        "How long ago the runner of a backfill wrote how far it is.",
    );
    each(text, "segue_backfill_written_age_seconds", &all, |one| {
        Some((-seconds_to(one.standing.updated_at)).max(0.0))
    });
}

fn flags(text: &mut Text<'_>, all: &[Told<'_>]) {
    let mut flag = |name: &str, help: &str, is_so: &dyn Fn(&Told<'_>) -> bool| {
        text.gauge(name, help);
        each(text, name, all, |one| Some(u8::from(is_so(one))));
    };
    flag(
        "segue_backfill_running",
        "Whether somebody runs a backfill that has begun.",
        &|one| one.is_running,
    );
    flag(
        "segue_backfill_paused",
        "Whether somebody has paused a backfill.",
        &|one| one.standing.paused.is_some(),
    );
    flag(
        "segue_backfill_throttled",
        "Whether a running backfill is held back by a signal.",
        &|one| one.is_running && one.standing.throttled.is_some(),
    );
    flag(
        "segue_backfill_impossible",
        "Whether a backfill cannot meet its deadline.",
        &|one| one.standing.is_in_time() == Some(false),
    );
}

impl Told<'_> {
    /// Whether its end is coming nearer.
    fn goes_on(&self) -> bool {
        self.is_running && self.standing.paused.is_none() && self.standing.finished_at.is_none()
    }
}

fn each<V: std::fmt::Display>(
    text: &mut Text<'_>,
    name: &str,
    all: &[Told<'_>],
    value: impl Fn(&Told<'_>) -> Option<V>,
) {
    for one in all {
        if let Some(value) = value(one) {
            text.sample(name, &[("migration", one.migration)], value);
        }
    }
}
