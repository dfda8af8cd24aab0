//! What a statement that is done partition by partition writes down on its
//! way, so that whoever comes later knows which indexes are ours.

use super::Ledger;
use super::intent::read_notes;
use crate::postgres::{Error, Session};
use crate::procedure::partitioned_index::Notes;

/// What an index that a transaction makes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// The index of the partitioned table that the statement names.
    Target,
    /// That of a partition, which is partitioned itself.
    Partition,
}

/// Written where indexes are known by who made them: this transaction.
const NEW: &str = "(SELECT pg_catalog.min(i.indexrelid) FROM pg_catalog.pg_index i WHERE i.indrelid = :table AND i.xmin = pg_catalog.xid(pg_catalog.pg_current_xact_id()))";

impl Ledger {
    /// Statements that note the index which their transaction has made on
    /// `table`; the role is ours from here to its end. The last one returns the
    /// index's OID, NULL if there is none.
    #[must_use]
    pub fn made_sql(&self, intent: i64, table: u32, made: Made) -> Vec<String> {
        let new = NEW.replace(":table", &table.to_string());
        let set = match made {
            Made::Target => format!("target = {new}"),
            Made::Partition => format!("made = made || {new}"),
        };
        let mut statements = self.ourselves_sql();
        statements.push(format!(
            "UPDATE segue.intent SET {set} WHERE id = {intent} RETURNING {new}"
        ));
        statements
    }

    /// What has been noted so far, by this run or any other.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn notes(&self, session: &Session, intent: i64) -> Result<Notes, Error> {
        let sql = format!(
            "SELECT pg_catalog.to_jsonb(made), building, partition, pg_catalog.to_jsonb(partition_indexes_before) FROM segue.intent WHERE id = {intent}"
        );
        let rows = self.transact_as_ourselves(session, &[sql]).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::protocol("the intent is gone"))?;
        let [made, building, one, one_before] = [0, 1, 2, 3].map(|index| row[index].as_deref());
        read_notes(made, building, one, one_before)
    }

    /// Notes that the index of `partition` is about to be built, and which
    /// indexes it has now. Several sessions may write such notes at once.
    ///
    /// # Errors
    /// As [`Session::execute`]; also if the statement is over or was given up
    /// meanwhile, so that a runner which was stopped builds nothing any more.
    pub async fn note_building(
        &self,
        session: &Session,
        intent: i64,
        partition: u32,
        indexes_before: &[u32],
    ) -> Result<(), Error> {
        let oids: Vec<String> = indexes_before.iter().map(ToString::to_string).collect();
        let sql = format!(
            "UPDATE segue.intent SET state = 'begun', error = NULL, building = building OPERATOR(pg_catalog.||) '{{\"{partition}\": [{}]}}'::pg_catalog.jsonb WHERE id = {intent} AND state IN ('begun', 'failed') RETURNING 1",
            oids.join(",")
        );
        if self
            .transact_as_ourselves(session, &[sql])
            .await?
            .is_empty()
        {
            return Err(Error::protocol("the statement was given up meanwhile"));
        }
        Ok(())
    }

    /// Notes that nothing is being built on `partition` any more; `built` is the
    /// index that has come of it.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn note_built(
        &self,
        session: &Session,
        intent: i64,
        partition: u32,
        built: Option<u32>,
    ) -> Result<(), Error> {
        let made = built.map_or_else(String::new, |oid| {
            format!("made = made || {oid}::pg_catalog.oid, ")
        });
        // Version 3 had a column for the only one.
        let sql = format!(
            "UPDATE segue.intent SET {made}building = building OPERATOR(pg_catalog.-) '{partition}'::pg_catalog.text, partition = nullif(partition, {partition}::pg_catalog.oid) WHERE id = {intent}"
        );
        self.transact_as_ourselves(session, &[sql]).await?;
        Ok(())
    }
}
