//! `segue revert`: the files that take migrations back, run as a batch is.
//!
//! What is taken back is decided in [`crate::reversal`]. The lock, the blocks,
//! the statements outside of them, the check, readiness: all of it is what a
//! run that applies has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Next, Runner, server};
use crate::apply::check::Expectation;
use crate::apply::eviction::Eviction;
use crate::apply::survey::{Survey, fingerprint, unreadable_file};
use crate::apply::{ApplyError, Event, Outcome, Run, standalone};
use crate::diagnostic::{Diagnostic, Severity};
use crate::files::{self, Depth};
use crate::graph::Graph;
use crate::history::{History, LockKey, State};
use crate::migration::{Kind, Migration, Name};
use crate::postgres::ledger::{IntentState, TakenBack};
use crate::postgres::lock;
use crate::reversal::{Known, Reversal, To, Unfinished};

/// Takes back all that was applied after `to`, newest first.
///
/// # Errors
/// [`ApplyError`], each with what stands.
pub async fn revert(
    run: &Run,
    migrations: Vec<Migration>,
    to: &str,
) -> Result<Outcome, ApplyError> {
    let reached = tokio::select! {
        reached = server::reach(run) => reached,
        signal = run.interrupt.first() => Err(ApplyError::Interrupted {
            signal,
            committed: Vec::new(),
        }),
    };
    let mut runner = Runner::of(run, migrations, reached?).await?;
    match Box::pin(runner.revert(to)).await {
        Err(error) => {
            let error = error.standing(&runner.committed);
            Box::pin(runner.note_failure(&error)).await;
            Err(error)
        }
        Ok(outcome) => Ok(outcome),
    }
}

/// What is to be done, as far as it is known.
struct Found {
    reversal: Reversal,
    survey: Survey,
    /// Whether an earlier run has taken back what was asked, and died before it
    /// could say so.
    is_unannounced: bool,
}

impl Found {
    fn is_done(&self) -> bool {
        self.reversal.is_empty() && !self.is_unannounced
    }
}

