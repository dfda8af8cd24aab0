//! Files and ledger, read together: the one preflight of every command that
//! plans.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::ApplyError;
use super::check::Expectation;
use crate::diagnostic::{Code, Diagnostic, Severity, code};
use crate::files::{self, Depth};
use crate::graph::Graph;
use crate::history::{History, State};
use crate::migration::{Checksum, Kind, Migration, Name};
use crate::plan::{self, ExpectedSchema, Kin, Options, Plan, StrongLocks, TailStep};
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Session, kin, partition_tree, usage};
use crate::statement::{Kind as SqlKind, RelationName};

/// What is, and what is to be done.
#[derive(Debug)]
pub struct Survey {
    /// The folder.
    pub graph: Graph,
    /// The database.
    pub history: History,
    /// What to do.
    pub plan: Plan,
    /// Fingerprint of the folder's batch migrations, `sha256:…`.
    pub fingerprint: String,
    /// The last migration that is applied when all is done.
    pub last: Option<Name>,
}

impl Survey {
    /// Name of the folder's last migration, or of the one that is gone back to.
    #[must_use]
    pub fn last(&self) -> Option<&Name> {
        self.last.as_ref()
    }
}

/// Reads the history, outlines what is pending, and plans. Writes nothing.
///
/// `migrations` get the outlines that they lack. With an `expectation`, the
/// plan has to be one that can be verified.
///
/// # Errors
/// [`ApplyError::Invalid`] with all that is wrong in files and history;
/// [`ApplyError::Refused`] if there is no expected schema for the server, or
/// another tool has applied some of the migrations;
/// [`ApplyError::Postgres`].
pub async fn survey(
    session: &Session,
    ledger: &Ledger,
    migrations: &mut [Migration],
    options: &Options,
    expectation: Option<&Expectation>,
) -> Result<Survey, ApplyError> {
    let mut history = ledger.history(session).await?;
    if history.ledger.is_none() {
        super::adopt::refuse_another_ledger(session, migrations).await?;
    }
    history.follow(ledger.project(), &*migrations);
    let mut survey = planned(history, ledger.project(), migrations, options, expectation)?;
    survey.plan.expanded = expanded(session, &survey.graph, &survey.history).await?;
    relate(session, &survey.graph, &mut survey.plan.tail).await?;
    Ok(survey)
}

/// Puts members of the tail one after the other whose tables, as the database
/// knows them now, are the same.
pub(super) async fn relate(
    session: &Session,
    graph: &Graph,
    steps: &mut [TailStep],
) -> Result<(), postgres::Error> {
    if steps.len() > 1 {
        let members = steps.iter().filter_map(|step| graph.get(&step.name));
        let kin = kin::read(session, &Kin::ask(members)).await?;
        kin.relate(steps);
    }
    Ok(())
}

/// As [`survey`], of a database that is not there yet, with what has been done
/// for it so far.
///
/// # Errors
/// As [`survey`].
pub fn absent(
    history: History,
    project: &str,
    migrations: &mut [Migration],
    options: &Options,
) -> Result<Survey, ApplyError> {
    planned(history, project, migrations, options, None)
}

fn planned(
    history: History,
    project: &str,
    migrations: &mut [Migration],
    options: &Options,
    expectation: Option<&Expectation>,
) -> Result<Survey, ApplyError> {
    let mut diagnostics: Vec<Diagnostic> = migrations
        .iter()
        .filter(|migration| is_pending(&history, migration))
        .flat_map(|migration| migration.problems.clone())
        .collect();
    diagnostics.extend(outline_pending(migrations, &history)?);
    outline_abandoned(migrations, &history);
    let (graph, problems) = Graph::new(migrations.to_vec(), &history);
    diagnostics.extend(problems);
    if has_error(&diagnostics) {
        return Err(ApplyError::Invalid(diagnostics));
    }
    let options = Options {
        expected: expectation.map_or_else(ExpectedSchema::default, |one| one.known().clone()),
        ..options.clone()
    };
    let plan = Plan::new(&graph, &history, project, &options).map_err(ApplyError::Invalid)?;
    if let Some(expectation) = expectation {
        expectation.admit(&plan, &graph, &history)?;
    }
    let fingerprint = fingerprint(graph.migrations());
    let last = graph.migrations().next_back().map(|one| one.name.clone());
    Ok(Survey {
        graph,
        history,
        plan,
        fingerprint,
        last,
    })
}

/// Transactions of the batch that lock several busy tables. How busy they are is
/// true of a moment: no part of what is planned, only of what is told of it.
///
/// # Errors
/// As [`Session::execute`].
pub async fn strong_locks(
    session: &Session,
    survey: &Survey,
) -> Result<Vec<StrongLocks>, ApplyError> {
    let (batch, graph) = (&survey.plan.batch, &survey.graph);
    // A fresh database has nothing that could be busy.
    if !survey.history.has_user_relations {
        return Ok(Vec::new());
    }
    let candidates = plan::strong_locks::candidates(batch, graph);
    let uses = usage::of(session, &candidates).await?;
    Ok(plan::strong_locks::of(batch, graph, &uses))
}

