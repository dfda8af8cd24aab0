//! What is applied, and how far back → [`Reversal`]: what `segue revert` takes
//! back, as a value.
//!
//! Pure and total, as [`crate::plan`] is: each state in which a migration can
//! be has an answer here, a step or a named refusal. Files are run by
//! [`crate::apply`] as those of migrations are.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, code};
use crate::history::{History, Progress, Record, State};
use crate::migration::{Kind, Migration, Name};
use crate::plan::{Block, Checks, Cut, CutReason, Fact, Place, Plan, Ready, Step, TailStep};
use crate::text::{Span, nearest};
use crate::version::Version;

/// The word for the state before everything.
pub const EMPTY: &str = "empty";

/// How far back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Before everything.
    Empty,
    /// Where this one is the last that is applied.
    Migration(Name),
}

impl To {
    /// What a user has written: a migration's name, with or without `.sql`, a
    /// version that one of them brings, or [`EMPTY`].
    ///
    /// # Errors
    /// Why it is none that can be gone back to.
    pub fn find(
        text: &str,
        migrations: &[Migration],
        history: &History,
    ) -> Result<Self, Box<Diagnostic>> {
        if text == EMPTY {
            return Ok(Self::Empty);
        }
        let full = format!("{text}.sql");
        let mut names = [text, full.as_str()].map(Name::new).to_vec();
        let version = Version::parse_short(text).ok();
        if version.is_some() {
            // The ledger knows which has brought it, whatever its file says now.
            let mut brought = history.records.iter();
            let brought = brought.find(|(_, one)| one.schema_version == version);
            let mut files = migrations.iter();
            let file = files.find(|one| one.schema_version == version);
            names.extend(
                brought
                    .map(|(name, _)| name.clone())
                    .or(file.map(|one| one.name.clone())),
            );
        }
        if let Some(name) = names.iter().find(|name| history.is_closed(name)) {
            return Ok(Self::Migration(name.clone()));
        }
        let refuse = |message: String| Diagnostic::new(code::NOT_REVERTIBLE, message);
        if let Some(name) = names
            .iter()
            .find(|name| history.reverting.contains_key(name))
        {
            return Err(Box::new(
                refuse(format!("`{name}` is half taken back itself"))
                    .help("name one before it, as the run that has begun it did"),
            ));
        }
        let applied: Vec<&str> = history
            .records
            .keys()
            .filter(|name| history.is_closed(name))
            .map(Name::as_str)
            .collect();
        let file = migrations.iter().find(|one| names.contains(&one.name));
        if let Some(migration) = file {
            let before = applied
                .iter()
                .rev()
                .find(|one| **one < migration.name.as_str());
            return Err(Box::new(
                refuse(format!(
                    "`{}` is not applied, so there is no way back to it",
                    migration.name
                ))
                .source(&migration.source)
                .help_if(before, |before| {
                    format!("the last one before it that is applied is `{before}`")
                }),
            ));
        }
        if let Some(version) = version.filter(|_| text.contains('.')) {
            let of_applied = |(name, one): (&Name, &Record)| {
                one.schema_version.filter(|_| history.is_closed(name))
            };
            let there: BTreeSet<Version> = history.records.iter().filter_map(of_applied).collect();
            let there: Vec<String> = there.iter().map(ToString::to_string).collect();
            return Err(Box::new(
                refuse(format!("no migration brings version {version}")).help(
                    if there.is_empty() {
                        "no version has been brought; `segue status` lists the migrations"
                            .to_owned()
                    } else {
                        format!("what has been applied brings {}", there.join(", "))
                    },
                ),
            ));
        }
        let near = nearest(&full, applied.iter().copied());
        Err(Box::new(
            refuse(format!("no migration is named `{text}`"))
                .help_if(near, |near| format!("did you mean `{near}`?"))
                .help("`segue status` lists them; `--to empty` is before all of them"),
        ))
    }

    /// The migration that is the last one afterwards.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Empty => None,
            Self::Migration(name) => Some(name),
        }
    }

    /// Whether this migration stays.
    #[must_use]
    pub fn keeps(&self, name: &Name) -> bool {
        self.name().is_some_and(|last| name <= last)
    }
}

