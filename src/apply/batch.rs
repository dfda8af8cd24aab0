//! One block of the batch in one transaction.
//!
//! Statements are pipelined; the first error is still found at its statement.
//! COMMIT is sent only after every reply has come without error: pipelined
//! behind an error, it would keep half a migration.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::check::{Checked, Mismatch};
use super::failure::{Placed, words};
use super::feed::{Feed, Feeding, feed};
use super::{ApplyError, Event, Isolation, Run, Signal};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::history::History;
use crate::migration::{Migration, Name};
use crate::plan::{Block, Cut, LedgerOf};
use crate::postgres::activity::LockWait;
use crate::postgres::ledger::{Applied, Brought, Ledger, Notice};
use crate::postgres::stall::CopyWatch;
use crate::postgres::{Error, Message, Pipeline, Session, settings};
use crate::statement::{Class, CopyDirection, OwnedPiece, TransactionControl};
use crate::text::Variables;

mod brought;
mod commit;
mod fold;
mod guard;
mod judge;
mod verify;

pub(super) use fold::Unfolded;
pub(super) use guard::LockBounds;
pub(super) use judge::CUT_SHORT;
pub(super) use verify::BlockCheck;

/// What a block needs besides its own migrations.
pub(super) struct Batch<'a> {
    pub(super) run: &'a Run,
    /// Where its rows go; `None` if they cannot be written.
    pub(super) ledger: Option<&'a Ledger>,
    pub(super) graph: &'a Graph,
    pub(super) history: &'a History,
    /// Whether the database held no relations of its own when the run began.
    pub(super) was_empty: bool,
    /// A second session, to look at what the first one waits for.
    pub(super) control: &'a Session,
    pub(super) deployment: Option<i64>,
    /// Name of the folder's last migration.
    pub(super) last: Option<&'a Name>,
    /// Fingerprint of the folder's batch migrations.
    pub(super) fingerprint: &'a str,
    /// Filled before the COMMIT of a block that brings a record of what has
    /// been applied.
    pub(super) brought: &'a OnceLock<Brought>,
}

/// What the block's transaction does besides running its migrations.
pub(super) struct Announcement {
    pub(super) notice: Notice,
    pub(super) tail: Vec<Name>,
}

/// How one try of a block ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Committed, and proved so; with what the check of the schema gave.
    Committed(Option<Box<Checked>>),
    /// Rolled back; a retry may cure it.
    Retry {
        name: Option<Name>,
        cause: String,
        wait: Option<LockWait>,
        /// For whom no retry is wanted.
        diagnostic: Box<Diagnostic>,
    },
    /// Rolled back; it has to be cut.
    Cut(Cut),
    /// Rolled back; this concurrent migration has to run by itself.
    Unfold(Unfolded),
    /// Rolled back; deferred triggers have to fire before this migration.
    FireTriggersBefore(Name),
    /// Rolled back; no retry can cure it.
    Failed(Box<Diagnostic>),
    /// Rolled back: the schema would not be as expected.
    Mismatch(Box<Mismatch>),
    /// Rolled back: whether the schema is as expected could not be found out.
    Refused(Box<ApplyError>),
    /// The connection is gone. `commit` is the transaction's id if COMMIT was
    /// sent.
    Lost {
        reason: String,
        commit: Option<String>,
    },
    /// COMMIT was sent and never answered within its bound.
    Unanswered { after: Duration },
    /// Rolled back, as the user asked.
    Interrupted(Signal),
}

/// A statement under way.
enum Flight {
    Statement {
        migration: usize,
        placed: Placed,
    },
    /// Between migrations; errors are told of the migration before.
    Ours {
        migration: usize,
    },
    /// The lock under which the version changes that this migration brings.
    Fence {
        migration: usize,
    },
}

/// A block under way.
pub(super) struct Try<'a> {
    batch: &'a Batch<'a>,
    session: &'a Session,
    block: &'a Block,
    migrations: Vec<&'a Migration>,
    /// The record that they bring.
    brings: Option<LedgerOf>,
    /// The last lock that was waited for.
    wait: Option<LockWait>,
    ran: Vec<Ran>,
    /// Lets the server end a COPY that gets nowhere.
    copies: Option<CopyWatch>,
    /// The migration whose statements are being sent.
    sending: usize,
    /// Migrations before which deferred triggers fire.
    fire_before: &'a [Name],
    bounds: LockBounds,
    /// When a lock wait that was too long was ended.
    cut_short: Option<Instant>,
    /// Whether the transaction has begun.
    begun: bool,
    /// Whose version's lock the session may have outside its transaction.
    fenced: Option<&'a Ledger>,
}

