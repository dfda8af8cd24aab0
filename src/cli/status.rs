//! `segue status`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::plan;
use super::report::{self, Report, status_text};
use super::signal;
use crate::apply::up::bootstrap;
use crate::history::History;
use crate::migration::Migration;
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Session, transaction};
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

    /// Go on until interrupted, and print again whenever something changes
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
    let session = match Session::connect(&target, context.connect_wait()).await {
        Ok(session) => session,
        Err(postgres::Error::Connect(error))
            if plan::makes_database(&migrations)
                && bootstrap::is_absence(&error)
                && !args.watch =>
        {
            report.note(&error.to_string());
            let status = Status::new(
                &context.project(),
                &migrations,
                &History::default(),
                &BTreeMap::new(),
                false,
            );
            print(args, report, &status)?;
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(error.into()),
    };
    let mut status = read(&session, context, &migrations).await?;
    print(args, report, &status)?;
    if args.watch {
        let interrupt = signal::listen()?;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                signal = interrupt.first() => return Ok(signal.into()),
            }
            let next = read(&session, context, &migrations).await?;
            if next != status {
                status = next;
                print(args, report, &status)?;
            }
        }
    }
    session.close().await;
    Ok(Outcome::Done)
}

async fn read(
    session: &Session,
    context: &Context,
    migrations: &[Migration],
) -> Result<Status, Error> {
    let owner = context.owner();
    let project = context.project();
    let ledger = Ledger::find(session, &project, owner.as_deref()).await?;
    let mut history = ledger.history(session).await?;
    history.follow(&project, migrations);
    let progress = match ledger.version() {
        Some(_) => ledger.progress(session).await?,
        None => BTreeMap::new(),
    };
    let progress = progress
        .into_iter()
        .map(|(name, (row, _))| {
            let renamed = history.renamed.iter().find(|one| one.from == name);
            (renamed.map_or(name, |one| one.to.clone()), row)
        })
        .collect();
    let is_standby = transaction::is_standby(session).await?;
    Ok(Status::new(
        &project, migrations, &history, &progress, is_standby,
    ))
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
