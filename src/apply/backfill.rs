//! Runs a backfill, batch by batch, in the session that holds the migration's
//! lock.
//!
//! A batch is one transaction: it looks for the next keys, runs the statement
//! for them and moves the cursor in `segue.backfill`. Whatever dies, the row
//! says what is done, and the next runner goes on behind it. Between two
//! batches no transaction is open.
//!
//! A batch that fails because of others is tried again; one that fails because
//! of its data is tried in smaller pieces until the row is found, which is set
//! aside: see [`crate::backfill::bisect`].

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::standalone::{Report, StandaloneError};
use super::{Event, Run};
use crate::backfill::Backfill;
use crate::backfill::bisect::Bisect;
use crate::backfill::pace::{Budget, Pace};
use crate::backoff::Backoff;
use crate::migration::Migration;
use crate::postgres::backfill::{Blame, Facts, KeyValues, Keyset};
use crate::postgres::ledger::{Applied, Ledger, NewBackfill, Wishes};
use crate::postgres::{Error, Message, Session, settings};

mod aside;
mod batch;
mod lookout;
mod news;
mod rest;
mod schedule;
mod table;
mod text;

pub use news::News;
pub(super) use table::refused;

use lookout::Lookout;
use schedule::Estimates;
use table::Table;
use text::Text;

/// Whether somebody waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurry {
    /// Its ending migration is next: no pauses, and no signals.
    Foreground,
    /// Nobody does.
    Background,
}

/// Pauses between two tries of a batch that others have disturbed.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(10);

/// What all parts of a run share.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) run: &'a Run,
    pub(super) ledger: &'a Ledger,
    pub(super) migration: &'a Migration,
    pub(super) deployment: Option<i64>,
    pub(super) hurry: Hurry,
}

/// Runs the backfill of `migration`, on `session`, which holds its lock.
///
/// # Errors
/// [`StandaloneError`]; whatever it is, what is committed stays, and the next
/// run goes on behind it.
pub(super) async fn run(
    work: Work<'_>,
    backfill: &Backfill,
    session: &mut Session,
) -> Result<Report, StandaloneError> {
    let began = Instant::now();
    let span = tracing::error_span!("backfill", migration = %work.migration.name);
    session.conceal(&work.migration.variables);
    let ran = Box::pin(ledgered(work, backfill, session)).instrument(span);
    let was_over = ran.await? == Over::Abandoned;
    Ok(Report {
        statements: 1,
        duration: began.elapsed(),
        was_over,
        skipped: 0,
    })
}

/// A backfill under way.
struct Filler<'a> {
    work: Work<'a>,
    backfill: &'a Backfill,
    session: &'a Session,
    text: &'a Text,
    facts: Facts,
    keyset: Keyset,
    /// Of one that goes by `ctid`.
    table: Table,
    pace: Pace,
    estimates: Estimates,
    bisect: Bisect,
    /// The last key that is done, as the ledger has it.
    cursor: Option<KeyValues>,
    rows: u64,
    total: Option<u64>,
    quarantined: u64,
    wishes: Wishes,
    is_prepared: bool,
    /// Since when tries have failed because of others, and how often.
    failing: Option<(Instant, usize)>,
    backoff: Backoff,
    /// Since the batch before, besides the pause that was ordered.
    held_up: Duration,
    /// Looks for what it has to wait for; nobody in the foreground.
    lookout: Option<Lookout>,
    /// What the row says that it waits for.
    throttled_by: Vec<String>,
    /// When it was last looked for others who need its locks.
    looked: Instant,
}

/// How the work ended, if not by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// No key is left.
    End,
    /// `segue abandon` has given it up.
    Abandoned,
    /// Places of rows are not what they were: it begins anew, for this reason.
    Anew(&'static str),
}

/// Why what an earlier run has done does not count.
const EDITED: &str = "its text has been changed";
const REWRITTEN: &str = "the table has been rewritten, and its rows have moved";
const MOVED: &str = "a row that was set aside may be in another place by now";