#[derive(Clone, Copy, Default)]
struct Ran {
    statements: usize,
    began: Option<Instant>,
    ended: Option<Instant>,
}

const SAVEPOINT: &str = "SAVEPOINT segue_of_one_migration";
const RELEASE: &str = "RELEASE SAVEPOINT segue_of_one_migration";

impl<'a> Try<'a> {
    /// One try of `block` on `session`, which holds the batch's lock.
    ///
    pub(super) async fn run(
        batch: &'a Batch<'a>,
        session: &'a Session,
        block: &'a Block,
        fire_before: &'a [Name],
        bounds: LockBounds,
        announcement: Option<&Announcement>,
        check: Option<&BlockCheck<'_>>,
    ) -> Ended {
        let migrations: Vec<&Migration> = block
            .migrations
            .iter()
            .filter_map(|name| batch.graph.get(name))
            .collect();
        let mut this = Self {
            batch,
            session,
            block,
            ran: vec![Ran::default(); migrations.len()],
            migrations,
            brings: block.brings,
            copies: None,
            sending: 0,
            wait: None,
            fire_before,
            bounds,
            cut_short: None,
            begun: false,
            fenced: None,
        };
        // Whoever drops this run has to leave no lock behind.
        let cut = session.cut_on_drop();
        let ended = match this.transaction(announcement, check).await {
            Ok(checked) => Ended::Committed(checked),
            Err(ended) => {
                this.roll_back(&ended).await;
                ended
            }
        };
        cut.disarm();
        ended
    }

    async fn transaction(
        &mut self,
        announcement: Option<&Announcement>,
        check: Option<&BlockCheck<'_>>,
    ) -> Result<Option<Box<Checked>>, Ended> {
        let session = self.session;
        session.conceal(&self.variables());
        let mut pipeline = session.pipeline();
        let begin = Isolation::begin(self.batch.run.settings.isolation);
        let ours = Flight::Ours { migration: 0 };
        pipeline.push(&self.clean().into(), ours);
        // Before any other lock: whoever waits for it here is in nobody's way
        // but of those who ask for the version.
        let mut migrations = self.migrations.iter();
        let of_version = migrations.rposition(|one| one.schema_version.is_some());
        // One that a dump of this very block brings cannot be held by anybody.
        let ledger = self.batch.ledger.filter(|one| one.version().is_some());
        let fence = of_version.zip(ledger);
        if let Some((migration, ledger)) = fence {
            self.fenced = Some(ledger);
            let outside = ledger.fence_outside_sql().into();
            pipeline.push(&outside, Flight::Fence { migration });
            self.drain(&mut pipeline).await?;
        }
        let ours = Flight::Ours { migration: 0 };
        self.begun = true;
        pipeline.push(&begin.into(), ours);
        if let Some((migration, ledger)) = fence {
            for sql in [ledger.fence_sql(), ledger.unfence_outside_sql()] {
                pipeline.push(&sql.into(), Flight::Fence { migration });
            }
            self.drain(&mut pipeline).await?;
            self.fenced = None;
        }
        self.statements(&mut pipeline).await?;
        self.drain(&mut pipeline).await?;
        let applied: Vec<Applied> = self
            .migrations
            .iter()
            .zip(self.ran.iter().zip(durations(&self.ran)))
            .map(|(migration, (ran, duration))| Applied {
                name: migration.name.clone(),
                checksum: migration.checksum,
                kind: migration.kind,
                statements: ran.statements,
                duration,
                schema_diff: migration.schema_diff.clone(),
                schema_version: migration.schema_version,
            })
            .collect();
        self.commit(&mut pipeline, &applied, announcement, check)
            .await
    }

    /// The variables of all migrations.
    fn variables(&self) -> Variables {
        let all = self.migrations.iter().map(|one| &one.variables);
        all.fold(Variables::default(), |all, own| all.and(own))
    }

    /// Back to what a session is at its start, then our own settings.
    fn clean(&self) -> String {
        let timeout = self.batch.run.settings.lock_timeout.min(self.bounds.always);
        settings::clean_batch(timeout, self.session.server_version())
    }

