//! One standalone or concurrent migration, statement by statement, on the
//! session that holds its lock.
//!
//! Whatever PostgreSQL allows in a transaction runs `inside` one, together
//! with the row that says so: exactly once, whatever dies. What refuses runs
//! `outside`, after an intent, and what its death leaves behind is decided
//! by [`crate::procedure`]. An interrupted file is taken up by `resume`.
//!
//! The future may be dropped at any point: the server goes on with the
//! statement at hand, and a later run finds out how it ended.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::crew::Crew;
use super::failure::{Placed, failure};
use super::role::Made;
use super::{Event, NOT_RETRIED, Run};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::history::LockKey;
use crate::migration::{Item, Kind, Migration};
use crate::postgres::ledger::{Applied, Intent, Ledger, NewIntent};
use crate::postgres::stall::CopyWatch;
use crate::postgres::{Error, Failure, Message, ServerError, Session, TextRow, lock, settings};
use crate::procedure::Before;
use crate::statement::{Class, CopyDirection, Digest, Statement};

mod clean_up;
mod error;
mod inside;
mod look;
mod lost;
mod outside;
mod partitioned;
mod prepared;
mod reader;
mod resume;
mod watch;

pub(super) use clean_up::{
    CLEAN_UP_MARK, clean_up, clean_up_by_name, is_repeatable, is_unknown, settle_half_way,
};
pub use error::StandaloneError;
use reader::Reader;
use watch::Watch;
pub(super) use watch::preempted_by;

/// What running one migration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many statements it has.
    pub statements: usize,
    /// How many of them an earlier run had done.
    pub skipped: usize,
    /// How long this run took.
    pub duration: Duration,
    /// Somebody else had applied or abandoned it meanwhile; nothing was run.
    pub was_over: bool,
}

/// Runs `migration` on `session`, which holds its lock. What the ledger says
/// is done is not run again. `helpers` build beside it what can be.
///
/// # Errors
/// [`StandaloneError`]; after [`StandaloneError::ConnectionLost`] and
/// [`StandaloneError::Interrupted`] the session is of no use any more.
pub(super) async fn run(
    run: &Run,
    ledger: &Ledger,
    session: &mut Session,
    migration: &Migration,
    deployment: Option<i64>,
    helpers: Option<&Crew>,
) -> Result<Report, StandaloneError> {
    run_with(
        run,
        ledger,
        session,
        migration,
        deployment,
        (false, helpers),
    )
    .await
}

/// As [`run`], but a lock that a concurrent migration holds is not waited for
/// before the first statement.
///
/// # Errors
/// As [`run`], and [`StandaloneError::Conflict`].
pub(super) async fn run_yielding(
    run: &Run,
    ledger: &Ledger,
    session: &mut Session,
    migration: &Migration,
    deployment: Option<i64>,
) -> Result<Report, StandaloneError> {
    let cut = session.cut_on_drop();
    let ran = run_with(run, ledger, session, migration, deployment, (true, None)).await;
    cut.disarm();
    ran
}

async fn run_with(
    run: &Run,
    ledger: &Ledger,
    session: &mut Session,
    migration: &Migration,
    deployment: Option<i64>,
    (yields, helpers): (bool, Option<&Crew>),
) -> Result<Report, StandaloneError> {
    let outlined;
    let items = if let Some(outline) = &migration.outline {
        &outline.items
    } else {
        outlined = outline(migration)?;
        &outlined
    };
    session.conceal(&migration.variables);
    let began = Instant::now();
    let mut roles = Made::default();
    let mut skipped_first = None;
    loop {
        let mut standalone = Standalone::new(run, ledger, session, migration, items, deployment);
        standalone.helpers = helpers;
        standalone.watch = standalone.watch.yielding(yields);
        let span = tracing::error_span!("migration", migration = %migration.name);
        // Large: the state of every kind of statement is in it.
        let result = Box::pin(standalone.all()).instrument(span).await;
        standalone.tell_notices();
        // What an earlier try of this run did is no other run's.
        let skipped = *skipped_first.get_or_insert(standalone.resumed_at);
        match result {
            Ok(report) => {
                let duration = began.elapsed();
                if migration.kind == Kind::Standalone && !report.was_over {
                    run.events.tell(Event::MigrationRan {
                        name: migration.name.clone(),
                        kind: migration.kind,
                        statements: report.statements - skipped,
                        duration,
                    });
                }
                return Ok(Report {
                    skipped,
                    duration,
                    ..report
                });
            }
            // What is done already is not run again, as in any later run.
            Err(StandaloneError::Failed(diagnostic))
                if roles.make(run, &diagnostic, &migration.variables).await? => {}
            Err(error) => {
                if error.is_cancelled()
                    && let Some(pid) = standalone.watch.preempted_by(standalone.session).await
                {
                    return Err(StandaloneError::Preempted(pid));
                }
                standalone.note_failure(&error).await;
                return Err(error);
            }
        }
    }
}

