//! Runs the tests that are missing, some side by side, each in a database of
//! its own; hands over what each comes to, as soon as it is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::code::{Code, NotReady};
use super::ground::{Server, Unreached};
use super::kept::Kept;
use super::program::{Ended, Program, tail};
use super::store::{self, Store};
use crate::apply::visit::Visited;
use crate::apply::{Interrupt, Signal};
use crate::cli::at::command::Surroundings;
use crate::cli::error::Error;
use crate::compatibility::Verdict;
use crate::matrix::key::Key;
use crate::matrix::walk::Stretch;
use crate::matrix::{Cell, Failure, Ran, TAIL_LINES};
use crate::version::Version;
use crate::visit::{Then, Visit};

/// Everything that a test needs.
pub(super) struct Runner<'a> {
    /// Where states are visited.
    pub server: &'a Server,
    /// The rows.
    pub rows: &'a [Row],
    /// The columns.
    pub codes: &'a [Code],
    /// What is promised, and the identity of the result, of each cell: a list
    /// per row, in it one per column.
    pub plans: &'a [Vec<Plan>],
    /// What is kept.
    pub store: &'a Store,
    /// How long a test may take.
    pub timeout: Duration,
    /// Whether all that a failed test printed is wanted.
    pub is_whole: bool,
    /// Signals of the user.
    pub interrupt: &'a Interrupt,
    /// Of the files that tests print into.
    pub drafts: AtomicUsize,
    /// Whether no other test is to begin.
    pub is_stopped: AtomicBool,
    /// States that cannot be reached, and why; without a reason there is no such
    /// state.
    pub unreached: Mutex<BTreeMap<usize, Option<String>>>,
    /// Versions of the code whose files have changed meanwhile.
    pub touched: Mutex<BTreeSet<Version>>,
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// How to get there.
    pub visit: Visit,
    /// Its name.
    pub name: String,
    /// The database's version in it.
    pub version: Option<Version>,
}

impl Row {
    /// Whether no program is led into it: rows are put in long before it, so it
    /// is not what follows the state before.
    pub(super) fn begins(&self) -> bool {
        matches!(self.visit.then, Then::Backfilling { .. })
    }
}

/// What is known of a cell before it is run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Whether it must work.
    pub promise: Verdict,
    /// Identity of its result.
    pub key: Key,
}

/// What one program does.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A test in one state.
    Fresh {
        /// Place of the state.
        row: usize,
        /// Place of the code.
        column: usize,
    },
    /// A program that is led through states.
    Kept {
        /// Places of the states.
        rows: Stretch,
        /// Place of the code.
        column: usize,
    },
}

impl Job {
    /// Row and column of each of its cells.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (Self::Fresh { column, .. } | Self::Kept { column, .. }) = *self;
        self.rows().map(move |row| (row, column))
    }

    /// Places of its states.
    pub(super) fn rows(&self) -> Stretch {
        match self {
            Self::Fresh { row, .. } => *row..=*row,
            Self::Kept { rows, .. } => rows.clone(),
        }
    }
}

/// A cell that is done.
#[derive(Debug)]
pub(super) struct Done {
    /// Place of the state.
    pub row: usize,
    /// Place of the code.
    pub column: usize,
    /// What it is.
    pub cell: Cell,
}

