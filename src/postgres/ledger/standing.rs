//! How far backfills are, for people: read, and what people wish written.
//!
//! The cursor belongs to the runner, see `backfill`; a wish is obeyed from its
//! next batch on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::Ledger;
use crate::backfill::standing::{Ends, Paused, SetAside, Throttled};
use crate::backfill::{Backfill, Standing};
use crate::migration::{Checksum, Name};
use crate::postgres::{Error, Session, TextRow, column, literal};

/// The version of the ledger that has backfills first.
const SINCE: u32 = 6;

/// A writer that is at its COMMIT is waited for so long at most: a batch holds
/// the row for no longer, unless a standby does not answer.
const LOCK_WAIT: &str = "SET LOCAL lock_timeout = '10s'";

/// What somebody wants of a backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That it wait.
    Pause {
        /// Who wants it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// That it wait no more.
    Resume,
    /// At most so many rows a second; `None`: as many as its budget allows.
    Rate(Option<u64>),
    /// To be done in this time from its beginning on; `None`: in its own time.
    Within(Option<Duration>),
}

impl Wish {
    /// What it changes, and where there is something to change.
    fn sql(&self) -> (String, String) {
        let number = |number: Option<String>| number.unwrap_or_else(|| "NULL".to_owned());
        match self {
            Self::Pause { by, reason } => (
                format!(
                    "paused_by = {}, paused_at = pg_catalog.clock_timestamp(), pause_reason = {}",
                    literal(by),
                    number(reason.as_deref().map(literal)),
                ),
                "paused_at IS NULL".to_owned(),
            ),
            Self::Resume => (
                "paused_by = NULL, paused_at = NULL, pause_reason = NULL".to_owned(),
                "paused_at IS NOT NULL".to_owned(),
            ),
            Self::Rate(rate) => {
                let rate = number(rate.map(|rate| rate.to_string()));
                (
                    format!("rate = {rate}"),
                    format!("rate IS DISTINCT FROM {rate}"),
                )
            }
            Self::Within(within) => {
                let within = within.map(|time| format!("interval '{} ms'", time.as_millis()));
                let within = number(within);
                (
                    format!("within = {within}"),
                    format!("within IS DISTINCT FROM {within}"),
                )
            }
        }
    }
}

impl Ledger {
    /// How far the project's backfills are that have begun, those that have
    /// ended included, by the ledger's own names.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn standings(&self, session: &Session) -> Result<BTreeMap<Name, Standing>, Error> {
        if !self.has_backfills() {
            return Ok(BTreeMap::new());
        }
        let sql = include_str!("standing.sql").replace(":project", &literal(&self.project));
        let rows = self.read(session, &sql).await?;
        rows.iter()
            .map(|row| Ok((Name::new(&column::<String>(row, 0)?), standing(row)?)))
            .collect()
    }

    /// Rows that a backfill has set aside, the oldest first.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn set_aside(&self, session: &Session, name: &Name) -> Result<Vec<SetAside>, Error> {
        if !self.has_backfills() {
            return Ok(Vec::new());
        }
        let sql = include_str!("quarantine.sql")
            .replace(":project", &literal(&self.project))
            .replace(":file", &literal(name.as_str()));
        let rows = self.read(session, &sql).await?;
        rows.iter()
            .map(|row| {
                Ok(SetAside {
                    key: parsed(row, 0)?,
                    sqlstate: column(row, 1)?,
                    error: column(row, 2)?,
                    tries: column(row, 3)?,
                    at: column(row, 4)?,
                })
            })
            .collect()
    }

    /// Writes down what somebody wants of a backfill that has begun, in one
    /// transaction; whether that changed anything. Nothing is written
    /// otherwise.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn wish(&self, session: &Session, name: &Name, wish: &Wish) -> Result<bool, Error> {
        let (change, differs) = wish.sql();
        let of = format!(
            "project = {} AND file = {} AND {differs}",
            literal(&self.project),
            literal(name.as_str()),
        );
        let update = format!("UPDATE segue.backfill SET {change} WHERE {of} RETURNING file");
        let rows = self
            .transact(session, &[LOCK_WAIT.to_owned(), update])
            .await?;
        Ok(!rows.is_empty())
    }

    /// As [`Ledger::wish`], for a backfill that has not begun: its row is made
    /// with nothing but the wish in it, and taken over by whoever begins it.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn wish_before(
        &self,
        session: &Session,
        name: &Name,
        backfill: &Backfill,
        wish: &Wish,
    ) -> Result<bool, Error> {
        let (change, differs) = wish.sql();
        let key: Vec<String> = backfill.key.names().map(literal).collect();
        let (project, file) = (literal(&self.project), literal(name.as_str()));
        // Of no text: for whoever begins it, it has not begun.
        let make = format!(
            "INSERT INTO segue.backfill (project, file, checksum, relation, key) VALUES ({project}, {file}, '{}', {}, ARRAY[{}]) ON CONFLICT (project, file) DO NOTHING",
            Checksum([0; 32]),
            literal(&backfill.table.to_string()),
            key.join(", "),
        );
        let update = format!(
            "UPDATE segue.backfill SET {change} WHERE project = {project} AND file = {file} AND {differs} RETURNING file"
        );
        let statements = [LOCK_WAIT.to_owned(), make, update];
        Ok(!self.transact(session, &statements).await?.is_empty())
    }

    /// Whether this ledger is new enough to have any.
    #[must_use]
    pub fn has_backfills(&self) -> bool {
        self.version.is_some_and(|version| version >= SINCE)
    }
}

fn parsed<T: DeserializeOwned>(row: &TextRow, index: usize) -> Result<T, Error> {
    let text: String = column(row, index)?;
    serde_json::from_str(&text).map_err(|_| Error::protocol("a row of segue.backfill is malformed"))
}

fn standing(row: &TextRow) -> Result<Standing, Error> {
    let number = |index: usize| {
        row[index]
            .as_deref()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let time = |index: usize| {
        row[index]
            .as_deref()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let by: Vec<String> = parsed(row, 10)?;
    let ends = time(19).zip(time(20)).zip(time(21));
    Ok(Standing {
        relation: column(row, 1)?,
        key: parsed(row, 2)?,
        cursor: row[3].as_ref().map(|_| parsed(row, 3)).transpose()?,
        batches: column(row, 4)?,
        rows: column(row, 5)?,
        changed: column(row, 6)?,
        total: number(7),
        batch_rows: number(8),
        pause: number(9).map(Duration::from_millis),
        throttled: (!by.is_empty()).then(|| Throttled {
            by,
            since: time(11),
        }),
        paused: time(13).map(|at| Paused {
            by: row[12].clone().unwrap_or_else(|| "somebody".to_owned()),
            at,
            reason: row[14].clone(),
        }),
        rate: number(15),
        within: number(16).map(Duration::from_millis),
        began_at: column(row, 17)?,
        finished_at: time(18),
        ends: ends.map(|((earliest, likely), latest)| Ends {
            earliest,
            likely,
            latest,
        }),
        impossible: row[22].clone(),
        quarantined: column(row, 23)?,
        updated_at: column(row, 24)?,
    })
}
