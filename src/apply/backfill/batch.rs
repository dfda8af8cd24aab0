//! One batch: the next keys, the statement for them and the cursor, in one
//! transaction.

use std::time::{Duration, Instant};

use super::{Filler, Over, REWRITTEN};
use crate::apply::Isolation;
use crate::apply::standalone::StandaloneError;
use crate::backfill::bisect::Verdict;
use crate::postgres::backfill::{Blame, KeyValues, Page, Range, storage};
use crate::postgres::ledger::Advance;
use crate::postgres::{Error, Failure, settings};

/// A batch may take so many times its time, and at least so long, before it is
/// cancelled and run with fewer rows.
const OVERRUN: u32 = 100;
const OVERRUN_MIN: Duration = Duration::from_mins(1);

/// How long a batch waits for a row that somebody else has locked: others wait
/// for the rows that it has locked itself.
const LOCK_MIN: Duration = Duration::from_millis(50);
const LOCK_MAX: Duration = Duration::from_secs(1);
/// Of a single row, which holds up nobody else: long enough for the server to
/// look for a deadlock, and for those who look at the lock queue.
const LOCK_ONE: Duration = Duration::from_secs(5);

/// How a try ended.
enum Tried {
    /// Committed.
    Done,
    /// No key is left.
    Over(Over),
    /// Nothing was there to be done, further on there may be; rolled back.
    Nothing,
    /// An error, and how many rows it had; to be rolled back.
    Failed(Error, u64, Option<Page>),
}

