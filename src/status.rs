//! Files, ledger, locks and progress → [`Status`], a value.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::backfill::Standing;
use crate::history::{Deployment, DeploymentState, History, Progress, ProgressRow};
use crate::migration::{Kind, Migration, Name};
use crate::version::Version;

mod pace;
mod stage;
mod view;

pub use pace::{Pace, Reading};
pub use stage::Stage;
pub use view::{Stale, View};

/// Version of everything that segue writes as JSON.
pub const JSON_VERSION: u32 = 1;

/// Where a project stands in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whose migrations.
    pub project: String,
    /// The version of the schema, if a migration has brought one.
    pub schema_version: Option<Version>,
    /// Files and rows of the ledger, by name.
    pub entries: Vec<Entry>,
    /// The deployments that matter, newest first.
    pub deployments: Vec<Deployment>,
    /// On a standby nobody can see whether a runner lives.
    pub is_standby: bool,
}

/// A migration, seen from both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its file.
    pub name: Name,
    /// How it runs.
    pub kind: Kind,
    /// Where it stands.
    pub state: EntryState,
    /// Whether its text differs from what was applied or tried last.
    pub is_modified: bool,
    /// Whether the folder lacks its file.
    pub is_missing: bool,
    /// The deployment that applied or tried it last.
    pub deployment: Option<i64>,
    /// When, RFC 3339, UTC.
    pub at: Option<String>,
    /// Of a concurrent migration of the folder: the one that it begins with.
    pub partner: Option<Name>,
    /// The concurrent migrations that it needs done, by its file.
    pub ends: Vec<Name>,
    /// Of a backfill that has begun and is not done: how far it is.
    pub backfill: Option<Standing>,
}

/// Where a migration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// Not begun.
    Pending,
    /// Worked on by the backend with this pid, which a standby does not know.
    Running(Option<i32>, Option<ProgressRow>),
    /// Its runner is gone.
    Interrupted,
    /// Ended with this error.
    Failed(String),
    /// Done.
    Applied,
    /// Given up.
    Abandoned,
    /// Taken back in part, by statements that run one by one.
    HalfReverted,
}

impl EntryState {
    /// One word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running(..) => "running",
            Self::Interrupted => "interrupted",
            Self::Failed(_) => "failed",
            Self::Applied => "applied",
            Self::Abandoned => "abandoned",
            Self::HalfReverted => "half-reverted",
        }
    }
}

impl Status {
    /// Puts together what was read.
    #[must_use]
    pub fn new(
        project: &str,
        migrations: &[Migration],
        history: &History,
        progress: &BTreeMap<Name, ProgressRow>,
        is_standby: bool,
    ) -> Self {
        let files: BTreeMap<&Name, &Migration> = migrations
            .iter()
            .map(|migration| (&migration.name, migration))
            .collect();
        let mut names: Vec<&Name> = files
            .keys()
            .copied()
            .chain(history.records.keys())
            .collect();
        names.sort();
        names.dedup();
        let entries = names
            .into_iter()
            .map(|name| {
                let file = files.get(name).copied();
                let record = history.records.get(name);
                let is_half = history.reverting.contains_key(name);
                let state = match history.progress(project, name) {
                    Progress::Pending => EntryState::Pending,
                    Progress::Running(pid) => {
                        EntryState::Running(Some(pid), progress.get(name).cloned())
                    }
                    // Locks of the primary cannot be seen: it may well run.
                    Progress::Interrupted if is_standby => {
                        EntryState::Running(None, progress.get(name).cloned())
                    }
                    Progress::Interrupted | Progress::Failed(_) if is_half => {
                        EntryState::HalfReverted
                    }
                    Progress::Interrupted => EntryState::Interrupted,
                    Progress::Failed(error) => EntryState::Failed(error),
                    Progress::Applied => EntryState::Applied,
                    Progress::Abandoned => EntryState::Abandoned,
                };
                Entry {
                    name: name.clone(),
                    kind: file
                        .map(|file| file.kind)
                        .or(record.map(|record| record.kind))
                        .unwrap_or(Kind::Batch),
                    is_modified: file
                        .zip(record)
                        .is_some_and(|(file, record)| file.checksum != record.checksum),
                    is_missing: file.is_none(),
                    deployment: record.and_then(|record| record.deployment),
                    at: record.map(|record| record.at.clone()),
                    partner: file
                        .and_then(|file| file.partner.as_ref())
                        .map(|partner| partner.name.clone()),
                    ends: file.map_or_else(Vec::new, |file| {
                        file.ends.iter().map(|ended| ended.name.clone()).collect()
                    }),
                    backfill: None,
                    state,
                }
            })
            .collect();
        Self {
            project: project.to_owned(),
            schema_version: history.schema_version(),
            entries,
            deployments: history.deployments.clone(),
            is_standby,
        }
    }

