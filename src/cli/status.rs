//! `segue status`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Report, status_text};
use super::signal;
use crate::apply::up::bootstrap;
use crate::apply::watch::{Look, Watch, Watched};
use crate::history::History;
use crate::postgres::{self, Session};
use crate::status::Status;

/// Show files against ledger, the deployment's state and the tail's progress
///
/// Reads only. A migration is pending, running, interrupted, failed, applied or abandoned; applied
/// ones may be modified (their text has changed) or missing (their file is gone).
#[derive(Args, Clone, Copy, Debug)]
pub struct StatusArgs {
    /// Print JSON, by docs/json/status.schema.json
    #[arg(long)]
    pub json: bool,

    /// Go on until interrupted, and print again whenever something changes; a server that restarts
    /// is waited for
    #[arg(long)]
    pub watch: bool,
}

/// Pause between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: StatusArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.valid_migrations(report)?;
    let watched = Watched {
        target,
        project: context.project(),
        owner: context.owner(),
        migrations: migrations.into(),
    };
    if args.watch {
        return follow(args, watched, report).await;
    }
    let session = match Session::connect(&watched.target, context.connect_wait()).await {
        Ok(session) => session,
        Err(postgres::Error::Connect(error))
            if bootstrap::makes_database(&watched.migrations) && bootstrap::is_absence(&error) =>
        {
            report.note(&error.to_string());
            let status = Status::new(
                &watched.project,
                &watched.migrations,
                &History::default(),
                &BTreeMap::new(),
                false,
            );
            print(args, report, &status)?;
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(error.into()),
    };
    let mut watch = Watch::begun(watched, session).with_backfills();
    match watch.next(PAUSE).await {
        Look::Seen(seen) => print(args, report, &watch.status(&seen))?,
        Look::Away(away) => return Err(away.error.into()),
    }
    watch.close().await;
    Ok(Outcome::Done)
}

/// Prints whenever something changes, until interrupted.
async fn follow(args: StatusArgs, watched: Watched, report: &mut Report) -> Result<Outcome, Error> {
    let interrupt = signal::listen()?;
    let mut watch = Watch::new(watched).with_backfills();
    let mut printed = None;
    let mut told = None;
    loop {
        let look = tokio::select! {
            look = watch.next(PAUSE) => look,
            signal = interrupt.first() => return Ok(signal.into()),
        };
        match look {
            Look::Seen(seen) => {
                told = None;
                let status = watch.status(&seen);
                if printed.as_ref() != Some(&status) {
                    print(args, report, &status)?;
                    printed = Some(status);
                }
            }
            Look::Away(away) if away.is_passing => {
                let reason = away.error.to_string();
                if told.as_ref() != Some(&reason) {
                    report.note(&reason);
                    told = Some(reason);
                }
            }
            Look::Away(away) => return Err(away.error.into()),
        }
    }
}

fn print(args: StatusArgs, report: &Report, status: &Status) -> Result<(), Error> {
    match (args.json, args.watch) {
        // One line each, so that a reader can tell where one ends.
        (true, true) => report::result(&format!("{}\n", status.to_json())),
        (true, false) => report::result_json(&status.to_json()),
        (false, true) => report::result(&format!(
            "{}\n",
            status_text::status(status, report.is_verbose())
        )),
        (false, false) => report::result(&status_text::status(status, report.is_verbose())),
    }
}

#[cfg(test)]
mod tests;
