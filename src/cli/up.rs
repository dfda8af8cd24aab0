//! `segue up`

use clap::{Args, ValueEnum};

use super::answers::AnswerArgs;
use super::bounds::Bounds;
use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::hook::HookArgs;
use super::on_conflict::OnConflictArg;
use super::on_mismatch::OnMismatchArgs;
use super::outcome::Outcome;
use super::report::Report;
use super::run;
use super::server::ServerArgs;
use crate::apply::{self, Until};

/// Apply what is pending, announce readiness, run the tail
///
/// The batch, all pending migrations that are quick, runs in one transaction where it can. Its
/// COMMIT makes the deployment ready: the row in segue.deployment and the notification on channel
/// segue are part of it, so nobody can see one without the other. The tail, the migrations with
/// `begin-concurrent-migration-with`, runs afterwards, while the new code already serves.
///
/// Whatever happens, running it again is right: it finishes what is left, or says why it cannot.
/// With nothing to do it announces the deployment once more that made this folder ready.
///
/// Exit statuses: 0 done, 2 usage, 3 invalid files, 4 failed before ready, 5 timed out, 6 ready but
/// the tail is not done or a command of --on-ready or --on-settled failed, 130 and 143 by signal with nothing changed. `segue explain 4` says more.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// How far to go
    #[arg(long, value_name = "STATE", default_value = "settled")]
    pub until: UntilArg,

    #[command(flatten)]
    pub bounds: Bounds,

    /// How long to wait for the answer to a COMMIT [default: 10m]
    ///
    /// A synchronous standby that does not answer holds it up, for example.
    #[arg(long, value_name = "D")]
    pub commit_wait: Option<HumanDuration>,

    /// What to do when the batch needs a lock that a concurrent migration holds [default: wait]
    ///
    /// One of this project or another one that shares the database, run by another deployment or
    /// by the backend of a run that died. The table stays open to traffic in any case.
    #[arg(long, value_name = "ACTION")]
    pub on_conflict: Option<OnConflictArg>,

    /// Refuse pending files older than applied ones, and applied ones that were changed or are gone
    #[arg(long)]
    pub strict: bool,

    /// Run every concurrent migration by itself, after the transaction
    ///
    /// Otherwise one that has to run before readiness anyway, on tables that are new, or any on a
    /// database without tables, is folded into the batch's transaction: CREATE INDEX in place of
    /// CREATE INDEX CONCURRENTLY, and the like.
    #[arg(long)]
    pub no_fold: bool,

    #[command(flatten)]
    pub hooks: HookArgs,

    #[command(flatten)]
    pub answers: AnswerArgs,

    #[command(flatten)]
    pub check: OnMismatchArgs,

    #[command(flatten)]
    pub server: ServerArgs,
}

/// How far `up` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UntilArg {
    /// Return when the batch is committed; `segue settle` runs the tail
    Ready,
    /// Run the tail too
    Settled,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: &UpArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    let until = match args.until {
        UntilArg::Ready => Until::Ready,
        UntilArg::Settled => Until::Settled,
    };
    if until == Until::Ready && args.hooks.on_settled.is_some() {
        return Err(Error::usage(
            "`--until ready` leaves the tail to others, so `--on-settled` would never be run",
        )
        .help("give `--on-settled` to the `segue settle` that runs the tail"));
    }
    let mut settings = args.bounds.settings(context, until, args.strict);
    if let Some(bound) = args.commit_wait {
        settings.commit_wait = bound.0;
    }
    if let Some(action) = args.on_conflict {
        settings.on_conflict = action.into();
    }
    settings.fold &= !args.no_fold;
    settings.answers = args.answers.answers();
    let migrations = context.migrations(report)?;
    let server = args.server.start(context, report).await?;
    let on_mismatch = args.check.on_mismatch(&context.config().up);
    let verification = Some(context.verification(on_mismatch));
    let target = server.target();
    let ended = run::run(
        context,
        report,
        target,
        settings,
        verification,
        &args.hooks,
        async |run| Box::pin(apply::up::up(run, migrations)).await,
    )
    .await;
    server.stop(report).await;
    ended
}
