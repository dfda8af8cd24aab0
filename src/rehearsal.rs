//! What `segue check` replays, and what it makes of the schemas that it sees.
//!
//! [`Rehearsal::new`] turns migrations into replays: one database that is
//! deployed stage by stage, and the deployments in which a concurrent migration
//! has not run yet. The judges turn snapshots into [`Finding`]s. Doing it is
//! left to [`crate::apply::rehearse`].

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity, code};
use crate::migration::{Kind, Migration, Name};
use crate::schema::Diff;

use backfill::Trial;

pub mod backfill;
pub mod judge;
pub mod reverts;
pub mod rows;
pub mod torture;
pub mod upgrade;

/// What a check looks at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Every file is valid.
    Files,
    /// No rule of `segue lint` objects.
    Lint,
    /// All migrations at once make a fresh database.
    Fresh,
    /// A second run finds nothing to do and changes nothing.
    Again,
    /// The fresh database has the expected schema.
    Expected,
    /// Each stored diff is what its migration does.
    Diffs,
    /// Deployments without their ending migrations are sound.
    Splits,
    /// Backfills do rows that were made for them.
    Backfills,
    /// Files that take migrations back bring back what was before them.
    Reverts,
    /// Each version is upgraded straight to the newest one, with the rows of
    /// its snapshots.
    Upgrades,
    /// The checks that developers have left find nothing.
    Checks,
    /// Whatever dies while they run, running again comes to the same end.
    Torture,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Files,
        Self::Lint,
        Self::Fresh,
        Self::Again,
        Self::Expected,
        Self::Diffs,
        Self::Splits,
        Self::Backfills,
        Self::Reverts,
        Self::Upgrades,
        Self::Checks,
        Self::Torture,
    ];

    /// One word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Lint => "lint",
            Self::Fresh => "fresh",
            Self::Again => "again",
            Self::Expected => "expected",
            Self::Diffs => "diffs",
            Self::Splits => "splits",
            Self::Backfills => "backfills",
            Self::Reverts => "reverts",
            Self::Upgrades => "upgrades",
            Self::Checks => "checks",
            Self::Torture => "torture",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was looked at.
    pub step: Step,
    /// What is wrong, where, and what to do.
    pub diagnostic: Diagnostic,
    /// How two schemas differ that should be one.
    pub difference: Option<Difference>,
    /// The file or folder that it is about, where the diagnostic has none.
    pub file: Option<String>,
}

/// How two schemas differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What turns the first one into the second one.
    pub diff: Diff,
    /// What the first one is, for people: `expected`.
    pub before: &'static str,
    /// What the second one is.
    pub after: &'static str,
}

impl Finding {
    /// With a difference of two schemas, named by `sides`.
    #[must_use]
    pub fn with_difference(mut self, diff: Diff, sides: [&'static str; 2]) -> Self {
        let [before, after] = sides;
        self.difference = Some(Difference {
            diff,
            before,
            after,
        });
        self
    }

    /// Whether it counts, and is not only told.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// Whether it says that something could not be looked at.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.diagnostic.code == code::NOT_TRIED
    }

    /// With the file or folder that it is about.
    #[must_use]
    pub fn about(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Without a difference of schemas.
    #[must_use]
    pub fn new(step: Step, diagnostic: Diagnostic) -> Self {
        Self {
            step,
            diagnostic,
            difference: None,
            file: None,
        }
    }
}

/// A deployment of the first migrations of a folder, by name, until settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How many of them, at least one.
    pub files: usize,
    /// The concurrent migration that is all that this stage adds: what it
    /// changes is the stage's difference.
    pub proves: Option<Name>,
}

/// A deployment in which concurrent migrations have not run when it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// How many migrations were settled before: zero, or a stage of the line.
    pub after: usize,
    /// How many there are in this deployment's folder: a stage of the line.
    pub files: usize,
    /// The concurrent migrations that run only once it is ready; never empty.
    pub open: Vec<Name>,
    /// The ending migration, which comes with the next deployment.
    pub ending: Option<Name>,
}

/// The replays of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// One database, deployed in these steps; each has more files than the one
    /// before, the last has all. Empty without concurrent migrations: then a
    /// fresh database shows all there is.
    pub line: Vec<Stage>,
    /// At most one per concurrent migration, by what they begin with.
    pub splits: Vec<Split>,
    /// One per backfill, by name.
    pub trials: Vec<Trial>,
}

impl Rehearsal {
    /// Replays for `migrations`, all of a folder by name, valid every one.
    ///
    /// Of each concurrent migration one deployment is of interest: the largest
    /// in which it may run late, with all files before its first ending
    /// migration, on a database that has all before its partner. Whatever is
    /// deployed in smaller steps is a part of that. Those that end before one
    /// migration, or never, share one.
    #[must_use]
    pub fn new(migrations: &[Migration]) -> Self {
        let position = |name: &Name| migrations.iter().position(|one| one.name == *name);
        let mut stops = BTreeSet::from([migrations.len()]);
        let mut splits: Vec<Split> = Vec::new();
        let mut trials = Vec::new();
        let concurrent = migrations.iter().enumerate();
        for (index, migration) in concurrent.filter(|(_, one)| one.kind == Kind::Concurrent) {
            let ends = |one: &Migration| one.ends.iter().any(|ended| ended.name == migration.name);
            let ending = migrations.iter().position(ends);
            let files = ending.unwrap_or(migrations.len());
            let partner = migration.partner.as_ref();
            let after = partner.and_then(|partner| position(&partner.name));
            let after = after.unwrap_or(index);
            stops.extend([index, index + 1, files]);
            if migration.backfill.is_some() {
                let files = ending.unwrap_or(index) + 1;
                stops.extend([after, files]);
                trials.push(Trial {
                    name: migration.name.clone(),
                    after,
                    before: index,
                    files,
                    ending: ending.map(|ending| migrations[ending].name.clone()),
                });
            }
            match splits.iter_mut().find(|split| split.files == files) {
                Some(split) => {
                    split.after = split.after.min(after);
                    split.open.push(migration.name.clone());
                }
                None => splits.push(Split {
                    after,
                    files,
                    open: vec![migration.name.clone()],
                    ending: ending.map(|ending| migrations[ending].name.clone()),
                }),
            }
        }
        if splits.is_empty() {
            return Self::default();
        }
        // Who ends later is open in an earlier split too, if it is part of it.
        let open: Vec<(usize, usize, Name)> = splits
            .iter()
            .flat_map(|split| split.open.iter().map(|name| (split.files, name)))
            .filter_map(|(ends, name)| Some((position(name)?, ends, name.clone())))
            .collect();
        for split in &mut splits {
            let mut late: Vec<_> = open
                .iter()
                .filter(|(index, ends, _)| {
                    (split.after..split.files).contains(index) && *ends >= split.files
                })
                .collect();
            late.sort();
            split.open = late.into_iter().map(|(_, _, name)| name.clone()).collect();
            stops.insert(split.after);
        }
        splits.sort_by_key(|split| (split.after, split.files));
        stops.remove(&0);
        let mut before = 0;
        let line = stops
            .into_iter()
            .map(|files| {
                let last = &migrations[files - 1];
                let is_alone = files == before + 1 && last.kind == Kind::Concurrent;
                before = files;
                Stage {
                    files,
                    proves: is_alone.then(|| last.name.clone()),
                }
            })
            .collect();
        Self {
            line,
            splits,
            trials,
        }
    }
}

#[cfg(test)]
mod tests;
