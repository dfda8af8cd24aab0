//! Why a connection string or its surroundings cannot be used.

use std::path::PathBuf;

/// A connection that cannot be made sense of.
///
/// No variant holds a value that may be a password: whatever a person mistypes
/// around one (a raw `@`, a missing quote) is described and not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither a URI nor a keyword=value string, or a broken one.
    #[error("the connection string is malformed: {reason}")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// What to type instead.
        help: Option<String>,
    },
    /// A parameter that libpq does not know either.
    #[error("unknown connection parameter `{keyword}` in {place}")]
    UnknownParameter {
        /// As written.
        keyword: String,
        /// `the connection string` or a service file.
        place: String,
        /// What it was probably meant to be.
        nearest: Option<&'static str>,
    },
    /// A parameter whose value makes no sense.
    #[error("connection parameter `{parameter}` ({origin}) {reason}")]
    InvalidValue {
        /// Keyword.
        parameter: &'static str,
        /// Where the value came from: `PGSSLMODE`, `connection string`.
        origin: String,
        /// Continues the sentence: `must be …`.
        reason: String,
    },
    /// A parameter of libpq that segue cannot honour.
    #[error("connection parameter `{parameter}` ({origin}) is not supported: {reason}")]
    Unsupported {
        /// Keyword.
        parameter: &'static str,
        /// Where the value came from.
        origin: String,
        /// Why.
        reason: String,
    },
    /// The service is in none of the service files.
    #[error("definition of service `{service}` not found in {}", places(.files))]
    ServiceNotFound {
        /// Name that was looked for.
        service: String,
        /// Files that were read or are missing.
        files: Vec<PathBuf>,
    },
    /// A service file that cannot be read or is malformed.
    #[error("service file `{}`{}: {reason}", .file.display(), .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    ServiceFile {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// No user is given and the operating system knows none.
    #[error("no user to connect as: the operating system has no name for this user")]
    NoUser,
}

impl TargetError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Syntax { help, .. } => help.clone(),
            Self::UnknownParameter { nearest, .. } => {
                nearest.map(|nearest| format!("did you mean `{nearest}`?"))
            }
            Self::ServiceNotFound { service, .. } => Some(format!(
                "add a section `[{service}]` to a service file, or set `PGSERVICEFILE`"
            )),
            Self::NoUser => {
                Some("set `PGUSER`, or name the user in the connection string".to_owned())
            }
            Self::InvalidValue { .. } | Self::Unsupported { .. } | Self::ServiceFile { .. } => None,
        }
    }
}

fn places(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return "any service file: there is no home directory".to_owned();
    }
    files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect::<Vec<_>>()
        .join(" or ")
}