impl Runner<'_> {
    async fn revert(&mut self, to: &str) -> Result<Outcome, ApplyError> {
        if self.ledger.version().is_none() {
            return Err(ApplyError::Refused {
                reason: "nothing has been applied to this database by segue".to_owned(),
                help: "`segue status` shows what is".to_owned(),
            });
        }
        let mut found = self.find_reversal(to).await?;
        let answers = &self.run.settings.answers;
        let history = &found.survey.history;
        answers.check(&self.control, &self.ledger, history).await?;
        let mut told = self.tell_reversal(&found);
        if found.is_done() {
            // Whoever has taken it back may have died before it said so.
            return self.tail(&found.survey, &[]).await;
        }
        self.prove().await?;
        loop {
            self.ledger_ready().await?;
            self.fence().await?;
            found = self.find_reversal(to).await?;
            if self.follow_renamed(&found.survey).await? {
                found = self.find_reversal(to).await?;
            }
            if self.deployment.is_none() && found.reversal != told {
                told = self.tell_reversal(&found);
            }
            // Its own COMMIT may have been the last one.
            let is_over = found.is_done() || (found.reversal.is_empty() && self.is_announced);
            if is_over && (self.deployment.is_none() || self.is_announced) {
                break;
            }
            self.look_before(&found.survey).await?;
            self.begin_deployment(&found.survey).await?;
            if self.hold_open(&found).await? == Next::PlanAgain
                || self.take_rows_back(&found.reversal).await? == Next::PlanAgain
            {
                continue;
            }
            if self.batch_of(&found.survey).await? == Next::Step {
                break;
            }
        }
        self.unfence().await;
        self.stop_beating().await;
        self.release_preempted().await?;
        let ended = self.tail(&found.survey, &[]).await?;
        Ok(match ended {
            Outcome::Settled if !found.survey.plan.tail.is_empty() => Outcome::Ready,
            ended => ended,
        })
    }

    fn tell_reversal(&self, found: &Found) -> Reversal {
        let is_wanted = self.run.verification.is_some();
        self.run.events.tell(Event::ReversalPlanned {
            reversal: Box::new(found.reversal.clone()),
            is_unverified: is_wanted && self.expectation.is_none() && !found.reversal.is_empty(),
        });
        found.reversal.clone()
    }

    /// Reads what there is, and decides.
    async fn find_reversal(&mut self, to: &str) -> Result<Found, ApplyError> {
        self.control_again().await?;
        let project = self.run.project.clone();
        let mut history = self.ledger.history(&self.control).await?;
        history.follow(&project, &self.migrations);
        let invalid = |diagnostic: Box<Diagnostic>| ApplyError::Invalid(vec![*diagnostic]);
        let to = To::find(to, &self.migrations, &history).map_err(invalid)?;
        let known = Known {
            reverts: self.reverts_after(&to, &history)?,
            unfinished: self.unfinished(&to, &history).await?,
            begun: self.begun(&to, &history).await?,
            cuts: self.options.cuts.clone(),
        };
        let reversal = Reversal::new(&self.migrations, &history, &project, to, &known)
            .map_err(ApplyError::Invalid)?;
        self.expect_past(&reversal).await?;
        let is_verified = self.expectation.is_some();
        let plan = reversal.plan(&project, &history, is_verified);
        let is_left = |one: &&Migration| reversal.to.keeps(&one.name);
        let fingerprint = fingerprint(self.migrations.iter().filter(is_left));
        let all = self.migrations.iter().chain(known.reverts.values());
        // What is pending, and does not fit, is none of a way back.
        let (graph, _) = Graph::new(all.cloned().collect(), &history);
        let is_unannounced = reversal.is_empty()
            && self.ledger.is_newest_a_reversal(&self.control).await?
            && history.deployments.first().is_some_and(|newest| {
                newest.ready_at.is_none() && newest.migration.as_ref() == reversal.to.name()
            });
        self.reverts = Some(reversal.names.clone());
        let survey = Survey {
            graph,
            plan,
            fingerprint,
            last: reversal.to.name().cloned(),
            history,
        };
        Ok(Found {
            reversal,
            survey,
            is_unannounced,
        })
    }

    /// The files that take back what comes after `to`, outlined, by the
    /// migration.
    fn reverts_after(
        &self,
        to: &To,
        history: &History,
    ) -> Result<BTreeMap<Name, Migration>, ApplyError> {
        let wanted =
            |one: &&Migration| !to.keeps(&one.name) && history.records.contains_key(&one.name);
        let migrations = self.migrations.iter().filter(wanted);
        let mut reverts: BTreeMap<Name, Migration> = migrations
            .filter_map(|one| {
                let revert = Migration {
                    // It changes with the migration that has brought it,
                    // whatever its file says now.
                    schema_version: history.records.get(&one.name)?.schema_version,
                    ..Migration::clone(one.revert.as_ref()?)
                };
                Some((one.name.clone(), revert))
            })
            .collect();
        let mut sound: Vec<&mut Migration> = reverts
            .values_mut()
            .filter(|one| one.problems.is_empty())
            .collect();
        let problems =
            files::outline(&mut sound, Depth::Keywords).map_err(|error| unreadable_file(&error))?;
        if problems.iter().any(|one| one.severity == Severity::Error) {
            return Err(ApplyError::Invalid(problems));
        }
        Ok(reverts)
    }

    /// What those have done that have begun and are not done, or were given up.
    async fn unfinished(
        &self,
        to: &To,
        history: &History,
    ) -> Result<BTreeMap<Name, Unfinished>, ApplyError> {
        let mut unfinished = BTreeMap::new();
        let is_open = |name: &&Name| history.records[*name].state != State::Applied;
        let records = history.records.keys().filter(|name| !to.keeps(name));
        for name in records.filter(is_open) {
            let mut found = self.done_of(name).await?;
            let cursor = self.ledger.backfill_cursor(&self.control, name).await?;
            found.rows = cursor.map_or(0, |cursor| cursor.rows);
            unfinished.insert(name.clone(), found);
        }
        Ok(unfinished)
    }

    /// Of files that have begun to take back what comes after `to`: what has
    /// run.
    async fn begun(
        &self,
        to: &To,
        history: &History,
    ) -> Result<BTreeMap<Name, Unfinished>, ApplyError> {
        let mut begun = BTreeMap::new();
        for name in history.reverting.keys().filter(|name| !to.keeps(name)) {
            // The ledger may not have followed its file yet.
            let mut renamed = history.renamed.iter();
            let known = renamed.find(|one| one.to == *name);
            let known = known.map_or(name, |one| &one.from);
            begun.insert(name.clone(), self.done_of(&known.revert_file()).await?);
        }
        Ok(begun)
    }

    /// What has run of a file, by its intents.
    async fn done_of(&self, name: &Name) -> Result<Unfinished, ApplyError> {
        let intents = self.ledger.intents(&self.control, name).await?;
        let done = intents.iter().filter(|one| one.state == IntentState::Done);
        let last = intents.last();
        let unknown = last.filter(|last| standalone::is_unknown(last));
        Ok(Unfinished {
            statements: done.count(),
            rows: 0,
            unknown: unknown.map(|last| last.statement + 1),
        })
    }

    /// What the schema has to be afterwards, as far as that is known.
    async fn expect_past(&mut self, reversal: &Reversal) -> Result<(), ApplyError> {
        let Some(verification) = &self.run.verification else {
            return Ok(());
        };
        let version = self.control.server_version();
        let major = version / 10_000;
        let past = self
            .ledger
            .past_without(&self.control, major, &reversal.names)
            .await?;
        self.expectation = past.map(|past| Expectation::past(verification, version, past));
        Ok(())
    }

    /// Claims all concurrent migrations that are to go and are not done, and
    /// removes what they have left: until this run is over, nobody begins one.
    /// What was done before its claim has to be planned for.
    async fn hold_open(&mut self, found: &Found) -> Result<Next, ApplyError> {
        let reversal = &found.reversal;
        let history = &found.survey.history;
        let pending = self.migrations.iter().filter(|one| {
            one.kind == Kind::Concurrent
                && !reversal.to.keeps(&one.name)
                && !history.records.contains_key(&one.name)
        });
        let pending = pending.map(|one| one.name.clone());
        let open: Vec<Name> = reversal.open.iter().cloned().chain(pending).collect();
        let mut next = Next::Step;
        if reversal.is_empty() {
            return Ok(next);
        }
        for name in &open {
            if !self.preempted.contains(name) {
                self.clean_up_open(name).await?;
                next = Next::PlanAgain;
            }
        }
        Ok(next)
    }

    /// Takes back rows of which nothing else is left.
    async fn take_rows_back(&mut self, reversal: &Reversal) -> Result<Next, ApplyError> {
        if reversal.rows.is_empty() {
            return Ok(Next::Step);
        }
        let taken: Vec<TakenBack> = reversal
            .rows
            .iter()
            .map(|name| TakenBack {
                name: name.clone(),
                by: None,
            })
            .collect();
        self.control_again().await?;
        self.ledger
            .take_back(&self.control, self.deployment, &taken)
            .await?;
        self.committed.extend(reversal.rows.iter().cloned());
        self.run.events.tell(Event::RowsReverted {
            names: reversal.rows.clone(),
        });
        Ok(Next::PlanAgain)
    }

    /// Claims one, and removes what its tries have left that is not done.
    async fn clean_up_open(&mut self, name: &Name) -> Result<(), ApplyError> {
        let claim = Eviction {
            run: self.run,
            key: LockKey::preemption(&self.run.project, name),
            name,
            began: Instant::now(),
            told: None,
            clean_up_within: Duration::MAX,
        };
        self.control_again().await?;
        if !lock::is_mine(&self.control, claim.key).await? {
            claim.claim(&self.control).await?;
        }
        self.preempted.insert(name.clone());
        let patience = self.run.settings.retry_for;
        let heeds = server::Heeds::Signals;
        let mut session = server::reach_again(self.run, patience, heeds).await?;
        let key = LockKey::migration(&self.run.project, name);
        // Whoever runs it has begun since it was read: it is not taken away.
        if !lock::try_lock(&session, key).await? {
            session.close().await;
            let running = Diagnostic::new(
                crate::diagnostic::code::NOT_REVERTIBLE,
                format!("`{name}` has just begun to run"),
            )
            .help(format!(
                "wait until it is done, or give it up: `segue abandon {name}`"
            ));
            return Err(ApplyError::Invalid(vec![running]));
        }
        let migration = self.migrations.iter().find(|one| one.name == *name);
        let cleaned =
            standalone::clean_up_by_name(self.run, &self.ledger, &mut session, name, migration);
        cleaned
            .await
            .map_err(|error| error.into_apply_error(&self.committed))?;
        session.close().await;
        Ok(())
    }
}