impl std::fmt::Display for To {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("before all migrations"),
            Self::Migration(name) => write!(formatter, "`{name}`"),
        }
    }
}

/// What a migration has done that has begun and is not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Statements that are done.
    pub statements: usize,
    /// Rows in the ranges that a backfill has done.
    pub rows: u64,
    /// The statement after those, from 1, if it was begun and nobody can tell
    /// by looking what it has done.
    pub unknown: Option<usize>,
}

impl Unfinished {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What is taken back, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// How far back.
    pub to: To,
    /// All that is taken back, newest first.
    pub names: Vec<Name>,
    /// Those that have begun and are not done, by name: what their tries have
    /// left half-way is removed before anything else.
    pub open: Vec<Name>,
    /// Those of which nothing is left then, by name: given up, or never come to
    /// an effect. Their rows are all that is taken back.
    pub rows: Vec<Name>,
    /// Files that run, in order; names are those of the files.
    pub steps: Vec<Step>,
    /// What has to be told.
    pub facts: Vec<Fact>,
    /// Concurrent migrations that stay and are not done.
    pub tail: Vec<Name>,
}

/// What is known beside folder and ledger.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The files that take migrations back, outlined, by the migration.
    pub reverts: BTreeMap<Name, Migration>,
    /// Of those that have begun and are not done, or were given up.
    pub unfinished: BTreeMap<Name, Unfinished>,
    /// Of those that are half taken back: what has run of the file that does
    /// so.
    pub begun: BTreeMap<Name, Unfinished>,
    /// Cuts that earlier tries of this run found necessary.
    pub cuts: BTreeSet<Cut>,
}

