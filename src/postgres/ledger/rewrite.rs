//! What `segue add` corrects in a development database's ledger: the text of a
//! migration that got lines into its header, and one that failed.

use std::collections::BTreeMap;

use super::Ledger;
use super::write::parts;
use crate::migration::{Checksum, Name};
use crate::postgres::{Error, Session, literal};
use crate::schema::Diff;

impl Ledger {
    /// Records that an applied migration has another header now.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn restate(
        &self,
        session: &Session,
        name: &Name,
        checksum: &Checksum,
        schema_diff: Option<&BTreeMap<u32, Diff>>,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE segue.migration SET checksum = '{checksum}', schema_diff = {} WHERE project = {} AND file = {}",
            parts(schema_diff),
            literal(&self.project),
            literal(name.as_str()),
        );
        self.transact(session, &[sql]).await?;
        Ok(())
    }

    /// Removes every trace of a migration that is not applied: what is left of
    /// it has to be cleaned up before. With it go the failed deployments that
    /// were its alone.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn forget(&self, session: &Session, name: &Name) -> Result<(), Error> {
        let project = literal(&self.project);
        let file = literal(name.as_str());
        let this = format!("project = {project} AND file = {file}");
        let statements = [
            format!("DELETE FROM segue.progress WHERE {this}"),
            format!("DELETE FROM segue.intent WHERE {this}"),
            format!("DELETE FROM segue.migration WHERE {this} AND state <> 'applied'"),
            format!(
                "DELETE FROM segue.deployment AS d WHERE d.project = {project} AND d.migration = {file} AND d.state IN ('failed', 'running') AND NOT EXISTS (SELECT FROM segue.migration AS m WHERE m.deployment = d.id) AND NOT EXISTS (SELECT FROM segue.intent AS i WHERE i.deployment = d.id)"
            ),
        ];
        self.transact(session, &statements).await?;
        Ok(())
    }
}