/// The statements of a file that nobody has outlined yet.
fn outline(migration: &Migration) -> Result<Vec<Item>, StandaloneError> {
    let mut copy = migration.clone();
    let diagnostics =
        files::outline(&mut [&mut copy], files::Depth::Keywords).map_err(|error| {
            let diagnostic = Diagnostic::new(code::UNREADABLE, error.to_string());
            StandaloneError::Failed(Box::new(diagnostic.source(&migration.source)))
        })?;
    if let Some(diagnostic) = diagnostics.into_iter().next() {
        return Err(StandaloneError::Failed(Box::new(diagnostic)));
    }
    Ok(copy
        .outline
        .map(|outline| outline.items)
        .unwrap_or_default())
}

/// A migration under way.
struct Standalone<'a> {
    run: &'a Run,
    ledger: &'a Ledger,
    session: &'a mut Session,
    migration: &'a Migration,
    items: &'a [Item],
    deployment: Option<i64>,
    /// The advisory locks that the session held at the beginning, the
    /// migration's own and perhaps the batch's.
    locks: Vec<LockKey>,
    watch: Watch<'a>,
    /// Lets the server end a COPY that gets nowhere.
    copies: Option<CopyWatch>,
    /// How long a statement may queue in front of traffic.
    lock_timeout: Duration,
    /// Whether the file has chosen its own `lock_timeout`.
    owns_lock_timeout: bool,
    /// The `client_encoding` that the file has set, while it is UTF-8 for
    /// statements of ours.
    file_encoding: Option<String>,
    /// Whether the COMMIT of the last statement has recorded the migration.
    is_recorded: bool,
    /// Who builds beside it.
    helpers: Option<&'a Crew>,
    /// How many statements were done when it was taken up.
    resumed_at: usize,
}

/// A statement that is about to run.
struct Piece {
    /// Which statement of the file, from 0.
    index: usize,
    placed: Placed,
    class: Class,
    is_copy: bool,
}

/// How far one step came.
enum Step {
    /// So many statements are done.
    Done(usize),
    /// Rolled back, and paused: read it again and run it again.
    Again,
}

impl<'a> Standalone<'a> {
    fn new(
        run: &'a Run,
        ledger: &'a Ledger,
        session: &'a mut Session,
        migration: &'a Migration,
        items: &'a [Item],
        deployment: Option<i64>,
    ) -> Self {
        let watch = Watch::new(run, session, true);
        Self {
            run,
            ledger,
            session,
            migration,
            items,
            deployment,
            locks: vec![LockKey::migration(ledger.project(), &migration.name)],
            watch,
            copies: None,
            lock_timeout: run.settings.lock_timeout,
            owns_lock_timeout: false,
            file_encoding: None,
            is_recorded: false,
            helpers: None,
            resumed_at: 0,
        }
    }

    async fn all(&mut self) -> Result<Report, StandaloneError> {
        self.clean().await?;
        let pid = self.session.backend().pid;
        let held = lock::held(self.session).await?;
        self.locks.extend(
            held.iter()
                .filter(|held| *held.1 == pid)
                .map(|held| *held.0),
        );
        // A longer wait on a table whose index is being built kills the build.
        let lock_wait_max = settings::lock_wait_max(self.session).await?;
        self.lock_timeout = self.lock_timeout.min(lock_wait_max);
        let applied = self.applied();
        if !self.record_begin(&applied).await? {
            return Ok(Report {
                was_over: true,
                ..Report::default()
            });
        }
        self.run.events.tell(Event::MigrationBegan {
            name: self.migration.name.clone(),
            kind: self.migration.kind,
            pid: self.session.backend().pid,
        });
        let intents = self
            .ledger
            .intents(self.session, &self.migration.name)
            .await?;
        let resume = resume::resume(self.items, &intents)
            .map_err(|difference| self.refuse_difference(&difference))?;
        self.refuse_unasked(&resume)?;
        for intent in resume.stale {
            let intent = intent.fill(&self.migration.variables);
            clean_up::clean_up_one(
                self.run,
                self.ledger,
                self.session,
                &mut self.watch,
                &self.migration.name,
                Some(&self.migration.source),
                &intent,
            )
            .await?;
        }
        let next = match &resume.prepared {
            Some(intent) => self.after_prepared(resume.next, intent).await?,
            None => resume.next,
        };
        self.resumed_at = next;
        self.statements(next, resume.open).await?;
        self.clean().await?;
        if !self.is_recorded {
            let sql = self.ledger.end_begun_sql(&applied);
            self.record_end(sql).await?;
        }
        Ok(Report {
            statements: self.items.len(),
            ..Report::default()
        })
    }