/// The work, and what the ledger says of the migration before and after it.
async fn ledgered(
    work: Work<'_>,
    backfill: &Backfill,
    session: &Session,
) -> Result<Over, StandaloneError> {
    let Work {
        run,
        ledger,
        migration,
        ..
    } = work;
    session
        .execute(&settings::clean_backfill(session.server_version()))
        .await?;
    let applied = applied(migration);
    let begins = ledger.begin_migration(session, &applied, work.deployment);
    if !begins.await? {
        return Ok(Over::Abandoned);
    }
    run.events.tell(Event::MigrationBegan {
        name: migration.name.clone(),
        kind: migration.kind,
        pid: session.backend().pid,
    });
    let text = Text::read(migration, backfill).await?;
    let mut anew = None;
    loop {
        let mut filler = Filler::new(work, backfill, session, &text, anew).await?;
        let over = filler.all().await;
        filler.tell_notices();
        match over? {
            Over::Anew(why) => anew = Some(why),
            Over::End => return filler.end(&applied).await,
            Over::Abandoned => return Ok(Over::Abandoned),
        }
    }
}

impl<'a> Filler<'a> {
    /// Looks how far it is, and writes that it begins: from the start if there
    /// is a reason why it should.
    async fn new(
        work: Work<'a>,
        backfill: &'a Backfill,
        session: &'a Session,
        text: &'a Text,
        anew: Option<&'static str>,
    ) -> Result<Self, StandaloneError> {
        let Work {
            ledger,
            migration,
            deployment,
            ..
        } = work;
        let name = &migration.name;
        let facts = table::look(session, migration, backfill, text).await?;
        let keyset = Keyset::new(&facts, &backfill.key);
        let mut table = Table::look(session, &facts, &backfill.key).await?;

        let known = ledger.backfill_cursor(session, name).await?;
        let (cursor, anew) = match known {
            None => (None, None),
            Some(known) => {
                let is_begun = known.at.is_some() || known.quarantined > 0;
                let why = if anew.is_some() {
                    anew
                } else if known.checksum != migration.checksum {
                    Some(EDITED)
                } else if table.goes_on(known.ends_at.as_deref()) {
                    None
                } else {
                    Some(REWRITTEN)
                };
                match why {
                    Some(why) => (None, is_begun.then_some(why)),
                    None => (Some(known), None),
                }
            }
        };
        if cursor.is_none() {
            let key: Vec<&str> = backfill.key.names().collect();
            let new = NewBackfill {
                name,
                checksum: migration.checksum,
                deployment,
                relation: &facts.relation,
                key: &key,
                ends_at: table.ends_at(),
                within: backfill.within,
            };
            ledger.begin_backfill(session, &new).await?;
        }
        let wishes = ledger.backfill_wishes(session, name).await?;
        let budget = Budget {
            within: wishes.time_left,
            batch_time: backfill.batch_time,
            pause: backfill.pause,
            rate: wishes.rate,
            foreground: work.hurry == Hurry::Foreground,
        };
        let pace = match &cursor {
            Some(cursor) => Pace::resumed(budget, cursor.passed, cursor.batch_rows),
            None => Pace::new(budget),
        };
        let lookout = match work.hurry {
            Hurry::Foreground => None,
            Hurry::Background => Lookout::begin(&work, session, facts.oid).await?,
        };
        let filler = Self {
            work,
            backfill,
            session,
            text,
            facts,
            keyset,
            table,
            pace,
            estimates: Estimates::new(cursor.as_ref().and_then(|cursor| cursor.total)),
            bisect: Bisect::default(),
            rows: cursor.as_ref().map_or(0, |cursor| cursor.rows),
            total: cursor.as_ref().and_then(|cursor| cursor.total),
            quarantined: cursor.as_ref().map_or(0, |cursor| cursor.quarantined),
            cursor: cursor.and_then(|cursor| cursor.at),
            wishes,
            is_prepared: false,
            failing: None,
            backoff: Backoff::new(AGAIN, AGAIN_MAX),
            held_up: Duration::ZERO,
            lookout,
            throttled_by: Vec::new(),
            looked: Instant::now(),
        };
        filler.tell(News::Began {
            table: filler.facts.relation.clone(),
            key: backfill.key.to_string(),
            rows: filler.rows,
            total: filler.total,
            after: filler.cursor.as_ref().map(|key| shown(key)),
            anew: anew.map(str::to_owned),
        });
        Ok(filler)
    }

