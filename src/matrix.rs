//! Versions of the code against states of the schema: which of the two must
//! work together ([`Verdict`]), which do ([`Ran`]), and what the two come to
//! ([`Sight`]).
//!
//! [`walk`] says how a program that keeps its sessions is led over schema
//! changes, [`key`] what a result may be kept for. Running anything is left to
//! the shell.

use std::time::Duration;

use crate::compatibility::Verdict;
use crate::version::Version;

pub mod answer;
#[cfg(test)]
pub(crate) mod example;
pub mod key;
pub mod walk;

/// A matrix: a column for each version of the code, a row for each state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Whose migrations.
    pub project: String,
    /// Major version of PostgreSQL.
    pub major: u32,
    /// The columns, oldest first.
    pub apps: Vec<App>,
    /// The rows, in the order in which production passes through them.
    pub states: Vec<State>,
    /// A list per state, in it a cell per version of the code.
    pub cells: Vec<Vec<Cell>>,
    /// Whether it is all that there is, and not a part that somebody asked for.
    pub is_whole: bool,
}

/// A version of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Which.
    pub version: Version,
    /// Where it comes from.
    pub origin: Origin,
    /// Its test, for `sh -c`.
    pub test: String,
    /// How it meets the states.
    pub sessions: Sessions,
    /// The schema versions that it must work with, for people: `>= 3.0, < 4`.
    pub needs: String,
}

/// Where a version of the code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A branch, tag or commit.
    Ref(String),
    /// A folder, as segue.toml has it.
    Folder(String),
}

/// How a version of the code meets the states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sessions {
    /// Its test is run once in each of them.
    #[default]
    Fresh,
    /// It runs on while the schema changes.
    Kept,
}

impl Sessions {
    /// `fresh`, `kept`
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Kept => "kept",
        }
    }
}

/// A state of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// As `segue at` takes it.
    pub name: String,
    /// The database's version in it.
    pub version: Option<Version>,
}

/// What version and state have with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Whether they must work together.
    pub promise: Verdict,
    /// Whether they do.
    pub ran: Ran,
    /// How long the test took; zero where none was run.
    pub took: Duration,
    /// Whether the result is that of an earlier run.
    pub is_earlier: bool,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It passed.
    Passed,
    /// It did not.
    Failed(Failure),
    /// There is nothing to say; why.
    NotRun(String),
}

/// Why a test failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// One line: `exit status 1`.
    pub reason: String,
    /// The end of what it printed, at most [`TAIL_LINES`] lines.
    pub tail: Vec<String>,
    /// Where all of it is.
    pub log: Option<String>,
}

/// How many lines of a failed test are shown.
pub const TAIL_LINES: usize = 30;

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// It must work, and does.
    MustWork,
    /// It works, and need not.
    Works,
    /// It does not work, and need not.
    NeedNot,
    /// It must work, and does not.
    Fails,
    /// Nobody has seen whether it works.
    NotRun,
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::MustWork,
        Self::Works,
        Self::NeedNot,
        Self::Fails,
        Self::NotRun,
    ];

    /// `must-work`: for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MustWork => "must-work",
            Self::Works => "works",
            Self::NeedNot => "need-not-work",
            Self::Fails => "fails",
            Self::NotRun => "not-run",
        }
    }

    /// A word or two, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MustWork => "must work",
            Self::Works => "works",
            Self::NeedNot => "need not work",
            Self::Fails => "FAILS",
            Self::NotRun => "not run",
        }
    }

    /// The same of so many cells.
    #[must_use]
    pub const fn verb(self, number: usize) -> &'static str {
        match (self, number) {
            (Self::Works, 2..) => "work",
            (Self::Fails, 2..) => "FAIL",
            (sight, _) => sight.word(),
        }
    }

    /// What the word means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::MustWork => "must work, and does",
            Self::Works => "works, and need not",
            Self::NeedNot => "need not work, and does not",
            Self::Fails => "must work, and does not",
            Self::NotRun => "not run",
        }
    }
}

impl Cell {
    /// A cell whose test was not run.
    #[must_use]
    pub fn not_run(promise: Verdict, why: impl Into<String>) -> Self {
        Self {
            promise,
            ran: Ran::NotRun(why.into()),
            took: Duration::ZERO,
            is_earlier: false,
        }
    }

    /// What it shows.
    #[must_use]
    pub fn sight(&self) -> Sight {
        match (&self.ran, self.promise) {
            (Ran::Passed, Verdict::Must) => Sight::MustWork,
            (Ran::Passed, Verdict::NeedNot) => Sight::Works,
            (Ran::Failed(_), Verdict::NeedNot) => Sight::NeedNot,
            (Ran::Failed(_), Verdict::Must) => Sight::Fails,
            (Ran::NotRun(_), _) => Sight::NotRun,
        }
    }

    /// Whether a promise was seen to hold, or there is none.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.promise == Verdict::NeedNot || self.ran == Ran::Passed
    }
}

/// A cell with where it is.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Its row.
    pub state: &'a State,
    /// Its column.
    pub app: &'a App,
    /// Itself.
    pub cell: &'a Cell,
}

impl Matrix {
    /// All cells, row by row.
    pub fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let rows = self.states.iter().zip(&self.cells);
        rows.flat_map(|(state, cells)| {
            let cells = self.apps.iter().zip(cells);
            cells.map(move |(app, cell)| Placed { state, app, cell })
        })
    }

    /// Whether each promise was seen to hold. A whole one in which nothing is
    /// promised has shown nothing.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.placed().all(|placed| placed.cell.is_well()) && !(self.is_whole && self.is_idle())
    }

    /// Whether nothing is promised in it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut placed = self.placed();
        !placed.any(|placed| placed.cell.promise == Verdict::Must)
    }

    /// How many cells show this.
    #[must_use]
    pub fn count(&self, sight: Sight) -> usize {
        let cells = self.placed();
        cells.filter(|one| one.cell.sight() == sight).count()
    }

    /// Those whose promise does not hold, row by row.
    pub fn failed(&self) -> impl Iterator<Item = (Placed<'_>, &Failure)> {
        self.placed().filter_map(|placed| match &placed.cell.ran {
            Ran::Failed(failure) if !placed.cell.is_well() => Some((placed, failure)),
            _ => None,
        })
    }

    /// Why tests were not run, in the order in which the reasons occur, with
    /// what each is about.
    #[must_use]
    pub fn not_run(&self) -> Vec<(&str, Vec<Placed<'_>>)> {
        let mut reasons: Vec<(&str, Vec<Placed<'_>>)> = Vec::new();
        for placed in self.placed() {
            let Ran::NotRun(why) = &placed.cell.ran else {
                continue;
            };
            match reasons.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, about)) => about.push(placed),
                None => reasons.push((why, vec![placed])),
            }
        }
        reasons
    }

    /// The rows by the database's version: each with the place of its first row
    /// and their number.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (index, state) in self.states.iter().enumerate() {
            match groups.last_mut() {
                Some(last) if last.version == state.version => last.rows += 1,
                _ => groups.push(Group {
                    version: state.version,
                    first: index,
                    rows: 1,
                }),
            }
        }
        groups
    }
}

/// Rows that have the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Of the database.
    pub version: Option<Version>,
    /// Place of the first row, from 0.
    pub first: usize,
    /// How many there are, at least one.
    pub rows: usize,
}

#[cfg(test)]
mod tests;
