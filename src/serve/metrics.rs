//! `/metrics`: what is known, in Prometheus's text format.
//!
//! From "Exposition formats" and "Metric and label naming" of its
//! documentation: base units, `_total` for counters alone, HELP and TYPE before
//! a family's samples, which stand together.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use super::Course;
use super::drift::Measured;
use super::state::{Moment, State};
use crate::migration::Kind;
use crate::status::{Entry, EntryState, Stage, Status, View};

mod backfill;

/// Of the text format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Who is connected now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clients {
    /// In all.
    pub connections: usize,
    /// Of these, streams of events.
    pub streams: usize,
}

/// The states that migrations are counted by.
const STATES: [&str; 6] = [
    "pending",
    "running",
    "interrupted",
    "failed",
    "applied",
    "abandoned",
];

/// The text at this moment.
pub(super) fn text(
    state: &State,
    course: Course,
    drift: Option<Measured>,
    clients: Clients,
    now: &Moment,
) -> String {
    let view = &state.view;
    let mut text = Text {
        text: String::new(),
        project: &view.project,
    };
    text.gauge("segue_build_info", "Version of segue; always 1.");
    text.own(
        "segue_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    text.single(
        "segue_ready",
        "Whether new code may serve, as /ready says.",
        u8::from(view.is_ready && !course.drains),
    );
    readiness(&mut text, view, now);
    database(&mut text, state, now);
    if let Some(status) = &view.status {
        migrations(&mut text, status);
        tail(&mut text, status);
        backfill::write(&mut text, status, now);
    }
    if let Some(measured) = drift {
        drifted(&mut text, measured, now);
    }
    server(&mut text, state, clients);
    text.text
}

fn readiness(text: &mut Text, view: &View, now: &Moment) {
    text.gauge(
        "segue_state",
        "How far the deployment of this folder is: 1 for its state, 0 for the others.",
    );
    for stage in Stage::ALL {
        let is_it = u8::from(stage == view.stage);
        text.sample("segue_state", &[("state", stage.as_str())], is_it);
    }
    let since: Option<Timestamp> = view.since.parse().ok();
    let seconds = since.map_or(0.0, |since| now.time.duration_since(since).as_secs_f64());
    text.single(
        "segue_state_seconds",
        "How long the deployment of this folder has been in its state.",
        // Two machines' clocks may differ.
        seconds.max(0.0),
    );
    if let Some(ready) = view.status.as_ref().and_then(Status::ready) {
        text.single(
            "segue_deployment_id",
            "Number of the deployment by which this folder is ready.",
            ready.id,
        );
    }
    if let Some(version) = view.status.as_ref().and_then(|one| one.schema_version) {
        text.gauge(
            "segue_schema_version_info",
            "Version of the schema, by the migrations that bring one; always 1.",
        );
        let version = version.to_string();
        text.sample("segue_schema_version_info", &[("version", &version)], 1);
    }
}

fn database(text: &mut Text, state: &State, now: &Moment) {
    text.single(
        "segue_database_up",
        "Whether the database answered when it was looked at last.",
        u8::from(state.view.stale.is_none()),
    );
    if let Some(seen) = state.seen {
        let age = now.instant.saturating_duration_since(seen).as_secs_f64();
        text.single(
            "segue_last_seen_age_seconds",
            "How long ago the database was seen last.",
            age,
        );
    }
    text.counter("segue_looks_total", "Looks at the database.");
    text.sample("segue_looks_total", &[], state.looks);
    text.counter(
        "segue_look_failures_total",
        "Looks at the database that saw nothing.",
    );
    text.sample("segue_look_failures_total", &[], state.failures);
}

