//! Graph and history to a [`Plan`]: what `segue up` will do, as a value.
//!
//! Pure and total: each state of partner, concurrent and ending migration has
//! an answer here, a plan or a named error. Execution chooses nothing; where
//! the world has to be read again first, the step says so
//! ([`Step::plans_again`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::backfill::Backfill;
use crate::diagnostic::{Diagnostic, code};
use crate::graph::{Edge, Graph};
use crate::history::{DeploymentState, History, Progress, Renamed};
use crate::migration::{Kind, Migration, Name, Snapshots};
use crate::statement::Kind as StatementKind;

mod batch;
mod brought;
mod check;
mod conflict;
mod enum_value;
mod fact;
mod fold;
mod kin;
mod reverting;
pub mod strong_locks;

pub use check::{BeforeReady, Checks, ExpectedSchema};
pub use conflict::{Course, Holder, NotOurs, OnConflict, course};
pub use fact::{Fact, Place};
pub use kin::{Kin, Named};
pub use strong_locks::{StrongLock, StrongLocks, Use};

/// Where a block had to end before its time, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The first migration after the cut.
    pub before: Name,
    /// Why.
    pub reason: CutReason,
}

/// Why a block ends before a migration that could have been in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CutReason {
    /// A migration before it adds an enum value, which cannot be used before
    /// it is committed (55P04).
    EnumValue,
    /// The server's lock table is full (53200).
    LockMemory,
    /// A migration before it brings a record of what has been applied, as a
    /// dump does: what is pending is known only then.
    BringsLedger,
}

/// What was found out while running, or asked for by the user.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Refuse what is told otherwise.
    pub strict: bool,
    /// Cuts that earlier tries of this run found necessary.
    pub cuts: BTreeSet<Cut>,
    /// What is known of the expected schema.
    pub expected: ExpectedSchema,
    /// The database, if it does not exist yet.
    pub absent: Option<String>,
    /// What becomes of concurrent migrations.
    pub concurrent: Concurrent,
    /// Concurrent migrations that this run could not fold.
    pub unfolded: BTreeSet<Name>,
    /// Whether the database had no relations of the user's when this run
    /// began.
    pub was_empty: bool,
}

/// What becomes of concurrent migrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrent {
    /// They are folded into the batch where that can be.
    #[default]
    Folded,
    /// Each runs by itself.
    Unfolded,
    /// They alone are to be run: what a pending migration needs stays in the
    /// tail, too.
    Alone,
}

/// Whose record of what has been applied comes with a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerOf {
    /// segue's own ledger.
    Segue,
    /// codd's table.
    Codd,
}

/// A maximal run of batch migrations that share one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// In order; never empty.
    pub migrations: Vec<Name>,
    /// Those of them that are concurrent ones, folded into the transaction as
    /// their plain equivalents.
    pub folded: BTreeSet<Name>,
    /// Why it ends where it does, if a longer one was possible.
    pub cut: Option<Cut>,
    /// The record that its last migration brings: history is read and the plan
    /// made again after it.
    pub brings: Option<LedgerOf>,
    /// Whether its COMMIT makes the deployment ready.
    pub is_last: bool,
}

/// One step of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Apply these in one transaction.
    Block(Block),
    /// Apply this one outside a transaction block.
    Standalone(Name),
    /// Run this concurrent migration before the deployment is ready, because
    /// a pending migration needs it.
    Foreground {
        /// The concurrent migration.
        concurrent: Name,
        /// The first pending ending migration that needs it.
        needed_by: Name,
    },
    /// Wait for a concurrent migration that runs elsewhere.
    WaitFor {
        /// The concurrent migration.
        concurrent: Name,
        /// The first pending ending migration that needs it.
        needed_by: Name,
        /// The backend that runs it.
        pid: i32,
    },
}