impl Reversal {
    /// Decides what to take back. All errors are reported at once; with one of
    /// them nothing may run.
    ///
    /// # Errors
    /// Diagnostics, newest migration first.
    pub fn new(
        migrations: &[Migration],
        history: &History,
        project: &str,
        to: To,
        known: &Known,
    ) -> Result<Self, Vec<Diagnostic>> {
        let view = View {
            migrations,
            history,
            project,
            known,
        };
        let mut diagnostics = Vec::new();
        let mut reversal = Self {
            names: Vec::new(),
            open: Vec::new(),
            rows: Vec::new(),
            steps: Vec::new(),
            facts: Vec::new(),
            tail: view.left(&to),
            to,
        };
        diagnostics.extend(view.orphans(&reversal.to));
        let mut files: Vec<&Migration> = Vec::new();
        let taken = history.records.iter().rev();
        for (name, record) in taken.filter(|(name, _)| !reversal.to.keeps(name)) {
            reversal.names.push(name.clone());
            match view.part(name) {
                Ok(Part::File(file)) => files.push(file),
                Ok(Part::Unfinished(file)) => {
                    files.push(file);
                    reversal.open.push(name.clone());
                }
                Ok(Part::Row) => reversal.rows.push(name.clone()),
                Ok(Part::Leftovers) => {
                    reversal.open.push(name.clone());
                    reversal.rows.push(name.clone());
                }
                Err(refused) => diagnostics.extend(refused),
            }
            let file = view.migration(name);
            if file.is_some_and(|file| file.checksum != record.checksum)
                && record.state == State::Applied
            {
                reversal.facts.push(Fact::Modified(name.clone()));
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        reversal.open.reverse();
        reversal.rows.reverse();
        reversal.steps = steps(&files, &known.cuts);
        Ok(reversal)
    }

    /// Whether there is nothing to take back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The same as what a run executes; `checks` is what it verifies.
    #[must_use]
    pub fn plan(&self, project: &str, history: &History, is_verified: bool) -> Plan {
        let ready = match self.steps.last() {
            Some(Step::Block(_)) => Ready::WithLastBlock,
            _ => Ready::AfterBatch,
        };
        let before_ready = match (self.steps.as_slice(), ready) {
            ([_], Ready::WithLastBlock) => crate::plan::BeforeReady::InTheTransaction,
            (_, Ready::WithLastBlock) => crate::plan::BeforeReady::InTheLastTransaction,
            _ => crate::plan::BeforeReady::AfterTheBatch,
        };
        Plan {
            project: project.to_owned(),
            place: Place::Behind {
                pending: self.names.len(),
            },
            facts: self.facts.clone(),
            renamed: history.renamed.clone(),
            batch: self.steps.clone(),
            ready,
            tail: self
                .tail
                .iter()
                .map(|name| TailStep {
                    name: name.clone(),
                    after: Vec::new(),
                    snapshots: crate::migration::Snapshots::Both,
                    progress: history.progress(project, name),
                })
                .collect(),
            checks: if is_verified {
                Checks::Made {
                    before_ready: Some(before_ready),
                    after_tail: false,
                }
            } else {
                Checks::Nothing
            },
            needs: BTreeMap::new(),
            backfills: BTreeMap::new(),
            absent: None,
            expanded: BTreeMap::new(),
            strong_locks: Vec::new(),
        }
    }
}

/// How one migration is taken back.
enum Part<'a> {
    /// By its file.
    File(&'a Migration),
    /// By its file, although it is not done: a backfill that has done rows.
    Unfinished(&'a Migration),
    /// It has left nothing, and its row is deleted.
    Row,
    /// What its tries have left is removed, and its row deleted.
    Leftovers,
}

struct View<'a> {
    migrations: &'a [Migration],
    history: &'a History,
    project: &'a str,
    known: &'a Known,
}

impl<'a> View<'a> {
    fn migration(&self, name: &Name) -> Option<&'a Migration> {
        self.migrations.iter().find(|one| one.name == *name)
    }

    /// Concurrent migrations that stay, are not done, and may run.
    fn left(&self, to: &To) -> Vec<Name> {
        let open = self.migrations.iter().filter(|one| {
            let partner = one.partner.as_ref();
            one.kind == Kind::Concurrent
                && to.keeps(&one.name)
                && !self.history.is_closed(&one.name)
                && partner.is_some_and(|partner| self.history.is_closed(&partner.name))
        });
        open.map(|one| one.name.clone()).collect()
    }

    fn part(&self, name: &Name) -> Result<Part<'a>, Vec<Diagnostic>> {
        let done = self.known.unfinished.get(name).copied().unwrap_or_default();
        // Half taken back, what is done of it is done.
        if self.history.reverting.contains_key(name) {
            return self.go_on(name).map(Part::File);
        }
        match self.history.progress(self.project, name) {
            Progress::Applied => self.file(name).map(Part::File),
            Progress::Abandoned if done.is_nothing() => Ok(Part::Row),
            // Given up, what it has done stays done.
            Progress::Abandoned => self.file(name).map(Part::File),
            Progress::Running(pid) => Err(vec![
                self.refuse(
                    name,
                    format!("`{name}` runs now, in pid {pid}"),
                    "not done yet",
                )
                .help(format!(
                    "wait until it is done, or give it up: `segue abandon {name}`"
                )),
            ]),
            Progress::Pending | Progress::Interrupted | Progress::Failed(_) => {
                if done.rows > 0 {
                    return self.file(name).map(Part::Unfinished);
                }
                if let Some(number) = done.unknown {
                    return Err(vec![
                        self.refuse(
                            name,
                            format!(
                                "`{name}` is half applied: nobody can tell what statement {number} of it has done"
                            ),
                            "neither applied nor pending",
                        )
                        .help(format!(
                            "`segue up --done {name}:{number}` goes on after it, `segue up --redo {name}:{number}` runs it again; then it can be taken back"
                        )),
                    ]);
                }
                if done.statements > 0 {
                    let are_done = match done.statements {
                        1 => "1 statement of it is done".to_owned(),
                        more => format!("{more} statements of it are done"),
                    };
                    return Err(vec![
                        self.refuse(
                            name,
                            format!("`{name}` is half applied: {are_done}"),
                            "neither applied nor pending",
                        )
                        .help("`segue up` brings it to its end; then it can be taken back"),
                    ]);
                }
                Ok(Part::Leftovers)
            }
        }
    }

