//! [`Target`] → an open connection to the first server that will do.
//!
//! Hosts are tried in their order and each address of each host, as libpq does
//! it (manual, "Specifying Multiple Hosts"); what an open connection is used for
//! is left to the caller.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::Stream;
use rustls::ClientConfig;
use tokio_postgres::{AsyncMessage, Client};

mod attempt;
mod endpoint;
mod error;

pub use error::{Attempt, ConnectError, Place, Refusal, TlsFailure};

use super::target::host::Host;
use super::target::{SessionAttributes, SslMode, Target};
use super::tls;
use attempt::{Failed, Step};
use endpoint::Endpoint;

/// Messages of a connection outside of replies. Polling it drives the
/// connection: nothing is sent or received otherwise. It ends when the client is
/// dropped, or with an error.
pub type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

/// An open connection.
pub struct Connected {
    /// Sends statements.
    pub client: Client,
    /// Drives the connection; yields notices and notifications.
    pub connection: Messages,
    /// Cancels what the connection runs.
    pub canceller: Canceller,
    /// The server that answered: `` `db1` (10.0.0.3), port 5432 ``.
    pub host: String,
    /// As in `server_version_num`: 150005 is 15.5.
    pub server_version: u32,
    /// Whether what is sent is encrypted.
    pub encrypted: bool,
}

impl fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connected")
            .field("host", &self.host)
            .field("server_version", &self.server_version)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

/// Cancels what a connection runs, by a connection of its own to the same
/// server, encrypted if that one is.
#[derive(Clone)]
pub struct Canceller {
    token: tokio_postgres::CancelToken,
    endpoint: Endpoint,
    encryption: Option<Encryption>,
}

/// No secret key in it.
impl fmt::Debug for Canceller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Canceller")
            .field(&self.endpoint.description)
            .finish()
    }
}

/// How to encrypt a stream.
#[derive(Clone)]
struct Encryption {
    config: Arc<ClientConfig>,
    /// Begin with the handshake, without asking first.
    direct: bool,
}

impl Canceller {
    /// Asks the server to cancel the statement that the connection runs now.
    ///
    /// The server does not tell whether there was one, and whatever runs when
    /// the request arrives is what it hits.
    ///
    /// # Errors
    /// [`ConnectError::Cancel`] if the request cannot be delivered within 10 s.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        const LIMIT: Duration = Duration::from_secs(10);
        let failed = |reason| ConnectError::Cancel {
            host: self.endpoint.description.clone(),
            reason,
        };
        let request = attempt::cancel(&self.token, &self.endpoint, self.encryption.as_ref());
        match tokio::time::timeout(LIMIT, request).await {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(failed(format!("no answer within {} s", LIMIT.as_secs()))),
        }
    }
}

/// Connects to the first host that will do.
///
/// While all that stands in the way is a server that does not accept
/// connections yet (nothing listens, it says that it is starting, or it hangs
/// up before the first word), tries again for `wait`; zero tries once.
///
/// # Errors
/// [`ConnectError`]; a server that refuses is final, whatever hosts follow.
pub async fn connect(target: &Target, wait: Duration) -> Result<Connected, ConnectError> {
    const PAUSE_MAX: Duration = Duration::from_secs(1);
    let start = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let mut outcome = connect_once(target).await;
        let Err(ConnectError::NotAccepting { waited, .. }) = &mut outcome else {
            return outcome;
        };
        *waited = start.elapsed();
        let left = wait.saturating_sub(*waited);
        if left.is_zero() {
            return outcome;
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A server that has let us in answers the first statement at once; a pooler
/// lets everybody in and has some of them wait for a free connection.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The error for a server that has not answered for [`ANSWER_MAX`].
pub(super) fn no_answer(target: &Target, host: &str) -> ConnectError {
    ConnectError::NoAnswer {
        place: Box::new(Place::new(target, host)),
        waited: ANSWER_MAX,
    }
}

/// Tries every host once, or twice where a standby is preferred.
async fn connect_once(target: &Target) -> Result<Connected, ConnectError> {
    let options = target.options();
    let mut hosts: Vec<&Host> = target.host_list().iter().collect();
    if options.shuffle {
        fastrand::shuffle(&mut hosts);
    }
    let needs_tls = options.tls.mode != SslMode::Disable
        && hosts
            .iter()
            .any(|host| host.socket_directories().is_empty());
    // Files that cannot be used are told where encryption is tried: `prefer`
    // does without, as in libpq.
    let encryption = needs_tls.then(|| {
        tls::client_config(&options.tls)
            .map(|config| Encryption {
                config,
                direct: options.tls.direct,
            })
            .map_err(|error| TlsFailure::from_setup(&error).to_string())
    });
    let rounds: &[SessionAttributes] = match options.session {
        SessionAttributes::PreferStandby => &[SessionAttributes::Standby, SessionAttributes::Any],
        ref other => std::slice::from_ref(other),
    };
    let mut attempts = Vec::new();
    let mut worst = Step::Unreachable;
    for &session in rounds {
        attempts.clear();
        worst = Step::Unreachable;
        for host in &hosts {
            let endpoints = match endpoint::resolve(host, options).await {
                Ok(endpoints) => endpoints,
                Err(attempt) => {
                    attempts.push(attempt);
                    continue;
                }
            };
            for endpoint in endpoints {
                // Boxed, since a TLS handshake is large and callers hold this in turn.
                let attempt =
                    attempt::connect(target, host, &endpoint, encryption.as_ref(), session);
                match Box::pin(attempt).await {
                    Ok(connected) => return Ok(connected),
                    Err(Failed::Final(error)) => return Err(error),
                    Err(Failed::Next(step, reason)) => {
                        worst = worst.max(step);
                        attempts.push(Attempt {
                            host: endpoint.description,
                            reason,
                        });
                    }
                }
            }
        }
    }
    let place = Box::new(Place::new(target, &target.hosts()));
    Err(match worst {
        Step::Unreachable => ConnectError::Unreachable { place, attempts },
        Step::WrongKind => ConnectError::WrongKind {
            place,
            wanted: options.session,
            attempts,
        },
        Step::NotAccepting => ConnectError::NotAccepting {
            place,
            attempts,
            waited: Duration::ZERO,
        },
    })
}
