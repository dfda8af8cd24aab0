//! Holds an index build half-way: a snapshot that it has to wait for.

use std::time::Duration;

use super::{Error, Session, Target, literal};

/// An open transaction with a snapshot and no lock. A build of an index beside
/// it does all its work and waits with its last step, in which it would make
/// the index valid: the index is ready, so that each write goes into it, and no
/// query uses it.
#[derive(Debug)]
#[must_use = "whoever waits goes on when it is dropped"]
pub struct Hold(Session);

impl Hold {
    /// Takes the snapshot, in the database of `target`.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Server`], [`Error::Lost`].
    pub async fn take(target: &Target, wait: Duration) -> Result<Self, Error> {
        let session = Session::connect(target, wait).await?;
        let version = session.server_version();
        let transaction_timeout = (version >= 17_00_00).then_some("SET transaction_timeout = 0");
        let statements = [
            "SET idle_in_transaction_session_timeout = 0",
            "SET idle_session_timeout = 0",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // The first query takes it.
            "SELECT 1",
        ];
        for sql in transaction_timeout.into_iter().chain(statements) {
            session.execute(sql).await?;
        }
        Ok(Self(session))
    }

    /// Whether a build in the same database waits for it; `session` is another
    /// one to the same server.
    ///
    /// # Errors
    /// [`Error::Server`], [`Error::Lost`].
    pub async fn holds(&self, session: &Session) -> Result<bool, Error> {
        let sql = include_str!("hold/waits.sql")
            .replace(":database", &literal(self.0.target().database()))
            .replace(":pid", &self.0.backend().pid.to_string());
        Ok(session.value(&sql).await?.is_some())
    }

    /// Lets go.
    pub async fn release(self) {
        self.0.close().await;
    }
}
