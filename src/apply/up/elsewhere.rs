//! Migrations on a connection of their own.
//!
//! What runs in another database is recorded there, in the migration's own
//! transaction, under a project that names the database which it belongs to;
//! then the rows are moved to the ledger of that one. Whoever comes later finds
//! them in one of the two.
//!
//! The lock of such a connection is held by the very session that runs the
//! statements, and is asked for while the batch's lock is held, never the other
//! way round.

use std::sync::OnceLock;
use std::time::Instant;

use super::fence::{self, Signs};
use super::server::greet;
use crate::apply::batch::{Batch, Ended, LockBounds, Try};
use crate::apply::pause::{Meanwhile, Pause};
use crate::apply::role::Made;
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event, NOT_RETRIED, Run, standalone};
use crate::diagnostic::{Diagnostic, code};
use crate::history::{History, LockKey, Record, Renamed};
use crate::migration::{Connection, Migration, Name};
use crate::plan::{Block, Cut};
use crate::postgres::ledger::{Kept, Ledger};
use crate::postgres::{self, Failure, Session, lock, pooler, surroundings};
use crate::text::Variables;

mod unrecorded;

/// Where what runs on a connection is recorded.
#[derive(Debug)]
pub(super) enum Book {
    /// In the ledger at hand: the connection leads to the very same database.
    AtHand(Ledger),
    /// In that database, until the rows are moved.
    There(Ledger),
    /// Nowhere: the role may not, or the database is a template.
    Nowhere,
}

/// An open connection of migrations' own.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// Runs the statements, and holds the lock while it does.
    pub(super) session: Session,
    pub(super) book: Book,
    place: String,
    /// Under which rows are kept until they are moved.
    project: String,
    pub(super) key: LockKey,
}

/// How a step on it ended.
#[derive(Debug)]
pub(super) enum Ran {
    /// Done; the rows that have to be written where they belong.
    Done(Vec<Kept>),
    /// Rolled back; the block has to be cut.
    Cut(Cut),
    /// The connection is gone: what stands is looked up by whoever connects
    /// and has the lock.
    Lost(String),
}

/// What a step on a connection needs.
pub(super) struct Work<'a> {
    pub(super) run: &'a Run,
    pub(super) survey: &'a Survey,
    pub(super) deployment: Option<i64>,
    /// Migrations before which deferred triggers have to fire.
    pub(super) fire_before: &'a mut Vec<Name>,
}

impl Elsewhere {
    /// Connects, and finds out where rows can be written. `at_hand` is the
    /// session that holds the batch's lock in the database at hand, if there
    /// is one.
    pub(super) async fn open(
        run: &Run,
        connection: &Connection,
        at_hand: Option<&Session>,
    ) -> Result<Self, ApplyError> {
        let target = run.place(connection)?;
        let session = Session::connect(&target, run.connect_wait).await?;
        greet(&session).await?;
        let book = book(run, &session, at_hand).await?;
        let project = Ledger::project_elsewhere(&run.project, run.target.database());
        Ok(Self {
            session,
            book,
            place: target.to_string(),
            key: LockKey::batch(&project),
            project,
        })
    }

    /// Takes the lock, and makes the ledger there if that is where rows go.
    pub(super) async fn lock(&mut self, run: &Run) -> Result<(), ApplyError> {
        let what = format!("the lock of this folder in {}", self.place);
        fence::poll(
            run,
            &self.session,
            &self.session,
            self.key,
            &what,
            Signs::None,
        )
        .await?;
        let Book::There(ledger) = &mut self.book else {
            return Ok(());
        };
        let writes = match ledger.prepare(&self.session).await {
            Ok(_) => ledger.may_write(&self.session).await?,
            Err(error) if error.failure() == Failure::InsufficientPrivilege => false,
            Err(error) => return Err(error.into()),
        };
        if !writes {
            self.book = Book::Nowhere;
        }
        Ok(())
    }

    /// Gives the lock back.
    pub(super) async fn unlock(&self) -> Result<(), ApplyError> {
        Ok(lock::unlock(&self.session, self.key).await?)
    }

    /// What a run that is gone has applied there.
    pub(super) async fn kept(&self) -> Result<Vec<Kept>, ApplyError> {
        let Some(ledger) = self.shelf() else {
            return Ok(Vec::new());
        };
        Ok(ledger.kept(&self.session).await?)
    }

