//! One block of the batch in one transaction.
//!
//! Statements are pipelined; the first error is still found at its statement.
//! COMMIT is sent only after every reply has come without error: pipelined
//! behind an error, it would keep half a migration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::{Placed, explain_missing, failure, words};
use super::feed::{Feed, feed};
use super::{Event, Run, Signal};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::history::History;
use crate::migration::{Migration, Name};
use crate::plan::{Block, Cut, CutReason};
use crate::postgres::activity::{self, LockWait};
use crate::postgres::ledger::{Applied, Ledger, Notice};
use crate::postgres::{Error, Failure, Pipeline, ServerError, Session, settings};
use crate::statement::{Class, OwnedPiece, Statement, TransactionControl};

mod commit;

/// What a block needs besides its own migrations.
pub(super) struct Batch<'a> {
    pub(super) run: &'a Run,
    pub(super) ledger: &'a Ledger,
    pub(super) graph: &'a Graph,
    pub(super) history: &'a History,
    /// A second session, to look at what the first one waits for.
    pub(super) control: &'a Session,
    pub(super) deployment: i64,
}

/// What the block's transaction does besides running its migrations.
pub(super) struct Announcement {
    pub(super) notice: Notice,
    pub(super) tail: Vec<Name>,
}

/// How one try of a block ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Committed, and proved so.
    Committed,
    /// Rolled back; a retry may cure it.
    Retry {
        name: Option<Name>,
        cause: String,
        wait: Option<LockWait>,
    },
    /// Rolled back; it has to be cut.
    Cut(Cut),
    /// Rolled back; deferred triggers have to fire before this migration.
    FireTriggersBefore(Name),
    /// Rolled back; no retry can cure it.
    Failed(Box<Diagnostic>),
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
}

/// A block under way.
pub(super) struct Try<'a> {
    batch: &'a Batch<'a>,
    session: &'a Session,
    migrations: Vec<&'a Migration>,
    /// The last lock that was waited for.
    wait: Option<LockWait>,
    ran: Vec<Ran>,
    /// Migrations before which deferred triggers fire.
    fire_before: &'a [Name],
    cap: Duration,
}

#[derive(Clone, Copy, Default)]
struct Ran {
    statements: usize,
    began: Option<Instant>,
    ended: Option<Instant>,
}

/// Silence of the server after which the lock queue is looked at.
const SILENCE: Duration = Duration::from_millis(15);
const SILENCE_MAX: Duration = Duration::from_secs(1);

impl<'a> Try<'a> {
    /// One try of `block` on `session`, which holds the batch's lock.
    ///
    /// `cap` is the longest that any lock may be waited for.
    pub(super) async fn run(
        batch: &'a Batch<'a>,
        session: &'a Session,
        block: &Block,
        fire_before: &'a [Name],
        cap: Duration,
        announcement: Option<&Announcement>,
    ) -> Ended {
        let migrations: Vec<&Migration> = block
            .migrations
            .iter()
            .filter_map(|name| batch.graph.get(name))
            .collect();
        let mut this = Self {
            batch,
            session,
            ran: vec![Ran::default(); migrations.len()],
            migrations,
            wait: None,
            fire_before,
            cap,
        };
        match this.transaction(announcement).await {
            Ok(()) => Ended::Committed,
            Err(ended) => {
                this.roll_back(&ended).await;
                ended
            }
        }
    }

