//! Why no server could be had, one variant per thing to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::postgres::target::{SessionAttributes, Target};
use crate::postgres::tls::TlsError;

/// Which database was asked for, where and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Database.
    pub database: String,
    /// User.
    pub user: String,
    /// One host, `` `db1` (10.0.0.3), port 5432 ``, or all that were tried.
    pub host: String,
}

impl Place {
    pub(super) fn new(target: &Target, host: &str) -> Self {
        Self {
            database: target.database().to_owned(),
            user: target.user().to_owned(),
            host: host.to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "database `{}` as user `{}` at {}",
            self.database, self.user, self.host
        )
    }
}

/// One address that was tried, and why it would not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `` `db1` (10.0.0.3), port 5432 `` or `` socket `/tmp/.s.PGSQL.5432` ``.
    pub host: String,
    /// Lower case, no final period.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.host, self.reason)
    }
}

/// What the server said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Five characters.
    pub sqlstate: String,
    /// Primary message, in the server's language.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        if let Some(detail) = &self.detail {
            write!(formatter, "; {detail}")?;
        }
        Ok(())
    }
}

/// No connection; never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// At least one server is only starting, or not running: wait longer.
    #[error("no server accepts connections{} for {place}: {}", after(.waited), list(.attempts))]
    NotAccepting {
        /// What was asked for.
        place: Box<Place>,
        /// One for each address, in the order of trying.
        attempts: Vec<Attempt>,
        /// How long it was tried.
        waited: Duration,
    },
    /// No server answers: names that do not resolve, networks that do not carry.
    #[error("cannot reach {place}: {}", list(.attempts))]
    Unreachable {
        /// What was asked for.
        place: Box<Place>,
        /// One for each address, in the order of trying.
        attempts: Vec<Attempt>,
    },
    /// Servers answer, and none is of the kind that `target_session_attrs` wants.
    #[error("no server is `{}` for {place}: {}", .wanted.name(), list(.attempts))]
    WrongKind {
        /// What was asked for.
        place: Box<Place>,
        /// The kind of server that is wanted.
        wanted: SessionAttributes,
        /// One for each address, in the order of trying.
        attempts: Vec<Attempt>,
    },
    /// The server wants a password and none is given.
    #[error("cannot connect to {place}: the server wants a password, and none is given{}", notes(.warnings))]
    PasswordMissing {
        /// What was asked for.
        place: Box<Place>,
        /// Why the password file did not help.
        warnings: Vec<String>,
    },
    /// SQLSTATE 28P01.
    #[error("cannot connect to {place}: {refusal}")]
    WrongPassword {
        /// What was asked for.
        place: Box<Place>,
        /// The server's words.
        refusal: Box<Refusal>,
    },
    /// SQLSTATE 28000: no line in `pg_hba.conf`, no such role, wrong peer.
    #[error("cannot connect to {place}: {refusal}")]
    NotPermitted {
        /// What was asked for.
        place: Box<Place>,
        /// The server's words.
        refusal: Box<Refusal>,
    },
    /// SQLSTATE 3D000.
    #[error("cannot connect to {place}: {refusal}")]
    NoDatabase {
        /// What was asked for.
        place: Box<Place>,
        /// The server's words.
        refusal: Box<Refusal>,
    },
    /// SQLSTATE 53300: later there may be room.
    #[error("cannot connect to {place}: {refusal}")]
    TooManyConnections {
        /// What was asked for.
        place: Box<Place>,
        /// The server's words.
        refusal: Box<Refusal>,
    },
    /// The log-in went well and the first statement is not answered: a pooler
    /// without a free connection, or a server that stands still.
    #[error("connected to {place}, but it did not answer within {} s", .waited.as_secs())]
    NoAnswer {
        /// What was asked for.
        place: Box<Place>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server refuses for any other reason.
    #[error("cannot connect to {place}: {refusal}")]
    Refused {
        /// What was asked for.
        place: Box<Place>,
        /// The server's words.
        refusal: Box<Refusal>,
    },
    /// No encrypted connection, or not with a server that can be trusted.
    #[error("cannot connect securely to {place}: {failure}")]
    Tls {
        /// What was asked for.
        place: Box<Place>,
        /// Why.
        failure: TlsFailure,
    },
    /// Something answered that does not behave like a server we know.
    #[error("cannot connect to {place}: {reason}")]
    Protocol {
        /// What was asked for.
        place: Box<Place>,
        /// What was strange.
        reason: String,
    },
    /// The request to cancel a statement did not reach the server.
    #[error("cannot ask {host} to cancel: {reason}")]
    Cancel {
        /// The server that the session is connected to.
        host: String,
        /// Why.
        reason: String,
    },
}

/// Why there is no encrypted connection.
#[derive(Debug, thiserror::Error)]
pub enum TlsFailure {
    /// It cannot even be tried.
    #[error("{0}")]
    Setup(String),
    /// The server has no TLS.
    #[error("the server does not offer TLS, and `sslmode` demands it")]
    NotOffered,
    /// The server's certificate is not from a trusted authority.
    #[error("the server's certificate is not trusted: {0}")]
    NotTrusted(String),
    /// The server's certificate is of a form that cannot be verified: X.509
    /// version 1, or an authority's own.
    #[error("the server's certificate cannot be verified: {0}")]
    Unverifiable(String),
    /// The server's certificate is for other hosts.
    #[error("the server's certificate is not for this host: {0}")]
    WrongName(String),
    /// Anything else in the handshake; a client certificate that is refused.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
}

