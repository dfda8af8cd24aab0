//! Names of renamed files, taken over into all tables.

use super::Ledger;
use crate::history::Renamed;
use crate::postgres::{Error, Session, literal};

/// The tables that name a file in a column of this name.
const TABLES: [&str; 5] = [
    "segue.migration",
    "segue.intent",
    "segue.progress",
    "segue.backfill",
    "segue.quarantine",
];

impl Ledger {
    /// Gives all rows of renamed migrations their new names, in one
    /// transaction. The caller holds the batch's lock, and nobody runs one of
    /// them.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn rename(&self, session: &Session, renamed: &[Renamed]) -> Result<(), Error> {
        let project = literal(self.project());
        // What has begun to take one back is known by its name too.
        let names: Vec<String> = renamed
            .iter()
            .flat_map(|one| {
                [
                    (one.from.clone(), one.to.clone()),
                    (one.from.revert_file(), one.to.revert_file()),
                ]
            })
            .map(|(from, to)| format!("({}, {})", literal(from.as_str()), literal(to.as_str())))
            .collect();
        let names = names.join(", ");
        let mut statements = Vec::new();
        for table in TABLES {
            // By way of names that no file can have: one may get the name that
            // another one is about to leave.
            statements.push(format!(
                "UPDATE {table} AS t SET file = '/' || n.to_file FROM (VALUES {names}) AS n (from_file, to_file) WHERE t.project = {project} AND t.file = n.from_file"
            ));
            statements.push(format!(
                "UPDATE {table} SET file = pg_catalog.substr(file, 2) WHERE project = {project} AND file LIKE '/%'"
            ));
        }
        statements.push(
            include_str!("rename.sql")
                .replace(":names", &names)
                .replace(":project", &project),
        );
        self.transact(session, &statements).await?;
        Ok(())
    }
}
