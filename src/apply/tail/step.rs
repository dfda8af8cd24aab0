//! One member of the tail: its own session, its lock, its statements.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Tail;
use super::control::{application_name, connect, is_transient, jittered};
use super::watch::Whose;
use crate::apply::backfill;
use crate::apply::crew::Crew;
use crate::apply::stalled::Stalled;
use crate::apply::standalone::{self, StandaloneError};
use crate::apply::{Event, Interrupt, Run};
use crate::diagnostic::{Diagnostic, code};
use crate::history::{LockKey, State};
use crate::migration::{Migration, Name, Named};
use crate::postgres::activity::{self, Blocker};
use crate::postgres::{self, Session, lock};

/// Pause between two tries at a lock that another session holds.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How long it may take to remove a row of progress.
const CLEAR_WITHIN: Duration = Duration::from_secs(5);

/// How work on a member, or waiting for it, ended.
#[derive(Debug)]
pub(super) enum End {
    /// It is in the ledger.
    Done(Duration),
    /// It was given up by `segue abandon`: nothing is left to do.
    Abandoned,
    /// It failed.
    Failed(Box<Diagnostic>),
    /// Another session holds its lock.
    RunsElsewhere,
    /// Another run, in the session with this pid, needs its locks for the
    /// batch.
    Preempted(i32),
    /// Nobody holds its lock any more, and it is not done.
    Free,
    /// The session was lost; the backend may still be at work.
    Lost {
        /// Why, as far as known.
        reason: String,
        /// How long the session had been at work.
        after: Duration,
    },
    /// Whoever runs it has made no visible progress for too long.
    TimedOut(i32),
    /// The user asked to end; what it was doing goes on in these sessions.
    Held(Option<Box<Held>>),
}

/// The sessions of a member, at work.
#[derive(Debug)]
pub(super) struct Held {
    /// The one with the migration's lock.
    pub(super) session: Session,
    /// Those beside it.
    pub(super) helpers: Vec<Arc<Session>>,
}

impl From<postgres::Error> for End {
    fn from(error: postgres::Error) -> Self {
        if is_transient(&error) {
            return Self::Lost {
                reason: error.to_string(),
                after: Duration::ZERO,
            };
        }
        Self::Failed(Box::new(Diagnostic::error(
            code::SERVER_ERROR,
            error.to_string(),
        )))
    }
}

