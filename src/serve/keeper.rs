//! Looks, and the time that passes without one → the [`View`] to show.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Settings;
use super::state::Moment;
use crate::apply::human;
use crate::history::Deployment;
use crate::migration::Name;
use crate::readiness::{Goal, ORPHAN_AFTER, Verdict};
use crate::status::{Entry, EntryState, Pace, Reading, Stage, Stale, Status, View};

/// Keeps the last known truth, and what becomes of it.
#[derive(Debug)]
pub(super) struct Keeper {
    stale_after: Duration,
    view: View,
    /// When the database was seen last.
    seen: Option<Instant>,
    /// What the last look said, while it counts.
    known: Option<Known>,
    /// Of the concurrent migrations that run, measured from `began`.
    pace: Pace,
    began: Instant,
    /// Since when the newest deployment seems to have no runner.
    orphan: Option<Instant>,
}

/// What a concurrent migration that runs has counted off.
#[derive(Clone, Copy, Debug)]
struct Counts<'a> {
    phase: &'a str,
    done: Option<u64>,
    total: Option<u64>,
}

impl<'a> Counts<'a> {
    /// `None` if it does not run, or nothing is known of it.
    fn of(entry: &'a Entry) -> Option<Self> {
        match (&entry.state, &entry.backfill) {
            // Its own row moves with each batch.
            (EntryState::Running(..), Some(standing)) => Some(Self {
                phase: "backfill",
                done: Some(standing.rows),
                total: standing.total,
            }),
            (EntryState::Running(_, Some(row)), None) => Some(Self {
                phase: &row.phase,
                done: row.done,
                total: row.total,
            }),
            _ => None,
        }
    }
}

/// Readiness by one look.
#[derive(Clone, Debug)]
struct Known {
    is_ready: bool,
    reason: String,
}

impl Keeper {
    /// Has seen nothing yet.
    pub(super) fn new(project: &str, settings: &Settings, now: &Moment) -> Self {
        Self {
            stale_after: settings.stale_after,
            view: View::unseen(project, settings.goal, &now.text()),
            seen: None,
            known: None,
            pace: Pace::default(),
            began: now.instant,
            orphan: None,
        }
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    pub(super) fn seen(&self) -> Option<Instant> {
        self.seen
    }

    /// The database has answered.
    pub(super) fn look(&mut self, status: Status, verdict: Verdict, now: &Moment) {
        let (stage, since) = status.stage();
        let stage = self.doubted(stage, now.instant);
        let since = since.map(ToOwned::to_owned);
        let since = since.unwrap_or_else(|| {
            if self.view.stage == stage {
                self.view.since.clone()
            } else {
                now.text()
            }
        });
        let known = Known::new(verdict, self.view.goal, stage);
        self.view.readings = self.readings(&status, now);
        self.view.stage = stage;
        self.view.since = since;
        self.view.status = Some(status);
        self.view.seen_at = Some(now.text());
        self.view.stale = None;
        self.view.is_ready = known.is_ready;
        self.view.reason.clone_from(&known.reason);
        self.known = Some(known);
        self.seen = Some(now.instant);
    }

    /// How fast what runs has become, by this look and those before.
    fn readings(&mut self, status: &Status, now: &Moment) -> BTreeMap<Name, Reading> {
        let at = now.instant.saturating_duration_since(self.began);
        let entries = status.entries.iter();
        let running: BTreeMap<&Name, Counts<'_>> = entries
            .filter_map(|entry| Some((&entry.name, Counts::of(entry)?)))
            .collect();
        self.pace.keep(|name| running.contains_key(name));
        let read = |(name, counts): (&Name, Counts<'_>)| {
            let Counts { phase, done, total } = counts;
            let reading = self.pace.read(name, phase, done, total, at);
            (name.clone(), reading)
        };
        running.into_iter().map(read).collect()
    }

    /// The newest deployments.
    pub(super) fn past(&mut self, past: Vec<Deployment>) {
        self.view.past = past;
    }

    /// A runner is missed only after a while, as [`crate::readiness`] does.
    fn doubted(&mut self, stage: Stage, now: Instant) -> Stage {
        if stage != Stage::Abandoned {
            self.orphan = None;
            return stage;
        }
        let since = *self.orphan.get_or_insert(now);
        if now.saturating_duration_since(since) < ORPHAN_AFTER {
            Stage::Running
        } else {
            stage
        }
    }

    /// The database was not to be seen, for this reason.
    pub(super) fn away(&mut self, reason: &str, now: &Moment) {
        let reason = one_line(reason);
        match &mut self.view.stale {
            Some(stale) => stale.reason = reason,
            None => {
                self.view.stale = Some(Stale {
                    since: now.text(),
                    reason,
                });
            }
        }
        self.pass(now);
    }

    /// When what is known ceases to count, if nothing is seen until then.
    pub(super) fn ends(&self) -> Option<Instant> {
        // A hundred years at most: the option's own bound.
        Some(self.known.as_ref().and(self.seen)? + self.stale_after)
    }

    /// Time has passed.
    pub(super) fn pass(&mut self, now: &Moment) {
        if self.ends().is_some_and(|ends| ends <= now.instant) {
            self.known = None;
        }
        if self.known.is_some() {
            return;
        }
        let stale = self.view.stale.get_or_insert_with(|| Stale {
            since: now.text(),
            reason: "it does not answer".to_owned(),
        });
        self.view.is_ready = false;
        self.view.reason = match self.seen {
            Some(_) => format!(
                "the database has not been seen for more than {}: {}",
                human(&self.stale_after),
                stale.reason
            ),
            None => format!("the database has not been seen yet: {}", stale.reason),
        };
    }
}

impl Known {
    fn new(verdict: Verdict, goal: Goal, stage: Stage) -> Self {
        match verdict {
            Verdict::Reached(deployment) => Self {
                is_ready: true,
                reason: match deployment {
                    Some(deployment) => {
                        let word = if stage == Stage::Settled {
                            Goal::Settled
                        } else {
                            goal
                        };
                        format!("deployment {} is {}", deployment.id, word.as_str())
                    }
                    None => "the folder has no migrations".to_owned(),
                },
            },
            Verdict::NotYet { missing: reason } | Verdict::Failed { reason } => Self {
                is_ready: false,
                reason: one_line(&reason),
            },
        }
    }
}

/// Errors of a server may have several.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