impl Step {
    /// The migrations that it applies, or waits for.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        match self {
            Self::Block(block) => &block.migrations,
            Self::Standalone(name)
            | Self::Foreground {
                concurrent: name, ..
            }
            | Self::WaitFor {
                concurrent: name, ..
            } => std::slice::from_ref(name),
        }
    }

    /// Whether the world has changed so much after this step that history is
    /// read and the plan made again.
    #[must_use]
    pub fn plans_again(&self) -> bool {
        match self {
            Self::Foreground { .. } | Self::WaitFor { .. } => true,
            Self::Block(block) => block.brings.is_some(),
            Self::Standalone(_) => false,
        }
    }
}

/// A concurrent migration that runs after the deployment is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailStep {
    /// Which.
    pub name: Name,
    /// Other members of the tail that end before this one begins.
    pub after: Vec<Name>,
    /// With which others it may overlap.
    pub snapshots: Snapshots,
    /// Where it stands now.
    pub progress: Progress,
}

/// How the deployment becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// By the COMMIT of the last block.
    WithLastBlock,
    /// By a small transaction after the last step.
    AfterBatch,
    /// It is already, by this deployment: announced again.
    Already(i64),
    /// There is nothing in folder or ledger to be ready.
    Nothing,
}

/// What `segue up` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose migrations.
    pub project: String,
    /// Where the database stands against the folder.
    pub place: Place,
    /// What has to be told.
    pub facts: Vec<Fact>,
    /// Names that the ledger takes over before anything else is done.
    pub renamed: Vec<Renamed>,
    /// Steps before readiness, in order.
    pub batch: Vec<Step>,
    /// How it becomes ready.
    pub ready: Ready,
    /// What runs afterwards, by name.
    pub tail: Vec<TailStep>,
    /// What is verified, and when.
    pub checks: Checks,
    /// Of the migrations that will run, by name: those that need more than the
    /// database at hand.
    pub needs: BTreeMap<Name, Needs>,
    /// Of those again, by name: tables that are known to be partitioned, so
    /// that their index is built partition by partition, as written.
    pub expanded: BTreeMap<Name, Vec<String>>,
    /// Of the migrations that will run, by name: the backfills among them.
    pub backfills: BTreeMap<Name, Backfill>,
    /// The database, if it does not exist yet.
    pub absent: Option<Absent>,
    /// Transactions that lock several busy tables, as far as is known; filled
    /// in by whoever can see the tables.
    pub strong_locks: Vec<StrongLocks>,
}

/// A database that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its name.
    pub database: String,
    /// The migration that makes it, as far as its statements tell; else the
    /// last of those that run before it is looked for again.
    pub made_by: Option<Name>,
}

/// What a migration needs besides the database at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Where its own connection leads, for people.
    pub connection: Option<String>,
    /// Names of the environment variables that it takes, sorted.
    pub variables: Vec<String>,
}

impl Plan {
    /// Decides what to do. All errors are reported at once; with one of them
    /// nothing may run.
    ///
    /// # Errors
    /// Diagnostics, sorted by file: at least one is an error.
    pub fn new(
        graph: &Graph,
        history: &History,
        project: &str,
        options: &Options,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (place, facts, mut diagnostics) = fact::survey(graph, history, options.strict);
        let view = View {
            graph,
            history,
            project,
        };
        diagnostics.extend(view.half_reverted());
        diagnostics.extend(view.once_migrations());
        diagnostics.extend(view.contradictions());
        diagnostics.extend(enum_value::own_values(&view));
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let batch = batch::steps(&view, options);
        let misplaced = brought::misplaced(&view, &batch);
        if !misplaced.is_empty() {
            return Err(misplaced);
        }
        let before_ready: BTreeSet<&Name> = batch
            .iter()
            .flat_map(|step| match step {
                Step::Foreground { concurrent, .. } | Step::WaitFor { concurrent, .. } => {
                    std::slice::from_ref(concurrent).iter().collect()
                }
                Step::Block(block) => block.folded.iter().collect(),
                Step::Standalone(_) => Vec::new(),
            })
            .collect();
        let tail = view.tail(&before_ready);
        let ready = match batch.last() {
            Some(Step::Block(block)) if block.is_last => Ready::WithLastBlock,
            Some(_) => Ready::AfterBatch,
            None => view.ready_now(&tail),
        };
        let checks = check::checks(&options.expected, history, &place, &batch, ready, &tail);
        Ok(Self {
            project: project.to_owned(),
            place,
            facts,
            renamed: history.renamed.clone(),
            batch,
            ready,
            tail,
            checks,
            needs: view.needs(),
            backfills: view.backfills(),
            absent: view.absent(options.absent.as_deref()),
            expanded: BTreeMap::new(),
            strong_locks: Vec::new(),
        })
    }

