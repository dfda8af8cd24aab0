//! A lock that the batch needs and that a concurrent migration holds: what the
//! plan says about it is done, without the batch's lock.

use std::time::{Duration, Instant};

use super::server::{self, Heeds};
use super::{Next, Runner};
use crate::apply::eviction::{Evicted, Eviction};
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event, standalone, tail};
use crate::diagnostic::{Diagnostic, code};
use crate::history::LockKey;
use crate::migration::Name;
use crate::plan::{Course, Holder, NotOurs, OnConflict, course};
use crate::postgres::activity::{Blocker, LockWait};
use crate::postgres::ledger::IntentState;
use crate::postgres::{Session, lock, progress};

/// How long it may take to remove what a cancelled build left, on either side.
/// A transaction that is in the way of that is in the way of the batch, too.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(10);

/// What becomes of a block that could not have a lock.
pub(super) enum After {
    /// It is planned again.
    Go(Next),
    /// It is tried again, when those of this wait hold the lock no more.
    Pause(Option<LockWait>),
}

/// The lock that a try could not have.
pub(super) struct Missed<'a> {
    pub(super) wait: Option<LockWait>,
    /// The migration that needs it.
    pub(super) needed_by: Option<&'a Name>,
    /// The server's error, at its statement.
    pub(super) diagnostic: &'a Diagnostic,
}

