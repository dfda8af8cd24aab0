//! How far a backfill is: the row that moves in the transaction of each batch,
//! and the rows of its table that it has set aside.

use std::time::Duration;

use super::{Applied, Ledger};
use crate::backfill::pace::Forecast;
use crate::migration::{Checksum, Name};
use crate::postgres::backfill::KeyValues;
use crate::postgres::progress::Progress;
use crate::postgres::{Error, Session, TextRow, column, literal};

/// A backfill that begins or goes on.
#[derive(Clone, Debug)]
pub struct NewBackfill<'a> {
    /// Whose statement.
    pub name: &'a Name,
    /// Of the file's text.
    pub checksum: Checksum,
    /// Which deployment.
    pub deployment: Option<i64>,
    /// The table, qualified and quoted where needed.
    pub relation: &'a str,
    /// Columns of its key.
    pub key: &'a [&'a str],
    /// By `ctid`: the last place, and the file that holds the table's rows.
    pub ends_at: Option<&'a [String]>,
    /// How long it may take.
    pub within: Option<Duration>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Of the text that has come so far.
    pub checksum: Checksum,
    /// The last key that is done; `None`: nothing is.
    pub at: Option<KeyValues>,
    /// As in [`NewBackfill::ends_at`].
    pub ends_at: Option<Vec<String>>,
    /// Rows in the ranges that are done.
    pub rows: u64,
    /// All rows, an estimate.
    pub total: Option<u64>,
    /// Rows of the last batch.
    pub batch_rows: Option<u64>,
    /// Since its first batch.
    pub passed: Duration,
    /// Rows that are set aside.
    pub quarantined: u64,
}

/// What users want of it by now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Who has paused it.
    pub paused_by: Option<String>,
    /// So many rows per second at most.
    pub rate: Option<u64>,
    /// Time left until it has to be done; zero when that is over.
    pub time_left: Option<Duration>,
    /// It is given up.
    pub is_abandoned: bool,
}

/// A batch that is done, but for its COMMIT.
#[derive(Clone, Debug)]
pub struct Advance<'a> {
    /// Where the cursor was.
    pub from: Option<&'a KeyValues>,
    /// Where it is now.
    pub to: &'a KeyValues,
    /// Rows in the range.
    pub rows: u64,
    /// Rows that the statement has touched.
    pub changed: u64,
    /// The pause before it.
    pub pause: Duration,
    /// All rows, an estimate; `None`: as it was.
    pub total: Option<u64>,
    /// When it will be done.
    pub forecast: Option<Forecast>,
    /// Why the time does not suffice.
    pub impossible: Option<String>,
}

/// A row that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its key.
    pub key: KeyValues,
    /// The server's words.
    pub error: String,
    /// How often it has failed.
    pub tries: u32,
    /// Whether the last try found no row with its key.
    pub is_gone: bool,
}

/// What is noted of a row that was set aside and whose key no row has any more,
/// with the class of SQLSTATEs that says `no data`.
pub const GONE: &str = "no row has this key any more: it was deleted, or its key was changed";
const GONE_STATE: &str = "02000";

const WISHES: &str = "paused_by, rate, CASE WHEN within IS NULL THEN NULL ELSE greatest(pg_catalog.date_part('epoch', began_at + within - pg_catalog.clock_timestamp()), 0) END, EXISTS (SELECT FROM segue.migration m WHERE m.project = b.project AND m.file = b.file AND m.state = 'abandoned')";

impl Ledger {
    fn backfill_filter(&self, name: &Name) -> String {
        format!(
            "project = {} AND file = {}",
            literal(&self.project),
            literal(name.as_str())
        )
    }

