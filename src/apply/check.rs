//! What the schema is checked against, and what a check gave.
//!
//! The expected schema is read once per run; what is legal follows from how far
//! the concurrent migrations are at the time of each check.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::survey::Survey;
use super::{ApplyError, OnMismatch, Verification};
use crate::files::expected;
use crate::graph::Graph;
use crate::history::History;
use crate::migration::Name;
use crate::plan::{Checks, ExpectedSchema, Plan};
use crate::schema::{Diff, Snapshot};
use crate::verify::{self, Blind, Concurrent, Legal, Misfit, Verdict, interference};

mod look;
mod misfit;

pub use look::{Looking, drift, read};
pub(super) use look::{READINGS_MAX, concurrent_now, patiently, settled_snapshot};

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the deployment is ready.
    Batch,
    /// Before it is settled.
    Tail,
    /// Because somebody asks.
    Asked,
    /// After migrations were taken back: what is expected is the schema from
    /// before them.
    Reverted,
}

/// What a check was, and gave.
#[derive(Clone, Debug)]
pub struct Checked {
    /// When it was made.
    pub stage: Stage,
    /// How long reading and comparing took.
    pub duration: Duration,
    /// What it gave.
    pub verdict: Verdict,
    /// What could not be judged.
    pub blind: Vec<Blind>,
    /// Rules of `[schema]` that matched nothing.
    pub unused_rules: Vec<String>,
    /// Whether nothing is in flight and everything could be judged.
    pub is_exact: bool,
    /// Applied migrations that the folder lacks: where the schema is not legal,
    /// they may be the reason.
    pub overtaken: Vec<Name>,
    /// The concurrent migrations that it took into account.
    pub concurrent: Vec<Concurrent>,
    /// The live schema, of which the rules have left out what is not the
    /// project's.
    pub snapshot: Snapshot,
}

/// The schema is none of those that are legal.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// When it was found.
    pub stage: Stage,
    /// From what is legal to what is, without what is in `before`.
    pub difference: Diff,
    /// What of it was there before this run.
    pub before: Diff,
    /// Migrations that may be the reason, each with the concurrent migration
    /// that it interferes with.
    pub interference: Vec<(Name, Name)>,
    /// Whether what has made it is committed, and cannot be rolled back.
    pub is_committed: bool,
}

impl Checked {
    /// What is told of it if it is not legal. `drift` is what was there before,
    /// `committed` what this run applies.
    #[must_use]
    pub fn mismatch(&self, graph: &Graph, drift: &Diff, applied: &[Name]) -> Mismatch {
        let difference = &self.verdict.difference;
        let (before, rest) = verify::split_drift(difference, drift);
        Mismatch {
            stage: self.stage,
            interference: interference::between(&self.concurrent, graph, applied, &rest),
            difference: rest,
            before,
            is_committed: false,
        }
    }
}

impl Mismatch {
    /// One line, for a row of the ledger.
    #[must_use]
    pub fn summary(&self) -> String {
        const SHOWN_MAX: usize = 3;
        let objects: BTreeSet<String> = [&self.difference, &self.before]
            .iter()
            .flat_map(|diff| diff.changes())
            .map(|change| change.object.to_string())
            .collect();
        let shown: Vec<&str> = objects.iter().take(SHOWN_MAX).map(String::as_str).collect();
        let more = match objects.len().saturating_sub(SHOWN_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = match self.stage {
            Stage::Reverted => "the schema is not the one from before",
            Stage::Batch | Stage::Tail | Stage::Asked => "the schema is not as expected",
        };
        format!("{what}: {}{more}", shown.join(", "))
    }
}

/// The expected schema, for one server.
#[derive(Debug)]
pub struct Expectation {
    verification: Verification,
    major: u32,
    known: ExpectedSchema,
    /// Read when it is needed first; rules applied.
    loaded: Mutex<Option<Loaded>>,
    /// Whether it is the schema of a past state, which had nothing under way.
    is_past: bool,
}

#[derive(Debug)]
struct Loaded {
    snapshot: Snapshot,
    /// Rules that matched nothing in it.
    unused_rules: Vec<String>,
}

impl Expectation {
    /// Looks what there is for this server; reads none of it yet.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] if the folder cannot be read.
    pub fn new(verification: &Verification, server_version: u32) -> Result<Self, ApplyError> {
        let major = server_version / 10_000;
        let there = verification.majors().map_err(|error| refused(&error))?;
        let known = if there.is_empty() {
            ExpectedSchema::Absent
        } else if there.contains(&major) {
            ExpectedSchema::Present
        } else {
            ExpectedSchema::OtherMajors { major, there }
        };
        Ok(Self {
            verification: verification.clone(),
            major,
            known,
            loaded: Mutex::new(None),
            is_past: false,
        })
    }

