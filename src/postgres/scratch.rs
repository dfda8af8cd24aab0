//! A database of segue's own on a server of the user's (`--on URL`).
//!
//! Its maker keeps a session open, the *keeper*, which holds an advisory lock
//! whose key is the number in the database's name. The lock is taken before the
//! database is made and ends with the session, so a scratch database without
//! its lock belongs to a run that is dead; the next run drops it. `pg_locks`
//! shows the locks of all databases, so keepers may be connected to any.
//!
//! The keeper has to be a session of the server itself: behind a pooler that
//! lends sessions by the transaction the lock would be nobody's.

use postgres_protocol::escape::escape_identifier;
use tokio_postgres::Client;

/// What the name of every scratch database starts with; 16 hexadecimal digits
/// follow. `scratch/dead.sql` knows it too.
pub const PREFIX: &str = "segue_scratch_";

/// Why there is no scratch database, or why it was not dropped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper's session cannot be used; the lock ends with it.
    #[error("cannot prepare a session for scratch databases")]
    Keeper(#[source] tokio_postgres::Error),
    /// The role has no CREATEDB, for example.
    #[error("cannot create scratch database `{name}`")]
    Create {
        /// Its name.
        name: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// It is dropped by a later run.
    #[error("cannot drop scratch database `{name}`")]
    Drop {
        /// Its name.
        name: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
}

/// A scratch database, in use as long as its keeper's session is open.
#[derive(Debug)]
#[must_use = "it stays until it is dropped, or until a later run sweeps it"]
pub struct Scratch {
    name: String,
    key: i64,
}

impl Scratch {
    /// Makes a database, a copy of `template1` as every new one, after dropping
    /// those that dead runs left. `keeper` holds its lock from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Keeper`] and [`Error::Create`]; nothing is left then.
    pub async fn create(keeper: &Client) -> Result<Self, Error> {
        // The server would end a session that waits for a long run, and free
        // the lock of a database in use.
        let settings = "SET idle_session_timeout = 0";
        keeper
            .batch_execute(settings)
            .await
            .map_err(Error::Keeper)?;
        sweep(keeper).await?;
        let (name, key) = loop {
            let key = fastrand::i64(..);
            let locked = keeper
                .query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&key])
                .await
                .map_err(Error::Keeper)?;
            if locked.get(0) {
                break (format!("{PREFIX}{key:016x}"), key);
            }
        };
        let scratch = Self { name, key };
        let sql = format!("CREATE DATABASE {}", escape_identifier(&scratch.name));
        match keeper.batch_execute(&sql).await {
            Ok(()) => Ok(scratch),
            Err(source) => {
                // Only tidiness: the lock ends with the session anyway.
                let _ = scratch.unlock(keeper).await;
                Err(Error::Create {
                    name: scratch.name,
                    source,
                })
            }
        }
    }

    /// Its name, for example `segue_scratch_04a1b2c3d4e5f607`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops it, ending whoever is connected to it. `keeper` is the session
    /// that it was made with.
    ///
    /// # Errors
    ///
    /// [`Error::Drop`]; [`Error::Keeper`] if only its lock could not be freed.
    pub async fn drop(self, keeper: &Client) -> Result<(), Error> {
        let sql = format!(
            "DROP DATABASE {} WITH (FORCE)",
            escape_identifier(&self.name)
        );
        match keeper.batch_execute(&sql).await {
            Ok(()) => self.unlock(keeper).await.map_err(Error::Keeper),
            Err(source) => Err(Error::Drop {
                name: self.name,
                source,
            }),
        }
    }

    async fn unlock(&self, keeper: &Client) -> Result<(), tokio_postgres::Error> {
        let sql = "SELECT pg_catalog.pg_advisory_unlock($1)";
        keeper.execute(sql, &[&self.key]).await.map(|_| ())
    }
}

/// Drops what dead runs left on `keeper`'s server.
async fn sweep(keeper: &Client) -> Result<(), Error> {
    let dead = keeper
        .query(include_str!("scratch/dead.sql"), &[])
        .await
        .map_err(Error::Keeper)?;
    for row in dead {
        let name: String = row.get(0);
        // Without FORCE: whoever is connected, a person who looks what went
        // wrong for example, keeps it (55006). Another run's sweep may have
        // been quicker.
        let sql = format!("DROP DATABASE IF EXISTS {}", escape_identifier(&name));
        if let Err(error) = keeper.batch_execute(&sql).await {
            let sqlstate = error.code().map(tokio_postgres::error::SqlState::code);
            tracing::debug!(database = name, sqlstate, "scratch database left as it is");
        }
    }
    Ok(())
}
