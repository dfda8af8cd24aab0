//! May this code meet this schema: now, and with each version that pending
//! migrations bring.

use std::collections::BTreeMap;
use std::fmt;

use crate::compatibility::{Judgement, Rules};
use crate::history::History;
use crate::migration::{Migration, Name};
use crate::version::Version;

/// The versions of a database's schema, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Now; `None` if it has none.
    pub now: Option<Version>,
    /// Those that pending migrations bring and that are no higher, rising: what
    /// they promise is not there, although a later version is.
    pub missing: Vec<Stop>,
    /// The higher ones that pending migrations bring, rising.
    pub ahead: Vec<Stop>,
}

/// A version that a pending migration brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The version.
    pub version: Version,
    /// The migration.
    pub migration: Name,
}

/// Which part of the way is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The schema that there is.
    Now,
    /// What is there once all that is pending is applied.
    After,
    /// Both, and all in between.
    Always,
}

/// A point of the way, and what the rules say of some code there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The pending migration that brings the version; `None`: it is there now.
    pub migration: Option<Name>,
    /// What the rules say.
    pub judgement: Judgement,
    /// Versions that the code relies on and that are missing: see
    /// [`Way::missing`].
    pub lacks: Vec<Stop>,
}

/// A session that tells which code it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teller {
    /// Its process.
    pub pid: i32,
    /// Role.
    pub user: Option<String>,
    /// `application_name`.
    pub application: Option<String>,
    /// The version that `segue.app_version` said when it called
    /// `segue.require` last.
    pub told: Option<Version>,
}

/// What the sessions of a database tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Those that tell a version, by it.
    pub apps: BTreeMap<Version, Vec<Teller>>,
    /// Those whose name has something in the place of the version that is none,
    /// by that.
    pub unread: BTreeMap<String, Vec<Teller>>,
    /// The others.
    pub silent: Vec<Teller>,
}

impl Way {
    /// From the version that there is over those that pending migrations bring.
    #[must_use]
    pub fn new(migrations: &[Migration], history: &History) -> Self {
        let now = history.schema_version();
        let mut pending: Vec<Stop> = migrations
            .iter()
            .filter(|migration| !history.is_closed(&migration.name))
            .filter_map(|migration| {
                let version = migration.schema_version?;
                Some(Stop {
                    version,
                    migration: migration.name.clone(),
                })
            })
            .collect();
        pending.sort_by(|one, other| {
            (one.version, &one.migration).cmp(&(other.version, &other.migration))
        });
        let ahead = pending.partition_point(|stop| Some(stop.version) <= now);
        let ahead = pending.split_off(ahead);
        Self {
            now,
            missing: pending,
            ahead,
        }
    }

    /// What the rules say of `app` at each point that is asked about.
    #[must_use]
    pub fn ask(&self, rules: &Rules, app: Version, when: When) -> Vec<Meeting> {
        let judgement = rules.judge(app, self.now);
        let relies_on = |stop: &&Stop| stop.version <= judgement.needs.lowest();
        let lacks = self.missing.iter().filter(relies_on).cloned().collect();
        let now = Meeting {
            migration: None,
            judgement,
            lacks: match when {
                When::Now | When::Always => lacks,
                When::After => Vec::new(),
            },
        };
        let ahead = self.ahead.iter().map(|stop| Meeting {
            migration: Some(stop.migration.clone()),
            judgement: rules.judge(app, Some(stop.version)),
            lacks: Vec::new(),
        });
        let all = std::iter::once(now).chain(ahead);
        match when {
            When::Always => all.collect(),
            When::Now => all.take(1).collect(),
            When::After => all.last().into_iter().collect(),
        }
    }
}

impl Meeting {
    /// Whether the two may meet.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.judgement.is_allowed() && self.lacks.is_empty()
    }
}

impl fmt::Display for Meeting {
    /// The rule, or what is missing where the rule alone would allow it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            judgement, lacks, ..
        } = self;
        write!(formatter, "{judgement}")?;
        if judgement.is_allowed() {
            for Stop { version, migration } in lacks {
                write!(
                    formatter,
                    "; it relies on {version}, which `{migration}` has yet to bring"
                )?;
            }
        }
        Ok(())
    }
}

impl Running {
    /// Sorts sessions by the version that they tell: by `segue.app_version`,
    /// else by what `told_by` reads from their `application_name`: a version, or
    /// what stands in its place.
    #[must_use]
    pub fn new(
        sessions: Vec<Teller>,
        told_by: impl Fn(&str) -> Option<Result<Version, String>>,
    ) -> Self {
        let mut running = Self::default();
        for session in sessions {
            let by_name = || told_by(session.application.as_deref()?);
            match session.told.map(Ok).or_else(by_name) {
                Some(Ok(version)) => running.apps.entry(version).or_default().push(session),
                Some(Err(text)) => running.unread.entry(text).or_default().push(session),
                None => running.silent.push(session),
            }
        }
        running
    }

    /// Each version that runs, with what the rules say of it at each point
    /// that is still to come. What it meets now, it meets already.
    #[must_use]
    pub fn ask(&self, rules: &Rules, way: &Way) -> Vec<(Version, Vec<Meeting>)> {
        let asked = self.apps.keys().map(|app| {
            let mut meetings = way.ask(rules, *app, When::Always);
            meetings.remove(0);
            (*app, meetings)
        });
        asked.collect()
    }
}

#[cfg(test)]
mod tests;
