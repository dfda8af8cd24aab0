//! The tail.

use super::{ApplyError, Run};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::migration::Name;
use crate::plan::TailStep;
use crate::postgres::Session;
use crate::postgres::ledger::Ledger;

/// How the tail ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Done by us or by others.
    pub done: Vec<Name>,
    /// Ended with an error.
    pub failed: Vec<(Name, Box<Diagnostic>)>,
    /// Go on in the server.
    pub detached: Vec<(Name, i32)>,
}

impl Report {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.failed.is_empty() && self.detached.is_empty()
    }

    /// The first error, one line.
    #[must_use]
    pub fn first_failure(&self) -> Option<String> {
        let (name, diagnostic) = self.failed.first()?;
        Some(format!("{name}: {}", diagnostic.message))
    }

    pub(super) fn into_error(self, committed: &[Name]) -> ApplyError {
        let diagnostic = self.failed.into_iter().next().expect("failed").1;
        ApplyError::Migration {
            diagnostic,
            committed: committed.to_vec(),
        }
    }
}

#[expect(clippy::unused_async, reason = "comes with the next merge")]
pub(super) async fn run(
    _: &Run,
    _: &Ledger,
    _: &Graph,
    _: &[TailStep],
    _: Option<i64>,
) -> Result<Report, ApplyError> {
    Ok(Report::default())
}

#[expect(clippy::unused_async, reason = "comes with the next merge")]
pub(super) async fn wait_for(
    _: &Run,
    _: &Ledger,
    _: &Session,
    _: &Name,
    _: &Name,
) -> Result<(), ApplyError> {
    Ok(())
}