/// Why the tests end before they are done.
#[derive(Debug)]
pub(super) enum Stop {
    /// The user ended the command.
    Interrupted(Signal),
    /// segue itself could not go on.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Runner<'_> {
    /// Runs one program to its end.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(super) async fn run(&self, job: Job) -> Result<Vec<Done>, Stop> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let rows = job.rows();
        let (Job::Fresh { column, .. } | Job::Kept { column, .. }) = job;
        let code = &self.codes[column];
        let ready = code.ready(self.store, self.timeout, self.interrupt);
        let folder = match ready.await {
            Ok(folder) => folder,
            Err(NotReady::Because(why)) => {
                let all = rows.map(|row| self.done(row, column, Ran::NotRun(why.clone())));
                return Ok(all.collect());
            }
            Err(NotReady::Interrupted(signal)) => return Err(Stop::Interrupted(signal)),
            Err(NotReady::Failed(error)) => return Err(Stop::Failed(error)),
        };
        match job {
            Job::Fresh { row, column } => {
                let done = self.fresh(row, column, &folder).await?;
                Ok(vec![done])
            }
            Job::Kept { rows, column } => self.kept(rows, column, &folder).await,
        }
    }

    /// Lets no other test begin.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// A test by itself.
    async fn fresh(&self, row: usize, column: usize, folder: &Path) -> Result<Done, Stop> {
        let visited = match self.open(row, row).await? {
            Ok(visited) => visited,
            Err(why) => return Ok(self.done(row, column, Ran::NotRun(why))),
        };
        let program = self.program(&visited, row, column, folder);
        let log = self.draft();
        let began = Instant::now();
        let ended = program.run(&log, self.interrupt).await;
        let took = began.elapsed();
        let closed = self.server.close(visited).await;
        let done = self.judged(row, column, ended, took, &log).await;
        let _ = std::fs::remove_file(&log);
        closed?;
        done
    }

    /// A program that keeps its sessions.
    ///
    /// One that fails in a state is ended, and another one is started in that
    /// state before the next change: a cell says what its own change does, and
    /// nothing of earlier ones.
    async fn kept(&self, rows: Stretch, column: usize, folder: &Path) -> Result<Vec<Done>, Stop> {
        let mut all = Vec::new();
        let last = *rows.end();
        let mut opened = None;
        for row in rows {
            match self.open(row, last).await? {
                Ok(visited) => {
                    opened = Some((row, visited));
                    break;
                }
                Err(why) => all.push(self.done(row, column, Ran::NotRun(why))),
            }
        }
        let Some((first, mut visited)) = opened else {
            return Ok(all);
        };
        let mut running: Option<Kept> = None;
        let log = self.draft();
        let stopped = self
            .walk(
                first..=last,
                column,
                folder,
                &mut visited,
                &mut running,
                &log,
                &mut all,
            )
            .await;
        if let Some(running) = running {
            running.end().await;
        }
        let _ = std::fs::remove_file(&log);
        let closed = self.server.close(visited).await;
        stopped?;
        closed?;
        Ok(all)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what is under way belongs to the caller, who ends it however this ends"
    )]
    async fn walk(
        &self,
        rows: Stretch,
        column: usize,
        folder: &Path,
        visited: &mut Visited,
        running: &mut Option<Kept>,
        log: &Path,
        all: &mut Vec<Done>,
    ) -> Result<(), Stop> {
        let first = *rows.start();
        // The state that it is in: one that cannot be reached is passed over.
        let mut at = first;
        for row in rows {
            if row > first {
                if running.is_none() {
                    // Where it does not work it may not even start, and then it
                    // starts after the change.
                    *running = self.begin(at, column, folder, visited, log).await?.0;
                }
                let gone = self.server.go(visited, &self.rows[row].visit).await?;
                if let Err(why) = gone {
                    let why = self.unreached(row, why);
                    all.push(self.done(row, column, Ran::NotRun(why)));
                    continue;
                }
                at = row;
            }
            let began = Instant::now();
            let ended = if let Some(running) = running.as_mut() {
                running.ask(&self.rows[row].name, self.interrupt).await
            } else {
                let ended;
                (*running, ended) = self.begin(row, column, folder, visited, log).await?;
                ended
            };
            let passed = ended == Ended::Passed;
            let done = self.judged(row, column, ended, began.elapsed(), log);
            let done = done.await?;
            all.push(done);
            if !passed && let Some(failed) = running.take() {
                failed.end().await;
            }
        }
        Ok(())
    }

    /// Starts a program in a state and asks whether it works there: only then it
    /// goes on.
    async fn begin(
        &self,
        row: usize,
        column: usize,
        folder: &Path,
        visited: &Visited,
        log: &Path,
    ) -> Result<(Option<Kept>, Ended), Stop> {
        let program = self.program(visited, row, column, folder);
        let mut kept = match Kept::start(&program, log) {
            Ok(kept) => kept,
            Err(why) => return Ok((None, Ended::NotRun(why))),
        };
        let ended = kept.ask(&self.rows[row].name, self.interrupt).await;
        if ended == Ended::Passed {
            return Ok((Some(kept), ended));
        }
        kept.end().await;
        match ended {
            Ended::Interrupted(signal) => Err(Stop::Interrupted(signal)),
            ended => Ok((None, ended)),
        }
    }

    /// Makes what tests need that are still to be run: nothing that they do to
    /// the server is in the way of that.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(super) async fn make_ready(&self, rows: impl Iterator<Item = usize>) -> Result<(), Stop> {
        for row in rows {
            if let Err(why) = self.server.make_ready(&self.rows[row].visit).await? {
                self.unreached(row, why);
            }
        }
        Ok(())
    }

    /// Places of states that there are not, as it turned out.
    pub(super) fn absent(&self) -> BTreeSet<usize> {
        let unreached = self.unreached.lock().expect("not poisoned");
        let absent = unreached.iter().filter(|(_, why)| why.is_none());
        absent.map(|(row, _)| *row).collect()
    }

    /// Versions of the code whose files have changed meanwhile.
    pub(super) fn touched(&self) -> BTreeSet<Version> {
        self.touched.lock().expect("not poisoned").clone()
    }

    /// A database in a state, for one who goes on to state `last`; inside, why
    /// there is none, a line.
    async fn open(&self, row: usize, last: usize) -> Result<Result<Visited, String>, Stop> {
        let (known, last) = {
            let unreached = self.unreached.lock().expect("not poisoned");
            // A last one that cannot be reached does not say what is needed.
            let last = (row..=last).rev().find(|row| !unreached.contains_key(row));
            (unreached.get(&row).cloned(), last)
        };
        if let Some(why) = known {
            return Ok(Err(why.unwrap_or_default()));
        }
        let visit = |row: usize| &self.rows[row].visit;
        let opened = self.server.open(visit(row), visit(last.unwrap_or(row)));
        Ok(opened.await?.map_err(|why| self.unreached(row, why)))
    }

    /// Remembers that a state cannot be reached; why, a line.
    fn unreached(&self, row: usize, why: Unreached) -> String {
        let why = match why {
            Unreached::Because(why) => Some(why),
            Unreached::Absent => None,
        };
        let mut unreached = self.unreached.lock().expect("not poisoned");
        unreached.insert(row, why.clone());
        why.unwrap_or_default()
    }

    fn program(&self, visited: &Visited, row: usize, column: usize, folder: &Path) -> Program {
        let code = &self.codes[column];
        let row = &self.rows[row];
        let surroundings = Surroundings {
            state: &row.visit.state,
            version: row.version,
            target: visited.target(),
        };
        let mut environment = surroundings.variables();
        environment.push(("SEGUE_APP_VERSION", Some(code.version.to_string())));
        Program {
            line: code.app.test.clone(),
            folder: folder.to_owned(),
            environment,
            timeout: self.timeout,
        }
    }

    /// What a test comes to; kept for later runs if that may be.
    async fn judged(
        &self,
        row: usize,
        column: usize,
        ended: Ended,
        took: Duration,
        log: &Path,
    ) -> Result<Done, Stop> {
        let plan = &self.plans[row][column];
        let (reason, is_sure) = match ended {
            Ended::Interrupted(signal) => return Err(Stop::Interrupted(signal)),
            Ended::NotRun(why) => {
                let code = &self.codes[column];
                let mut why = format!(
                    "code {}: its test `{}` was not run: {why}",
                    code.version, code.app.test
                );
                // The shell says what it has not found.
                if let Some(said) = tail(log, 1).pop().filter(|said| !said.is_empty()) {
                    why = format!("{why}: {said}");
                }
                return Ok(self.done(row, column, Ran::NotRun(why)));
            }
            Ended::Passed => (None, true),
            // A promise that does not hold is looked at again: the cause may be
            // one that segue does not see.
            Ended::Failed(why) => (Some(why), plan.promise == Verdict::NeedNot),
            Ended::TimedOut(why) => (Some(why), false),
        };
        let code = &self.codes[column];
        let is_current = code.is_current().await;
        if !is_current {
            let mut touched = self.touched.lock().expect("not poisoned");
            touched.insert(code.version);
        }
        if is_sure && is_current {
            let kept = store::Kept {
                passed: reason.is_none(),
                reason: reason.clone(),
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            };
            // It is run again then.
            let _ = self.store.keep(&plan.key, &kept);
        }
        let ran = match reason {
            None => Ran::Passed,
            Some(reason) => Ran::Failed(self.failure(reason, row, column, log)),
        };
        let mut done = self.done(row, column, ran);
        done.cell.took = took;
        Ok(done)
    }

    fn failure(&self, reason: String, row: usize, column: usize, log: &Path) -> Failure {
        let plan = &self.plans[row][column];
        if plan.promise == Verdict::NeedNot {
            return Failure {
                reason,
                ..Failure::default()
            };
        }
        let lines_max = if self.is_whole {
            usize::MAX
        } else {
            TAIL_LINES
        };
        let place = self.store.log(&plan.key);
        let is_there = self.store.is_lasting() && std::fs::copy(log, &place).is_ok();
        Failure {
            reason,
            tail: tail(log, lines_max),
            log: is_there.then(|| place.display().to_string()),
            again: self.codes[column].again(&self.rows[row].name, self.store),
        }
    }

    fn done(&self, row: usize, column: usize, ran: Ran) -> Done {
        Done {
            row,
            column,
            cell: Cell {
                promise: self.plans[row][column].promise,
                ran,
                took: Duration::ZERO,
                is_earlier: false,
            },
        }
    }

    fn draft(&self) -> PathBuf {
        self.store
            .draft(self.drafts.fetch_add(1, Ordering::Relaxed))
    }
}