    /// Sends all statements of all migrations.
    async fn statements(&mut self, pipeline: &mut Pipeline<'_, Flight>) -> Result<(), Ended> {
        let mut feed = feed(self.migrations.iter().map(|one| (*one).clone()).collect());
        let mut current = 0;
        let mut is_dirty = false;
        let mut sets_constraints = false;
        let mut has_savepoint = false;
        while let Some(next) = feed.recv().await {
            // A server that is quicker than we are leaves nothing to wait for.
            if let Some(signal) = self.batch.run.interrupt.signals().first {
                return Err(Ended::Interrupted(signal));
            }
            while let Some((flight, result)) = pipeline.try_next() {
                self.land(flight, result)?;
            }
            match next {
                Feed::Begin(index) => {
                    current = index;
                    self.sending = index;
                    if std::mem::take(&mut sets_constraints) {
                        self.fire_triggers(pipeline, index - 1).await?;
                    }
                    if std::mem::take(&mut is_dirty) {
                        let clean = self.clean().into();
                        pipeline.push(
                            &clean,
                            Flight::Ours {
                                migration: index - 1,
                            },
                        );
                    }
                    if index > 0 && self.fire_before.contains(&self.migrations[index].name) {
                        self.fire_triggers(pipeline, index - 1).await?;
                    }
                    self.ran[index].began = Some(Instant::now());
                }
                Feed::Piece(OwnedPiece::Statement(statement)) => {
                    let is_copy = statement.copy == Some(CopyDirection::FromStdin);
                    let variables = &self.migrations[current].variables;
                    let mut placed = Placed::new(statement, variables);
                    let detached = if self.is_folded(current) {
                        self.plain(pipeline, current, &mut placed).await?
                    } else {
                        None
                    };
                    let class = Class::of(&placed.text);
                    is_dirty |= class.may_change_session;
                    sets_constraints |= class.keywords == "SET CONSTRAINTS";
                    // Around the savepoints of a file, so that those left open
                    // end with it: the next file must not roll back to them.
                    if class.control == Some(TransactionControl::Savepoint)
                        && !std::mem::replace(&mut has_savepoint, true)
                    {
                        pipeline.push(&SAVEPOINT.into(), Flight::Ours { migration: current });
                    }
                    self.ran[current].statements += 1;
                    if is_copy {
                        self.drain(pipeline).await?;
                        self.copy(current, placed, &mut feed).await?;
                    } else {
                        self.send(pipeline, current, placed, &class).await?;
                    }
                    if let Some(sql) = detached {
                        pipeline.push(&sql.into(), Flight::Ours { migration: current });
                    }
                }
                // Data without its COPY cannot come out of the splitter.
                Feed::Piece(OwnedPiece::CopyData(_) | OwnedPiece::CopyEnd { .. }) => {}
                Feed::End => {
                    if std::mem::take(&mut has_savepoint) {
                        pipeline.push(&RELEASE.into(), Flight::Ours { migration: current });
                    }
                    let ran = &mut self.ran[current];
                    ran.ended.get_or_insert_with(Instant::now);
                }
                Feed::Failed(diagnostic) => return Err(Ended::Failed(diagnostic)),
            }
            // A good part of them at once: the server's answers come in lumps,
            // and to be woken for each takes longer than it does.
            if pipeline.is_full() {
                while !pipeline.has_room() {
                    self.reply(pipeline).await?;
                }
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        migration: usize,
        placed: Placed,
        class: &Class,
    ) -> Result<(), Ended> {
        let resets_strings = placed.resets_strings;
        // Behind an error it would bring the transaction back to life, and the
        // rest of the file would run as if nothing had happened.
        if class.control == Some(TransactionControl::RollbackTo) {
            self.drain(pipeline).await?;
        }
        let text = Arc::clone(&placed.text);
        // Its answer is none that the pipeline takes.
        if placed.copy_to_stdout {
            self.drain(pipeline).await?;
            let session = self.session;
            if self.copies.is_none() {
                self.copies = Some(CopyWatch::of(session).await);
            }
            let result = self.guard(session.copy_out(&text)).await?;
            return self.land(Flight::Statement { migration, placed }, result);
        }
        let leaves_bounds = class.may_change_session && settings::may_leave_bounds(&text);
        pipeline.push(&text, Flight::Statement { migration, placed });
        if leaves_bounds {
            let bounds = settings::bounds(self.bounds.always).into();
            pipeline.push(&bounds, Flight::Ours { migration });
        }
        if resets_strings {
            pipeline.push(&settings::STRINGS.into(), Flight::Ours { migration });
        }
        Ok(())
    }

    /// Fires deferred triggers, then gives each constraint its own mode again.
    async fn fire_triggers(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        migration: usize,
    ) -> Result<(), Ended> {
        self.drain(pipeline).await?;
        let session = self.session;
        let statements = self.guard(settings::fire_deferred(session)).await?;
        for sql in statements.map_err(|error| self.judge(error, None))? {
            pipeline.push(&sql.into(), Flight::Ours { migration });
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        migration: usize,
        placed: Placed,
        feed: &mut Feeding,
    ) -> Result<(), Ended> {
        let session = self.session;
        if self.copies.is_none() {
            self.copies = Some(CopyWatch::of(session).await);
        }
        let text = Arc::clone(&placed.text);
        let flight = Flight::Statement { migration, placed };
        let mut copy = match self.guard(session.copy_in(&text)).await? {
            Ok(copy) => copy,
            Err(error) => return Err(self.judge(error, Some(flight))),
        };
        loop {
            let result = match feed.recv().await {
                Some(Feed::Piece(OwnedPiece::CopyData(data))) => {
                    self.guard(copy.send(data.into())).await?
                }
                Some(Feed::Piece(OwnedPiece::CopyEnd { .. })) => {
                    match self.guard(copy.finish()).await? {
                        Ok(_) => {
                            self.land(flight, Ok(()))?;
                            return Ok(());
                        }
                        Err(error) => return Err(self.judge(error, Some(flight))),
                    }
                }
                Some(Feed::Failed(diagnostic)) => return Err(Ended::Failed(diagnostic)),
                // The thread that reads has ended without a word: it panicked.
                _ => {
                    return Err(self.judge(Error::protocol("the data ended early"), Some(flight)));
                }
            };
            if let Err(error) = result {
                // The server's own reason comes with the end of the data.
                let error = match copy.finish().await {
                    Err(reason) => reason,
                    Ok(_) => error,
                };
                return Err(self.judge(error, Some(flight)));
            }
        }
    }

    /// Takes replies until none is outstanding.
    async fn drain(&mut self, pipeline: &mut Pipeline<'_, Flight>) -> Result<(), Ended> {
        while !pipeline.is_empty() {
            self.reply(pipeline).await?;
        }
        Ok(())
    }

    async fn reply(&mut self, pipeline: &mut Pipeline<'_, Flight>) -> Result<(), Ended> {
        let Some((flight, result)) = self.guard(pipeline.next()).await? else {
            return Ok(());
        };
        self.land(flight, result)
    }

    fn land(&mut self, flight: Flight, result: Result<(), Error>) -> Result<(), Ended> {
        let (Flight::Statement { migration, .. }
        | Flight::Ours { migration }
        | Flight::Fence { migration }) = &flight;
        let migration = *migration;
        self.ran[migration].ended = Some(Instant::now());
        self.tell_notices(migration);
        match result {
            Ok(()) => {
                // What this statement waited for, it has got.
                self.wait = None;
                Ok(())
            }
            Err(error) => Err(self.judge(error, Some(flight))),
        }
    }

    /// Tells what the server said besides its replies. It may be ahead of the
    /// reply at hand, so the migration is known only if no other is under way.
    fn tell_notices(&self, migration: usize) {
        for message in self.session.messages() {
            if let Message::Notice(notice) = message {
                let is_certain = migration == self.sending;
                self.batch.run.events.tell(Event::Notice {
                    name: is_certain.then(|| self.migrations[migration].name.clone()),
                    notice,
                });
            }
        }
    }

    async fn roll_back(&self, ended: &Ended) {
        const PATIENCE: Duration = Duration::from_secs(10);
        if matches!(ended, Ended::Lost { .. } | Ended::Unanswered { .. }) || self.session.is_lost()
        {
            return;
        }
        if matches!(ended, Ended::Interrupted(_)) {
            // What cannot be cancelled is rolled back when the connection ends.
            let _ = self.session.cancel().await;
        }
        // Statements that were sent already run into the failed transaction
        // first. If no answer comes, the session is dropped by the caller, and
        // the server rolls back.
        if self.begun {
            let _ = tokio::time::timeout(PATIENCE, self.session.execute("ROLLBACK")).await;
        }
        if let Some(ledger) = self.fenced {
            let sql = ledger.unfence_if_held_sql();
            let _ = tokio::time::timeout(PATIENCE, self.session.execute(&sql)).await;
        }
    }

    /// Tells each migration once its statements are through.
    fn tell_ran(&self) {
        let ran = self.ran.iter().zip(durations(&self.ran));
        for (migration, (ran, duration)) in self.migrations.iter().zip(ran) {
            self.batch.run.events.tell(Event::MigrationRan {
                name: migration.name.clone(),
                kind: migration.kind,
                statements: ran.statements,
                duration,
            });
        }
    }
}

/// How long each migration took. Statements are sent ahead, so one begins, for
/// the server, when the one before has ended.
fn durations(ran: &[Ran]) -> Vec<Duration> {
    let mut before = None;
    ran.iter()
        .map(|ran| {
            let duration = match (before.max(ran.began), ran.ended) {
                (Some(began), Some(ended)) => ended.saturating_duration_since(began),
                _ => Duration::ZERO,
            };
            before = before.max(ran.ended);
            duration
        })
        .collect()
}