impl Tail<'_> {
    /// Runs a member of the tail in a session of its own, whose lock is the
    /// fence, if its partner is applied still.
    pub(super) async fn work(&self, migration: &Migration, partner: Option<&Named>) -> End {
        let mut interrupt = std::pin::pin!(self.run.interrupt.first());
        let application = application_name(&self.run.project, &migration.name);
        let helpers = Crew::new(self.run, &migration.name, application.clone(), &self.slots);
        let helpers = Arc::new(helpers);
        let connecting = async {
            let session = connect(self.run, &application).await?;
            // The server goes on with a build whose client is gone; that is
            // what lets a run detach.
            session
                .execute("SET client_connection_check_interval = 0")
                .await?;
            let key = LockKey::migration(&self.run.project, &migration.name);
            let is_ours = lock::try_lock(&session, key).await?;
            // Read under the lock: whoever held it before may have done it.
            let state = self.ledger.state(&session, &migration.name).await?;
            // Looked at under the lock, as whoever pre-empts looks at the lock
            // once it holds its own: one of the two sees the other.
            let preempted = standalone::preempted_by(self.run, &session, &migration.name).await?;
            // `segue revert` may have taken its partner back since the plan
            // was made.
            let lost = match partner {
                Some(partner) => {
                    let state = self.ledger.state(&session, &partner.name).await?;
                    let is_there = matches!(state, Some(State::Applied | State::Abandoned));
                    (!is_there).then(|| taken_back(migration, partner))
                }
                None => None,
            };
            Ok::<_, postgres::Error>((session, is_ours, state, preempted, lost))
        };
        let connected = tokio::select! {
            connected = connecting => connected,
            _ = &mut interrupt => return End::Held(None),
        };
        let (mut session, is_ours, state, preempted, lost) = match connected {
            Ok(connected) => connected,
            Err(error) => return End::from(error),
        };
        let over = match state {
            _ if !is_ours => Some(End::RunsElsewhere),
            Some(State::Applied) => Some(End::Done(Duration::ZERO)),
            Some(State::Abandoned) => Some(End::Abandoned),
            _ => preempted.map(End::Preempted).or(lost),
        };
        if let Some(end) = over {
            session.close().await;
            return end;
        }
        let pid = session.backend().pid;
        self.watch.begin(&migration.name, pid, Whose::Ours);
        self.watch.help(&migration.name, &helpers);
        let began = Instant::now();
        // Signals are ours to answer: a build that goes on in the server is
        // not to be cancelled by the first one.
        let deaf = Run {
            interrupt: Interrupt::channel().1,
            ..self.run.clone()
        };
        let cut = session.cut_on_drop();
        let result = tokio::select! {
            biased;
            result = self.run_one(&deaf, &mut session, migration, &helpers) => result,
            _ = &mut interrupt => {
                cut.disarm();
                return End::Held(Some(Box::new(Held { session, helpers: helpers.take() })));
            }
        };
        cut.disarm();
        // Builds that they still run, our own session lost, go on in the server.
        drop(helpers.take());
        let end = match result {
            // Somebody else had ended it, or given it up meanwhile.
            Ok(report) if report.was_over => {
                match self.ledger.state(&session, &migration.name).await {
                    Ok(Some(State::Abandoned)) => End::Abandoned,
                    Ok(_) => End::Done(began.elapsed()),
                    Err(error) => End::from(error),
                }
            }
            Ok(_) => End::Done(began.elapsed()),
            Err(error) => failed(error, &session, began.elapsed()),
        };
        if let End::Failed(diagnostic) = &end {
            // Under the lock: the next runner may have begun a moment later.
            let name = &migration.name;
            if let Err(error) = self
                .ledger
                .fail_migration(&session, name, &diagnostic.message)
                .await
            {
                tracing::warn!(migration = %name, %error, "the ledger could not be told of the failure");
            }
        }
        self.watch.end(&migration.name);
        session.close().await;
        if !matches!(end, End::Lost { .. }) {
            self.clear_progress(&migration.name).await;
        }
        end
    }

    async fn run_one(
        &self,
        run: &Run,
        session: &mut Session,
        migration: &Migration,
        helpers: &Crew,
    ) -> Result<standalone::Report, StandaloneError> {
        let (ledger, deployment) = (self.ledger, self.deployment);
        let Some(backfill) = &migration.backfill else {
            return standalone::run(run, ledger, session, migration, deployment, Some(helpers))
                .await;
        };
        self.watch.counts_rows(&migration.name);
        let work = backfill::Work {
            run,
            ledger,
            migration,
            deployment,
            hurry: self.hurry,
        };
        backfill::run(work, &backfill.value, session).await
    }

    /// Tells that another run, in the session with this pid, needs the locks
    /// of a member. From now on that session is the one that is waited for.
    pub(super) async fn tell_preempted(&self, name: &Name, pid: i32) {
        self.watch.begin(name, pid, Whose::Elsewhere);
        let look = async {
            let session = self.control.session().await?;
            activity::backend(&session, pid).await
        };
        // Without who it is, it is told all the same.
        let by = look.await.ok().flatten();
        self.run.events.tell(Event::Preempted {
            name: name.clone(),
            by,
        });
    }

    /// Waits until nobody else works on a member, or until whoever does has
    /// made no visible progress for `--concurrent-wait`.
    pub(super) async fn wait(&self, name: &Name) -> End {
        let began = Instant::now();
        let end = tokio::select! {
            end = self.poll(name, began) => end.unwrap_or_else(End::from),
            _ = self.run.interrupt.first() => End::Held(None),
        };
        // Held, its pid is still of interest for the report.
        if !matches!(end, End::Held(_)) {
            self.watch.end(name);
        }
        end
    }

    async fn poll(&self, name: &Name, began: Instant) -> Result<End, postgres::Error> {
        let key = LockKey::migration(&self.run.project, name);
        let mut stalled = Stalled::new(self.run);
        loop {
            let result = async {
                let session = self.control.session().await?;
                let Some((holder, is_at_work)) = self.holder(&session, key, name).await? else {
                    return Ok(Some(match self.ledger.state(&session, name).await? {
                        Some(State::Applied) => End::Done(began.elapsed()),
                        Some(State::Abandoned) => End::Abandoned,
                        _ => End::Free,
                    }));
                };
                let pid = holder.pid;
                // One that claims it for a batch is at work in another session.
                if is_at_work {
                    stalled.look(&session, &holder).await?;
                }
                if self.watch.begin(name, pid, Whose::Elsewhere) {
                    self.run.events.tell(Event::RunsElsewhere {
                        name: name.clone(),
                        holder,
                    });
                }
                let is_quiet = self.watch.quiet(name) >= self.run.settings.concurrent_wait;
                Ok(is_quiet.then_some(End::TimedOut(pid)))
            };
            match result.await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(error @ postgres::Error::Connect(_)) => return Err(error),
                // The next look connects again, for as long as it may.
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(jittered(TRY_AGAIN)).await;
        }
    }

    /// The session that runs a member or, if nobody does, the one that needs
    /// its locks for a batch; whether it is the former.
    async fn holder(
        &self,
        session: &Session,
        key: LockKey,
        name: &Name,
    ) -> Result<Option<(Blocker, bool)>, postgres::Error> {
        if let Some(holder) = activity::holder(session, key).await? {
            return Ok(Some((holder, true)));
        }
        let claim = LockKey::preemption(&self.run.project, name);
        let holder = activity::holder(session, claim).await?;
        Ok(holder.map(|holder| (holder, false)))
    }

    /// Removes the row that says how far a member is; that it stays for once
    /// hurts nobody.
    pub(super) async fn clear_progress(&self, name: &Name) {
        let cleared = async {
            let session = self.control.session().await?;
            self.ledger.clear_progress(&session, name).await
        };
        match tokio::time::timeout(CLEAR_WITHIN, cleared).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(migration = %name, %error, "progress could not be cleared");
            }
            Err(_) => tracing::debug!(migration = %name, "progress could not be cleared in time"),
        }
    }
}

