//! Intents: what is about to run outside a transaction, written before it
//! does, so that whoever comes later knows what may have been left behind.

use std::collections::BTreeMap;

use super::Ledger;
use crate::migration::{Checksum, Name};
use crate::postgres::{Backend, Error, Session, TextRow, column, literal};
use crate::procedure::Before;
use crate::procedure::partitioned_index::{Building, Notes};
use crate::statement::Fingerprint;
use crate::text::Variables;

/// How far the statement of an intent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// It may be running, half-way, or done: look.
    Begun,
    /// Done.
    Done,
    /// Ended with this error; what it left may still be there.
    Failed(String),
    /// What it left has been removed, and it does not count any more.
    GivenUp,
}

/// A statement that was about to run outside a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Counts up.
    pub id: i64,
    /// Of the file's text at that time.
    pub checksum: Checksum,
    /// Which statement of the file, from 0.
    pub statement: usize,
    /// Of its text.
    pub fingerprint: Fingerprint,
    /// Its text.
    pub sql: String,
    /// How far it is.
    pub state: IntentState,
    /// OID of the table that it works on.
    pub relation: Option<u32>,
    /// OIDs of the indexes that this table had before.
    pub indexes_before: Vec<u32>,
    /// OID of what it drops, rebuilds or detaches.
    pub target: Option<u32>,
    /// What else there was before.
    pub before: Before,
    /// What a statement that is done partition by partition wrote down on its
    /// way; `target` is then the index of the partitioned table.
    pub notes: Notes,
    /// The session that ran it.
    pub backend: Backend,
}

/// What is known before a statement runs.
#[derive(Clone, Debug)]
pub struct NewIntent<'a> {
    /// Whose statement.
    pub name: &'a Name,
    /// Of the file's text.
    pub checksum: Checksum,
    /// Which statement of the file, from 0.
    pub statement: usize,
    /// Of its text.
    pub fingerprint: Fingerprint,
    /// Its text.
    pub sql: &'a str,
    /// OID of the table that it works on.
    pub relation: Option<u32>,
    /// OIDs of the indexes that this table has now.
    pub indexes_before: &'a [u32],
    /// OID of what it drops, rebuilds or detaches.
    pub target: Option<u32>,
    /// What else there is now.
    pub before: Before,
    /// Which deployment.
    pub deployment: Option<i64>,
}

impl Intent {
    /// The same with the values of variables in its text, which is kept as it
    /// is written in the file.
    #[must_use]
    pub fn fill(mut self, variables: &Variables) -> Self {
        if let Some(filled) = variables.fill(&self.sql) {
            self.sql = filled.text;
        }
        self
    }
}

impl Ledger {
    /// Writes an intent, committed before the statement runs; its id. The
    /// session must be the one that runs the statement. It takes the place of
    /// earlier tries of the same statement, which must have left nothing.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn write_intent(
        &self,
        session: &Session,
        intent: &NewIntent<'_>,
    ) -> Result<i64, Error> {
        let oids: Vec<String> = intent
            .indexes_before
            .iter()
            .map(ToString::to_string)
            .collect();
        let oid = |oid: Option<u32>| oid.map_or_else(|| "NULL".to_owned(), |oid| oid.to_string());
        let backend = session.backend();
        let sql = format!(
            "INSERT INTO segue.intent (project, file, checksum, statement, fingerprint, sql, state, relation, indexes_before, target, before, pid, backend_start, deployment) VALUES ({}, {}, '{}', {}, '{}', {}, 'begun', {}, '{{{}}}', {}, {}, {}, {}, {}) RETURNING id",
            literal(&self.project),
            literal(intent.name.as_str()),
            intent.checksum,
            intent.statement,
            intent.fingerprint,
            literal(intent.sql),
            oid(intent.relation),
            oids.join(","),
            oid(intent.target),
            literal(&json(&intent.before)),
            backend.pid,
            literal(&backend.start),
            intent
                .deployment
                .map_or_else(|| "NULL".to_owned(), |id| id.to_string()),
        );
        let older = format!(
            "UPDATE segue.intent SET state = 'given up' WHERE project = {} AND file = {} AND statement = {} AND state IN ('begun', 'failed')",
            literal(&self.project),
            literal(intent.name.as_str()),
            intent.statement,
        );
        let rows = self.transact_as_ourselves(session, &[older, sql]).await?;
        let row = rows
            .last()
            .ok_or_else(|| Error::protocol("no id for the intent"))?;
        column(row, 0)
    }

    /// The statement that marks an intent, for the caller's transaction.
    #[must_use]
    pub fn end_intent_sql(&self, id: i64, state: &IntentState) -> String {
        let (state, error) = match state {
            IntentState::Begun => ("begun", None),
            IntentState::Done => ("done", None),
            IntentState::Failed(error) => ("failed", Some(error.as_str())),
            IntentState::GivenUp => ("given up", None),
        };
        format!(
            "UPDATE segue.intent SET state = '{state}', ended_at = pg_catalog.clock_timestamp(), error = {} WHERE id = {id}",
            error.map_or_else(|| "NULL".to_owned(), literal),
        )
    }

    /// Marks an intent in a transaction of its own.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn end_intent(
        &self,
        session: &Session,
        id: i64,
        state: &IntentState,
    ) -> Result<(), Error> {
        let sql = self.end_intent_sql(id, state);
        self.transact_as_ourselves(session, &[sql]).await?;
        Ok(())
    }

    /// The intents of a migration, oldest first.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn intents(&self, session: &Session, name: &Name) -> Result<Vec<Intent>, Error> {
        let sql = include_str!("intents.sql")
            .replace(":project", &literal(&self.project))
            .replace(":file", &literal(name.as_str()));
        self.read(session, &sql).await?.iter().map(read).collect()
    }
}

