//! Readings during which somebody drops what is read.
//!
//! The rows of the catalogs are those of one snapshot, but the functions that
//! render them, `pg_get_viewdef` and `regclass` for example, look at the present.
//! Of what has gone in between they raise `cache lookup failed`, give NULL, or
//! `???` for a name. A new reading does not meet it any more.

use std::time::Duration;

use super::Role;
use crate::postgres::{Error, Failure};

/// How often it is tried in all while the server raises errors.
const READINGS_MAX: u32 = 10;

/// How often of these because of what only looks as if it had gone: there are
/// names with `???` in them.
const DOUBTED_MAX: u32 = 2;

/// Between two, as a change has often several steps.
const PAUSE: Duration = Duration::from_millis(5);

/// A value, and whether it seems torn.
pub(super) type Seen<T> = (T, bool);

/// Counts readings until nothing has gone during one; each has to see the
/// present.
#[derive(Default)]
pub(super) struct Readings {
    count: u32,
    /// Whether it holds no locks but its own, so that a deadlock is over when
    /// its transaction is.
    is_alone: bool,
}

impl Readings {
    /// Of readings that are each a transaction.
    pub(super) fn alone() -> Self {
        Self {
            is_alone: true,
            ..Self::default()
        }
    }

    /// What a reading gave; `None` if it is to be done again.
    pub(super) async fn settle<T>(
        &mut self,
        outcome: Result<Seen<T>, Error>,
    ) -> Option<Result<T, Error>> {
        self.count += 1;
        let is_again = match &outcome {
            Err(error) => {
                let is_deadlock = self.is_alone && error.failure() == Failure::Deadlock;
                (is_deadlock || has_gone(error)) && self.count < READINGS_MAX
            }
            Ok((_, is_torn)) => *is_torn && self.count <= DOUBTED_MAX,
        };
        if is_again {
            tokio::time::sleep(PAUSE).await;
            return None;
        }
        Some(outcome.map(|(value, _)| value))
    }
}

/// Whether the server met something that is there no more; `XX000` is what it
/// has for errors that were not thought to reach anybody.
fn has_gone(error: &Error) -> bool {
    let is_internal = |sqlstate: &str| sqlstate == "XX000";
    error.failure() == Failure::Undefined
        || error.server().is_some_and(|one| is_internal(&one.sqlstate))
}

/// Whether a row has something in it that was rendered of what had gone.
pub(super) fn is_torn(role: Role, labels: &[String], row: &[Option<String>]) -> bool {
    const TYPE: &str = "???";
    const ROLE: &str = "unknown (OID=";
    let fixed = role.fixed();
    let (named, rest) = row.split_at(fixed);
    let is_view =
        role == Role::Object && matches!(named[2].as_deref(), Some("view" | "materialized-view"));
    named
        .iter()
        .flatten()
        .any(|name| name.contains(TYPE) || name.contains(ROLE))
        || labels[fixed..]
            .iter()
            .zip(rest)
            .any(|(label, value)| match value {
                None => label == "definition:sql" && (is_view || role == Role::Part),
                Some(text) => !label.contains(':') && (text == TYPE || text.starts_with(ROLE)),
            })
}

#[cfg(test)]
mod tests;