impl TlsFailure {
    pub(super) fn from_setup(error: &TlsError) -> Self {
        Self::Setup(error.to_string())
    }

    pub(super) fn from_io(error: &std::io::Error) -> Self {
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. },
            )) => Self::WrongName(error.to_string()),
            Some(rustls::Error::InvalidCertificate(
                rustls::CertificateError::Other(_) | rustls::CertificateError::BadEncoding,
            )) => Self::Unverifiable(error.to_string()),
            Some(rustls::Error::InvalidCertificate(_)) => Self::NotTrusted(error.to_string()),
            _ => Self::Handshake(error.to_string()),
        }
    }
}

/// rustls' own error within one of a stream.
pub(super) fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

impl ConnectError {
    /// The error for a server that answered with one.
    pub(super) fn refused(place: Box<Place>, error: &tokio_postgres::error::DbError) -> Self {
        let refusal = Box::new(Refusal {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
        });
        match *error.code() {
            SqlState::INVALID_PASSWORD => Self::WrongPassword { place, refusal },
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Self::NotPermitted { place, refusal },
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { place, refusal },
            SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections { place, refusal },
            _ => Self::Refused { place, refusal },
        }
    }

    /// Whether a later try may go better without anybody doing anything about
    /// the connection: a restart passes, a wrong password does not.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::NotAccepting { .. }
                | Self::Unreachable { .. }
                | Self::WrongKind { .. }
                | Self::NoDatabase { .. }
                | Self::TooManyConnections { .. }
                | Self::NoAnswer { .. }
                | Self::Refused { .. }
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NotAccepting { .. } => {
                "check that the server runs and that host and port are right; \
                 `--connect-wait 30s` waits for one that is starting"
            }
            Self::Unreachable { .. } => "check host, port and the network in between",
            Self::WrongKind { .. } => "name a host that is, or change `target_session_attrs`",
            Self::PasswordMissing { .. } => {
                "set `PGPASSWORD`, or write the password to `~/.pgpass` (mode 0600)"
            }
            Self::WrongPassword { .. } => {
                "check user and password: connection string, `PGPASSWORD`, `~/.pgpass`"
            }
            Self::NotPermitted { .. } => {
                "check that the role exists and may log in, and that `pg_hba.conf` lets this user \
                 into this database from here with this `sslmode`"
            }
            Self::NoDatabase { place, .. } => {
                return Some(format!(
                    "check the name, or create it: `createdb {}`",
                    place.database
                ));
            }
            Self::TooManyConnections { .. } => {
                "try again later, or raise `max_connections` or the role's or database's limit"
            }
            Self::NoAnswer { .. } => {
                "if this is a pooler, its pool has no free connection: segue needs two, and while \
                 a tail runs two and one for each of `--jobs`; raise its `pool_size`, or go around \
                 it by `--direct-url`"
            }
            Self::Refused { refusal, .. } => {
                // PgBouncer's own words; it has no SQLSTATE of its own for it.
                if refusal.message.contains("unsupported startup parameter") {
                    "leave `options` out of the connection string and PGOPTIONS out of the \
                     environment, set `ignore_startup_parameters` in the pooler's configuration, \
                     or go around it by `--direct-url`"
                } else {
                    return refusal.hint.clone();
                }
            }
            Self::Tls { failure, .. } => return failure.help().map(str::to_owned),
            Self::Protocol { .. } => "check that host and port are those of a PostgreSQL server",
            Self::Cancel { .. } => return None,
        };
        Some(help.to_owned())
    }
}

impl TlsFailure {
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::NotOffered => Some("turn `ssl` on at the server, or use `sslmode=prefer`"),
            Self::NotTrusted(_) => Some(
                "set `sslrootcert` to the file with the certificate of the authority that signed \
                 the server's, or to `system`",
            ),
            Self::Unverifiable(_) => Some(
                "give the server a certificate of X.509 version 3 that is no authority's (`openssl \
                 x509 -req` makes one with `-extfile` and `-extensions`), or put its own, if \
                 self-signed, into `sslrootcert`",
            ),
            Self::WrongName(_) => Some(
                "use a host name that the certificate holds, or `sslmode=verify-ca` if any host \
                 of that authority will do",
            ),
            Self::Handshake(_) => {
                Some("if the server demands a client certificate, check `sslcert` and `sslkey`")
            }
            Self::Setup(_) => None,
        }
    }
}

/// An error and its causes in one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn list(attempts: &[Attempt]) -> String {
    attempts
        .iter()
        .map(Attempt::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn notes(warnings: &[String]) -> String {
    warnings
        .iter()
        .fold(String::new(), |text, warning| text + "; " + warning)
}

fn after(duration: &Duration) -> String {
    if duration.as_secs() == 0 {
        String::new()
    } else {
        format!(" after {} s", duration.as_secs())
    }
}