    /// Gives what a run that is gone has left there the names that its files
    /// have by now: found under none, it would run again. `history` is that of
    /// the database at hand; the lock is held.
    pub(super) async fn follow_renamed(
        &self,
        run: &Run,
        migrations: &[Migration],
        history: &History,
    ) -> Result<(), ApplyError> {
        let Some(ledger) = self.shelf() else {
            return Ok(());
        };
        let mut left = ledger.history(&self.session).await?;
        if left.records.is_empty() {
            return Ok(());
        }
        // What is done has its row already, and is nobody's new name.
        for one in migrations.iter().filter(|one| history.is_closed(&one.name)) {
            if let (Some(record), false) = (
                history.records.get(&one.name),
                left.records.contains_key(&one.name),
            ) {
                let checksum = one.checksum;
                let record = Record {
                    checksum,
                    ..record.clone()
                };
                left.records.insert(one.name.clone(), record);
            }
        }
        left.follow(ledger.project(), migrations);
        if left.renamed.is_empty() {
            return Ok(());
        }
        ledger.rename(&self.session, &left.renamed).await?;
        for Renamed { from, to, .. } in left.renamed {
            run.events.tell(Event::Repaired {
                name: to,
                what: format!(
                    "its row in {} has its new name: it was `{from}` when it ran",
                    self.place
                ),
            });
        }
        Ok(())
    }

    /// The rows are where they belong, and need not be kept any more.
    pub(super) async fn hand_over(&self, kept: &[Kept]) -> Result<(), ApplyError> {
        match self.shelf() {
            Some(ledger) => Ok(ledger.handed_over(&self.session, kept).await?),
            None => Ok(()),
        }
    }

    /// Where rows are kept until they are moved, if anything can be kept. What
    /// ran before anybody could log in to the database at hand may have run in
    /// that very database.
    pub(super) fn shelf(&self) -> Option<Ledger> {
        match &self.book {
            Book::There(ledger) => Some(ledger.clone()),
            Book::AtHand(ledger) => Some(ledger.for_project(&self.project)),
            Book::Nowhere => None,
        }
    }

    /// Runs a block, whose lock is held.
    pub(super) async fn block(
        &mut self,
        work: &mut Work<'_>,
        block: &Block,
    ) -> Result<Ran, ApplyError> {
        let graph = &work.survey.graph;
        let names = block.migrations.iter();
        let migrations: Vec<&Migration> = names.filter_map(|name| graph.get(name)).collect();
        let ledger = match &self.book {
            Book::AtHand(ledger) | Book::There(ledger) => Some(ledger.clone()),
            Book::Nowhere => None,
        };
        if ledger.is_none() {
            self.refuse_unrecorded(&migrations)?;
        }
        let deployment = match self.book {
            Book::AtHand(_) => work.deployment,
            Book::There(_) | Book::Nowhere => None,
        };
        let began_at = surroundings::clock(&self.session).await?;
        let began = Instant::now();
        let control = self.session.sibling(work.run.connect_wait).await?;
        pooler::two(&self.session, &control).await?;
        let ran = self
            .tries(work, block, &control, ledger.as_ref(), deployment)
            .await?;
        control.close().await;
        if !matches!(ran, Ran::Done(_)) {
            return Ok(ran);
        }
        let duration = began.elapsed();
        work.run.events.tell(Event::BlockCommitted {
            migrations: block.migrations.len(),
            duration,
        });
        match self.book {
            Book::AtHand(_) => Ok(ran),
            Book::There(_) => Ok(Ran::Done(self.kept().await?)),
            Book::Nowhere => {
                let ended_at = surroundings::clock(&self.session).await?;
                let kept = migrations
                    .iter()
                    .map(|one| unrecorded::kept(one, &began_at, &ended_at, duration));
                Ok(Ran::Done(kept.collect()))
            }
        }
    }

