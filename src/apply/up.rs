//! The whole run of `segue up` and `segue settle`: plan, batch, ready, tail.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::backfill::Hurry;
use super::batch::Announcement;
use super::check::Expectation;
use super::survey::{Survey, strong_locks, survey};
use super::{ApplyError, Event, Outcome, Run, Until, tail};
use crate::history::{Deployment, DeploymentState, LockKey};
use crate::migration::{Migration, Name};
use crate::plan::{Checks, Concurrent, Options, Plan, Ready, Step};
use crate::postgres::ledger::{Kept, Ledger, Notice};
use crate::postgres::{self, Failure, Session, lock};
use crate::readiness::Goal;

mod away;
mod beat;
mod block;
pub mod bootstrap;
mod brought;
mod conflict;
mod elsewhere;
mod failed;
mod fence;
mod loss;
mod outside;
mod reached;
mod renamed;
mod revert;
pub(super) mod server;
mod settle;
mod verify;

pub(super) use fence::{Signs, poll};
pub use revert::revert;
use server::Heeds;
pub use server::{beside, greet, reach};
pub use settle::{settle, settle_announced, settle_one};
use verify::Known;
pub(super) use verify::told;

/// A run under way.
struct Runner<'a> {
    run: &'a Run,
    migrations: Vec<Migration>,
    ledger: Ledger,
    /// Reads the ledger, holds the deployment's lock, looks at locks; never in
    /// a transaction for long.
    control: Session,
    /// Holds the batch's lock and runs the blocks; absent while the lock is not
    /// needed.
    batch: Option<Session>,
    /// Open for the batch, without its lock: what [`Runner::prove`] looked at.
    spare: Option<Session>,
    /// Whether sessions are known to have server processes of their own.
    is_proved: bool,
    options: Options,
    /// Migrations before which deferred triggers have to fire.
    fire_before: Vec<Name>,
    /// Whether the database held no relations of its own at the beginning.
    was_empty: Option<bool>,
    deployment: Option<i64>,
    /// What the log says of this run.
    span: tracing::Span,
    /// What this run has committed so far.
    committed: Vec<Name>,
    /// Connections of migrations' own.
    elsewhere: away::Connections,
    /// What ran before this database was there and is recorded nowhere yet.
    owed: Vec<Kept>,
    /// What this run did before this database was there.
    bootstrapped: Vec<Name>,
    /// Whether the control session holds its lock.
    holds_deployment: bool,
    /// Whether that deployment has been made ready.
    is_announced: bool,
    /// Concurrent migrations that this run has cancelled, whose locks its
    /// batch needs. The control session claims them.
    preempted: BTreeSet<Name>,
    /// The migration outside a transaction that could not have a lock, and
    /// since when.
    held_up: Option<(Name, Instant)>,
    /// Connections lost in the batch so far.
    losses: usize,
    beat: beat::Beat,
    began: Instant,
    /// What the schema is checked against; `None`: it is not.
    expectation: Option<Expectation>,
    /// What is known of the live schema.
    known: Known,
    /// What is taken back, newest first; `None` of a run that applies.
    reverts: Option<Vec<Name>>,
}

/// A batch that loses its connection again and again may be what kills the
/// server.
const LOSSES_MAX: usize = 5;

/// Whoever makes the ledger takes milliseconds.
const LEDGER_WAIT_MIN: Duration = Duration::from_secs(10);

/// Whether the rest of a plan can be trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Go on with the next step.
    Step,
    /// Read the history and plan again.
    PlanAgain,
}

/// Applies what is pending and runs the tail.
///
/// # Errors
/// [`ApplyError`], each with what stands.
pub async fn up(run: &Run, migrations: Vec<Migration>) -> Result<Outcome, ApplyError> {
    let mut runner = Runner::new(run, migrations).await?;
    match Box::pin(runner.up()).await {
        Err(error) => {
            let error = error.standing(&runner.committed);
            Box::pin(runner.note_failure(&error)).await;
            Err(error)
        }
        Ok(outcome) => Ok(outcome),
    }
}

impl<'a> Runner<'a> {
    async fn new(run: &'a Run, mut migrations: Vec<Migration>) -> Result<Self, ApplyError> {
        let began = Instant::now();
        let made = Box::pin(bootstrap::reach(run, &mut migrations)).await?;
        Box::pin(bootstrap::claim_ledger(run, &made.control, &migrations)).await?;
        let version = made.control.server_version();
        let expectation = run
            .verification
            .as_ref()
            .map(|verification| Expectation::new(verification, version))
            .transpose()?;
        let runner = Self::of(run, migrations, made.control).await?;
        Ok(Self {
            owed: made.owed,
            bootstrapped: made.names,
            began,
            expectation,
            ..runner
        })
    }

