//! What can go wrong when talking to a server, and what that means.
//!
//! SQLSTATEs decide, never message texts: those are localized.

use tokio_postgres::error::{DbError, ErrorPosition, Severity};

use super::connect::ConnectError;
use super::pooler::Pooled;
use crate::text::Variables;

/// A failed operation on a session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server could be had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server refused a statement.
    #[error("{0}")]
    Server(Box<ServerError>),
    /// The connection ended; what was under way may or may not have happened.
    #[error("the connection to the server was lost: {0}")]
    Lost(String),
    /// A pooler does not leave each session its server process.
    #[error(transparent)]
    Pooled(#[from] Pooled),
    /// The server answered something that cannot be.
    #[error("unexpected answer from the server: {0}")]
    Protocol(String),
}

/// An error or a notice as the server reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// ERROR, FATAL, WARNING, NOTICE…; localized.
    pub severity: String,
    /// Whether it ends the session: FATAL or PANIC.
    pub is_fatal: bool,
    /// Five characters.
    pub sqlstate: String,
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT.
    pub context: Option<String>,
    /// Where in the statement as sent, in characters from 1.
    pub position: Option<u32>,
    /// Name of the constraint that it is about.
    pub constraint: Option<String>,
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}

/// What an error means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 55P03: a lock could not be had in time.
    LockTimeout,
    /// 40P01.
    Deadlock,
    /// 40001.
    Serialization,
    /// 55P04: an enum value that is not committed yet was used.
    EnumValueUnusable,
    /// 55006: among others, a table with pending trigger events.
    ObjectInUse,
    /// 53200 and 54000-class shortage of lock memory.
    OutOfMemory,
    /// 25001: the statement refuses a transaction block.
    ActiveTransaction,
    /// 2D000: a `CALL` or `DO` that commits was run in a transaction block.
    InvalidTermination,
    /// 55000: something else would have to be otherwise first.
    NotInPrerequisiteState,
    /// 25P02: an earlier statement of the transaction failed.
    InFailedTransaction,
    /// 23505.
    UniqueViolation,
    /// 42P07 or 42710: it exists already.
    Duplicate,
    /// 42P01, 42704, 42703, 42883, 3F000: it does not exist.
    Undefined,
    /// 57014: cancelled by request or `statement_timeout`.
    Cancelled,
    /// 0A000: among others, a prepared statement whose rows have other types by
    /// now.
    NotSupported,
    /// 42501.
    InsufficientPrivilege,
    /// The connection is gone: lost, terminated, server shut down.
    ConnectionLost,
    /// Everything else.
    Other,
}

impl Failure {
    /// Whether the same statements may succeed when run again.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::LockTimeout | Self::Deadlock | Self::Serialization | Self::ConnectionLost
        )
    }

    /// Whether the connection is gone.
    #[must_use]
    pub fn is_connection_lost(self) -> bool {
        self == Self::ConnectionLost
    }
}

impl Error {
    /// The same with names of variables in place of their values.
    #[must_use]
    pub fn conceal(self, variables: &Variables) -> Self {
        match self {
            Self::Server(error) => Self::Server(Box::new(error.conceal(variables))),
            Self::Lost(reason) => Self::Lost(variables.conceal(&reason)),
            error @ (Self::Connect(_) | Self::Pooled(_) | Self::Protocol(_)) => error,
        }
    }

    /// An answer that cannot be.
    #[must_use]
    pub fn protocol(what: &str) -> Self {
        Self::Protocol(what.to_owned())
    }

    /// What the server said, if it was the server.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            _ => None,
        }
    }

    /// What this error means to us.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Server(error) => error.failure(),
            Self::Lost(_) => Failure::ConnectionLost,
            Self::Connect(_) | Self::Pooled(_) | Self::Protocol(_) => Failure::Other,
        }
    }
}

impl ServerError {
    /// The same with names of variables in place of their values.
    #[must_use]
    pub fn conceal(mut self, variables: &Variables) -> Self {
        if !variables.is_empty() {
            let more = [&mut self.detail, &mut self.hint, &mut self.context];
            for text in more.into_iter().flatten() {
                *text = variables.conceal(text);
            }
            self.message = variables.conceal(&self.message);
        }
        self
    }

    /// Whether it is a warning, class 01; `severity` is localized.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.sqlstate.starts_with("01")
    }

    /// Whether it comes from a pooler: 08P01, a violated protocol, is how
    /// `PgBouncer` says what it does not allow. The server itself says so of a
    /// client that is broken only.
    #[must_use]
    pub fn is_poolers(&self) -> bool {
        self.sqlstate == "08P01"
    }

    /// What this error means to us.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self.sqlstate.as_str() {
            "55P03" => Failure::LockTimeout,
            "40P01" => Failure::Deadlock,
            "40001" => Failure::Serialization,
            "55P04" => Failure::EnumValueUnusable,
            "55006" => Failure::ObjectInUse,
            "53200" => Failure::OutOfMemory,
            "25001" => Failure::ActiveTransaction,
            "2D000" => Failure::InvalidTermination,
            "55000" => Failure::NotInPrerequisiteState,
            "25P02" => Failure::InFailedTransaction,
            "23505" => Failure::UniqueViolation,
            "42P07" | "42710" => Failure::Duplicate,
            "42P01" | "42704" | "42703" | "42883" | "3F000" => Failure::Undefined,
            "57014" => Failure::Cancelled,
            "0A000" => Failure::NotSupported,
            "42501" => Failure::InsufficientPrivilege,
            // admin_shutdown, crash_shutdown, cannot_connect_now, database
            // dropped, and the three timeouts that end a session.
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" | "25P04" => {
                Failure::ConnectionLost
            }
            // As an ERROR it is about a connection that the server has made
            // itself: to a publisher, or by `dblink`.
            state if self.is_fatal && state.starts_with("08") => Failure::ConnectionLost,
            _ => Failure::Other,
        }
    }
}

impl From<&DbError> for ServerError {
    fn from(error: &DbError) -> Self {
        Self {
            severity: error.severity().to_owned(),
            is_fatal: matches!(
                error.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            ),
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(ToOwned::to_owned),
            hint: error.hint().map(ToOwned::to_owned),
            context: error.where_().map(ToOwned::to_owned),
            position: match error.position() {
                Some(ErrorPosition::Original(position)) => Some(*position),
                Some(ErrorPosition::Internal { .. }) | None => None,
            },
            constraint: error.constraint().map(ToOwned::to_owned),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(server) => Self::Server(Box::new(ServerError::from(server))),
            // Only the words: a source chain could name connection parameters.
            None => Self::Lost(error.to_string()),
        }
    }
}
