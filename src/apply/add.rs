//! `segue add`: a new file becomes a migration.
//!
//! [`Newcomer`] is the file under its name to be, `observe` runs it on a
//! database and reads the schema before and after, `finish` writes what
//! follows: lines in its header, the expected schema, and the file into its
//! folder. Until that, file, folder and expected schema are as they were.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::{ApplyError, Verification};
use crate::diagnostic::Diagnostic;
use crate::ending::Ending;
use crate::files::draft::{self, Original};
use crate::files::{self, expected};
use crate::migration::Name;
use crate::postgres;
use crate::schema::{Diff, Snapshot};

mod claim;
mod clean_up;
mod earlier;
mod finish;
mod newcomer;
mod observe;

pub use claim::claim;
pub use newcomer::Newcomer;
pub use observe::Site;

use observe::{Missed, observe};

/// Adds a new migration: runs it at each of `sites`, one per major version of
/// the server, then writes what follows. A database that stays comes last, so
/// that nothing stays where another site refuses.
///
/// # Errors
/// [`AddError`]; but for [`AddError::Applied`], files are as before.
pub async fn add(
    mut newcomer: Newcomer,
    sites: &[Site<'_>],
    verification: &Verification,
) -> Result<Added, AddError> {
    draft::probe(&verification.folder)?;
    let lasting = sites.iter().find(|site| !site.is_replayed);
    let lasting = lasting.map(|site| site.run);
    // Held to the end: others may add to the same database from another folder.
    let _turn = match lasting {
        Some(run) => Some(claim::turn(run).await?),
        None => None,
    };
    let mut earlier = match lasting {
        Some(run) => earlier::take_up(run, &mut newcomer).await?,
        None => None,
    };
    let is_resumed = earlier.is_some();
    let mut observed = Vec::with_capacity(sites.len());
    for site in sites {
        // Only a database that stays has something of an earlier one.
        let earlier = if site.is_replayed {
            None
        } else {
            earlier.take()
        };
        match observe(*site, &newcomer, verification, earlier).await {
            Ok(one) => observed.push(one),
            Err(Missed::NotApplied(error)) => return Err(error),
            Err(Missed::Applied(error)) if site.is_replayed => return Err(error),
            Err(Missed::Applied(error)) => return Err(finish::keep(newcomer, error)),
        }
    }
    let (name, folder) = (newcomer.name().clone(), newcomer.folder().to_owned());
    let mut added = finish::finish(newcomer, observed, verification, lasting).await?;
    Newcomer::sweep(&name, &folder);
    added.is_resumed = is_resumed;
    Ok(added)
}

/// What a database showed of a new migration.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Major version of the server.
    pub major: u32,
    /// Older migrations that were pending, and were applied first.
    pub older: Vec<Name>,
    /// The schema before it, rules applied; all older ones settled.
    pub before: Snapshot,
    /// The schema after it, rules applied.
    pub after: Snapshot,
    /// From what the expected schema has to what `before` is; empty, unless
    /// the user wants to go on all the same.
    pub drift: Diff,
    /// Rules of the project that matched nothing.
    pub idle_rules: Vec<String>,
    /// Concurrent migrations that were given up here.
    pub abandoned: BTreeSet<Name>,
    /// How long it took.
    pub took: Duration,
}

/// A part of the expected schema that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// For this major version.
    pub major: u32,
    /// How many files were written or removed.
    pub files: usize,
}

/// What was done.
#[derive(Debug)]
pub struct Added {
    /// Where it is now.
    pub path: PathBuf,
    /// What each site showed, in their order.
    pub observed: Vec<Observed>,
    /// The lines that were written into its header.
    pub endings: Vec<Ending>,
    /// The major versions for which its header has a schema diff by now, if it
    /// is a concurrent migration; those observed now.
    pub diffs: Vec<u32>,
    /// What was written of the expected schema.
    pub parts: Vec<Part>,
    /// Major versions that the expected schema, or the header, has parts for
    /// which were not observed now.
    pub stale: BTreeSet<u32>,
    /// What became of the file.
    pub original: Original,
    /// Whether an earlier `segue add` had begun it and was killed.
    pub is_resumed: bool,
}

/// Why nothing was added, or not all that belongs to it.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Files are not such that anything may run.
    #[error("the migrations are not valid")]
    Invalid(Vec<Diagnostic>),
    /// Not a file, folder or database that this can be done with.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// What to do instead.
        help: String,
    },
    /// The schema before the new migration is not the expected one.
    #[error("the schema is not the expected one, before the new migration")]
    Drift {
        /// Of the server.
        major: u32,
        /// From the expected schema to what is there.
        difference: Box<Diff>,
        /// Older migrations that were applied first.
        older: Vec<Name>,
        /// Whether the database is one of segue's own, so that the folder's
        /// migrations are at odds with the expected schema.
        is_replayed: bool,
    },
    /// The database has what the folder lacks.
    #[error("the database has migrations that the folder lacks")]
    Ahead {
        /// Which.
        missing: Vec<Name>,
        /// Copies of some of them, which a `segue add` that was killed has left
        /// in the folder.
        copies: Vec<PathBuf>,
    },
    /// An older migration failed, or is not done.
    #[error("an older migration failed")]
    Older(Box<ApplyError>),
    /// The new one failed.
    #[error("{error}")]
    Failed {
        /// How.
        error: Box<ApplyError>,
        /// Older migrations that were applied first.
        older: Vec<Name>,
        /// What it has left in the database.
        remains: Vec<Remains>,
        /// Major version of the server, if the database was one of segue's own.
        replayed_on: Option<u32>,
    },
    /// It is applied, and what follows could not be done.
    #[error("what follows from `{name}` could not be written")]
    Applied {
        /// Which.
        name: Name,
        /// Where it is; `None` if it is where it was, and has to be added
        /// again.
        path: Option<PathBuf>,
        /// Why.
        error: Box<Self>,
    },
    /// Files cannot be written.
    #[error(transparent)]
    Draft(#[from] draft::Error),
    /// Files cannot be read.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The expected schema cannot be read or written.
    #[error(transparent)]
    Expected(#[from] expected::Error),
    /// The server or the connection failed outside of any migration.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// A run failed outside of any migration.
    #[error(transparent)]
    Apply(Box<ApplyError>),
}

impl From<ApplyError> for AddError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Invalid(diagnostics) => Self::Invalid(diagnostics),
            ApplyError::Refused { reason, help } => Self::Refused { reason, help },
            error => Self::Apply(Box::new(error)),
        }
    }
}

/// What a migration that failed has left, and what removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// For people: `statement 1, CREATE TABLE t (a int)`.
    pub what: String,
    /// The command that removes it, if it is known.
    pub undo: Option<String>,
}
