//! The server: whether it is one that segue can work on.

use std::time::{Duration, Instant};

use crate::apply::{ApplyError, Run};
use crate::postgres::{Error, Session, pooler, transaction};

/// Oldest server that is supported, as `server_version_num`.
const OLDEST: u32 = 140_000;

/// Connects and looks whether this is a primary of a supported version.
///
/// # Errors
/// [`ApplyError::Postgres`], [`ApplyError::Refused`].
pub async fn reach(run: &Run) -> Result<Session, ApplyError> {
    let session = Session::connect(&run.target, run.connect_wait).await?;
    greet(&session).await?;
    Ok(session)
}

/// A second session beside an idle `first` one, after a look whether both keep
/// a server process of their own: without, no lock of ours would mean anything.
///
/// # Errors
/// As [`reach`]; [`Error::Pooled`].
pub async fn beside(run: &Run, first: &Session) -> Result<Session, ApplyError> {
    let second = Session::connect(&run.target, run.connect_wait).await?;
    pooler::two(first, &second).await?;
    greet(&second).await?;
    Ok(second)
}

/// Looks whether the session's server is a primary of a supported version, and
/// lets the session stay idle: a role's `idle_session_timeout` would end it and
/// free the locks that it holds.
///
/// # Errors
/// [`ApplyError::Refused`]; [`Error::Pooled`].
pub async fn greet(session: &Session) -> Result<(), ApplyError> {
    let version = session.server_version();
    if version < OLDEST {
        return Err(ApplyError::Refused {
            reason: format!("the server is PostgreSQL {}", version / 10_000),
            help: "segue needs PostgreSQL 14 or later".to_owned(),
        });
    }
    if pooler::settle_in(session).await? {
        let primary = transaction::primary(session).await?;
        let of = primary.map_or_else(String::new, |primary| format!(" of {primary}"));
        return Err(ApplyError::Refused {
            reason: format!(
                "the server at {} is a standby{of}, which cannot be migrated",
                session.host(),
            ),
            help: "name the primary in the connection string, or all hosts and `target_session_attrs=primary`".to_owned(),
        });
    }
    Ok(())
}

/// What may end the wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heeds {
    /// A signal of the user.
    Signals,
    /// Only its bound: something has to be known first.
    Nothing,
}

/// Connects again after a connection was lost: to the primary, for as long as
/// `patience`.
///
/// # Errors
/// The last error, when patience ends; [`ApplyError::Interrupted`].
pub(super) async fn reach_again(
    run: &Run,
    patience: Duration,
    heeds: Heeds,
) -> Result<Session, ApplyError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let until = Instant::now() + patience;
    let reaching = async {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match reach(run).await {
                Ok(session) => return Ok(session),
                Err(
                    error @ (ApplyError::Refused { .. } | ApplyError::Postgres(Error::Connect(_))),
                ) if left > PAUSE => {
                    tracing::debug!(%error, "not reachable yet");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    let signal = async {
        match heeds {
            Heeds::Signals => run.interrupt.first().await,
            Heeds::Nothing => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        reached = reaching => reached,
        signal = signal => Err(ApplyError::Interrupted { signal, committed: Vec::new() }),
    }
}