    async fn transaction(&mut self, announcement: Option<&Announcement>) -> Result<(), Ended> {
        let session = self.session;
        let begin: Arc<str> = format!("{};BEGIN READ WRITE", self.clean()).into();
        let mut pipeline = session.pipeline();
        pipeline.push(&begin, Flight::Ours { migration: 0 });
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
            })
            .collect();
        self.commit(&mut pipeline, &applied, announcement).await
    }

    /// Back to what a session is at its start, then our own settings.
    fn clean(&self) -> String {
        let timeout = self.batch.run.settings.lock_timeout.min(self.cap);
        settings::clean_batch(timeout, self.session.server_version())
    }

    /// Sends all statements of all migrations.
    async fn statements(&mut self, pipeline: &mut Pipeline<'_, Flight>) -> Result<(), Ended> {
        let mut feed = feed(self.migrations.iter().map(|one| (*one).clone()).collect());
        let mut current = 0;
        let mut is_dirty = false;
        let mut sets_constraints = false;
        while let Some(next) = feed.recv().await {
            while let Some((flight, result)) = pipeline.try_next() {
                self.land(flight, result)?;
            }
            match next {
                Feed::Begin(index) => {
                    current = index;
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
                    if self.fire_before.contains(&self.migrations[index].name) {
                        self.fire_triggers(pipeline, index).await?;
                    }
                    self.ran[index].began = Some(Instant::now());
                }
                Feed::Piece(OwnedPiece::Statement(statement)) => {
                    let class = Class::of(&statement.text);
                    is_dirty |= class.may_change_session;
                    sets_constraints |= class.keywords == "SET CONSTRAINTS";
                    self.ran[current].statements += 1;
                    if statement.copy_from_stdin {
                        self.drain(pipeline).await?;
                        self.copy(current, statement, &mut feed).await?;
                    } else {
                        self.send(pipeline, current, statement, &class).await?;
                    }
                }
                // Data without its COPY cannot come out of the splitter.
                Feed::Piece(OwnedPiece::CopyData(_) | OwnedPiece::CopyEnd { .. }) => {}
                Feed::End => {
                    let ran = &mut self.ran[current];
                    ran.ended.get_or_insert_with(Instant::now);
                }
                Feed::Failed(diagnostic) => return Err(Ended::Failed(diagnostic)),
            }
            while pipeline.is_full() {
                self.reply(pipeline).await?;
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        migration: usize,
        statement: Statement,
        class: &Class,
    ) -> Result<(), Ended> {
        let placed = Placed::new(statement);
        // Behind an error it would bring the transaction back to life, and the
        // rest of the file would run as if nothing had happened.
        if class.control == Some(TransactionControl::RollbackTo) {
            self.drain(pipeline).await?;
        }
        let text = Arc::clone(&placed.text);
        let caps = settings::may_set_lock_timeout(&text);
        pipeline.push(&text, Flight::Statement { migration, placed });
        if caps {
            let cap = settings::cap_lock_timeout(self.cap).into();
            pipeline.push(&cap, Flight::Ours { migration });
        }
        Ok(())
    }

    /// Fires deferred triggers, then gives each constraint its own mode again.
    async fn fire_triggers(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        migration: usize,
    ) -> Result<(), Ended> {
        pipeline.push(
            &"SET CONSTRAINTS ALL IMMEDIATE".into(),
            Flight::Ours { migration },
        );
        self.drain(pipeline).await?;
        let names = settings::initially_deferred(self.session).await;
        if let Some(sql) = names.map_err(|error| self.judge(error, None))? {
            pipeline.push(&sql.into(), Flight::Ours { migration });
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        migration: usize,
        statement: Statement,
        feed: &mut tokio::sync::mpsc::Receiver<Feed>,
    ) -> Result<(), Ended> {
        let session = self.session;
        let placed = Placed::new(statement);
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
        let (Flight::Statement { migration, .. } | Flight::Ours { migration }) = &flight;
        self.ran[*migration].ended = Some(Instant::now());
        result.map_err(|error| self.judge(error, Some(flight)))
    }

    /// Awaits `work` while watching for signals and for the lock queue.
    async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let run = self.batch.run;
        tokio::pin!(work);
        let mut silence = SILENCE;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Ok(result),
                signal = run.interrupt.first() => return Err(Ended::Interrupted(signal)),
                () = tokio::time::sleep(silence) => {
                    silence = (silence * 2).min(SILENCE_MAX);
                    // What cannot be looked at is only not told.
                    let wait = activity::lock_wait(self.batch.control, self.session.backend().pid);
                    if let Ok(Some(wait)) = wait.await {
                        self.wait = Some(wait);
                    }
                }
            }
        }
    }

    /// What an error means for the block.
    fn judge(&mut self, error: Error, flight: Option<Flight>) -> Ended {
        let server = match error {
            Error::Server(server) => server,
            Error::Lost(reason) => {
                return Ended::Lost {
                    reason,
                    commit: None,
                };
            }
            other => return Ended::Failed(Box::new(unexpected(&other))),
        };
        let (index, placed) = match flight {
            Some(Flight::Statement { migration, placed }) => (migration, Some(placed)),
            Some(Flight::Ours { migration }) => (migration, None),
            None => (0, None),
        };
        let migration = self.migrations[index];
        let cut = |reason| Cut {
            before: migration.name.clone(),
            reason,
        };
        match server.failure() {
            Failure::LockTimeout | Failure::Deadlock | Failure::Serialization => Ended::Retry {
                name: Some(migration.name.clone()),
                cause: server.to_string(),
                wait: self.wait.take(),
            },
            Failure::ConnectionLost => Ended::Lost {
                reason: server.message,
                commit: None,
            },
            Failure::EnumValueUnusable if index > 0 => Ended::Cut(cut(CutReason::EnumValue)),
            Failure::ObjectInUse if index > 0 && !self.fire_before.contains(&migration.name) => {
                Ended::FireTriggersBefore(migration.name.clone())
            }
            Failure::ObjectInUse if index > 0 => Ended::Cut(cut(CutReason::PendingTriggers)),
            Failure::OutOfMemory if index > 0 && !self.batch.history.has_user_relations => {
                Ended::Cut(cut(CutReason::LockMemory))
            }
            _ => Ended::Failed(Box::new(self.diagnostic(migration, placed, &server))),
        }
    }

    fn diagnostic(
        &self,
        migration: &Migration,
        placed: Option<Placed>,
        error: &ServerError,
    ) -> Diagnostic {
        let Some(placed) = placed else {
            return words(error).source(&migration.source);
        };
        let diagnostic = failure(migration, &placed, error);
        let batch = self.batch;
        let diagnostic = explain_missing(
            diagnostic,
            error,
            &placed,
            migration,
            batch.graph,
            batch.history,
            &batch.run.project,
        );
        match error.failure() {
            Failure::EnumValueUnusable => diagnostic.help(
                "an enum value cannot be used by the transaction that adds it: write `-- segue: no-txn` at the top of the file that adds it, or add it in a file of its own before this one",
            ),
            Failure::ObjectInUse => diagnostic.help(
                "if triggers are deferred, `SET CONSTRAINTS ALL IMMEDIATE;` before this statement fires them",
            ),
            Failure::OutOfMemory => diagnostic.help(
                "each table, index and sequence that a transaction touches takes a slot in the server's lock table: raise `max_locks_per_transaction` and restart the server, or deploy in smaller steps",
            ),
            Failure::ActiveTransaction | Failure::InvalidTermination => diagnostic.help(
                "write `-- segue: no-txn` at the top of the file, or make it a concurrent migration with `-- segue: begin-concurrent-migration-with: FILE`",
            ),
            _ => diagnostic,
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
        let _ = tokio::time::timeout(PATIENCE, self.session.execute("ROLLBACK")).await;
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

impl Placed {
    /// Takes the statement's text.
    fn new(statement: Statement) -> Self {
        Self {
            text: statement.text.into(),
            span: statement.span,
            line: statement.position.line,
        }
    }
}

fn unexpected(error: &Error) -> Diagnostic {
    Diagnostic::new(crate::diagnostic::code::SERVER_ERROR, error.to_string())
}
