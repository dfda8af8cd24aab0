//! Whether each session has a server process to itself.
//!
//! segue's locks and settings belong to sessions. A pooler in transaction or
//! statement mode has every statement run in whatever process is free, so a
//! lock would be held by nobody in particular, and settings meet strangers.
//! What shows it is behaviour, not a product's name: one session that changes
//! its process, two that share one, and one that finds what another has set.

use super::{Error, Session, column, keepalive};

/// What shows that a pooler does not leave each session its server process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pooled {
    /// Two open sessions had the same one.
    #[error(
        "the connection goes through a pooler in transaction or statement mode: two sessions were given the same server process"
    )]
    Shared,
    /// One session had two of them.
    #[error(
        "the connection goes through a pooler in transaction or statement mode: one session was given two server processes"
    )]
    Changed,
    /// A new session found the mark of an older one.
    #[error(
        "the connection goes through a pooler that does not reset server processes: a new session found the settings of an earlier one"
    )]
    NotReset,
}

impl Pooled {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Shared | Self::Changed => {
                "segue's locks and settings belong to its sessions: give the URL of the server \
                 itself, or of a pool in session mode, as `--direct-url` or SEGUE_DIRECT_URL"
            }
            Self::NotReset => {
                "segue's settings would stay behind in the sessions of others: set \
                 `server_reset_query = DISCARD ALL` in the pooler and `pool_mode = session`, or give \
                 the URL of the server itself as `--direct-url` or SEGUE_DIRECT_URL"
            }
        }
    }
}

/// Whether a statement of `session` was run by the process with this `pid`, as
/// its first one was.
///
/// # Errors
/// [`Error::Pooled`] if not.
pub fn same_backend(session: &Session, pid: i32) -> Result<(), Error> {
    if session.backend().pid == pid {
        Ok(())
    } else {
        Err(Pooled::Changed.into())
    }
}

/// Lets the session stay idle, marks it as ours, and says whether its server is
/// a standby: one round trip.
///
/// A role's `idle_session_timeout` would end an idle session and free the locks
/// that it holds. The mark is what [`two`] and later sessions look for; a reset
/// takes it away.
///
/// # Errors
/// As [`Session::execute`]; [`Error::Pooled`].
pub async fn settle_in(session: &Session) -> Result<bool, Error> {
    let sql = include_str!("pooler/settle_in.sql").replace(":keepalives", &keepalive::columns());
    let rows = session.query(&sql).await?;
    let row = rows.first().ok_or_else(|| Error::protocol("no settings"))?;
    let seen = match same_backend(session, column(row, 0)?) {
        Ok(()) if session.inherited.is_some() => Err(Pooled::NotReset.into()),
        seen => seen,
    };
    if seen.is_err() {
        leave(session).await;
    }
    seen?;
    Ok(row[1].as_deref() == Some("t"))
}

/// Both sessions are asked at once this often, after the first look.
const LOOKS: usize = 4;

/// Looks whether two open, idle sessions, the second one just connected, have
/// a server process each: one round trip, and one for each of [`LOOKS`].
///
/// A pooler that gives the process used last has both use the same one; one
/// that takes turns has the first one change. Where others use the pool at the
/// same moment, a look sees by chance: of five processes, both sessions get
/// their own ones again in one of 25. So there are several, and a later one
/// whenever a lock is taken.
///
/// # Errors
/// As [`Session::execute`]; [`Error::Pooled`].
pub async fn two(first: &Session, second: &Session) -> Result<(), Error> {
    let seen = look_at_two(first, second).await;
    if matches!(seen, Err(Error::Pooled(_))) {
        leave(second).await;
    }
    seen
}

async fn look_at_two(first: &Session, second: &Session) -> Result<(), Error> {
    if first.backend() == second.backend() {
        return Err(Pooled::Shared.into());
    }
    look(first).await?;
    for _ in 0..LOOKS {
        let (one, other) = tokio::join!(look(first), look(second));
        one.and(other)?;
    }
    Ok(())
}

/// Whether a statement is run by the process of the session's first one.
async fn look(session: &Session) -> Result<(), Error> {
    let pid = session.value("SELECT pg_catalog.pg_backend_pid()").await?;
    let pid = pid.and_then(|pid| pid.parse().ok());
    same_backend(session, pid.unwrap_or_default())
}

/// Takes our settings back, as far as the pooler brings us to where they are.
async fn leave(session: &Session) {
    let _ = session
        .execute(
            "RESET idle_session_timeout;RESET segue.session;RESET tcp_keepalives_idle;\
             RESET tcp_keepalives_interval;RESET tcp_keepalives_count;RESET tcp_user_timeout",
        )
        .await;
}
