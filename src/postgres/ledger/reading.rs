//! The ledger read again and again, by those who follow it, at little cost;
//! and the signs of life of a batch, for those who cannot see its lock.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future;

use super::Ledger;
use crate::history::{History, ProgressRow};
use crate::migration::Name;
use crate::postgres::{Error, Session, column, literal};

/// All that is read of a project.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What [`Ledger::token`] said before.
    pub token: Option<String>,
    /// Ledger and locks, by the ledger's own names.
    pub history: History,
    /// How far concurrent migrations are.
    pub progress: BTreeMap<Name, ProgressRow>,
}

impl Ledger {
    /// Looks for the ledger and reads it: two round trips.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a newer segue has upgraded it.
    pub async fn find_and_read(
        session: &Session,
        project: &str,
        owner: Option<&str>,
    ) -> Result<(Self, Reading), Error> {
        let (mut ledger, has_tables) = Self::located(session, project, owner).await?;
        // Which version is found out together with the rest.
        ledger.version = has_tables.then_some(super::VERSION);
        let (version, reading) =
            future::join(ledger.read_version(session), ledger.reading(session)).await;
        ledger.version = version?;
        ledger.refuse_newer()?;
        let mut reading = match reading {
            // An older one lacks columns; now it is known which.
            Err(Error::Server(_)) if ledger.version < Some(super::VERSION) => {
                ledger.reading(session).await?
            }
            reading => reading?,
        };
        reading.history.ledger = ledger.version;
        Ok((ledger, reading))
    }

    async fn read_version(&self, session: &Session) -> Result<Option<u32>, Error> {
        let sql = "SELECT pg_catalog.max(version) FROM segue.ledger";
        let rows = self.read_if_there(session, sql).await?;
        Ok(rows.first().and_then(|row| row[0].as_ref()?.parse().ok()))
    }

    /// Reads all of a project: one round trip.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn reading(&self, session: &Session) -> Result<Reading, Error> {
        // The token first: what changes in between changes it again.
        let (token, history, progress) = future::try_join3(
            self.token(session),
            self.history(session),
            self.progress(session),
        )
        .await?;
        let progress = progress.into_iter().map(|(name, (row, _))| (name, row));
        Ok(Reading {
            token,
            history,
            progress: progress.collect(),
        })
    }

    /// A value that changes with every change of a migration's or deployment's
    /// row; `None` if there is no ledger.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn token(&self, session: &Session) -> Result<Option<String>, Error> {
        let sql = include_str!("token.sql").replace(":project", &literal(&self.project));
        let rows = self.read_if_there(session, &sql).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|mut row| row.swap_remove(0)))
    }

    /// Says that the batch of a deployment has a living runner. One message
    /// without BEGIN: an error leaves no transaction behind.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn beat(&self, session: &Session, deployment: i64) -> Result<(), Error> {
        let mut sql = "SET LOCAL synchronous_commit = local;".to_owned();
        if let Some(owner) = self.owner_sql() {
            sql.push_str(&owner);
            sql.push(';');
        }
        let insert = format!(
            "INSERT INTO segue.progress (project, file, pid, phase) VALUES ({}, '', {}, {}) ON CONFLICT (project, file) DO UPDATE SET pid = excluded.pid, phase = excluded.phase, updated_at = excluded.updated_at",
            literal(&self.project),
            session.backend().pid,
            literal(&phase(deployment)),
        );
        sql.push_str(&insert);
        session.execute(&sql).await
    }

    /// On a standby: for how long, by the primary's clock, no runner of this
    /// project has given a sign of life, as far as this standby has replayed;
    /// `None` where that cannot be known, or the batch of this deployment has
    /// never given one.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn silence(
        &self,
        session: &Session,
        deployment: i64,
    ) -> Result<Option<Duration>, Error> {
        let sql = include_str!("silence.sql")
            .replace(":project", &literal(&self.project))
            .replace(":phase", &literal(&phase(deployment)));
        let rows = self.read_if_there(session, &sql).await?;
        match rows.first() {
            Some(row) if row[0].is_some() => {
                let seconds: f64 = column(row, 0)?;
                Ok(Some(
                    Duration::try_from_secs_f64(seconds).unwrap_or_default(),
                ))
            }
            _ => Ok(None),
        }
    }
}

/// Of the row that is a batch's.
fn phase(deployment: i64) -> String {
    format!("batch of deployment {deployment}")
}
