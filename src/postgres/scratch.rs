//! A database of segue's own on a server of the user's (`--on URL`).
//!
//! A session that stays open, the *keeper*, holds an advisory lock whose key is
//! the number in the database's name. The lock is taken before the database is
//! made and ends with the session, so a scratch database without its lock
//! belongs to a run that is dead; the next run drops it. `pg_locks` shows the
//! locks of all databases, so keepers may be connected to any.
//!
//! The keeper has to be a session of the server itself: behind a pooler that
//! lends sessions by the transaction the lock would be nobody's.

use std::time::Duration;

use super::{Error, Session, Target, ident};

/// What the name of every scratch database starts with; 16 hexadecimal digits
/// follow. `scratch/dead.sql` knows it too.
pub const PREFIX: &str = "segue_scratch_";

/// A scratch database, in use as long as this is there.
#[derive(Debug)]
#[must_use = "it stays until it is dropped, or until a later run sweeps it"]
pub struct Scratch {
    name: String,
    keeper: Session,
}

impl Scratch {
    /// Makes a database on the server of `target`, a copy of `template1` as
    /// every new one, after dropping those that dead runs left. `wait` is for
    /// a server that is only starting.
    ///
    /// # Errors
    /// [`Error::Connect`]; [`Error::Server`] if the role may not create
    /// databases (42501), or `template1` is in use (55006). Nothing is left
    /// then.
    pub async fn create(target: &Target, wait: Duration) -> Result<Self, Error> {
        Self::create_as(target, wait, None).await
    }

    /// As [`Scratch::create`], but a copy of database `model`, to which nobody
    /// may be connected.
    ///
    /// # Errors
    /// As [`Scratch::create`].
    pub async fn create_as(
        target: &Target,
        wait: Duration,
        model: Option<&str>,
    ) -> Result<Self, Error> {
        let keeper = Session::connect(target, wait).await?;
        // The server would end a session that waits for a long run, and free
        // the lock of a database in use.
        keeper.execute("SET idle_session_timeout = 0").await?;
        sweep(&keeper).await?;
        let name = loop {
            let key = fastrand::i64(..);
            let lock = format!("SELECT pg_catalog.pg_try_advisory_lock({key})");
            if keeper.value(&lock).await?.as_deref() == Some("t") {
                break format!("{PREFIX}{key:016x}");
            }
        };
        let mut sql = format!("CREATE DATABASE {}", ident(&name));
        if let Some(model) = model {
            sql = format!("{sql} TEMPLATE {}", ident(model));
        }
        keeper.execute(&sql).await?;
        Ok(Self { name, keeper })
    }

    /// Its name, for example `segue_scratch_04a1b2c3d4e5f607`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is: as the target that it was made with, in this database.
    #[must_use]
    pub fn target(&self) -> Target {
        self.keeper.target().with_database(&self.name).own()
    }

    /// Drops it, ending whoever is connected to it.
    ///
    /// # Errors
    /// [`Error::Server`] or [`Error::Lost`]; a later run drops it then.
    pub async fn drop(self) -> Result<(), Error> {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", ident(&self.name));
        self.keeper.execute(&sql).await?;
        self.keeper.close().await;
        Ok(())
    }
}

/// Drops what dead runs left on `keeper`'s server.
async fn sweep(keeper: &Session) -> Result<(), Error> {
    for row in keeper.query(include_str!("scratch/dead.sql")).await? {
        let Some(name) = row.into_iter().next().flatten() else {
            continue;
        };
        // Without FORCE: whoever has connected by now, a person who looks what
        // went wrong for example, keeps it (55006). Another run's sweep may
        // have been quicker.
        let sql = format!("DROP DATABASE IF EXISTS {}", ident(&name));
        match keeper.execute(&sql).await {
            Err(Error::Server(error)) => {
                let sqlstate = error.sqlstate.as_str();
                tracing::debug!(database = name, sqlstate, "scratch database left as it is");
            }
            other => other?,
        }
    }
    Ok(())
}