    /// In a database that is there; nothing is verified yet.
    async fn of(
        run: &'a Run,
        migrations: Vec<Migration>,
        control: Session,
    ) -> Result<Self, ApplyError> {
        let ledger = Ledger::find(&control, &run.project, run.owner.as_deref()).await?;
        Ok(Self {
            run,
            migrations,
            ledger,
            control,
            batch: None,
            spare: None,
            is_proved: false,
            options: Options {
                strict: run.settings.strict,
                concurrent: if run.settings.fold {
                    Concurrent::Folded
                } else {
                    Concurrent::Unfolded
                },
                ..Options::default()
            },
            fire_before: Vec::new(),
            was_empty: None,
            deployment: None,
            span: tracing::Span::current(),
            committed: Vec::new(),
            elsewhere: away::Connections::new(),
            owed: Vec::new(),
            bootstrapped: Vec::new(),
            holds_deployment: false,
            is_announced: false,
            preempted: BTreeSet::new(),
            held_up: None,
            losses: 0,
            beat: beat::Beat::default(),
            began: Instant::now(),
            expectation: None,
            known: Known::default(),
            reverts: None,
        })
    }

    async fn survey(&mut self) -> Result<Survey, ApplyError> {
        self.control_again().await?;
        let survey = survey(
            &self.control,
            &self.ledger,
            &mut self.migrations,
            &self.options,
            self.expectation.as_ref(),
        )
        .await?;
        self.options.was_empty = *self
            .was_empty
            .get_or_insert(!survey.history.has_user_relations);
        Ok(survey)
    }

    fn survey_progress(&self, survey: &Survey, name: &Name) -> crate::history::Progress {
        survey.history.progress(&self.run.project, name)
    }

    async fn up(&mut self) -> Result<Outcome, ApplyError> {
        if !self.bootstrapped.is_empty() {
            self.prove().await?;
            self.ledger_ready().await?;
            self.fence().await?;
            self.fetch_rows().await?;
        }
        let mut survey = self.survey().await?;
        self.run
            .settings
            .answers
            .check(&self.control, &self.ledger, &survey.history)
            .await?;
        let mut told = survey.plan.clone();
        survey.plan.strong_locks = strong_locks(&self.control, &survey).await?;
        self.run
            .events
            .tell(Event::Planned(Box::new(survey.plan.clone())));
        if let Ready::Nothing = survey.plan.ready
            && survey.plan.is_empty()
        {
            self.tell_reached(&survey, Goal::Ready);
            self.tell_reached(&survey, Goal::Settled);
            return Ok(Outcome::Settled);
        }
        if !is_ready(&survey.plan) || !survey.plan.tail.is_empty() {
            self.prove().await?;
        }
        while !is_ready(&survey.plan) {
            // Tables that are there already would be in the dump's way.
            if !survey.plan.brings_ledger() {
                self.ledger_ready().await?;
            }
            self.fence().await?;
            if self.ledger.version().is_none() {
                // Another run may have brought it while we waited.
                self.find_ledger().await?;
            }
            if self.ledger.version().is_some() {
                self.fetch_rows().await?;
            }
            survey = self.survey().await?;
            if survey.plan != told {
                told = survey.plan.clone();
                self.run.events.tell(Event::Planned(Box::new(told.clone())));
            }
            if self.follow_renamed(&survey).await? {
                survey = self.survey().await?;
                told = survey.plan.clone();
            }
            if is_ready(&survey.plan) {
                break;
            }
            if self.batch_of(&survey).await? == Next::Step {
                break;
            }
            survey = self.survey().await?;
        }
        self.unfence().await;
        self.stop_beating().await;
        match (self.deployment, survey.plan.ready) {
            (None, Ready::Already(deployment)) => {
                self.announce_again(&survey, deployment).await?;
            }
            // While this run waited, somebody else did all of its work.
            (Some(_), _) if !self.is_announced => self.announce(&survey).await?,
            _ => {}
        }
        self.release_preempted().await?;
        if self.run.settings.until == Until::Ready && !survey.plan.tail.is_empty() {
            return Ok(Outcome::Ready);
        }
        let steps = survey.plan.tail.clone();
        let ended = self.tail(&survey, &steps).await?;
        if ended == Outcome::Settled {
            self.tell_reached(&survey, Goal::Settled);
        }
        Ok(ended)
    }

