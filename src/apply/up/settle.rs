//! `segue settle`: the tail alone.

use super::{Runner, is_ready};
use crate::apply::{ApplyError, Event, Outcome, Run};
use crate::migration::{Migration, Name};
use crate::plan::{Concurrent, Ready};
use crate::readiness::Goal;

/// Runs what the tail still has to do, whatever else is pending.
///
/// # Errors
/// As [`up`](super::up).
pub async fn settle(run: &Run, migrations: Vec<Migration>) -> Result<Outcome, ApplyError> {
    settle_of(run, migrations, Scope::Folder).await
}

/// Runs what one concurrent migration of the tail still has to do.
///
/// # Errors
/// As [`up`](super::up).
pub async fn settle_one(
    run: &Run,
    migrations: Vec<Migration>,
    name: Name,
) -> Result<Outcome, ApplyError> {
    settle_of(run, migrations, Scope::One(name)).await
}

/// Runs what deployments that are ready have left, for a service: it tells by
/// itself what there is to do and what has been reached.
///
/// # Errors
/// As [`up`](super::up).
pub async fn settle_announced(
    run: &Run,
    migrations: Vec<Migration>,
) -> Result<Outcome, ApplyError> {
    settle_of(run, migrations, Scope::Announced).await
}

/// Whose concurrent migrations are run.
#[derive(Clone, PartialEq, Eq)]
enum Scope {
    /// All of the folder whose partners are applied.
    Folder,
    /// Those of them that a deployment which is ready has named.
    Announced,
    /// This one.
    One(Name),
}

async fn settle_of(
    run: &Run,
    migrations: Vec<Migration>,
    scope: Scope,
) -> Result<Outcome, ApplyError> {
    let mut runner = Runner::new(run, migrations).await?;
    // Whatever `up` would do with it.
    runner.options.concurrent = Concurrent::Alone;
    let mut survey = runner.survey().await?;
    run.settings
        .answers
        .check(&runner.control, &runner.ledger, &survey.history)
        .await?;
    if scope == Scope::Folder {
        run.events
            .tell(Event::Planned(Box::new(survey.plan.clone())));
    }
    if !survey.plan.renamed.is_empty() {
        survey = Box::pin(runner.settle_renamed()).await?;
    }
    // A concurrent migration whose partner is pending belongs to a deployment
    // that is still to come.
    let open: Vec<_> = survey
        .plan
        .tail
        .iter()
        .filter(|step| {
            let mut announced = survey.history.deployments.iter();
            match &scope {
                Scope::Folder => true,
                Scope::Announced => announced.any(|deployment| {
                    deployment.ready_at.is_some() && deployment.tail.contains(&step.name)
                }),
                Scope::One(name) => step.name == *name,
            }
        })
        .filter(|step| {
            let partner = survey
                .graph
                .get(&step.name)
                .and_then(|migration| migration.partner.as_ref());
            partner.is_none_or(|partner| {
                !runner.survey_progress(&survey, &partner.name).is_open()
                    || survey.graph.get(&partner.name).is_none()
            })
        })
        .cloned()
        .collect();
    if let (Scope::One(name), []) = (&scope, open.as_slice())
        && survey.history.progress(&run.project, name).is_open()
    {
        return Err(ApplyError::Refused {
            reason: format!("`{name}` cannot run yet: what it begins with is pending"),
            help: "`segue up` applies that first".to_owned(),
        });
    }
    runner.deployment = match survey.plan.ready {
        Ready::Already(deployment) => Some(deployment),
        _ => survey
            .history
            .deployments
            .iter()
            .find(|deployment| deployment.ready_at.is_some())
            .map(|deployment| deployment.id),
    };
    if let Some(deployment) = runner.deployment {
        runner.span.record("deployment", deployment);
    }
    // Of a folder with pending batch migrations neither can be said.
    let is_ready = scope == Scope::Folder && is_ready(&survey.plan);
    if is_ready {
        runner.tell_reached(&survey, Goal::Ready);
    }
    if runner.ledger.version().is_none() {
        return Ok(Outcome::Settled);
    }
    if !open.is_empty() {
        runner.prove().await?;
        // An older segue may have made it.
        runner.ledger_ready().await?;
    }
    let ended = runner.tail(&survey, &open).await?;
    if is_ready && ended == Outcome::Settled {
        runner.tell_reached(&survey, Goal::Settled);
    }
    Ok(ended)
}