impl Filler<'_> {
    /// Runs the next batch; how it is all over, if it is.
    pub(super) async fn batch(&mut self) -> Result<Option<Over>, StandaloneError> {
        if let Err(error) = self.prepare().await {
            let blame = match Blame::of(&error) {
                // Nothing has been done for any row yet.
                Blame::Rows => Blame::Statement,
                blame => blame,
            };
            return self.disturbed(error, blame, 1).await;
        }
        let most = self.work.run.settings.batch_rows_max;
        let paced = self.pace.next().rows.min(most.unwrap_or(u64::MAX));
        let rows = self.bisect.rows(paced);
        match self.try_batch(rows, paced).await? {
            Tried::Done | Tried::Nothing => Ok(None),
            Tried::Over(over) => Ok(Some(over)),
            Tried::Failed(error, rows, page) => {
                let blame = match self.blame(&error) {
                    // Keys were only read: that is nothing to search through.
                    Blame::Rows if page.is_none() => Blame::Statement,
                    blame => blame,
                };
                if blame != Blame::Rows {
                    return self.disturbed(error, blame, rows).await;
                }
                self.session.execute("ROLLBACK").await?;
                match (self.bisect.failed(rows), error, page) {
                    (Verdict::SetAside, Error::Server(error), Some(page)) => {
                        self.set_aside(&page.first, &error).await
                    }
                    // Searched for, the bad row is told when it is found.
                    _ => Ok(None),
                }
            }
        }
    }

    /// A statement whose plan has become stale is prepared again.
    pub(super) fn blame(&self, error: &Error) -> Blame {
        let is_stale = self.failing.is_none()
            && error
                .server()
                .is_some_and(|server| server.failure() == Failure::NotSupported);
        if is_stale {
            return Blame::Server;
        }
        Blame::of(error)
    }

    /// Statements, one message, that begin a transaction for so many rows.
    pub(super) fn begin_sql(&self, rows: u64) -> String {
        self.begin_as_sql(rows, self.work.run.settings.isolation)
    }

    /// As [`Filler::begin_sql`], for a single row that is seen as it is at one
    /// moment by all that the transaction does.
    pub(super) fn begin_one_sql(&self) -> String {
        let isolation = match self.work.run.settings.isolation {
            Some(Isolation::Serializable) => Isolation::Serializable,
            _ => Isolation::RepeatableRead,
        };
        self.begin_as_sql(1, Some(isolation))
    }

    fn begin_as_sql(&self, rows: u64, isolation: Option<Isolation>) -> String {
        let batch_time = self.backfill.batch_time;
        let lock = if rows == 1 {
            LOCK_ONE
        } else {
            batch_time.clamp(LOCK_MIN, LOCK_MAX)
        };
        let statement = batch_time.saturating_mul(OVERRUN).max(OVERRUN_MIN);
        format!(
            "{};{}",
            Isolation::begin(isolation),
            settings::bound_batch(lock, statement)
        )
    }

    async fn try_batch(&mut self, rows: u64, paced: u64) -> Result<Tried, StandaloneError> {
        let began = Instant::now();
        let mut prelude = self.begin_sql(rows);
        let window = self.table.window(self.cursor.as_ref(), rows);
        let (after, until) = match &window {
            Some((after, until)) => {
                // Nobody rewrites the table from here on.
                prelude.push(';');
                prelude.push_str(&self.keyset.lock_sql());
                (Some(after), Some(until))
            }
            None => (self.cursor.as_ref(), None),
        };
        let page = self.keyset.page_sql(after, until, rows);
        let page = match self.keyset.page(self.session, &prelude, &page).await {
            Ok(page) => page,
            Err(error) => return Ok(Tried::Failed(error, rows, None)),
        };
        if window.is_some() && !self.is_in_place().await? {
            self.session.execute("ROLLBACK").await?;
            return Ok(Tried::Over(Over::Anew(REWRITTEN)));
        }
        let found = page.as_ref().map_or(0, |page| page.rows);
        if let Some((after, until)) = &window
            && found < rows
        {
            self.table.found(found, after, until);
        }
        let Some(page) = page else {
            self.session.execute("ROLLBACK").await?;
            return Ok(match &window {
                Some((_, until)) if !self.table.ends(until) => Tried::Nothing,
                _ => Tried::Over(Over::End),
            });
        };
        let is_last = window.is_none() && found < rows;
        let upper = match window {
            // No row is left between the last one and the end of the window.
            Some((_, until)) if found < rows => until,
            _ => page.upper.clone(),
        };
        match self.do_range(&page, &upper, began, paced).await? {
            // That was the end of the table. Who adds rows there faster than
            // batches come would keep it going for ever, three rows at a time;
            // and what has come since is not of before.
            Ok(Tried::Done) if is_last => Ok(Tried::Over(Over::End)),
            Ok(tried) => Ok(tried),
            Err(error) => Ok(Tried::Failed(error, page.rows.min(rows), Some(page))),
        }
    }

    /// Whether places are still what they were.
    async fn is_in_place(&self) -> Result<bool, StandaloneError> {
        let (file, _) = storage(self.session, &self.facts).await?;
        Ok(self.table.is_in(&file))
    }

    /// The statement, the cursor and the COMMIT.
    async fn do_range(
        &mut self,
        page: &Page,
        upper: &KeyValues,
        began: Instant,
        paced: u64,
    ) -> Result<Result<Tried, Error>, StandaloneError> {
        let start = vec!["(0,0)".to_owned()];
        let (lower, includes_lower) = match &self.cursor {
            Some(cursor) => (cursor, false),
            None if self.keyset.is_place => (&start, false),
            None => (&page.first, true),
        };
        let range = Range {
            lower,
            includes_lower,
            upper,
        };
        let rows = if self.keyset.is_unique {
            page.rows
        } else {
            match self.keyset.count(self.session, range).await {
                Ok(rows) => rows,
                Err(error) => return Ok(Err(error)),
            }
        };
        let changed = match self.keyset.execute(self.session, range).await {
            Ok(changed) => changed,
            Err(error) => return Ok(Err(error)),
        };
        let work = self.work;
        let advance = Advance {
            from: self.cursor.as_ref(),
            to: upper,
            rows,
            changed,
            pause: self.pace.next().pause,
            total: self.total,
            forecast: self.pace.forecast(),
            impossible: self.pace.impossible().map(ToString::to_string),
        };
        let name = &work.migration.name;
        let moved = work.ledger.advance_backfill(self.session, name, &advance);
        let wishes = match moved.await {
            Ok(Some(wishes)) => wishes,
            // Somebody else has the lock that was ours.
            Ok(None) => {
                self.session.execute("ROLLBACK").await?;
                return Err(StandaloneError::LockLost);
            }
            // It is about our own row, and none of the table's.
            Err(error) if Blame::of(&error) == Blame::Rows => {
                self.session.execute("ROLLBACK").await?;
                return Err(error.into());
            }
            Err(error) => return Ok(Err(error)),
        };
        if wishes.is_abandoned {
            self.session.execute("ROLLBACK").await?;
            return Ok(Ok(Tried::Over(Over::Abandoned)));
        }
        if let Err(error) = self.session.execute("COMMIT").await {
            return Ok(Err(error));
        }
        self.cursor = Some(upper.clone());
        self.table.moved();
        self.rows += rows;
        self.bisect.succeeded(page.rows, paced);
        self.went_well();
        let held_up = std::mem::take(&mut self.held_up);
        self.pace.record(rows, began.elapsed(), held_up);
        self.take_wishes(wishes);
        self.judge().await?;
        Ok(Ok(Tried::Done))
    }
}