    async fn tries(
        &self,
        work: &mut Work<'_>,
        block: &Block,
        control: &Session,
        ledger: Option<&Ledger>,
        deployment: Option<i64>,
    ) -> Result<Ran, ApplyError> {
        let run = work.run;
        let mut failing_since = None;
        let graph = &work.survey.graph;
        let names = block.migrations.iter();
        let variables = names
            .filter_map(|name| graph.get(name))
            .fold(Variables::default(), |all, one| all.and(&one.variables));
        let bounds = LockBounds::of(control, run.settings.lock_timeout).await?;
        let mut roles = Made::default();
        let brought = OnceLock::new();
        for attempt in 1.. {
            run.events.tell(Event::BlockBegan {
                migrations: block.migrations.len(),
                attempt,
            });
            let batch = Batch {
                run,
                ledger,
                graph,
                history: &work.survey.history,
                was_empty: false,
                control,
                deployment,
                last: work.survey.last(),
                fingerprint: &work.survey.fingerprint,
                brought: &brought,
            };
            let trying = Try::run(
                &batch,
                &self.session,
                block,
                work.fire_before,
                bounds,
                None,
                None,
            );
            match trying.await {
                Ended::Committed(_) => return Ok(Ran::Done(Vec::new())),
                Ended::Retry { diagnostic, .. } if run.settings.retry_for.is_zero() => {
                    return Err(failed(diagnostic.note(NOT_RETRIED)));
                }
                Ended::Retry {
                    name, cause, wait, ..
                } => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    let mut pause = Pause::of_block(run, since, attempt, name, cause, wait);
                    let over = pause
                        .over(control, Meanwhile::ShowLife(&self.session))
                        .await;
                    over.map_err(|stopped| stopped.into_apply_error(&[]))?;
                }
                Ended::FireTriggersBefore(name) => work.fire_before.push(name),
                Ended::Cut(cut) => {
                    run.events.tell(Event::BlockCut { cut: cut.clone() });
                    return Ok(Ran::Cut(cut));
                }
                Ended::Failed(diagnostic) => {
                    if !roles.make(run, &diagnostic, &variables).await? {
                        return Err(failed(*diagnostic));
                    }
                }
                Ended::Mismatch(mismatch) => {
                    return Err(ApplyError::Mismatch {
                        mismatch,
                        committed: Vec::new(),
                    });
                }
                Ended::Refused(error) => return Err(*error),
                Ended::Interrupted(signal) => {
                    return Err(ApplyError::Interrupted {
                        signal,
                        committed: Vec::new(),
                    });
                }
                Ended::Unanswered { after } => {
                    return Err(ApplyError::CommitUnknown {
                        after,
                        committed: Vec::new(),
                    });
                }
                Ended::Lost { reason, .. } => return Ok(Ran::Lost(reason)),
                // Only a migration without a connection of its own is folded,
                // and shares a block with its like.
                Ended::Unfold(unfolded) => {
                    let diagnostic = Diagnostic::new(code::NOT_FINISHED, unfolded.reason);
                    return Err(failed(diagnostic));
                }
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Runs a migration outside a transaction block; the lock is held.
    pub(super) async fn standalone(
        &mut self,
        work: &mut Work<'_>,
        migration: &Migration,
    ) -> Result<Ran, ApplyError> {
        let run = work.run;
        let (ledger, deployment) = match &self.book {
            Book::AtHand(ledger) => (ledger.clone(), work.deployment),
            Book::There(ledger) => (ledger.clone(), None),
            Book::Nowhere => {
                self.refuse_unrecorded(&[migration])?;
                return self.unrecorded(run, migration).await;
            }
        };
        let key = LockKey::migration(ledger.project(), &migration.name);
        let session = &mut self.session;
        fence::poll(
            run,
            session,
            session,
            key,
            migration.name.as_str(),
            Signs::Expected,
        )
        .await?;
        let cut = session.cut_on_drop();
        let ran = standalone::run(run, &ledger, session, migration, deployment, None).await;
        cut.disarm();
        match ran {
            Ok(_) => {
                lock::unlock(session, key).await?;
                Ok(Ran::Done(self.kept().await?))
            }
            Err(standalone::StandaloneError::ConnectionLost(reason)) => Ok(Ran::Lost(reason)),
            Err(error) => Err(error.into_apply_error(&[])),
        }
    }
}

fn failed(diagnostic: Diagnostic) -> ApplyError {
    ApplyError::Migration {
        diagnostic: Box::new(diagnostic),
        committed: Vec::new(),
    }
}

/// Where rows of what runs on `session` can be written.
async fn book(
    run: &Run,
    session: &Session,
    at_hand: Option<&Session>,
) -> Result<Book, postgres::Error> {
    if is_at_hand(run, session, at_hand).await? {
        let ledger = Ledger::find(session, &run.project, run.owner.as_deref()).await?;
        return Ok(if ledger.may_write(session).await? {
            Book::AtHand(ledger)
        } else {
            Book::Nowhere
        });
    }
    // Each new database would be a copy of it, the ledger included.
    if surroundings::is_template(session).await? {
        return Ok(Book::Nowhere);
    }
    let project = Ledger::project_elsewhere(&run.project, run.target.database());
    match Ledger::find(session, &project, None).await {
        Ok(ledger) => Ok(Book::There(ledger)),
        Err(error) if error.failure() == Failure::InsufficientPrivilege => Ok(Book::Nowhere),
        Err(error) => Err(error),
    }
}

/// Whether `session` is in the database at hand: it sees the batch's lock in
/// the hands of the session that holds it.
async fn is_at_hand(
    run: &Run,
    session: &Session,
    at_hand: Option<&Session>,
) -> Result<bool, postgres::Error> {
    let Some(holder) = at_hand else {
        return Ok(false);
    };
    let held = lock::held(session).await?;
    let is_seen = held.get(&LockKey::batch(&run.project)) == Some(&holder.backend().pid);
    let name = surroundings::current_database(session).await?;
    Ok(is_seen && name == run.target.database())
}
