//! Why a deployment is not ready, or not settled.

use std::fmt;
use std::time::Duration;

use super::Problem;
use crate::apply::{ApplyError, human, tail};
use crate::diagnostic::Diagnostic;
use crate::files::{self, expected};
use crate::migration::Name;
use crate::postgres;
use crate::postgres::connect::ConnectError;
use crate::postgres::target::TargetError;
use crate::text::names;

/// Why a deployment is not ready, or not settled.
///
/// As text it says what is wrong, where, what stands, and what to do; it may
/// have several lines. No text holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the [`Deployment`](super::Deployment) was told cannot be used, or
    /// the database is one that segue refuses to work on. Another try without
    /// a change gives the same; the database is as it was.
    #[error("{reason}{}", Help(.help))]
    Refused {
        /// Why.
        reason: String,
        /// What to do instead.
        help: Option<String>,
    },
    /// The migrations have errors, or do not fit what has been applied. The
    /// database is as it was.
    #[error("{}", Listed(.0))]
    Invalid(Vec<Problem>),
    /// No server can be had: it is away, does not let us in, or has no such
    /// database.
    #[error("{reason}{}", Help(.help))]
    Connection {
        /// Why.
        reason: String,
        /// What to do.
        help: Option<String>,
        /// Whether it may pass by itself, as a restart does; a wrong password
        /// does not.
        is_passing: bool,
    },
    /// A migration failed; its transaction was rolled back.
    #[error("{problem}\n{committed}")]
    Migration {
        /// What, where, and the server's words.
        problem: Problem,
        /// What stands all the same.
        committed: Committed,
    },
    /// The schema would not be as expected, so the deployment was not made
    /// ready.
    #[error("{reason}\n{committed}")]
    Mismatch {
        /// What differs, in short.
        reason: String,
        /// What stands all the same.
        committed: Committed,
    },
    /// Something was waited for until its bound was reached. Another try goes
    /// on waiting.
    #[error("gave up after {} while waiting for {what}{}", human(.after), Stands(.committed.as_ref()))]
    TimedOut {
        /// What for, and who was in the way.
        what: String,
        /// How long.
        after: Duration,
        /// What stands all the same; `None` if this only waited.
        committed: Option<Committed>,
    },
    /// COMMIT was sent, and whether it happened could not be found out in
    /// time. The next try finds out.
    #[error("gave up after {} while waiting for the server's answer to COMMIT", human(.after))]
    CommitUnknown {
        /// How long.
        after: Duration,
    },
    /// [`Stopper::stop`](super::Stopper::stop) was called before the
    /// deployment was ready.
    #[error("stopped\n{committed}")]
    Stopped {
        /// What stands all the same.
        committed: Committed,
    },
    /// Another process's run of these migrations failed while this one waited
    /// for it.
    #[error("{reason}")]
    FailedElsewhere {
        /// Which, and why.
        reason: String,
    },
    /// The deployment is ready, and its tail is not done.
    #[error("{0}")]
    Unsettled(Unsettled),
    /// The server failed outside of any migration, or the connection to it was
    /// lost for too long.
    #[error("{reason}")]
    Server {
        /// In its words.
        reason: String,
    },
}

impl Error {
    /// Whether the new code may not serve: everything but
    /// [`Error::Unsettled`].
    #[must_use]
    pub fn is_before_ready(&self) -> bool {
        !matches!(self, Self::Unsettled(_))
    }

    /// Whether another try without any change may go better: somebody was in
    /// the way, or the server away.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connection { is_passing, .. } => *is_passing,
            Self::TimedOut { .. } | Self::CommitUnknown { .. } | Self::Server { .. } => true,
            Self::Unsettled(unsettled) => unsettled.failed.is_empty(),
            _ => false,
        }
    }

    /// What is committed although the run failed; `None` where nothing can be.
    #[must_use]
    pub fn committed(&self) -> Option<&Committed> {
        match self {
            Self::Migration { committed, .. }
            | Self::Mismatch { committed, .. }
            | Self::Stopped { committed } => Some(committed),
            Self::TimedOut { committed, .. } => committed.as_ref(),
            _ => None,
        }
    }

    /// The exit status that `segue up` has in this case, for programs that end
    /// with it: 2 refused, 3 invalid, 4 failed before ready, 5 timed out,
    /// 6 ready but not settled.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Refused { .. } => 2,
            Self::Invalid(_) => 3,
            Self::Connection { .. }
            | Self::Migration { .. }
            | Self::Mismatch { .. }
            | Self::Stopped { .. }
            | Self::FailedElsewhere { .. }
            | Self::Server { .. } => 4,
            Self::TimedOut { .. } | Self::CommitUnknown { .. } => 5,
            Self::Unsettled(_) => 6,
        }
    }

    pub(super) fn refused(reason: impl Into<String>, help: &str) -> Self {
        Self::Refused {
            reason: reason.into(),
            help: Some(help.to_owned()),
        }
    }

    pub(super) fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Invalid(diagnostics.into_iter().map(Problem::new).collect())
    }

    fn of_run(error: ApplyError, partly: Option<&Partly>) -> Self {
        let committed = |names: Vec<Name>| Committed {
            migrations: names.iter().map(ToString::to_string).collect(),
            partly: partly.cloned(),
        };
        match error {
            ApplyError::Partly {
                name,
                statements,
                error,
            } => {
                let migration = name.to_string();
                let partly = Partly {
                    migration,
                    statements,
                };
                Self::of_run(*error, Some(&partly))
            }
            ApplyError::Invalid(diagnostics) => Self::invalid(diagnostics),
            ApplyError::Migration {
                diagnostic,
                committed: names,
            }
            | ApplyError::Conflict {
                diagnostic,
                committed: names,
            } => Self::Migration {
                problem: Problem::new(*diagnostic),
                committed: committed(names),
            },
            ApplyError::Mismatch {
                mismatch,
                committed: names,
            } => Self::Mismatch {
                reason: mismatch.summary(),
                committed: committed(names),
            },
            ApplyError::TimedOut {
                what,
                after,
                committed: names,
                ..
            } => Self::TimedOut {
                what,
                after,
                committed: Some(committed(names)),
            },
            ApplyError::Blocked {
                gave_up,
                committed: names,
            } => Self::TimedOut {
                what: gave_up.what,
                after: gave_up.after,
                committed: Some(committed(names)),
            },
            ApplyError::CommitUnknown { after, .. } => Self::CommitUnknown { after },
            ApplyError::Interrupted {
                committed: names, ..
            } => Self::Stopped {
                committed: committed(names),
            },
            ApplyError::Refused { reason, help } => Self::Refused {
                reason,
                help: Some(help),
            },
            ApplyError::Postgres(error) => error.into(),
        }
    }
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        Self::of_run(error, None)
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Connect(error) => error.into(),
            postgres::Error::Pooled(pooled) => Self::refused(pooled.to_string(), pooled.help()),
            postgres::Error::Server(error) => Self::Server {
                reason: error.to_string(),
            },
            error @ (postgres::Error::Lost(_) | postgres::Error::Protocol(_)) => Self::Server {
                reason: error.to_string(),
            },
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connection {
            reason: error.to_string(),
            help: error.help(),
            is_passing: error.is_passing(),
        }
    }
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Self::Refused {
            reason: error.to_string(),
            help: error.help(),
        }
    }
}