    /// The schema that migrations are taken back to, in place of what a folder
    /// expects.
    #[must_use]
    pub fn past(verification: &Verification, server_version: u32, mut snapshot: Snapshot) -> Self {
        let unused_rules = verification.rules.apply(&mut snapshot);
        Self {
            verification: verification.clone(),
            major: server_version / 10_000,
            known: ExpectedSchema::Present,
            loaded: Mutex::new(Some(Loaded {
                snapshot,
                unused_rules,
            })),
            is_past: true,
        }
    }

    /// What a plan has to know of it.
    #[must_use]
    pub fn known(&self) -> &ExpectedSchema {
        &self.known
    }

    /// Major version of the server, and of what is expected.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// What to do when the schema is not as expected.
    #[must_use]
    pub fn on_mismatch(&self) -> OnMismatch {
        self.verification.on_mismatch
    }

    /// Leaves out of `snapshot` what is not the project's; the rules that
    /// matched nothing.
    pub fn rule(&self, snapshot: &mut Snapshot) -> Vec<String> {
        self.verification.rules.apply(snapshot)
    }

    /// From what a deployment has settled to what is, by the rules of today.
    #[must_use]
    pub fn drift(&self, mut settled: Snapshot, mut live: Snapshot) -> Diff {
        self.rule(&mut settled);
        self.rule(&mut live);
        Diff::between(&settled, &live)
    }

    /// Whether a plan can be verified at all, and all stored diffs fit.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] if there is nothing for this major version,
    /// [`ApplyError::Invalid`] with all diffs that do not fit.
    pub(super) fn admit(
        &self,
        plan: &Plan,
        graph: &Graph,
        history: &History,
    ) -> Result<(), ApplyError> {
        match &plan.checks {
            Checks::OtherMajors { major, there } => Err(self.lacks(*major, there)),
            Checks::Made { .. } => {
                // What a pending migration needs done is done when the schema
                // is looked at.
                let done = plan.not_ready_before().map(|(done, _)| done);
                let done = done.chain(plan.folded()).cloned().collect();
                let concurrent = self.concurrent(graph, history, &plan.project, &done);
                match self.legal(concurrent)? {
                    Ok(legal) => self.put_back(legal),
                    Err(misfits) => {
                        let told = |one: &Misfit| misfit::diagnostic(one, graph, history);
                        return Err(ApplyError::Invalid(misfits.iter().map(told).collect()));
                    }
                }
                Ok(())
            }
            Checks::Nothing | Checks::NoExpectedSchema | Checks::Ahead | Checks::Diverged => Ok(()),
        }
    }

    /// That there is no expected schema for this server.
    #[must_use]
    pub fn lacks(&self, major: u32, there: &[u32]) -> ApplyError {
        let there: Vec<String> = there.iter().map(|one| format!("`pg{one}`")).collect();
        ApplyError::Refused {
            reason: format!(
                "the server is PostgreSQL {major}, and `{}` holds an expected schema for {} only",
                self.verification.folder.display(),
                there.join(", "),
            ),
            help: format!(
                "`majors = [… {major}]` in `segue.toml` lets `segue add` and `segue check` write `pg{major}`; `segue write-schema` writes it from a database"
            ),
        }
    }

    /// How far all concurrent migrations are. Those in `done_by_then` count as
    /// done.
    #[must_use]
    pub fn concurrent(
        &self,
        graph: &Graph,
        history: &History,
        project: &str,
        done_by_then: &BTreeSet<Name>,
    ) -> Vec<Concurrent> {
        if self.is_past {
            return Vec::new();
        }
        verify::concurrent(graph, history, project, self.major, done_by_then)
    }

