//! `segue abandon`

use clap::Args;

use super::bounds::Bounds;
use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{Line, Report};
use super::run;
use crate::apply::OnMismatch;
use crate::apply::Until;
use crate::apply::abandon::{self, Abandoned};
use crate::migration::Name;

/// Give a concurrent migration up, cleanly
///
/// Cancels the session that runs it, drops what its tries left half-way (an invalid index that was
/// not there before them, nothing else) and takes it out of the plan for good. Its file may be gone
/// already. A migration that needs it, by `end-concurrent-migration`, is refused from then on.
#[derive(Args, Clone, Debug)]
pub struct AbandonArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    pub name: String,

    /// How long to wait for the session that runs it to end [default: 10m]
    #[arg(long, value_name = "D")]
    pub concurrent_wait: Option<HumanDuration>,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &AbandonArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let name = Name::new(&args.name);
    let abandoned = give_up(args, context, report).await?;
    report.line_unless_quiet(&match abandoned {
        Abandoned::Now => Line::done("Abandoned", format!("`{name}`; `up` leaves it out")),
        Abandoned::Already => Line::done("Abandoned", format!("`{name}`, already before this")),
    });
    Ok(Outcome::Done)
}

/// Gives a migration up, and tells what happens meanwhile, but not how that
/// ended.
///
/// # Errors
/// See [`Error`].
pub(super) async fn give_up(
    args: &AbandonArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Abandoned, Error> {
    let bounds = Bounds {
        concurrent_wait: args.concurrent_wait,
        ..Bounds::default()
    };
    let settings = bounds.settings(context, Until::Settled, false);
    let target = context.target(report)?;
    let migrations = context.migrations(report)?;
    let name = Name::new(&args.name);
    let verification = Some(context.verification(OnMismatch::Fail));
    run::tell(
        context,
        report,
        &target,
        settings,
        verification,
        async |run| Box::pin(abandon::abandon(run, &migrations, &name)).await,
    )
    .await
}
