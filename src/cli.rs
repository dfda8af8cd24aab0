//! The command line: arguments → a command → its exit status.
//!
//! Each command has a file with its arguments and one `run`; `report` turns
//! events, plans and problems into text or JSON. Only here the environment is
//! read and something is printed.

use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

mod abandon;
mod add;
mod adopt;
mod answers;
mod at;
mod backfill;
mod bounds;
mod check;
mod compat;
mod completions;
mod config;
mod context;
mod diff;
mod duration;
mod error;
mod explain;
mod gate;
mod global;
mod hook;
mod init;
mod lint;
mod log;
mod man;
mod on_conflict;
mod on_mismatch;
mod outcome;
mod panic;
mod patience;
mod plan;
mod reference;
pub(crate) mod report;
mod revert;
mod run;
mod serve;
mod server;
mod settle;
mod signal;
mod snapshot;
mod status;
mod systemd;
mod traces;
mod up;
mod verify;
mod wait;
mod write_schema;

pub use error::Error;
pub use outcome::Outcome;
pub use reference::reference;

use crate::postgres::throwaway;
use context::Context;
use global::Global;
use report::Report;

/// Colours of the help, as cargo's.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Widest line of the help.
const HELP_WIDTH: usize = 100;

/// Apply SQL migrations to PostgreSQL without stopping the application
///
/// A deployment has two halves: the batch, in one transaction whose COMMIT makes it ready, and the
/// tail, slow migrations that run while the new code already serves.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "segue",
    version,
    styles = STYLES,
    max_term_width = HELP_WIDTH,
    after_help = "Durations (D) are written 500ms, 10s, 5m, 2h, 7d. `segue explain` lists exit \
                  statuses, directives and codes of problems."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: Global,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Add(add::AddArgs),
    Up(up::UpArgs),
    Settle(settle::SettleArgs),
    Abandon(abandon::AbandonArgs),
    Backfill(backfill::BackfillArgs),
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    Wait(wait::WaitArgs),
    Serve(serve::ServeArgs),
    Verify(verify::VerifyArgs),
    Lint(lint::LintArgs),
    Check(check::CheckArgs),
    Revert(revert::RevertArgs),
    At(at::AtArgs),
    Compat(compat::CompatArgs),
    WriteSchema(write_schema::WriteSchemaArgs),
    Snapshot(snapshot::SnapshotArgs),
    Diff(diff::DiffArgs),
    Gate(gate::GateArgs),
    Adopt(adopt::AdoptArgs),
    Init(init::InitArgs),
    Explain(explain::ExplainArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the program; its exit status.
#[must_use]
pub fn main() -> ExitCode {
    panic::install();
    // Not one of clap's commands: those, even hidden ones, are in completions.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == throwaway::SUPERVISE)
    {
        return throwaway::supervise();
    }
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version end here too, with status 0; nobody may read it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut report = Report::new(&cli.global);
    let outcome = match dispatch(&cli, &mut report) {
        Ok(outcome) => outcome,
        Err(error) => report.error(&error),
    };
    outcome.into()
}

fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches().map_err(|mut error| {
        if error.kind() == ErrorKind::UnknownArgument && std::env::args_os().any(|one| one == "at")
        {
            let tip = "the command of `segue at` stands after `--`: `segue at latest -- psql`";
            let tips = ContextValue::StyledStrs(vec![tip.into()]);
            error.insert(ContextKind::Suggested, tips);
        }
        error
    })?;
    Cli::from_arg_matches(&matches)
}

fn dispatch(cli: &Cli, report: &mut Report) -> Result<Outcome, Error> {
    // These need neither configuration nor a server.
    match &cli.command {
        Command::Explain(args) => return explain::run(args),
        Command::Completions(args) => return completions::run(*args),
        Command::Man(args) => return man::run(args),
        _ => {}
    }
    log::install(&cli.global)?;
    let context = Context::new(&cli.global)?;
    let mut builder = match &cli.command {
        // On one thread, what a connection receives needs no other thread to be
        // woken before it is looked at.
        Command::Wait(_) | Command::Up(_) | Command::Settle(_) => {
            tokio::runtime::Builder::new_current_thread()
        }
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Error::new(Outcome::Failed, format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(async {
        match &cli.command {
            Command::Add(args) => Box::pin(add::run(args, &context, report)).await,
            Command::Up(args) => Box::pin(up::run(args, &context, report)).await,
            Command::Settle(args) => Box::pin(settle::run(args, &context, report)).await,
            Command::Abandon(args) => Box::pin(abandon::run(args, &context, report)).await,
            Command::Backfill(args) => Box::pin(backfill::run(args, &context, report)).await,
            Command::Plan(args) => Box::pin(plan::run(args, &context, report)).await,
            Command::Status(args) => Box::pin(status::run(*args, &context, report)).await,
            Command::Verify(args) => Box::pin(verify::run(*args, &context, report)).await,
            Command::Wait(args) => Box::pin(wait::run(args, &context, report)).await,
            Command::Serve(args) => Box::pin(serve::run(args, &context, report)).await,
            Command::Revert(args) => Box::pin(revert::run(args, &context, report)).await,
            Command::WriteSchema(args) => Box::pin(write_schema::run(args, &context, report)).await,
            Command::Snapshot(args) => Box::pin(snapshot::run(args, &context, report)).await,
            Command::Lint(args) => lint::run(args, &context, report),
            Command::At(args) => Box::pin(at::run(args, &context, report)).await,
            Command::Check(args) => Box::pin(check::run(args, &context, report)).await,
            Command::Compat(args) => Box::pin(compat::run(args, &context, report)).await,
            Command::Diff(args) => Box::pin(diff::run(args, &context, report)).await,
            Command::Gate(args) => Box::pin(gate::run(args, &context, report)).await,
            Command::Adopt(args) => Box::pin(adopt::run(args, &context, report)).await,
            Command::Init(args) => Box::pin(init::run(args, &context, report)).await,
            Command::Explain(_) | Command::Completions(_) | Command::Man(_) => Ok(Outcome::Done),
        }
    });
    // The look-up of a name that is under way would be waited for.
    runtime.shutdown_background();
    ended
}