    /// Rows that were set aside first, then all that are left.
    async fn all(&mut self) -> Result<Over, StandaloneError> {
        if self.quarantined > 0
            && let Some(over) = self.take_back().await?
        {
            return Ok(over);
        }
        loop {
            if let Some(over) = self.rest().await? {
                return Ok(over);
            }
            if let Some(over) = self.batch().await? {
                return Ok(over);
            }
            self.tell_notices();
        }
    }

    /// The last transaction: nothing is left to do, unless rows are set aside.
    async fn end(&mut self, applied: &Applied) -> Result<Over, StandaloneError> {
        let ledger = self.work.ledger;
        let name = &self.work.migration.name;
        let aside = ledger.quarantined(self.session, name).await?;
        if !aside.is_empty() {
            return Err(self.refuse_end(&aside));
        }
        let is_done = ledger.end_backfill(self.session, applied).await?;
        // It may be given up since the last batch.
        Ok(if is_done { Over::End } else { Over::Abandoned })
    }

    /// The prepared statements, made again after each failure: another session
    /// may have changed the table, or a function discarded them.
    async fn prepare(&mut self) -> Result<(), Error> {
        if self.is_prepared {
            return Ok(());
        }
        self.session.execute("DEALLOCATE ALL").await?;
        // A transaction bounds how long it queues for the table.
        self.session.execute(&self.begin_sql(1)).await?;
        for includes_lower in [false, true] {
            let statement = &self.text.statement;
            self.keyset
                .prepare(self.session, statement, includes_lower)
                .await?;
        }
        self.session.execute("COMMIT").await?;
        self.is_prepared = true;
        Ok(())
    }

    /// Rolls back and waits, if the same may succeed later; else the error ends
    /// the backfill.
    async fn disturbed(
        &mut self,
        error: Error,
        blame: Blame,
        rows: u64,
    ) -> Result<Option<Over>, StandaloneError> {
        if blame == Blame::Connection || self.session.is_lost() {
            return Err(error.into());
        }
        self.session.execute("ROLLBACK").await?;
        let Error::Server(server) = error else {
            return Err(error.into());
        };
        if blame != Blame::Server {
            return Err(self.text.failed(self.work.migration, &server));
        }
        self.is_prepared = false;
        self.pace.shrink();
        self.bisect.disturbed(rows);
        self.again(&server).await
    }

    fn tell(&self, news: News) {
        self.work.run.events.tell(Event::Backfill {
            name: self.work.migration.name.clone(),
            news,
        });
    }

    fn tell_notices(&self) {
        for message in self.session.messages() {
            if let Message::Notice(notice) = message {
                self.work.run.events.tell(Event::Notice {
                    name: Some(self.work.migration.name.clone()),
                    notice,
                });
            }
        }
    }
}

fn applied(migration: &Migration) -> Applied {
    Applied {
        name: migration.name.clone(),
        checksum: migration.checksum,
        kind: migration.kind,
        statements: 1,
        duration: Duration::ZERO,
        schema_diff: migration.schema_diff.clone(),
    }
}

/// A key for people: `17`, `(3, 17)`.
fn shown(key: &[String]) -> String {
    match key {
        [one] => one.clone(),
        all => format!("({})", all.join(", ")),
    }
}