    /// Makes or upgrades the ledger if that is needed.
    async fn ledger_ready(&mut self) -> Result<(), ApplyError> {
        let is_new = self.ledger.version().is_none();
        let began = Instant::now();
        // No retry, but a wait for another run: zero would not let it begin.
        let patience = self.run.settings.retry_for.max(LEDGER_WAIT_MIN);
        let preparing = tokio::time::timeout(patience, self.ledger.prepare(&self.control));
        let made = tokio::select! {
            made = preparing => made,
            signal = self.run.interrupt.first() => {
                return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
            }
        };
        let has_made = match made {
            Ok(made) => made.map_err(|error| self.rights(error))?,
            Err(_) => {
                return Err(ApplyError::TimedOut {
                    what: "another session that makes the ledger".to_owned(),
                    after: began.elapsed(),
                    option: "--retry-for",
                    committed: Vec::new(),
                });
            }
        };
        if is_new && has_made {
            self.run.events.tell(Event::LedgerCreated);
        }
        Ok(())
    }

    /// Runs the steps before readiness and makes the deployment ready.
    async fn batch_of(&mut self, survey: &Survey) -> Result<Next, ApplyError> {
        self.look_before(survey).await?;
        self.begin_deployment(survey).await?;
        for step in &survey.plan.batch {
            let next = match step {
                Step::Block(block) => {
                    let first = block.migrations.first();
                    match first.and_then(|name| away::connection_of(survey, name)) {
                        Some(connection) => self.block_away(survey, block, &connection).await?,
                        None => self.block(survey, block).await?,
                    }
                }
                Step::Standalone(name) => match away::connection_of(survey, name) {
                    Some(connection) => self.standalone_away(survey, name, &connection).await?,
                    None => self.standalone(survey, name).await?,
                },
                Step::Foreground { concurrent, .. } => {
                    self.foreground(survey, concurrent).await?;
                    Next::PlanAgain
                }
                Step::WaitFor {
                    concurrent,
                    needed_by,
                    ..
                } => {
                    self.unfence().await;
                    self.release_preempted().await?;
                    let waiting = tail::wait_for(
                        self.run,
                        &self.ledger,
                        &self.control,
                        concurrent,
                        needed_by,
                    );
                    match waiting.await {
                        Err(ApplyError::Postgres(error))
                            if error.failure().is_connection_lost() =>
                        {
                            self.lost(Instant::now(), &error.to_string()).await?
                        }
                        waited => waited.map(|()| Next::PlanAgain)?,
                    }
                }
            };
            if next == Next::PlanAgain {
                return Ok(Next::PlanAgain);
            }
        }
        if survey.plan.ready == Ready::AfterBatch {
            self.announce(survey).await?;
        }
        Ok(Next::Step)
    }

    /// Writes the deployment's row and takes its lock, once per run.
    async fn begin_deployment(&mut self, survey: &Survey) -> Result<(), ApplyError> {
        // With a ledger that is yet to come, comes the deployment's row.
        if self.deployment.is_some() || survey.plan.brings_ledger() {
            return Ok(());
        }
        let dead: Vec<i64> = survey
            .history
            .deployments
            .iter()
            .filter(|deployment| {
                deployment.state == DeploymentState::Running && !deployment.is_held
            })
            .map(|deployment| deployment.id)
            .collect();
        let stands_for = (survey.last(), survey.fingerprint.as_str());
        let began = if let Some(reverts) = &self.reverts {
            self.ledger
                .begin_reversal(&self.control, stands_for, reverts, &dead)
                .await
        } else {
            let (last, fingerprint) = stands_for;
            self.ledger
                .begin_deployment(&self.control, last, fingerprint, &dead)
                .await
        };
        let id = began.map_err(|error| self.rights(error))?;
        self.deployment = Some(id);
        self.span.record("deployment", id);
        self.hold_deployment().await?;
        self.run
            .events
            .tell(Event::DeploymentBegan { deployment: id });
        Ok(())
    }

