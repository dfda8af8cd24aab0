//! `segue backfill`

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::Report;

mod abort;
mod retry;
mod status;
mod subject;
mod wish;

pub(super) use subject::Course;

/// Look at a backfill, hold it back, let it go on, or give it up
///
/// NAME is the file of its migration; it may be left out while only one backfill is open. What is
/// asked for holds from the next batch on, whoever runs the backfill, and stays until it is taken
/// back: a runner or a server that ends and comes back finds it in the ledger.
#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Status(status::StatusArgs),
    Pause(wish::PauseArgs),
    Resume(wish::ResumeArgs),
    Rate(wish::RateArgs),
    Within(wish::WithinArgs),
    Retry(retry::RetryArgs),
    Abort(abort::AbortArgs),
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &BackfillArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    match &args.command {
        Command::Status(args) => Box::pin(status::run(args, context, report)).await,
        Command::Pause(args) => Box::pin(wish::pause(args, context, report)).await,
        Command::Resume(args) => Box::pin(wish::resume(args, context, report)).await,
        Command::Rate(args) => Box::pin(wish::rate(args, context, report)).await,
        Command::Within(args) => Box::pin(wish::within(args, context, report)).await,
        Command::Retry(args) => Box::pin(retry::run(args, context, report)).await,
        Command::Abort(args) => Box::pin(abort::run(args, context, report)).await,
    }
}