    /// Judges `snapshot`, read while the concurrent migrations stood as
    /// `before` and, afterwards, as `after`.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] if the expected schema cannot be read;
    /// [`ApplyError::Invalid`] if a stored diff does not fit it.
    pub fn judge(
        &self,
        stage: Stage,
        mut snapshot: Snapshot,
        before: &[Concurrent],
        after: Vec<Concurrent>,
        survey: &Survey,
    ) -> Result<Checked, ApplyError> {
        let unused = self.rule(&mut snapshot);
        let concurrent = meanwhile(before, after);
        let legal = match self.legal(concurrent.clone())? {
            Ok(legal) => legal,
            Err(misfits) => {
                let told = |one: &Misfit| misfit::diagnostic(one, &survey.graph, &survey.history);
                return Err(ApplyError::Invalid(misfits.iter().map(told).collect()));
            }
        };
        let verdict = legal.judge(&snapshot);
        let (is_exact, blind) = (legal.is_exact(), legal.blind.clone());
        self.put_back(legal);
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let unused_before = loaded.as_ref().map_or(&[][..], |one| &one.unused_rules);
        Ok(Checked {
            stage: if self.is_past { Stage::Reverted } else { stage },
            duration: Duration::ZERO,
            verdict,
            blind,
            // A rule may be there for what only production has, or only the
            // expected schema.
            unused_rules: unused
                .into_iter()
                .filter(|rule| unused_before.contains(rule))
                .collect(),
            is_exact,
            overtaken: Vec::new(),
            concurrent,
            snapshot,
        })
    }

    /// What is legal; takes the expected schema, which is large, until
    /// [`Expectation::put_back`].
    fn legal(&self, concurrent: Vec<Concurrent>) -> Result<Result<Legal, Vec<Misfit>>, ApplyError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.is_none() {
            *loaded = Some(self.load()?);
        }
        let snapshot = match loaded.as_mut() {
            Some(loaded) => std::mem::take(&mut loaded.snapshot),
            None => Snapshot::default(),
        };
        let legal = Legal::new(snapshot, concurrent);
        if legal.is_err() {
            *loaded = None;
        }
        Ok(legal)
    }

    fn put_back(&self, legal: Legal) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = loaded.as_mut() {
            loaded.snapshot = legal.into_expected();
        }
    }

    fn load(&self) -> Result<Loaded, ApplyError> {
        let read = self
            .verification
            .read(self.major)
            .map_err(|error| refused(&error))?;
        let mut snapshot = read.unwrap_or_default();
        let unused_rules = self.rule(&mut snapshot);
        Ok(Loaded {
            snapshot,
            unused_rules,
        })
    }
}

/// How the concurrent migrations stood in between.
fn meanwhile(before: &[Concurrent], after: Vec<Concurrent>) -> Vec<Concurrent> {
    let mut all = after;
    for one in &mut all {
        let earlier = before
            .iter()
            .find(|earlier| earlier.name == one.name && earlier.origin == one.origin);
        let Some(earlier) = earlier else { continue };
        if earlier.standing != one.standing {
            // What is done is not looked at any more, so only who saw it
            // earlier knows its diff.
            let standing = earlier.standing.until(one.standing);
            *one = Concurrent {
                standing,
                ..if one.diff.is_some() {
                    one.clone()
                } else {
                    earlier.clone()
                }
            };
        }
    }
    let gone = before.iter().filter(|earlier| {
        !all.iter()
            .any(|one| one.name == earlier.name && one.origin == earlier.origin)
    });
    let gone: Vec<Concurrent> = gone
        .map(|earlier| Concurrent {
            standing: earlier.standing.until(verify::Standing::Done),
            ..earlier.clone()
        })
        .collect();
    all.extend(gone);
    all
}

fn refused(error: &expected::Error) -> ApplyError {
    let reason = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    ApplyError::Refused {
        reason,
        help: "the expected schema is written by `segue add` and `segue write-schema`; \
               `--expected-schema DIR` names another folder"
            .to_owned(),
    }
}
