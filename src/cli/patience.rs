//! How long a command that reads a schema waits for locks.

use std::time::Duration;

use clap::Args;

use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use crate::apply::{ApplyError, human};

/// Bound of reading a schema.
#[derive(Args, Clone, Copy, Debug)]
pub struct PatienceArgs {
    /// How long to wait for locks that reading the schema needs [default: 1m]
    #[arg(long, value_name = "D")]
    pub retry_for: Option<HumanDuration>,
}

/// Longest wait for a lock at a time: as that of `up`.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_millis(50);
const RETRY_FOR: Duration = Duration::from_mins(1);

impl PatienceArgs {
    /// How long to wait in all.
    pub(super) fn retry_for(self) -> Duration {
        self.retry_for.map_or(RETRY_FOR, |bound| bound.0)
    }
}

/// An error of a reading: unlike a run, it has changed nothing, and there is
/// nothing to start afresh.
pub(super) fn of_reading(error: ApplyError) -> Error {
    match error {
        ApplyError::TimedOut {
            what,
            after,
            option,
            ..
        } => Error::new(
            Outcome::TimedOut,
            format!("gave up after {} while waiting for {what}", human(&after)),
        )
        .help(format!("`{option}` sets how long to wait")),
        error => error.into(),
    }
}
