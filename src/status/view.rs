//! A [`Status`] as a server shows it that follows the database: how old it is,
//! and whether new code may serve by it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{JSON_VERSION, Reading, Stage, Status};
use crate::history::Deployment;
use crate::migration::Name;
use crate::readiness::Goal;

/// What is known of a database now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose migrations.
    pub project: String,
    /// What counts as ready here.
    pub goal: Goal,
    /// Whether the goal is reached, as far as that is known now.
    pub is_ready: bool,
    /// Why it is, or is not; one line for people.
    pub reason: String,
    /// How far the folder's deployment is, by what was seen last.
    pub stage: Stage,
    /// Since when: RFC 3339, UTC; by the server's clock where the ledger has a
    /// time of it, else by ours, when it was first seen so.
    pub since: String,
    /// What was seen last; `None` before the database was seen at all.
    pub status: Option<Status>,
    /// When that was: RFC 3339, UTC, by our clock.
    pub seen_at: Option<String>,
    /// Why it may not hold any more; `None` while the database is followed.
    pub stale: Option<Stale>,
    /// The newest deployments, whatever became of them, newest first.
    pub past: Vec<Deployment>,
    /// Of the concurrent migrations that run: what several looks say of their
    /// pace.
    pub readings: BTreeMap<Name, Reading>,
}

/// The database cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Since when, RFC 3339, UTC, by our clock.
    pub since: String,
    /// What is wrong, one line for people; without secrets.
    pub reason: String,
}

impl View {
    /// Before the database was seen.
    #[must_use]
    pub fn unseen(project: &str, goal: Goal, now: &str) -> Self {
        let reason = "the database has not been looked at yet";
        Self {
            project: project.to_owned(),
            goal,
            is_ready: false,
            reason: reason.to_owned(),
            stage: Stage::Unknown,
            since: now.to_owned(),
            status: None,
            seen_at: None,
            stale: Some(Stale {
                since: now.to_owned(),
                reason: reason.to_owned(),
            }),
            past: Vec::new(),
            readings: BTreeMap::new(),
        }
    }

    /// By `docs/json/served.schema.json`: what `segue status --json` prints,
    /// with `served` beside it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = match &self.status {
            Some(status) => status.to_json(),
            None => json!({
                "version": JSON_VERSION,
                "project": self.project,
                "place": null,
                "schema_version": null,
                "standby": null,
                "migrations": [],
                "deployments": [],
            }),
        };
        value["served"] = self.summary();
        value
    }

    /// What of it fits into a line, by `#/$defs/served` of that schema.
    #[must_use]
    pub fn summary(&self) -> Value {
        json!({
            "goal": self.goal.as_str(),
            "ready": self.is_ready,
            "reason": self.reason,
            "state": self.stage.as_str(),
            "since": self.since,
            "deployment": self
                .status
                .as_ref()
                .and_then(Status::ready)
                .map(|deployment| deployment.id),
            "schema_version": self
                .status
                .as_ref()
                .and_then(|status| status.schema_version)
                .map(|version| version.to_string()),
            "seen_at": self.seen_at,
            "stale": self.stale.as_ref().map(|stale| json!({
                "since": stale.since,
                "reason": stale.reason,
            })),
        })
    }
}