    /// Runs the statements from `next` on.
    async fn statements(
        &mut self,
        mut next: usize,
        mut open: Option<Intent>,
    ) -> Result<(), StandaloneError> {
        let mut reader = Reader::open(self.migration);
        let mut is_chained = self.skip(&mut reader, next).await?;
        let mut told = None;
        loop {
            let Some(statement) = reader.statement().await? else {
                return Ok(());
            };
            let piece = self.piece(next, statement)?;
            self.watch.begin(&self.migration.name, next + 1);
            if told.replace(next) != Some(next) {
                self.run.events.tell(Event::StatementBegan {
                    name: self.migration.name.clone(),
                    number: next + 1,
                    of: self.items.len(),
                    sql: first_line(piece.placed.written()),
                });
            }
            let span = tracing::error_span!("statement", number = next + 1);
            tracing::trace!(parent: &span, "the statement begins");
            let step = self.step(&mut reader, piece, is_chained, &mut open);
            let step = step.instrument(span).await?;
            self.tell_notices();
            match step {
                Step::Done(count) => {
                    next += count;
                    is_chained = false;
                    self.watch.forget();
                    self.hold_locks().await?;
                }
                Step::Again => {
                    reader = Reader::open(self.migration);
                    for _ in 0..next {
                        reader.statement().await?;
                    }
                }
            }
        }
    }

    fn piece(&self, index: usize, statement: Statement) -> Result<Piece, StandaloneError> {
        let fingerprint = statement.fingerprint();
        let is_copy = statement.copy == Some(CopyDirection::FromStdin);
        let placed = Placed::new(statement, &self.migration.variables);
        let class = Class::of(&placed.text);
        if self.items.get(index).map(|item| item.fingerprint) != Some(fingerprint) {
            let diagnostic = Diagnostic::new(
                code::CHANGED_WHILE_BEGUN,
                format!("`{}` has been changed while it runs", self.migration.name),
            )
            .source(&files::excerpt(self.migration, placed.span, placed.line))
            .label(placed.span, "was another statement when the run began");
            return Err(StandaloneError::Failed(Box::new(diagnostic)));
        }
        Ok(Piece {
            index,
            placed,
            class,
            is_copy,
        })
    }