impl Runner<'_> {
    /// What becomes of a block that could not have a lock: if a concurrent
    /// migration holds it, what the user has asked for is done.
    pub(super) async fn conflict(
        &mut self,
        survey: &Survey,
        mut missed: Missed<'_>,
    ) -> Result<After, ApplyError> {
        let Some(wait) = missed.wait.take() else {
            return Ok(After::Pause(None));
        };
        // A row's lock is given back long before the migration ends.
        let Some(relation) = wait.relation.filter(|_| wait.lock_type == "relation") else {
            return Ok(After::Pause(Some(wait)));
        };
        let pids: Vec<i32> = wait.blockers.iter().map(|blocker| blocker.pid).collect();
        let holders = self.holders(survey, &pids).await?;
        let is_holder = |blocker: &Blocker| holders.iter().any(|one| one.pid == blocker.pid);
        let project = &self.run.project;
        let on_conflict = self.run.settings.on_conflict;
        let strangers = !wait.blockers.iter().all(is_holder);
        let course = course(on_conflict, project, &survey.graph, &holders, strangers);
        let name = wait.relation_name.as_deref().unwrap_or("an object");
        match course {
            Course::Retry => Ok(After::Pause(Some(wait))),
            Course::StrangersFirst => {
                let mut wait = wait;
                wait.blockers.retain(|blocker| !is_holder(blocker));
                Ok(After::Pause(Some(wait)))
            }
            Course::Fail => Err(self.refuse(&missed, &wait, &holders, None).await),
            Course::NotOurs(why) => Err(self
                .refuse(&missed, &wait, &holders, Some(not_ours(why)))
                .await),
            Course::Wait => {
                self.tell_conflict(&missed, &wait, &holders);
                self.unfence().await;
                let waiting = tail::wait_out(
                    self.run,
                    &self.ledger,
                    &self.control,
                    &holders,
                    relation,
                    name,
                );
                self.after_wait(waiting.await).await
            }
            Course::Preempt => {
                self.tell_conflict(&missed, &wait, &holders);
                self.unfence().await;
                for holder in &holders {
                    let evicted = self.preempt(survey, holder).await;
                    if let Err(ApplyError::Postgres(error)) = &evicted
                        && error.failure().is_connection_lost()
                    {
                        return self.after_wait(evicted.map(|_| ())).await;
                    }
                    if let Evicted::NoRight { .. } = evicted? {
                        self.release_preempted().await?;
                        let why = NoPreemption {
                            why: "its session is another role's, and this role may not cancel what that one does",
                            help: Some(
                                "deploy as the same role, or let a superuser `GRANT pg_signal_backend` to this one",
                            ),
                        };
                        return Err(self.refuse(&missed, &wait, &holders, Some(why)).await);
                    }
                }
                Ok(After::Go(Next::PlanAgain))
            }
        }
    }

    /// A lost connection is made again; whatever was waited for is read again.
    async fn after_wait(&mut self, waited: Result<(), ApplyError>) -> Result<After, ApplyError> {
        match waited {
            Err(ApplyError::Postgres(error)) if error.failure().is_connection_lost() => {
                let next = self.lost(Instant::now(), &error.to_string()).await?;
                Ok(After::Go(next))
            }
            waited => waited.map(|()| After::Go(Next::PlanAgain)),
        }
    }

    /// Those of `pids` that work on a concurrent migration: the lock of one
    /// tells, whosever it is.
    async fn holders(&mut self, survey: &Survey, pids: &[i32]) -> Result<Vec<Holder>, ApplyError> {
        self.control_again().await?;
        let held = lock::held_by(&self.control, pids).await?;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let unfinished = self.ledger.unfinished(&self.control).await?;
        let mut holders = Vec::new();
        for (project, name) in unfinished {
            let own = held.get(&LockKey::migration(&project, &name));
            let Some(pid) = own.or_else(|| held.get(&LockKey::helpers(&project, &name))) else {
                continue;
            };
            let is_repeatable = self.is_repeatable(survey, &project, &name).await?;
            holders.push(Holder {
                project,
                name,
                pid: *pid,
                is_repeatable,
            });
        }
        Ok(holders)
    }

    /// Whether what a migration runs now can be cancelled and run again. Asked
    /// of this project's own only, and where it is to be cancelled.
    async fn is_repeatable(
        &self,
        survey: &Survey,
        project: &str,
        name: &Name,
    ) -> Result<bool, ApplyError> {
        let is_asked = self.run.settings.on_conflict == OnConflict::Preempt;
        let migration = survey.graph.get(name);
        let Some(migration) = migration.filter(|_| is_asked && project == self.run.project) else {
            return Ok(true);
        };
        let intents = self.ledger.intents(&self.control, name).await?;
        let begun = intents
            .into_iter()
            .filter(|intent| intent.state == IntentState::Begun);
        Ok(begun
            .map(|intent| intent.fill(&migration.variables))
            .all(|intent| standalone::is_repeatable(&intent.sql, migration.rerunnable)))
    }

    fn tell_conflict(&self, missed: &Missed<'_>, wait: &LockWait, holders: &[Holder]) {
        for holder in holders {
            let known = wait.blockers.iter().find(|one| one.pid == holder.pid);
            self.run.events.tell(Event::Conflict {
                name: holder.name.clone(),
                project: holder.project.clone(),
                relation: wait.relation_name.clone(),
                needed_by: missed.needed_by.cloned(),
                holder: known.cloned().unwrap_or_default(),
                action: self.run.settings.on_conflict,
            });
        }
    }

    /// The error of a batch that does not wait; `why` if it was to pre-empt and
    /// cannot.
    async fn refuse(
        &self,
        missed: &Missed<'_>,
        wait: &LockWait,
        holders: &[Holder],
        why: Option<NoPreemption>,
    ) -> ApplyError {
        let batch = match missed.needed_by {
            Some(name) => format!("`{name}`"),
            None => "the batch".to_owned(),
        };
        let names: Vec<String> = holders
            .iter()
            .map(|holder| {
                if holder.project == self.run.project {
                    format!("`{}`", holder.name)
                } else {
                    format!("`{}` of project `{}`", holder.name, holder.project)
                }
            })
            .collect();
        let lock = match &wait.relation_name {
            Some(relation) => format!("a lock on `{relation}`"),
            None => "a lock".to_owned(),
        };
        let mut diagnostic = Diagnostic::new(
            code::HELD_BY_CONCURRENT,
            format!("{batch} needs {lock} that {} holds", names.join(" and ")),
        );
        diagnostic.source.clone_from(&missed.diagnostic.source);
        diagnostic.labels.clone_from(&missed.diagnostic.labels);
        for holder in holders {
            let blocker = wait.blockers.iter().find(|one| one.pid == holder.pid);
            let who = blocker.map_or_else(|| format!("pid {}", holder.pid), ToString::to_string);
            diagnostic = diagnostic.note(match self.how_far(holder.pid).await {
                Some(how_far) => format!("`{}` runs in {who}; {how_far}", holder.name),
                None => format!("`{}` runs in {who}", holder.name),
            });
        }
        let diagnostic = match why {
            Some(NoPreemption { why, help }) => diagnostic
                .note(format!("`--on-conflict preempt` cannot cancel it: {why}"))
                .help("`--on-conflict wait` waits until it is done, up to `--concurrent-wait`")
                .help_if(help, ToOwned::to_owned),
            None => diagnostic.help("`--on-conflict wait` waits until it is done, up to `--concurrent-wait`; `--on-conflict preempt` cancels it, and runs it again when this deployment is ready"),
        };
        ApplyError::Conflict {
            diagnostic: Box::new(diagnostic),
            committed: self.committed.clone(),
        }
    }

    /// `building index: scanning table, 3 of 7`, as far as PostgreSQL tells.
    async fn how_far(&self, pid: i32) -> Option<String> {
        let progress = progress::of(&self.control, &[pid])
            .await
            .ok()?
            .remove(&pid)?;
        Some(match (progress.done, progress.total) {
            (Some(done), Some(total @ 1..)) => format!("{}, {done} of {total}", progress.phase),
            _ => progress.phase,
        })
    }

    /// Cancels a concurrent migration and removes what is half-way of it. From
    /// then on nobody begins it until [`Runner::release_preempted`], or until
    /// this run is gone.
    async fn preempt(&mut self, survey: &Survey, holder: &Holder) -> Result<Evicted, ApplyError> {
        let began = Instant::now();
        let name = &holder.name;
        let claim = Eviction {
            run: self.run,
            key: LockKey::preemption(&self.run.project, name),
            name,
            began,
            told: Some(holder.pid),
            clean_up_within: CLEAN_UP_WITHIN,
        };
        // Another batch may have claimed it, which then goes first. What was
        // claimed by a session that is lost may not have been had again.
        if !lock::is_mine(&self.control, claim.key).await? {
            claim.claim(&self.control).await?;
        }
        self.preempted.insert(name.clone());
        let patience = self.run.settings.retry_for;
        let session = server::reach_again(self.run, patience, Heeds::Signals).await?;
        let eviction = Eviction {
            key: LockKey::migration(&self.run.project, name),
            ..claim
        };
        let evicted = eviction.of(&session).await?;
        if evicted == Evicted::Now {
            self.settle_half_way(survey, &session, name).await;
        }
        session.close().await;
        Ok(evicted)
    }

    /// What cannot be removed soon is left to whoever runs it again.
    async fn settle_half_way(&self, survey: &Survey, session: &Session, name: &Name) {
        let Some(migration) = survey.graph.get(name) else {
            return;
        };
        let settling = standalone::settle_half_way(self.run, &self.ledger, session, migration);
        match tokio::time::timeout(CLEAN_UP_WITHIN, settling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(migration = %name, %error, "what the cancelled build left could not be removed");
            }
            Err(_) => {
                let _ = session.cancel().await;
                tracing::warn!(migration = %name, "what the cancelled build left could not be removed in time");
            }
        }
    }

    /// Claims again what this run has pre-empted, from a new control session.
    /// The backend behind the lost one may hold it for a while yet, which is as
    /// well.
    pub(super) async fn hold_preempted(&mut self) -> Result<(), ApplyError> {
        if self.preempted.is_empty() {
            return Ok(());
        }
        let held = lock::held(&self.control).await?;
        let pid = self.control.backend().pid;
        for name in &self.preempted {
            let key = LockKey::preemption(&self.run.project, name);
            if held.get(&key) != Some(&pid) {
                lock::try_lock(&self.control, key).await?;
            }
        }
        Ok(())
    }

    /// The batch needs their locks no more: whoever comes may run them.
    pub(super) async fn release_preempted(&mut self) -> Result<(), ApplyError> {
        if self.preempted.is_empty() {
            return Ok(());
        }
        self.control_again().await?;
        for name in std::mem::take(&mut self.preempted) {
            let key = LockKey::preemption(&self.run.project, &name);
            if lock::is_mine(&self.control, key).await? {
                lock::unlock(&self.control, key).await?;
            }
        }
        Ok(())
    }
}

/// Why a migration could not be pre-empted, and what would help.
struct NoPreemption {
    why: &'static str,
    help: Option<&'static str>,
}

fn not_ours(why: NotOurs) -> NoPreemption {
    NoPreemption {
        why: match why {
            NotOurs::Project => "it is another project's",
            NotOurs::Folder => "this folder does not have it, so this run could not run it again",
            NotOurs::Unrepeatable => {
                "its statement commits by itself, so how much of it is done could not be known afterwards"
            }
        },
        help: (why == NotOurs::Unrepeatable).then_some(
            "`-- segue: rerunnable` at the top of the file says that it may always run again",
        ),
    }
}