    /// Where an earlier run of a backfill has come; `None` if there was none.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn backfill_cursor(
        &self,
        session: &Session,
        name: &Name,
    ) -> Result<Option<Cursor>, Error> {
        if !self.has_backfills() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT checksum, pg_catalog.to_jsonb(cursor), pg_catalog.to_jsonb(ends_at), rows, total, batch_rows, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - began_at), quarantined FROM segue.backfill WHERE {}",
            self.backfill_filter(name)
        );
        let rows = self.read(session, &sql).await?;
        rows.first().map(read_cursor).transpose()
    }

    /// Writes that a backfill begins, from the start, whatever there was.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_backfill(
        &self,
        session: &Session,
        new: &NewBackfill<'_>,
    ) -> Result<(), Error> {
        let key: Vec<String> = new.key.iter().map(|name| literal(name)).collect();
        let filter = self.backfill_filter(new.name);
        let statements = [
            // What somebody wants of it is wanted of the new text, too.
            format!(
                "INSERT INTO segue.backfill AS b (project, file, checksum, deployment, relation, key, ends_at, within) VALUES ({}, {}, '{}', {}, {}, ARRAY[{}]::pg_catalog.text[], {}, {}) ON CONFLICT (project, file) DO UPDATE SET checksum = excluded.checksum, deployment = excluded.deployment, relation = excluded.relation, key = excluded.key, ends_at = excluded.ends_at, within = excluded.within, cursor = NULL, batches = 0, rows = 0, changed = 0, total = NULL, batch_rows = NULL, pause = NULL, throttled_by = '{{}}', throttled_since = NULL, began_at = excluded.began_at, finished_at = NULL, earliest_at = NULL, likely_at = NULL, latest_at = NULL, impossible = NULL, quarantined = 0, updated_at = excluded.updated_at",
                literal(&self.project),
                literal(new.name.as_str()),
                new.checksum,
                new.deployment
                    .map_or_else(|| "NULL".to_owned(), |id| id.to_string()),
                literal(new.relation),
                key.join(", "),
                values(new.ends_at),
                interval(new.within),
            ),
            format!("DELETE FROM segue.quarantine WHERE {filter}"),
        ];
        self.transact_as_ourselves(session, &statements).await?;
        Ok(())
    }

    /// What users want of a backfill that does nothing for now.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn backfill_wishes(&self, session: &Session, name: &Name) -> Result<Wishes, Error> {
        let sql = format!(
            "SELECT {WISHES} FROM segue.backfill AS b WHERE {}",
            self.backfill_filter(name)
        );
        let rows = self.read(session, &sql).await?;
        rows.first().map_or_else(
            || Err(Error::protocol("the row of the backfill is gone")),
            read_wishes,
        )
    }

    /// How many rows of how many are done, as a build's progress; `None` before
    /// it has begun.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn backfill_progress(
        &self,
        session: &Session,
        name: &Name,
    ) -> Result<Option<Progress>, Error> {
        let sql = format!(
            "SELECT rows, total, paused_by, pg_catalog.to_jsonb(throttled_by) FROM segue.backfill WHERE {}",
            self.backfill_filter(name)
        );
        let rows = self.read(session, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let signals = json(row, 3)?.unwrap_or_default();
        let phase = match (&row[2], signals.as_slice()) {
            (Some(by), _) => format!("backfill, paused by {by}"),
            (None, []) => "backfill".to_owned(),
            (None, signals) => format!("backfill, held up: {}", signals.join("; ")),
        };
        let done = number(row, 0);
        Ok(Some(Progress {
            phase,
            done,
            // More may come than anybody has estimated.
            total: number(row, 1).max(done).filter(|_| row[1].is_some()),
            locker: None,
        }))
    }

    /// Writes what keeps a backfill waiting, nothing if it goes on.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn throttle_backfill(
        &self,
        session: &Session,
        name: &Name,
        signals: &[String],
    ) -> Result<(), Error> {
        let since = if signals.is_empty() {
            "NULL"
        } else {
            "coalesce(throttled_since, pg_catalog.clock_timestamp())"
        };
        let sql = format!(
            "UPDATE segue.backfill SET throttled_by = {}, throttled_since = {since}, updated_at = pg_catalog.clock_timestamp() WHERE {}",
            array(signals),
            self.backfill_filter(name)
        );
        self.transact_as_ourselves(session, &[sql]).await?;
        Ok(())
    }

    /// Writes when a backfill will be done, and why its time does not suffice.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn foresee_backfill(
        &self,
        session: &Session,
        name: &Name,
        forecast: Option<Forecast>,
        impossible: Option<&str>,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE segue.backfill SET {}, updated_at = pg_catalog.clock_timestamp() WHERE {}",
            foreseen(forecast, impossible),
            self.backfill_filter(name)
        );
        self.transact_as_ourselves(session, &[sql]).await?;
        Ok(())
    }

    /// Moves the cursor inside the transaction of the batch; `None` if it is
    /// not where it was: somebody else has moved it, and the batch must not be
    /// committed.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn advance_backfill(
        &self,
        session: &Session,
        name: &Name,
        advance: &Advance<'_>,
    ) -> Result<Option<Wishes>, Error> {
        let foreseen = foreseen(advance.forecast, advance.impossible.as_deref());
        let mut statements = self.ourselves_sql();
        statements.push(format!(
            "UPDATE segue.backfill AS b SET cursor = {}, batches = batches + 1, rows = rows + {}, changed = changed + {}, batch_rows = {}, pause = {}, total = {}, {foreseen}, throttled_by = '{{}}', throttled_since = NULL, finished_at = NULL, updated_at = pg_catalog.clock_timestamp() WHERE {} AND cursor IS NOT DISTINCT FROM {} RETURNING {WISHES}",
            array(advance.to),
            advance.rows,
            advance.changed,
            advance.rows,
            interval(Some(advance.pause)),
            advance
                .total
                .map_or_else(|| "total".to_owned(), |total| total.to_string()),
            self.backfill_filter(name),
            values(advance.from.map(Vec::as_slice)),
        ));
        let rows = session.query(&statements.join(";\n")).await?;
        rows.first().map(read_wishes).transpose()
    }

    /// Statements that set a row aside or, tried again, count that; for the
    /// transaction that moves the cursor over it.
    #[must_use]
    pub fn set_aside_sql(
        &self,
        name: &Name,
        key: &KeyValues,
        sqlstate: &str,
        error: &str,
    ) -> Vec<String> {
        let mut statements = self.ourselves_sql();
        statements.push(format!(
            "INSERT INTO segue.quarantine AS q (project, file, key, sqlstate, error) VALUES ({}, {}, {}, {}, {}) ON CONFLICT (project, file, key) DO UPDATE SET sqlstate = excluded.sqlstate, error = excluded.error, tries = q.tries + 1, at = excluded.at",
            literal(&self.project),
            literal(name.as_str()),
            array(key),
            literal(sqlstate),
            literal(error),
        ));
        statements.push(self.count_quarantined(name));
        statements
    }

    /// Statements that note of a row that was set aside that it is gone.
    #[must_use]
    pub fn note_gone_sql(&self, name: &Name, key: &KeyValues) -> Vec<String> {
        self.set_aside_sql(name, key, GONE_STATE, GONE)
    }

    /// Statements that take a row back that is done now, for its transaction.
    #[must_use]
    pub fn take_back_sql(&self, name: &Name, key: &KeyValues, changed: u64) -> Vec<String> {
        let mut statements = self.ourselves_sql();
        let filter = self.backfill_filter(name);
        statements.push(format!(
            "DELETE FROM segue.quarantine WHERE {filter} AND key = {}",
            array(key)
        ));
        statements.push(format!(
            "UPDATE segue.backfill SET changed = changed + {changed} WHERE {filter}"
        ));
        statements.push(self.count_quarantined(name));
        statements
    }

    fn count_quarantined(&self, name: &Name) -> String {
        let filter = self.backfill_filter(name);
        format!(
            "UPDATE segue.backfill SET quarantined = (SELECT pg_catalog.count(*) FROM segue.quarantine WHERE {filter}), updated_at = pg_catalog.clock_timestamp() WHERE {filter}"
        )
    }

    /// Rows that a backfill has set aside, by the time of their last failure.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn quarantined(
        &self,
        session: &Session,
        name: &Name,
    ) -> Result<Vec<Quarantined>, Error> {
        let sql = format!(
            "SELECT pg_catalog.to_jsonb(key), error, tries, sqlstate FROM segue.quarantine WHERE {} ORDER BY at, key",
            self.backfill_filter(name)
        );
        let rows = self.read(session, &sql).await?;
        rows.iter()
            .map(|row| {
                let error: String = column(row, 1)?;
                Ok(Quarantined {
                    key: json(row, 0)?.ok_or_else(malformed)?,
                    is_gone: error == GONE && row[3].as_deref() == Some(GONE_STATE),
                    error,
                    tries: column(row, 2)?,
                })
            })
            .collect()
    }

    /// Writes that a backfill is done; `false` if it was given up before that.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn end_backfill(&self, session: &Session, applied: &Applied) -> Result<bool, Error> {
        let filter = self.backfill_filter(&applied.name);
        let mut statements = self.end_begun_sql(applied);
        statements.push(format!(
            "UPDATE segue.backfill SET finished_at = pg_catalog.clock_timestamp(), updated_at = pg_catalog.clock_timestamp(), throttled_by = '{{}}', throttled_since = NULL, earliest_at = NULL, likely_at = NULL, latest_at = NULL, impossible = NULL WHERE {filter} AND EXISTS (SELECT FROM segue.migration WHERE {filter} AND state = 'applied') RETURNING 1"
        ));
        let rows = self.transact_as_ourselves(session, &statements).await?;
        Ok(!rows.is_empty())
    }
}