    /// The file that goes on with taking `name` back.
    fn go_on(&self, name: &Name) -> Result<&'a Migration, Vec<Diagnostic>> {
        let file = self.file(name)?;
        let begun = self.known.begun.get(name).copied().unwrap_or_default();
        if begun.is_nothing() || file.kind == Kind::Standalone {
            return Ok(file);
        }
        Err(vec![
            Diagnostic::new(
                code::CHANGED_WHILE_BEGUN,
                format!("`{}` was begun outside a transaction", file.name),
            )
            .source(&file.source)
            .label(Span::new(0, 0), "has no `no-txn` any more")
            .note("in a transaction, what is done of it would run a second time")
            .help("bring `-- segue: no-txn` back, and the text of what is done; what follows may be edited"),
        ])
    }

    /// Files that have begun to take back what the ledger does not know.
    fn orphans(&self, to: &To) -> Vec<Diagnostic> {
        let reverting = self.history.reverting.keys();
        reverting
            .filter(|name| !to.keeps(name) && !self.history.records.contains_key(name))
            .map(|name| {
                let revert = name.revert_file();
                self.refuse(
                    name,
                    format!("`{revert}` has begun, and the ledger knows no `{name}` that it takes back"),
                    "not in the ledger",
                )
                .help(format!(
                    "somebody has changed the ledger; where nothing of `{revert}` is left to do, `DELETE FROM segue.migration WHERE project = '{}' AND file = '{revert}';`",
                    self.project
                ))
            })
            .collect()
    }

    /// The file that takes `name` back, if it is one that can run.
    fn file(&self, name: &Name) -> Result<&'a Migration, Vec<Diagnostic>> {
        let revert = name.revert_file();
        let Some(migration) = self.migration(name) else {
            return Err(vec![
                Diagnostic::new(
                    code::NOT_REVERTIBLE,
                    format!("`{name}` is applied, and is not in this folder"),
                )
                .help(format!(
                    "bring it back, with the file that takes it back, `{revert}`"
                )),
            ]);
        };
        if migration.connection.is_some() {
            return Err(vec![self.refuse(
                name,
                format!("`{name}` has run on a connection of its own, and is not taken back"),
                "may have changed another database",
            )]);
        }
        let Some(file) = self.known.reverts.get(name) else {
            return Err(vec![
                self.refuse(
                    name,
                    format!("no file takes `{name}` back"),
                    "applied, and would have to be taken back",
                )
                .help(format!("write `{revert}` beside it, or go back less far")),
            ]);
        };
        if file.problems.is_empty() {
            Ok(file)
        } else {
            Err(file.problems.clone())
        }
    }

    fn refuse(&self, name: &Name, message: String, label: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(code::NOT_REVERTIBLE, message);
        match self.migration(name) {
            Some(migration) => diagnostic
                .source(&migration.source)
                .label(Span::new(0, 0), label),
            None => diagnostic,
        }
    }
}

/// Consecutive files as blocks and standalone steps, in their order.
fn steps(files: &[&Migration], cuts: &BTreeSet<Cut>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut adds_enum_value = false;
    for file in files {
        let name = file.name.clone();
        if file.kind == Kind::Standalone {
            adds_enum_value = false;
            steps.push(Step::Standalone(name));
            continue;
        }
        let foreseen = adds_enum_value.then(|| Cut {
            before: name.clone(),
            reason: CutReason::EnumValue,
        });
        let found = || cuts.iter().find(|cut| cut.before == name).cloned();
        adds_enum_value = file.outline.as_ref().is_some_and(|one| one.adds_enum_value);
        let Some(Step::Block(block)) = steps.last_mut() else {
            steps.push(block_of(name));
            continue;
        };
        match foreseen.or_else(found) {
            None => block.migrations.push(name),
            cut => {
                block.cut = cut;
                steps.push(block_of(name));
            }
        }
    }
    if let Some(Step::Block(block)) = steps.last_mut() {
        block.is_last = true;
    }
    steps
}

fn block_of(name: Name) -> Step {
    Step::Block(Block {
        migrations: vec![name],
        folded: BTreeSet::new(),
        cut: None,
        brings: None,
        is_last: false,
    })
}

#[cfg(test)]
mod tests;
