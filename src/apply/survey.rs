//! Files and ledger, read together: the one preflight of every command that
//! plans.

use sha2::{Digest as _, Sha256};

use super::ApplyError;
use super::check::Expectation;
use crate::diagnostic::{Code, Diagnostic, Severity, code};
use crate::files::{self, Depth};
use crate::graph::Graph;
use crate::history::{History, State};
use crate::migration::{Checksum, Kind, Migration, Name};
use crate::plan::{ExpectedSchema, Options, Plan};
use crate::postgres::Session;
use crate::postgres::ledger::Ledger;

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
}

impl Survey {
    /// Name of the folder's last migration.
    #[must_use]
    pub fn last(&self) -> Option<&Name> {
        self.graph
            .migrations()
            .next_back()
            .map(|migration| &migration.name)
    }
}

/// Reads the history, outlines what is pending, and plans. Writes nothing.
///
/// `migrations` get the outlines that they lack. With an `expectation`, the
/// plan has to be one that can be verified.
///
/// # Errors
/// [`ApplyError::Invalid`] with all that is wrong in files and history;
/// [`ApplyError::Refused`] if there is no expected schema for the server;
/// [`ApplyError::Postgres`].
pub async fn survey(
    session: &Session,
    ledger: &Ledger,
    migrations: &mut [Migration],
    options: &Options,
    expectation: Option<&Expectation>,
) -> Result<Survey, ApplyError> {
    let history = ledger.history(session).await?;
    plan(history, ledger.project(), migrations, options, expectation)
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
    plan(history, project, migrations, options, None)
}

fn plan(
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
    let fingerprint = fingerprint(&graph);
    Ok(Survey {
        graph,
        history,
        plan,
        fingerprint,
    })
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
    files::outline(&mut pending, depth)
        .map_err(|error| ApplyError::Invalid(vec![unreadable(code::UNREADABLE, &error)]))
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

fn fingerprint(graph: &Graph) -> String {
    let mut hash = Sha256::new();
    for migration in graph.migrations() {
        if migration.kind != Kind::Concurrent {
            hash.update(migration.name.as_str());
            hash.update([0]);
            hash.update(migration.checksum.0);
        }
    }
    format!("sha256:{}", Checksum(hash.finalize().into()))
}
