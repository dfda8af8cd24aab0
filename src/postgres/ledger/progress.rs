//! How far the concurrent migrations are that run now, as told to everyone.

use std::collections::BTreeMap;

use super::{Ledger, ProgressRow};
use crate::migration::Name;
use crate::postgres::{Error, Session, column, literal};

impl Ledger {
    /// What the runners have written, by migration. A row may have outlived its
    /// runner: only the lock tells who works.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn progress(&self, session: &Session) -> Result<BTreeMap<Name, ProgressRow>, Error> {
        if self.version.is_none() {
            return Ok(BTreeMap::new());
        }
        let sql = include_str!("progress.sql").replace(":project", &literal(&self.project));
        let rows = session.query(&sql).await?;
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
                };
                Ok((Name::new(&name), progress))
            })
            .collect()
    }
}
