//! `segue settle`

use clap::Args;

use super::answers::AnswerArgs;
use super::bounds::Bounds;
use super::context::Context;
use super::error::Error;
use super::hook::HookArgs;
use super::on_mismatch::OnMismatchArgs;
use super::outcome::Outcome;
use super::report::Report;
use super::run;
use crate::apply::{self, Until};

/// Run what the tail still has to do
///
/// For a job or a sidecar after `segue up --until ready`, and after a tail that failed or was
/// detached. Batch migrations that are pending stay so. What is already built, by whoever, is
/// found and not built again; what a dead run left half-way is cleaned up first.
///
/// Exit statuses: 0 settled, 6 the tail is not done, others as `segue up`.
#[derive(Args, Clone, Debug)]
pub struct SettleArgs {
    #[command(flatten)]
    pub bounds: Bounds,

    #[command(flatten)]
    pub hooks: HookArgs,

    #[command(flatten)]
    pub answers: AnswerArgs,

    #[command(flatten)]
    pub check: OnMismatchArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &SettleArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut settings = args
        .bounds
        .settings(&context.config().up, Until::Settled, false);
    settings.answers = args.answers.answers();
    let target = context.target(report)?;
    let migrations = context.migrations(report)?;
    let on_mismatch = args.check.on_mismatch(&context.config().up);
    let verification = Some(context.verification(on_mismatch));
    run::run(
        context,
        report,
        &target,
        settings,
        verification,
        &args.hooks,
        async |run| Box::pin(apply::up::settle(run, migrations)).await,
    )
    .await
}
