//! What the batch runs outside of its blocks: standalone migrations, and
//! concurrent ones that a pending migration needs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::conflict::{After, Missed};
use super::fence::{self, Signs};
use super::{Next, Runner};
use crate::apply::backfill::Hurry;
use crate::apply::pause::Pause;
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event, standalone, tail};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::history::LockKey;
use crate::migration::{Migration, Name};
use crate::postgres::ledger::IntentState;
use crate::postgres::lock;

impl Runner<'_> {
    pub(super) async fn standalone(
        &mut self,
        survey: &Survey,
        name: &Name,
    ) -> Result<Next, ApplyError> {
        let Some(migration) = survey.graph.get(name) else {
            return Ok(Next::PlanAgain);
        };
        let run = self.run;
        let deployment = self.deployment;
        let Some(session) = self.batch.as_mut() else {
            return Ok(Next::PlanAgain);
        };
        let key = LockKey::migration(&run.project, name);
        // The session's lock is the fence; nobody else can hold it while we
        // hold the batch's, unless a dead runner's backend still works.
        if !fence::poll(
            run,
            &self.control,
            session,
            key,
            name.as_str(),
            Signs::Expected,
        )
        .await?
        {
            // Planned again it is taken again, and a lock counts.
            lock::unlock(session, key).await?;
            return Ok(Next::PlanAgain);
        }
        let ran = standalone::run_yielding(run, &self.ledger, session, migration, deployment);
        let beat = &self.beat;
        match beat
            .during(&self.control, &self.ledger, deployment, ran)
            .await
        {
            Ok(_) => {
                lock::unlock(session, key).await?;
                self.committed.push(name.clone());
                Ok(Next::Step)
            }
            Err(standalone::StandaloneError::Conflict(wait, number)) => {
                let diagnostic = at_statement(migration, number);
                let missed = Missed {
                    wait: Some(*wait),
                    needed_by: Some(name),
                    diagnostic: &diagnostic,
                };
                match self.conflict(survey, missed).await {
                    Ok(After::Go(next)) => Ok(next),
                    Ok(After::Pause(wait)) => {
                        if let Some(session) = &self.batch {
                            lock::unlock(session, key).await?;
                        }
                        let began = match &self.held_up {
                            Some((held_up, began)) if held_up == name => *began,
                            _ => Instant::now(),
                        };
                        self.held_up = Some((name.clone(), began));
                        let cause = "another session holds a lock that it needs".to_owned();
                        let first = run.settings.pause();
                        let pause = Pause::new(run, began, cause, wait, first);
                        match self.pause(pause).await {
                            Ok(()) => Ok(Next::PlanAgain),
                            Err(error) => Err(self.partly(name, error).await),
                        }
                    }
                    Err(error) => Err(self.partly(name, error).await),
                }
            }
            // The intents tell the next try what was done.
            Err(standalone::StandaloneError::ConnectionLost(reason)) => {
                self.batch = None;
                self.run.events.tell(Event::ConnectionLost {
                    reason: reason.clone(),
                });
                self.lost(Instant::now(), &reason).await
            }
            Err(error) => {
                self.batch = None;
                let error = error.into_apply_error(&self.committed);
                Err(self.partly(name, error).await)
            }
        }
    }

    /// The error that ended `name`, with how much of it is done all the same.
    async fn partly(&self, name: &Name, error: ApplyError) -> ApplyError {
        const PATIENCE: Duration = Duration::from_secs(5);
        let looking = self.ledger.intents(&self.control, name);
        let done: BTreeSet<usize> = match tokio::time::timeout(PATIENCE, looking).await {
            Ok(Ok(intents)) => intents
                .iter()
                .filter(|intent| intent.state == IntentState::Done)
                .map(|intent| intent.statement)
                .collect(),
            // Then the error says more than we could.
            Ok(Err(_)) | Err(_) => BTreeSet::new(),
        };
        if done.is_empty() {
            return error;
        }
        ApplyError::Partly {
            name: name.clone(),
            statements: done.len(),
            error: Box::new(error),
        }
    }

    /// Runs a concurrent migration that the batch needs, without the batch's
    /// lock.
    pub(super) async fn foreground(
        &mut self,
        survey: &Survey,
        name: &Name,
    ) -> Result<(), ApplyError> {
        self.unfence().await;
        // What this very run has pre-empted it may run itself now.
        self.release_preempted().await?;
        let step = crate::plan::TailStep {
            name: name.clone(),
            after: Vec::new(),
            snapshots: crate::migration::Snapshots::Both,
            progress: self.survey_progress(survey, name),
        };
        let steps = [step];
        let running = Box::pin(tail::run(
            self.run,
            &self.ledger,
            &survey.graph,
            &steps,
            self.deployment,
            Hurry::Foreground,
        ));
        let (control, ledger) = (&self.control, &self.ledger);
        let beating = self.beat.during(control, ledger, self.deployment, running);
        let report = beating.await?;
        let is_done = report.done.contains(name);
        if let Err(error) = report.into_result(self.run, &self.committed) {
            return Err(self.partly(name, error).await);
        }
        if is_done {
            self.committed.push(name.clone());
        }
        Ok(())
    }
}

/// The place of a statement, for a diagnostic about it.
fn at_statement(migration: &Migration, number: usize) -> Diagnostic {
    let diagnostic = Diagnostic::new(code::HELD_BY_CONCURRENT, "");
    let items = migration.outline.as_ref().map(|outline| &outline.items);
    match items.and_then(|items| items.get(number - 1)) {
        Some(item) => diagnostic
            .source(&files::excerpt(migration, item.span, item.line))
            .label(item.span, "this statement"),
        None => diagnostic.source(&migration.source),
    }
}