    /// Whether nothing is left to do but to announce again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.renamed.is_empty()
            && self.batch.is_empty()
            && self.tail.is_empty()
            && matches!(self.ready, Ready::Already(_) | Ready::Nothing)
    }

    /// The concurrent migrations that must be done before readiness, with the
    /// migration that needs each: the first line of `plan` and `up`.
    pub fn not_ready_before(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.batch.iter().filter_map(|step| match step {
            Step::Foreground {
                concurrent,
                needed_by,
            }
            | Step::WaitFor {
                concurrent,
                needed_by,
                ..
            } => Some((concurrent, needed_by)),
            Step::Block(_) | Step::Standalone(_) => None,
        })
    }

    /// The concurrent migrations that are folded into a transaction.
    pub fn folded(&self) -> impl Iterator<Item = &Name> {
        self.batch.iter().flat_map(|step| match step {
            Step::Block(block) => Some(&block.folded).into_iter().flatten(),
            _ => None.into_iter().flatten(),
        })
    }

    /// Whether the first block brings segue's own ledger, which then must not
    /// be made before it.
    #[must_use]
    pub fn brings_ledger(&self) -> bool {
        matches!(
            self.batch.first(),
            Some(Step::Block(block)) if block.brings == Some(LedgerOf::Segue)
        )
    }

    /// Whether the whole batch is one transaction.
    #[must_use]
    pub fn is_one_block(&self) -> bool {
        matches!(self.batch.as_slice(), [Step::Block(_)])
    }
}

/// Graph and history, seen together.
struct View<'a> {
    graph: &'a Graph,
    history: &'a History,
    project: &'a str,
}

impl<'a> View<'a> {
    fn progress(&self, name: &Name) -> Progress {
        self.history.progress(self.project, name)
    }