impl From<expected::Error> for Error {
    fn from(error: expected::Error) -> Self {
        let help = "after a merge, `segue write-schema --throwaway` writes all of it anew";
        Self::refused(with_cause(&error), help)
    }
}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        Self::Refused {
            reason: with_cause(&error),
            help: None,
        }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What is committed although a run failed: the next one goes on after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// Migrations of this run, by the names of their files.
    pub migrations: Vec<String>,
    /// The one that runs statement by statement and got so far.
    pub partly: Option<Partly>,
}

/// A migration outside a transaction, of which a part is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partly {
    /// Name of its file.
    pub migration: String,
    /// How many of its statements are done, at least one.
    pub statements: usize,
}

impl Committed {
    /// Whether the database is as it was.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.migrations.is_empty() && self.partly.is_none()
    }
}

impl fmt::Display for Committed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return formatter.write_str("nothing was committed: the database is as it was");
        }
        formatter.write_str("committed: ")?;
        match self.migrations.as_slice() {
            [] => {}
            [one] => write!(formatter, "`{one}`")?,
            [first, .., last] => {
                let count = self.migrations.len();
                write!(formatter, "{count} migrations, `{first}` to `{last}`")?;
            }
        }
        let Some(Partly {
            migration,
            statements,
        }) = &self.partly
        else {
            return Ok(());
        };
        if !self.migrations.is_empty() {
            formatter.write_str("; ")?;
        }
        match statements {
            1 => write!(formatter, "the first statement of `{migration}`"),
            count => write!(formatter, "the first {count} statements of `{migration}`"),
        }
    }
}

/// How a tail that is not done stands. The deployment is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsettled {
    /// Migrations that failed, each with its reason.
    pub failed: Vec<(String, Problem)>,
    /// Migrations that go on in the server: this run was stopped.
    pub detached: Vec<String>,
    /// Migrations that another process runs.
    pub elsewhere: Vec<String>,
    /// Migrations that were not begun, cancelled, or stopped on their way.
    pub open: Vec<String>,
    /// All is done, and the schema is not as expected: what differs, in short.
    pub mismatch: Option<String>,
}

impl Unsettled {
    pub(super) fn of(report: &tail::Report) -> Self {
        let named =
            |names: &[(Name, i32)]| names.iter().map(|(name, _)| name.to_string()).collect();
        let open = [&report.cancelled, &report.left_behind, &report.not_started];
        let stopped = report.stopped.iter().map(|(name, ..)| name);
        let open = open.into_iter().flatten().chain(stopped);
        let mut open: Vec<String> = open.map(Name::to_string).collect();
        open.sort();
        let failed = report.failed.iter().map(|(name, diagnostic)| {
            (name.to_string(), Problem::new(diagnostic.as_ref().clone()))
        });
        Self {
            failed: failed.collect(),
            detached: named(&report.detached),
            elsewhere: named(&report.elsewhere),
            open,
            mismatch: None,
        }
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the deployment is ready, and its tail is not done")?;
        let mut list = |what: &str, found: &[String]| match found {
            [] => Ok(()),
            found => write!(formatter, "; {what}: {}", names(found)),
        };
        let failed: Vec<_> = self.failed.iter().map(|(name, _)| name.clone()).collect();
        list("failed", &failed)?;
        list("goes on in the server", &self.detached)?;
        list("run by another process", &self.elsewhere)?;
        list("not done", &self.open)?;
        if let Some(mismatch) = &self.mismatch {
            write!(formatter, "; {mismatch}")?;
        }
        for (_, problem) in &self.failed {
            write!(formatter, "\n{problem}")?;
        }
        Ok(())
    }
}

/// `\nhelp: …`, if there is one.
struct Help<'a>(&'a Option<String>);

impl fmt::Display for Help<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(help) => write!(formatter, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

/// What stands, on a line of its own, if anything can.
struct Stands<'a>(Option<&'a Committed>);

impl fmt::Display for Stands<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(committed) => write!(formatter, "\n{committed}"),
            None => Ok(()),
        }
    }
}

/// Problems one after another.
struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}