/// The end of a member whose partner is not applied any more.
fn taken_back(migration: &Migration, partner: &Named) -> End {
    let diagnostic = Diagnostic::new(
        code::PARTNER_NOT_APPLIED,
        format!(
            "`{}` was not begun: its partner, `{}`, has been taken back meanwhile",
            migration.name, partner.name
        ),
    )
    .source(&migration.source)
    .label(partner.span, "not applied any more")
    .help("`segue up` applies both again");
    End::Failed(Box::new(diagnostic))
}

/// What the failure of a member means for the tail.
fn failed(error: StandaloneError, session: &Session, after: Duration) -> End {
    let not_finished = |why: String| {
        let diagnostic = Diagnostic::error(code::NOT_FINISHED, why);
        End::Failed(Box::new(diagnostic))
    };
    match error {
        StandaloneError::ConnectionLost(reason) => End::Lost { reason, after },
        _ if session.is_lost() => End::Lost {
            reason: error.to_string(),
            after,
        },
        StandaloneError::Failed(diagnostic) | StandaloneError::Cancelled(diagnostic) => {
            End::Failed(diagnostic)
        }
        StandaloneError::Postgres(error) => End::from(error),
        StandaloneError::LockLost => End::RunsElsewhere,
        StandaloneError::Blocked(gave_up) => {
            let diagnostic = Diagnostic::error(code::NOT_FINISHED, gave_up.to_string());
            let remedies = gave_up.blockers.iter().map(activity::Blocker::remedy_of);
            End::Failed(Box::new(remedies.fold(diagnostic, Diagnostic::note)))
        }
        StandaloneError::Preempted(pid) => End::Preempted(pid),
        StandaloneError::TimedOut { .. }
        | StandaloneError::Interrupted(_)
        | StandaloneError::Conflict(..) => not_finished(error.to_string()),
    }
}
