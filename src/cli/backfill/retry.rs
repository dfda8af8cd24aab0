//! `segue backfill retry`

use clap::Args;

use super::subject::{Course, Known};
use crate::apply::{self, Settings, Until};
use crate::cli::bounds::Bounds;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::hook::HookArgs;
use crate::cli::on_mismatch::OnMismatchArgs;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Line, Report};
use crate::cli::settle;

/// Run a backfill now, rows in quarantine first
///
/// What `segue settle` does, for this migration alone. If somebody runs it already, this says who
/// and does nothing: rows in quarantine are tried again at the beginning of a run. A row in
/// quarantine whose key no row has any more stays there, since a row that only got another key may
/// still be to do; with `--gone` you say that you have seen to those.
///
/// Exit statuses: 0 done, 6 not done yet.
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Let rows go that are in quarantine and in the table no more: deleted, or done by hand
    #[arg(long)]
    gone: bool,

    #[command(flatten)]
    bounds: Bounds,

    #[command(flatten)]
    hooks: HookArgs,

    #[command(flatten)]
    check: OnMismatchArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    args: &RetryArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let known = Known::read(context, report).await?;
    let subject = known.one(args.name.as_deref())?;
    known.close().await;
    let name = subject.name;
    match subject.course {
        Course::Running(pid) => {
            let by = pid.map_or_else(String::new, |pid| format!(" by pid {pid}"));
            return Err(Error::new(
                Outcome::Unsettled,
                format!(
                    "`{name}` is run{by}: rows in quarantine are tried again when that has ended"
                ),
            ));
        }
        Course::Applied => {
            report.line_unless_quiet(&Line::done(
                "Done",
                format!("`{name}`, already before this"),
            ));
            return Ok(Outcome::Done);
        }
        Course::Abandoned => return Err(Error::usage(format!("`{name}` was given up"))),
        Course::Pending | Course::Interrupted | Course::Failed(_) => {}
    }
    let settings = Settings {
        let_go: args.gone,
        ..args.bounds.settings(context, Until::Settled, false)
    };
    let hooks = (&args.hooks, &args.check);
    settle::tail(context, report, settings, hooks, async |run, migrations| {
        Box::pin(apply::up::settle_one(run, migrations, name)).await
    })
    .await
}
