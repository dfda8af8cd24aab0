//! `segue backfill abort`

use clap::Args;

use super::subject::{Course, Known};
use crate::apply::abandon::Abandoned;
use crate::cli::abandon::{self, AbandonArgs};
use crate::cli::context::Context;
use crate::cli::duration::HumanDuration;
use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::cli::report::{Line, Report};

/// Give a backfill up
///
/// As `segue abandon` does: the batch at hand is rolled back, and the migration is out of the plan
/// for good. Rows that are done stay done, all others are as they were. A migration that needs it,
/// by `end-concurrent-migration`, is refused from then on.
#[derive(Args, Clone, Debug)]
pub struct AbortArgs {
    /// Its file name
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// How long to wait for the session that runs it to end [default: 10m]
    #[arg(long, value_name = "D")]
    concurrent_wait: Option<HumanDuration>,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub(super) async fn run(
    args: &AbortArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut known = Known::read(context, report).await?;
    let subject = known.one(args.name.as_deref())?;
    let name = subject.name.clone();
    if subject.standing.is_none() && subject.course == Course::Pending {
        known.close().await;
        return Err(Error::usage(format!("`{name}` has not begun"))
            .help("delete the file if it is not wanted"));
    }
    let wanted = AbandonArgs {
        name: name.to_string(),
        concurrent_wait: args.concurrent_wait,
    };
    let abandoned = abandon::give_up(&wanted, context, report).await?;
    known.reread().await?;
    let standing = known.one(Some(name.as_str()))?.standing;
    let done = standing.map_or_else(String::new, |standing| {
        let aside = match standing.quarantined {
            0 => String::new(),
            _ => format!(", {} left out", standing.aside()),
        };
        let at = standing.line(false);
        format!("\n{at}{aside}: what is done stays done, all other rows are as they were")
    });
    report.line_unless_quiet(&match abandoned {
        Abandoned::Now => Line::done("Aborted", format!("`{name}`; `up` leaves it out{done}")),
        Abandoned::Already => Line::done("Aborted", format!("`{name}`, already before this{done}")),
    });
    known.close().await;
    Ok(Outcome::Done)
}