/// Tables that pending migrations index concurrently and that are partitioned
/// now; one that is still to be made is not known.
async fn expanded(
    session: &Session,
    graph: &Graph,
    history: &History,
) -> Result<BTreeMap<Name, Vec<String>>, ApplyError> {
    let pending = graph
        .migrations()
        .filter(|migration| migration.connection.is_none() && is_pending(history, migration));
    let mut indexed: Vec<(&Name, &RelationName)> = Vec::new();
    for migration in pending {
        let items = migration.outline.iter().flat_map(|outline| &outline.items);
        for digest in items.filter_map(|item| item.digest.as_ref()) {
            if let SqlKind::CreateIndexConcurrently {
                table, only: false, ..
            } = &digest.kind
            {
                indexed.push((&migration.name, table));
            }
        }
    }
    let mut expanded: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    if indexed.is_empty() {
        return Ok(expanded);
    }
    let tables: BTreeSet<&RelationName> = indexed.iter().map(|(_, table)| *table).collect();
    let partitioned = partition_tree::partitioned(session, &tables).await?;
    for (name, table) in indexed {
        let shown = table.to_string();
        if partitioned.contains(table) {
            let tables = expanded.entry(name.clone()).or_default();
            if !tables.contains(&shown) {
                tables.push(shown);
            }
        }
    }
    Ok(expanded)
}

/// All that is wrong with `migrations` if none of them is applied yet, after
/// `diagnostics` of folders and headers; they get their outlines.
///
/// # Errors
/// A file that cannot be read.
pub fn all_invalid(
    migrations: &mut [Migration],
    mut diagnostics: Vec<Diagnostic>,
    project: &str,
) -> Result<Vec<Diagnostic>, files::Error> {
    let mut all: Vec<&mut Migration> = migrations.iter_mut().collect();
    diagnostics.extend(files::outline(&mut all, Depth::Relations)?);
    let reverts = migrations.iter().filter_map(|one| one.revert.as_deref());
    let mut reverts: Vec<Migration> = reverts.cloned().collect();
    diagnostics.extend(reverts.iter().flat_map(|one| one.problems.clone()));
    let mut sound: Vec<&mut Migration> = reverts
        .iter_mut()
        .filter(|one| one.problems.is_empty())
        .collect();
    diagnostics.extend(files::outline(&mut sound, Depth::Keywords)?);
    let history = History::default();
    let (graph, problems) = Graph::new(migrations.to_vec(), &history);
    diagnostics.extend(problems);
    if !has_error(&diagnostics)
        && let Err(problems) = Plan::new(&graph, &history, project, &Options::default())
    {
        diagnostics.extend(problems);
    }
    Ok(diagnostics)
}

fn outline_pending(
    migrations: &mut [Migration],
    history: &History,
) -> Result<Vec<Diagnostic>, ApplyError> {
    let mut pending: Vec<&mut Migration> = migrations
        .iter_mut()
        .filter(|migration| is_pending(history, migration))
        .collect();
    let has_concurrent = pending
        .iter()
        .any(|migration| migration.kind == Kind::Concurrent);
    let depth = if has_concurrent {
        Depth::Relations
    } else {
        Depth::Keywords
    };
    pending.retain(|migration| match &migration.outline {
        None => true,
        Some(outline) => {
            depth == Depth::Relations && !outline.is_parsed && migration.problems.is_empty()
        }
    });
    files::outline(&mut pending, depth).map_err(|error| unreadable_file(&error))
}

/// A migration that was there and cannot be read any more.
pub(super) fn unreadable_file(error: &files::Error) -> ApplyError {
    ApplyError::Invalid(vec![unreadable(code::UNREADABLE, error)])
}

/// Outlines what was given up and has no schema diff: what it may have changed
/// is asked when the schema is verified. That one cannot be read any more is no
/// reason to stop.
fn outline_abandoned(migrations: &mut [Migration], history: &History) {
    let is_abandoned = |migration: &Migration| {
        let record = history.records.get(&migration.name);
        record.is_some_and(|record| record.state == State::Abandoned)
    };
    let mut abandoned: Vec<&mut Migration> = migrations
        .iter_mut()
        .filter(|one| one.kind == Kind::Concurrent && one.schema_diff.is_none())
        .filter(|one| one.outline.is_none() && is_abandoned(one))
        .collect();
    if !abandoned.is_empty()
        && let Err(error) = files::outline(&mut abandoned, Depth::Relations)
    {
        tracing::debug!(%error, "an abandoned migration cannot be read");
    }
}

fn is_pending(history: &History, migration: &Migration) -> bool {
    history
        .records
        .get(&migration.name)
        .is_none_or(|record| !matches!(record.state, State::Applied | State::Abandoned))
}

fn unreadable(code: Code, error: &files::Error) -> Diagnostic {
    use std::error::Error as _;
    let diagnostic = Diagnostic::new(code, error.to_string());
    match error.source() {
        Some(cause) => diagnostic.note(cause.to_string()),
        None => diagnostic,
    }
}

fn has_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Of batch migrations, by name: `sha256:…`.
pub(super) fn fingerprint<'a>(migrations: impl Iterator<Item = &'a Migration>) -> String {
    let mut hash = Sha256::new();
    for migration in migrations {
        if migration.kind != Kind::Concurrent {
            hash.update(migration.name.as_str());
            hash.update([0]);
            hash.update(migration.checksum.0);
        }
    }
    format!("sha256:{}", Checksum(hash.finalize().into()))
}
