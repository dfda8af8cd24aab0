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
use crate::apply::{self, ApplyError, Run, Settings, Until};
use crate::migration::Migration;

/// Run what the tail still has to do
///
/// For a job or a sidecar after `segue up --until ready`, and after a tail that failed or was
/// detached. Batch migrations that are pending stay so. What is already built, by whoever, is
/// found and not built again; what a dead run left half-way is cleaned up first.
///
/// Exit statuses: 0 settled, 6 the tail is not done, others as `segue up`.
#[derive(Args, Clone, Debug)]
pub struct SettleArgs {
    /// Run tails whenever there are any, until told to end: for a sidecar or a systemd unit
    ///
    /// It follows the database, and runs the tail of each deployment that is ready, this folder's
    /// files alone, which it reads again before each round. A server that is away, a standby, a
    /// database that does not exist yet and files that are broken are told and waited out. A tail
    /// that fails is run again after 5 seconds, then twice as long each time up to 10 minutes, and
    /// no sooner than after as long as the try took (up to an hour); at once when another deployment
    /// is ready or a file has changed. --on-ready and --on-settled run once for each deployment, and
    /// again, later each time, until they succeed. SIGTERM and SIGINT end it with 0; builds that run
    /// go on in the server, and the next one takes them up.
    #[arg(long, conflicts_with_all = ["redo", "done"])]
    pub service: bool,

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
    let mut settings = args.bounds.settings(context, Until::Settled, false);
    settings.answers = args.answers.answers();
    if args.service {
        let target = context.target(report)?;
        let on_mismatch = args.check.on_mismatch(&context.config().up);
        let verification = Some(context.verification(on_mismatch));
        let serving = run::serve(
            context,
            report,
            &target,
            settings,
            verification,
            &args.hooks,
        );
        return Box::pin(serving).await;
    }
    let hooks = (&args.hooks, &args.check);
    tail(context, report, settings, hooks, async |run, migrations| {
        Box::pin(apply::up::settle(run, migrations)).await
    })
    .await
}

/// Does `work` with the folder's migrations: the tail, or a part of it.
///
/// # Errors
/// See [`Error`].
pub(super) async fn tail(
    context: &Context,
    report: &mut Report,
    settings: Settings,
    (hooks, check): (&HookArgs, &OnMismatchArgs),
    work: impl AsyncFnOnce(&Run, Vec<Migration>) -> Result<apply::Outcome, ApplyError>,
) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.migrations(report)?;
    let on_mismatch = check.on_mismatch(&context.config().up);
    let verification = Some(context.verification(on_mismatch));
    run::run(
        context,
        report,
        &target,
        settings,
        verification,
        hooks,
        async |run| work(run, migrations).await,
    )
    .await
}