fn migrations(text: &mut Text, status: &Status) {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for kind in [Kind::Batch, Kind::Standalone, Kind::Concurrent] {
        for state in STATES {
            counts.insert((kind.as_str(), state), 0);
        }
    }
    for entry in &status.entries {
        *counts
            .entry((entry.kind.as_str(), entry.state.as_str()))
            .or_default() += 1;
    }
    text.gauge(
        "segue_migrations",
        "Migrations of the folder and of the ledger.",
    );
    for ((kind, state), count) in counts {
        text.sample(
            "segue_migrations",
            &[("kind", kind), ("state", state)],
            count,
        );
    }
    let count = |is_so: fn(&Entry) -> bool| status.entries.iter().filter(|one| is_so(one)).count();
    text.single(
        "segue_migrations_modified",
        "Migrations whose text differs from what was applied or tried last.",
        count(|entry| entry.is_modified),
    );
    text.single(
        "segue_migrations_missing",
        "Migrations of the ledger that the folder lacks.",
        count(|entry| entry.is_missing),
    );
}

/// What is told of migrations that run now.
fn tail(text: &mut Text, status: &Status) {
    let running: Vec<_> = status
        .entries
        .iter()
        .filter_map(|entry| match &entry.state {
            EntryState::Running(_, Some(row)) => Some((entry.name.as_str(), row)),
            _ => None,
        })
        .collect();
    let mut family = |name: &str, help: &str, value: &dyn Fn(usize) -> Option<f64>| {
        text.gauge(name, help);
        for (index, (migration, _)) in running.iter().enumerate() {
            if let Some(value) = value(index) {
                text.sample(name, &[("migration", migration)], value);
            }
        }
    };
    family(
        "segue_tail_progress_ratio",
        "How much is done of the phase that a running concurrent migration is in, 0 to 1.",
        &|index| ratio(running[index].1.done.zip(running[index].1.total)),
    );
    family(
        "segue_tail_partitions_ratio",
        "How many of its partitions a running concurrent migration has done, 0 to 1.",
        &|index| ratio(running[index].1.partitions),
    );
    family(
        "segue_tail_blocked",
        "Whether a running concurrent migration waits for others.",
        &|index| {
            let is_blocked = running[index].1.waits_for.is_some();
            Some(f64::from(u8::from(is_blocked)))
        },
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio for a graph: 53 bits are plenty"
)]
fn ratio(part: Option<(u64, u64)>) -> Option<f64> {
    let (done, total) = part.filter(|(_, total)| *total > 0)?;
    Some((done as f64 / total as f64).min(1.0))
}

fn drifted(text: &mut Text, measured: Measured, now: &Moment) {
    text.single(
        "segue_drift_objects",
        "Objects of the schema that are not as the last settled deployment has left them.",
        measured.drift.objects,
    );
    let age = now.instant.saturating_duration_since(measured.at);
    text.single(
        "segue_drift_age_seconds",
        "How long ago drift was looked for.",
        age.as_secs_f64(),
    );
}

fn server(text: &mut Text, state: &State, clients: Clients) {
    text.gauge("segue_http_connections", "Open connections over HTTP.");
    text.own("segue_http_connections", &[], clients.connections);
    text.gauge("segue_event_streams", "Open streams of /events.");
    text.own("segue_event_streams", &[], clients.streams);
    text.gauge(
        "process_start_time_seconds",
        "When segue serve began, in seconds since 1970.",
    );
    text.own(
        "process_start_time_seconds",
        &[],
        state.began.as_duration().as_secs_f64(),
    );
}

/// The text so far.
struct Text<'a> {
    text: String,
    /// Label of all that is told of the database.
    project: &'a str,
}

impl Text<'_> {
    fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A gauge of one sample.
    fn single(&mut self, name: &str, help: &str, value: impl Display) {
        self.gauge(name, help);
        self.sample(name, &[], value);
    }

    /// Of the project.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let project = [("project", self.project)];
        let labels = [&project[..], labels].concat();
        self.own(name, &labels, value);
    }

    /// Of the server itself.
    fn own(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let _ = if labels.is_empty() {
            writeln!(self.text, "{name} {value}")
        } else {
            writeln!(self.text, "{name}{{{}}} {value}", labels.join(","))
        };
    }
}

/// A label's value.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
