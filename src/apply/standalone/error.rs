//! Why a standalone or concurrent migration is not done.

use std::time::Duration;

use crate::apply::{ApplyError, GaveUp, Signal, human};
use crate::diagnostic::Diagnostic;
use crate::migration::Name;
use crate::postgres::activity::LockWait;
use crate::postgres::{self, Failure};

/// Why a migration is not done. What was committed stays and is not run again.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// A statement failed, or the file cannot be taken up again.
    #[error("{}", .0.message)]
    Failed(Box<Diagnostic>),
    /// A statement was cancelled by somebody; what it left has been removed,
    /// as far as that could be done.
    #[error("{}", .0.message)]
    Cancelled(Box<Diagnostic>),
    /// The user asked to end while a standalone migration ran.
    #[error("interrupted")]
    Interrupted(Signal),
    /// The connection ended. The next run finds out what was done.
    #[error("the connection to the server was lost: {0}")]
    ConnectionLost(String),
    /// A wait reached its bound.
    #[error("gave up after {} while waiting for {what}; `{option}` sets how long", human(.after))]
    TimedOut {
        /// What for, for people.
        what: String,
        /// How long.
        after: Duration,
        /// The option that bounds it.
        option: &'static str,
    },
    /// A statement that would have to queue was not due again in time.
    #[error(transparent)]
    Blocked(GaveUp),
    /// Another run, in the session with this pid, needs the migration's locks
    /// for its batch: nothing is run until it has them no more. What a
    /// cancelled statement left has been removed, as far as that could be done.
    #[error("pre-empted by another run, pid {0}")]
    Preempted(i32),
    /// A statement, of this number, needs a lock that a concurrent migration
    /// holds. It was not run.
    #[error("statement {1} needs a lock that a concurrent migration holds")]
    Conflict(Box<LockWait>, usize),
    /// A statement freed the migration's lock, and another session took it.
    #[error(
        "the lock of the migration was freed by one of its statements and taken by another run"
    )]
    LockLost,
    /// The server refused one of our own statements.
    #[error(transparent)]
    Postgres(postgres::Error),
}

impl From<postgres::Error> for StandaloneError {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Lost(reason) => Self::ConnectionLost(reason),
            postgres::Error::Server(server) if server.failure().is_connection_lost() => {
                Self::ConnectionLost(server.message)
            }
            error => Self::Postgres(error),
        }
    }
}

impl StandaloneError {
    /// As an error of the run.
    pub(in crate::apply) fn into_apply_error(self, committed: &[Name]) -> ApplyError {
        let committed = committed.to_vec();
        match self {
            Self::ConnectionLost(reason) => ApplyError::Postgres(postgres::Error::Lost(reason)),
            Self::Failed(diagnostic) | Self::Cancelled(diagnostic) => ApplyError::Migration {
                diagnostic,
                committed,
            },
            Self::Interrupted(signal) => ApplyError::Interrupted { signal, committed },
            Self::Blocked(gave_up) => ApplyError::Blocked { gave_up, committed },
            Self::TimedOut {
                what,
                after,
                option,
            } => ApplyError::TimedOut {
                what,
                after,
                option,
                committed,
            },
            Self::LockLost => ApplyError::Refused {
                reason: self.to_string(),
                help: "remove `DISCARD ALL` or `pg_advisory_unlock_all()` from the file".to_owned(),
            },
            // Only for those who deal with them: `tail`, `up`.
            Self::Preempted(_) | Self::Conflict(..) => ApplyError::Refused {
                reason: self.to_string(),
                help: "run segue again".to_owned(),
            },
            Self::Postgres(error) => ApplyError::Postgres(error),
        }
    }

    /// Whether somebody has cancelled what was run.
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled(_) => true,
            Self::Postgres(error) => error.failure() == Failure::Cancelled,
            _ => false,
        }
    }
}