/// Longest time that is added to a clock.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 1000);

/// Assignments of the columns that look ahead.
fn foreseen(forecast: Option<Forecast>, impossible: Option<&str>) -> String {
    let at = |end: Option<Duration>| match end {
        Some(end) => format!(
            "pg_catalog.clock_timestamp() + {}",
            interval(Some(end.min(FOREVER)))
        ),
        None => "NULL".to_owned(),
    };
    format!(
        "earliest_at = {}, likely_at = {}, latest_at = {}, impossible = {}",
        at(forecast.map(|forecast| forecast.earliest)),
        at(forecast.map(|forecast| forecast.likely)),
        at(forecast.map(|forecast| forecast.latest)),
        impossible.map_or_else(|| "NULL".to_owned(), literal),
    )
}

// Not `interval '… us'`: 14 takes no more than 32 bits there, half an hour.
fn interval(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "NULL".to_owned(),
        |duration| format!("{} * interval '1 us'", duration.as_micros()),
    )
}

fn array(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    format!("ARRAY[{}]::pg_catalog.text[]", values.join(", "))
}

fn values(values: Option<&[String]>) -> String {
    values.map_or_else(|| "NULL".to_owned(), array)
}

fn malformed() -> Error {
    Error::protocol("the row of a backfill is malformed")
}

fn json(row: &TextRow, index: usize) -> Result<Option<Vec<String>>, Error> {
    let text = row[index].as_deref();
    text.map(|text| serde_json::from_str(text).map_err(|_| malformed()))
        .transpose()
}

fn seconds(text: Option<&str>) -> Option<Duration> {
    let seconds: f64 = text?.parse().ok()?;
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

fn number(row: &TextRow, index: usize) -> Option<u64> {
    row[index].as_deref()?.parse().ok()
}

fn read_cursor(row: &TextRow) -> Result<Cursor, Error> {
    Ok(Cursor {
        checksum: column::<String>(row, 0)?
            .parse()
            .map_err(|()| malformed())?,
        at: json(row, 1)?,
        ends_at: json(row, 2)?,
        rows: column(row, 3)?,
        total: number(row, 4),
        batch_rows: number(row, 5),
        passed: seconds(row[6].as_deref()).unwrap_or_default(),
        quarantined: column(row, 7)?,
    })
}

fn read_wishes(row: &TextRow) -> Result<Wishes, Error> {
    Ok(Wishes {
        paused_by: row[0].clone(),
        rate: number(row, 1),
        time_left: seconds(row[2].as_deref()),
        is_abandoned: column::<String>(row, 3)? == "t",
    })
}
