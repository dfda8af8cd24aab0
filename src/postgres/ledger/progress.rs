//! How far concurrent migrations are, as their runners write it down, and how
//! one of them stands by the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Ledger;
use crate::history::{ProgressRow, State};
use crate::migration::Name;
use crate::postgres::{Error, Session, column, literal};

impl Ledger {
    /// What the runners of this project's concurrent migrations wrote last,
    /// with its age. A runner that died leaves its row: only the lock says
    /// who runs.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn progress(
        &self,
        session: &Session,
    ) -> Result<BTreeMap<Name, (ProgressRow, Duration)>, Error> {
        if self.version.is_none() {
            return Ok(BTreeMap::new());
        }
        let sql = include_str!("progress.sql").replace(":project", &literal(&self.project));
        let rows = self.read(session, &sql).await?;
        rows.iter()
            .map(|row| {
                let number =
                    |index: usize| row[index].as_deref().and_then(|text| text.parse().ok());
                let name: String = column(row, 0)?;
                let progress = ProgressRow {
                    pid: column(row, 1)?,
                    phase: column(row, 2)?,
                    done: number(3),
                    total: number(4),
                    waits_for: row[5].clone(),
                    ends_wait: row[9].clone(),
                    partitions: number(7).zip(number(8)),
                };
                let seconds: f64 = column(row, 6)?;
                let age = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
                Ok((Name::new(&name), (progress, age)))
            })
            .collect()
    }

    /// Concurrent migrations of all projects that are begun and not done: those
    /// that somebody may be at work on.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn unfinished(&self, session: &Session) -> Result<Vec<(String, Name)>, Error> {
        const SQL: &str = "SELECT project, file FROM segue.migration \
            WHERE kind = 'concurrent' AND state IN ('begun', 'failed') ORDER BY project, file";
        let rows = self.read_if_there(session, SQL).await?;
        rows.iter()
            .map(|row| Ok((column(row, 0)?, Name::new(&column::<String>(row, 1)?))))
            .collect()
    }

    /// How far one migration is; `None` if the ledger does not know it.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn state(&self, session: &Session, name: &Name) -> Result<Option<State>, Error> {
        let sql = format!(
            "SELECT state, error FROM segue.migration WHERE project = {} AND file = {}",
            literal(&self.project),
            literal(name.as_str()),
        );
        let rows = self.read(session, &sql).await?;
        Ok(rows.first().map(|row| match row[0].as_deref() {
            Some("applied") => State::Applied,
            Some("abandoned") => State::Abandoned,
            Some("failed") => State::Failed(row[1].clone().unwrap_or_default()),
            _ => State::Begun,
        }))
    }
}