fn json(before: &Before) -> String {
    serde_json::to_string(before).expect("names as keys")
}

fn read(row: &TextRow) -> Result<Intent, Error> {
    let malformed = || Error::protocol("an intent in the ledger is malformed");
    let optional = |index: usize| row[index].as_deref().and_then(|oid| oid.parse().ok());
    Ok(Intent {
        id: column(row, 0)?,
        checksum: column::<String>(row, 1)?
            .parse()
            .map_err(|()| malformed())?,
        statement: column(row, 2)?,
        fingerprint: fingerprint(row[3].as_deref()).ok_or_else(malformed)?,
        sql: column(row, 4)?,
        state: match row[5].as_deref() {
            Some("done") => IntentState::Done,
            Some("failed") => IntentState::Failed(row[12].clone().unwrap_or_default()),
            Some("given up") => IntentState::GivenUp,
            _ => IntentState::Begun,
        },
        relation: optional(6),
        indexes_before: serde_json::from_str(&column::<String>(row, 7)?)
            .map_err(|_| malformed())?,
        target: optional(8),
        // What another version of segue has written there says nothing.
        before: row[13]
            .as_deref()
            .and_then(|before| serde_json::from_str(before).ok())
            .unwrap_or_default(),
        notes: read_notes(
            row[14].as_deref(),
            row[17].as_deref(),
            row[15].as_deref(),
            row[16].as_deref(),
        )?,
        backend: Backend {
            pid: column(row, 9)?,
            start: column(row, 10)?,
        },
    })
}

/// What a statement that is done partition by partition has noted.
pub(super) fn read_notes(
    made: Option<&str>,
    all: Option<&str>,
    one: Option<&str>,
    one_before: Option<&str>,
) -> Result<Notes, Error> {
    let one = one.and_then(|oid| oid.parse().ok());
    let notes = oids(made)
        .zip(building(all, one, one_before))
        .map(|(made, building)| Notes { made, building });
    notes.ok_or_else(|| Error::protocol("an intent in the ledger is malformed"))
}

/// Partitions at work, by OID; `one` is what version 3 of the ledger had, which
/// a segue of that version may still write.
fn building(
    all: Option<&str>,
    one: Option<u32>,
    one_before: Option<&str>,
) -> Option<Vec<Building>> {
    let all = all.map_or_else(
        || Some(BTreeMap::new()),
        |all| serde_json::from_str(all).ok(),
    )?;
    let mut all: BTreeMap<u32, Vec<u32>> = all;
    if let Some(one) = one {
        all.insert(one, oids(one_before)?);
    }
    let building = all.into_iter().map(|(partition, indexes_before)| Building {
        partition,
        indexes_before,
    });
    Some(building.collect())
}

/// OIDs of an array in jsonb, where they are strings.
fn oids(json: Option<&str>) -> Option<Vec<u32>> {
    let Some(json) = json else {
        return Some(Vec::new());
    };
    let oids: Vec<String> = serde_json::from_str(json).ok()?;
    oids.iter().map(|oid| oid.parse().ok()).collect()
}

fn fingerprint(hex: Option<&str>) -> Option<Fingerprint> {
    // Both are 32 bytes in hexadecimal.
    Fingerprint::from_bytes(&hex?.parse::<Checksum>().ok()?.0)
}