    /// The same, with how far the backfills are that have begun and are not
    /// done.
    #[must_use]
    pub fn with_backfills(mut self, standings: &BTreeMap<Name, Standing>) -> Self {
        for entry in &mut self.entries {
            let has_begun = matches!(
                entry.state,
                EntryState::Running(..) | EntryState::Interrupted | EntryState::Failed(_)
            );
            entry.backfill = standings.get(&entry.name).filter(|_| has_begun).cloned();
        }
        self
    }

    /// `equal`, `behind`, `ahead` or `diverged`.
    #[must_use]
    pub fn place(&self) -> &'static str {
        let is_closed =
            |entry: &Entry| matches!(entry.state, EntryState::Applied | EntryState::Abandoned);
        let is_behind = self
            .entries
            .iter()
            .any(|entry| !entry.is_missing && !is_closed(entry));
        let is_ahead = self
            .entries
            .iter()
            .any(|entry| entry.is_missing && is_closed(entry));
        match (is_behind, is_ahead) {
            (false, false) => "equal",
            (true, false) => "behind",
            (false, true) => "ahead",
            (true, true) => "diverged",
        }
    }

    /// Whether its runner has died before it was ready.
    #[must_use]
    pub fn is_abandoned(&self, deployment: &Deployment) -> bool {
        !self.is_standby && deployment.state == DeploymentState::Running && !deployment.is_held
    }

    /// By `docs/json/status.schema.json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let migrations: Vec<Value> = self.entries.iter().map(entry_json).collect();
        let deployments: Vec<Value> = self
            .deployments
            .iter()
            .map(|deployment| {
                json!({
                    "deployment": deployment.id,
                    "state": deployment.state.as_str(),
                    "abandoned": self.is_abandoned(deployment),
                    "migration": deployment.migration.as_ref().map(Name::as_str),
                    "fingerprint": deployment.fingerprint,
                    "tail": deployment.tail.iter().map(Name::as_str).collect::<Vec<_>>(),
                    "started_at": deployment.started_at,
                    "ready_at": deployment.ready_at,
                    "settled_at": deployment.settled_at,
                    "error": deployment.error,
                })
            })
            .collect();
        json!({
            "version": JSON_VERSION,
            "project": self.project,
            "place": self.place(),
            "schema_version": self.schema_version.map(|version| version.to_string()),
            "standby": self.is_standby,
            "migrations": migrations,
            "deployments": deployments,
        })
    }
}

/// By `#/properties/migrations/items` of that schema.
#[must_use]
pub fn entry_json(entry: &Entry) -> Value {
    let (pid, progress) = match &entry.state {
        EntryState::Running(pid, progress) => (*pid, progress.as_ref()),
        _ => (None, None),
    };
    json!({
        "migration": entry.name.as_str(),
        "kind": entry.kind.as_str(),
        "state": entry.state.as_str(),
        "modified": entry.is_modified,
        "missing": entry.is_missing,
        "deployment": entry.deployment,
        "at": entry.at,
        "pid": pid,
        "error": match &entry.state {
            EntryState::Failed(error) => Some(error),
            _ => None,
        },
        "progress": progress.map(|row| json!({
            "phase": row.phase,
            "done": row.done,
            "total": row.total,
            "waits_for": row.waits_for,
            "ends_wait": row.ends_wait,
            "partitions_done": row.partitions.map(|(done, _)| done),
            "partitions_total": row.partitions.map(|(_, total)| total),
        })),
        "backfill": entry.backfill.as_ref().map(Standing::to_json),
    })
}