    fn digest(&self, piece: &Piece) -> Option<&'a Digest> {
        self.items[piece.index].digest.as_ref()
    }

    /// Whether the transaction that records this statement ends the migration.
    /// One that brings a version ends in a transaction of its own, whose first
    /// lock is that of the version.
    fn ends_with(&self, index: usize) -> bool {
        index + 1 == self.items.len() && self.migration.schema_version.is_none()
    }

    /// Records that the migration begins; whether it may run. A file that takes
    /// back what has brought a version takes that away before anything else:
    /// nobody relies on it while its statements run, one by one.
    async fn record_begin(&mut self, applied: &Applied) -> Result<bool, StandaloneError> {
        let takes_version_back =
            applied.schema_version.is_some() && applied.name.reverted().is_some();
        if !takes_version_back {
            let begins = self
                .ledger
                .begin_migration(self.session, applied, self.deployment);
            return Ok(begins.await?);
        }
        let begin = self.ledger.begin_sql(applied, self.deployment);
        let rows = self.record_fenced(vec![begin], 1).await?;
        Ok(!rows.is_empty())
    }

    /// Records that the migration is applied, after all of its statements.
    async fn record_end(&mut self, end: Vec<String>) -> Result<(), StandaloneError> {
        if self.migration.schema_version.is_none() {
            let ending = self.ledger.transact_as_ourselves(self.session, &end);
            ending.await?;
            return Ok(());
        }
        self.record_fenced(end, self.items.len()).await?;
        Ok(())
    }

    /// Runs what changes the version of the schema, once nobody relies on it;
    /// `number` is the statement that is waited at. The rows of all of it.
    async fn record_fenced(
        &mut self,
        change: Vec<String>,
        number: usize,
    ) -> Result<Vec<TextRow>, StandaloneError> {
        let mut sql = self.ledger.fence_within_sql(self.lock_timeout);
        sql.extend(change);
        self.watch.begin(&self.migration.name, number);
        self.watch.begin_version();
        loop {
            let recording = self.ledger.transact_as_ourselves(self.session, &sql);
            match self.watch.guard(self.session, recording).await? {
                Ok(rows) => return Ok(rows),
                Err(Error::Server(error))
                    if error.failure() == Failure::LockTimeout && self.may_retry() =>
                {
                    self.watch.pause(self.session, &error.to_string()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn applied(&self) -> Applied {
        Applied {
            name: self.migration.name.clone(),
            checksum: self.migration.checksum,
            kind: self.migration.kind,
            statements: self.items.len(),
            duration: Duration::ZERO,
            schema_diff: self.migration.schema_diff.clone(),
            schema_version: self.migration.schema_version,
        }
    }

    /// A row of the ledger about a statement.
    fn record<'b>(&'b self, index: usize, sql: &'b str) -> NewIntent<'b> {
        NewIntent {
            name: &self.migration.name,
            checksum: self.migration.checksum,
            statement: index,
            fingerprint: self.items[index].fingerprint,
            sql,
            relation: None,
            indexes_before: &[],
            target: None,
            before: Before::default(),
            deployment: self.deployment,
        }
    }

    /// Back to a session as it is at its start, without any timeout.
    async fn clean(&mut self) -> Result<(), StandaloneError> {
        let sql = settings::clean_builder(self.session.server_version());
        Ok(self.session.execute(&sql).await?)
    }

    /// `DISCARD ALL` in a file frees the locks that keep others away.
    async fn hold_locks(&mut self) -> Result<(), StandaloneError> {
        let held = lock::held(self.session).await?;
        let pid = self.session.backend().pid;
        for key in &self.locks {
            if held.get(key) != Some(&pid) && !lock::try_lock(self.session, *key).await? {
                return Err(StandaloneError::LockLost);
            }
        }
        Ok(())
    }

    fn tell_notices(&mut self) {
        for message in self.session.messages() {
            if let Message::Notice(notice) = message {
                self.run.events.tell(Event::Notice {
                    name: Some(self.migration.name.clone()),
                    notice,
                });
            }
        }
    }

    /// Whether what another try may cure is tried again at all.
    fn may_retry(&self) -> bool {
        !self.run.settings.retry_for.is_zero()
    }

    /// The server's error at its statement.
    fn diagnostic(&self, placed: &Placed, error: &ServerError) -> Diagnostic {
        let diagnostic = failure(self.migration, placed, error);
        match error.failure() {
            failure if failure.is_transient() && !self.may_retry() => diagnostic.note(NOT_RETRIED),
            Failure::EnumValueUnusable => diagnostic.help(
                "an enum value cannot be used by the transaction that adds it: write ALTER TYPE … ADD VALUE before the BEGIN, outside of it",
            ),
            _ => diagnostic,
        }
    }

    /// The error that ends the migration.
    fn failed(&self, placed: &Placed, error: &ServerError) -> StandaloneError {
        ended_by(error, self.diagnostic(placed, error))
    }

    async fn note_failure(&mut self, error: &StandaloneError) {
        let told = matches!(
            error,
            StandaloneError::Failed(_)
                | StandaloneError::Cancelled(_)
                | StandaloneError::TimedOut { .. }
                | StandaloneError::Blocked(_)
                | StandaloneError::LockLost
                | StandaloneError::Postgres(_)
        );
        if !told || self.session.is_lost() || self.clean().await.is_err() {
            return;
        }
        if matches!(self.forget().await, Ok(true)) {
            return;
        }
        // Not noted, it counts as interrupted, which is just as true.
        let _ = self
            .ledger
            .fail_migration(self.session, &self.migration.name, &error.to_string())
            .await;
    }

    /// Forgets that a file has begun to take a migration back of which nothing
    /// has come, so that it stands in nobody's way; whether it has.
    async fn forget(&mut self) -> Result<bool, Error> {
        let name = &self.migration.name;
        if name.reverted().is_none() {
            return Ok(false);
        }
        let intents = self.ledger.intents(self.session, name).await?;
        if !clean_up::is_nothing(&intents) {
            return Ok(false);
        }
        let mut sql = match self.migration.schema_version {
            Some(_) => self.ledger.fence_within_sql(self.lock_timeout),
            None => Vec::new(),
        };
        sql.extend(self.ledger.forget_sql(name));
        self.ledger
            .transact_as_ourselves(self.session, &sql)
            .await?;
        Ok(true)
    }
}

/// How a server error ends the migration, told by `diagnostic`.
fn ended_by(error: &ServerError, diagnostic: Diagnostic) -> StandaloneError {
    match error.failure() {
        Failure::Cancelled => StandaloneError::Cancelled(Box::new(diagnostic)),
        _ => StandaloneError::Failed(Box::new(diagnostic)),
    }
}

/// The first line of a statement.
fn first_line(sql: &str) -> String {
    sql.lines().next().unwrap_or_default().to_owned()
}