    /// An error of making or writing the ledger: of missing rights, with what
    /// gives them.
    fn rights(&self, error: postgres::Error) -> ApplyError {
        if error.failure() != Failure::InsufficientPrivilege {
            return error.into();
        }
        if self.ledger.version().is_none() {
            ApplyError::Refused {
                reason: format!("segue's own tables cannot be made: {error}"),
                help: "grant CREATE on the database, once, or let a DBA run what `segue init --print-sql --owner ROLE` prints, and make this role a member of that one".to_owned(),
            }
        } else {
            ApplyError::Refused {
                reason: format!("segue's own tables cannot be written: {error}"),
                help: "connect as the role that owns namespace segue, or as a member of it"
                    .to_owned(),
            }
        }
    }

    /// Takes the lock that says that this deployment has a living runner.
    async fn hold_deployment(&mut self) -> Result<(), ApplyError> {
        if let Some(id) = self.deployment
            && !self.holds_deployment
        {
            let key = LockKey::deployment(&self.run.project, id);
            // After a connection was lost, the backend behind it may hold the
            // lock for a while; it is tried again whenever the control session
            // is looked at.
            self.holds_deployment = lock::try_lock(&self.control, key).await?;
        }
        Ok(())
    }

    fn notice(&self, state: DeploymentState, survey: &Survey) -> Notice {
        self.ledger.notice(
            state,
            self.deployment.unwrap_or_default(),
            survey.last(),
            &survey.fingerprint,
        )
    }

    fn announcement(&self, survey: &Survey) -> Announcement {
        Announcement {
            notice: self.notice(DeploymentState::Ready, survey),
            tail: survey
                .plan
                .tail
                .iter()
                .map(|step| step.name.clone())
                .collect(),
        }
    }

    /// Makes the deployment ready by a small transaction of its own.
    async fn announce(&mut self, survey: &Survey) -> Result<(), ApplyError> {
        self.verify_batch(survey).await?;
        self.control_again().await?;
        let announcement = self.announcement(survey);
        self.ledger
            .announce_ready(&self.control, &announcement.notice, &announcement.tail)
            .await?;
        self.tell_ready(survey);
        Ok(())
    }

    async fn tail(
        &mut self,
        survey: &Survey,
        steps: &[crate::plan::TailStep],
    ) -> Result<Outcome, ApplyError> {
        if !steps.is_empty() {
            self.run.events.tell(Event::TailBegan {
                names: steps.iter().map(|step| step.name.clone()).collect(),
            });
            let report = Box::pin(tail::run(
                self.run,
                &self.ledger,
                &survey.graph,
                steps,
                self.deployment,
                Hurry::Background,
            ))
            .await?;
            if !report.is_done() {
                self.note_tail_failure(survey, &report).await;
                return Ok(Outcome::Unsettled(Box::new(report)));
            }
        }
        self.control_again().await?;
        // A reader's role may run `up` where nothing is to be done.
        let is_open = |one: &Deployment| one.state == DeploymentState::Ready;
        let has_work = self.is_announced || !steps.is_empty();
        if !has_work
            && (survey.plan.checks == Checks::Ahead
                || !survey.history.deployments.iter().any(is_open))
        {
            return Ok(Outcome::Settled);
        }
        if let Some(mismatch) = self.verify_tail(survey, steps).await? {
            return Ok(Outcome::Mismatched(mismatch));
        }
        if self.known.is_overtaken {
            return Ok(Outcome::Settled);
        }
        let mut settled = self.ledger.settle(&self.control).await?;
        // Another run may have been quicker to say it of ours.
        if let Some(own) = self.deployment
            && !steps.is_empty()
            && !settled.contains(&own)
            // Its tail may have what this folder lacks.
            && self.ledger.is_settled(&self.control, own).await?
        {
            settled.push(own);
        }
        self.keep_snapshot(&settled).await;
        for deployment in settled {
            self.run.events.tell(Event::Settled {
                deployment,
                after: self.began.elapsed(),
            });
        }
        Ok(Outcome::Settled)
    }

    /// The control session, opened again if it was lost.
    async fn control_again(&mut self) -> Result<(), ApplyError> {
        if self.control.is_lost() {
            let patience = self.run.settings.retry_for;
            return self.control_anew(patience, Heeds::Signals).await;
        }
        self.hold_deployment().await
    }
}

/// Whether nothing is left before readiness.
fn is_ready(plan: &Plan) -> bool {
    plan.batch.is_empty() && plan.renamed.is_empty() && matches!(plan.ready, Ready::Already(_))
}