    /// Open migrations of the batch, by name.
    fn pending_batch(&self) -> impl DoubleEndedIterator<Item = &'a Migration> {
        self.graph.migrations().filter(|migration| {
            migration.kind != Kind::Concurrent && self.progress(&migration.name).is_open()
        })
    }

    /// Who makes the database that is not there.
    fn absent(&self, database: Option<&str>) -> Option<Absent> {
        let database = database?;
        let first: Vec<&Migration> = self
            .pending_batch()
            .take_while(|migration| migration.connection.is_some())
            .collect();
        let makes = |migration: &&&Migration| {
            let outline = migration.outline.as_ref();
            let items = outline.map_or(&[][..], |outline| &outline.items);
            items.iter().any(|item| {
                let kind = item.digest.as_ref().map(|digest| &digest.kind);
                matches!(kind, Some(StatementKind::CreateDatabase { name }) if name == database)
            })
        };
        let made_by = first.iter().find(makes).or(first.last());
        Some(Absent {
            database: database.to_owned(),
            made_by: made_by.map(|migration| migration.name.clone()),
        })
    }

    /// What open backfills say of their batches.
    fn backfills(&self) -> BTreeMap<Name, Backfill> {
        let open = self
            .graph
            .migrations()
            .filter(|migration| self.progress(&migration.name).is_open());
        open.filter_map(|one| Some((one.name.clone(), one.backfill.as_ref()?.value.clone())))
            .collect()
    }

    /// What open migrations need besides the database at hand.
    fn needs(&self) -> BTreeMap<Name, Needs> {
        let open = self
            .graph
            .migrations()
            .filter(|migration| self.progress(&migration.name).is_open());
        open.filter(|one| one.connection.is_some() || !one.variables.is_empty())
            .map(|migration| {
                let connection = migration.connection.as_ref();
                let needs = Needs {
                    connection: connection.map(|one| one.place.clone().unwrap_or_default()),
                    variables: migration.variables.names().map(ToOwned::to_owned).collect(),
                };
                (migration.name.clone(), needs)
            })
            .collect()
    }

    /// States of triples that no run can have led to, or that nobody can go on
    /// from.
    fn contradictions(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for ending in self.graph.migrations().filter(|one| !one.ends.is_empty()) {
            let ending_progress = self.progress(&ending.name);
            for ended in &ending.ends {
                let progress = self.progress(&ended.name);
                let known = self.graph.get(&ended.name).is_some();
                if ending_progress == Progress::Applied && known && progress.is_open() {
                    diagnostics.push(
                        Diagnostic::new(code::ENDED_BEFORE_DONE,
                            format!(
                                "`{}` is applied, but the concurrent migration that it ends, `{}`, is not",
                                ending.name, ended.name
                            ),
                        )
                        .source(&ending.source)
                        .label(ended.span, "not done")
                        .help(format!(
                            "if its work is in the database by other means, `segue abandon {}` takes it out of the plan",
                            ended.name
                        )),
                    );
                } else if ending_progress.is_open() && progress == Progress::Abandoned {
                    diagnostics.push(
                        Diagnostic::new(
                            code::ENDS_ABANDONED,
                            format!(
                                "`{}` needs `{}`, which was abandoned",
                                ending.name, ended.name
                            ),
                        )
                        .source(&ending.source)
                        .label(ended.span, "given up by `segue abandon`")
                        .help("delete this migration, or write one that does not need it"),
                    );
                }
            }
        }
        for concurrent in self.graph.migrations() {
            let Some(partner) = &concurrent.partner else {
                continue;
            };
            let is_ahead = matches!(
                self.progress(&concurrent.name),
                Progress::Applied | Progress::Running(_)
            );
            if is_ahead
                && self.graph.get(&partner.name).is_some()
                && self.progress(&partner.name).is_open()
            {
                diagnostics.push(
                    Diagnostic::new(code::PARTNER_NOT_APPLIED,
                        format!(
                            "`{}` has run, but its partner, `{}`, is not applied",
                            concurrent.name, partner.name
                        ),
                    )
                    .source(&concurrent.source)
                    .label(partner.span, "not applied")
                    .note("a concurrent migration runs after the deployment that has applied its partner")
                    .help("is this another project's database, or was the partner renamed?"),
                );
            }
        }
        diagnostics
    }

    /// Open concurrent migrations that do not run before readiness.
    fn tail(&self, before_ready: &BTreeSet<&Name>) -> Vec<TailStep> {
        let open: Vec<&Migration> = self
            .graph
            .migrations()
            .filter(|migration| {
                migration.kind == Kind::Concurrent
                    && self.progress(&migration.name).is_open()
                    && !before_ready.contains(&migration.name)
            })
            .collect();
        let names: BTreeSet<&Name> = open.iter().map(|migration| &migration.name).collect();
        open.iter()
            .map(|migration| TailStep {
                name: migration.name.clone(),
                after: self
                    .graph
                    .before(&migration.name, Edge::Meets)
                    .into_iter()
                    .map(|before| before.name.clone())
                    .filter(|before| names.contains(before))
                    .collect(),
                snapshots: migration.snapshots(),
                progress: self.progress(&migration.name),
            })
            .collect()
    }

    /// How a folder without pending batch migrations is or becomes ready.
    fn ready_now(&self, tail: &[TailStep]) -> Ready {
        let batch = self
            .graph
            .migrations()
            .filter(|migration| migration.kind != Kind::Concurrent);
        match self.history.ready_deployment(batch) {
            // A tail that nobody works on is taken up under the deployment
            // that is waiting for it, if there is one.
            Some(deployment)
                if tail.is_empty()
                    || (deployment.state == DeploymentState::Ready
                        && tail.iter().all(|step| deployment.tail.contains(&step.name))) =>
            {
                Ready::Already(deployment.id)
            }
            None if self.graph.is_empty() => Ready::Nothing,
            _ => Ready::AfterBatch,
        }
    }
}

#[cfg(test)]
mod tests;
