//! `segue at`

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Args;

use super::bounds::Bounds;
use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Line, Report};
use super::signal;
use crate::apply::visit::{Place, Stage, Visits};
use crate::apply::{ApplyError, Interrupt, Until, survey};
use crate::diagnostic::Severity;
use crate::visit::{States, Visit};

pub(super) mod command;

/// Run a command on a database in any state that production passes through
///
/// STATE is the name of a migration (`.sql` may be left out), or a version of the schema that one
/// brings: everything up to it by name is settled. `latest` is the last one, `empty` none of them.
/// With a moment after `@`:
///
/// - NAME@before: everything before it is settled;
/// - NAME@ready: then the deployment that brings it is ready, and the concurrent migrations that
///   begin with it have not begun;
/// - NAME@building: the first index that it builds is there, takes part in every write, and is not
///   valid yet; that lasts as long as the command;
/// - NAME@backfilling:40%: the backfill has done that part of the rows, which are made up as by
///   `segue check`, or those of NAME.rows.sql.
///
/// The database is on a PostgreSQL server that is started for it, and a copy of its own: whatever
/// the command does there is gone afterwards. States are kept for later runs, in `SEGUE_CACHE_DIR`,
/// else `XDG_CACHE_HOME/segue` or `~/.cache/segue`; each is made from the nearest earlier one.
///
/// The command has the database in `DATABASE_URL`, and in `PGHOST`, `PGPORT`, `PGUSER` and
/// `PGDATABASE`, the state in `SEGUE_STATE`, and the version of the schema in
/// `SEGUE_SCHEMA_VERSION`. Its exit status is segue's, and 128 and the signal's number if one ended
/// it; signals that segue gets are passed on. If the command was not run: 2 usage, 3 invalid files,
/// 4 a migration or the server failed, 126 and 127 as shells have it.
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct AtArgs {
    /// Which state
    #[arg(value_name = "STATE", required_unless_present = "list")]
    pub state: Option<String>,

    /// Start a server for this command alone and remove it afterwards; nothing is kept
    #[arg(long, visible_alias = "no-cache")]
    pub throwaway: bool,

    /// Make databases on this server and drop them afterwards, in place of a server of its own
    ///
    /// For servers with extensions or settings that are not installed here. The role needs
    /// CREATEDB; the database in the URL is only connected to. Nothing is kept there.
    #[arg(long, value_name = "URL", conflicts_with = "throwaway")]
    pub on: Option<String>,

    /// Print the states in the order of production, a line each, with the version of the schema
    ///
    /// NAME@before is the state that stands above; a backfill is listed half-way.
    #[arg(long, conflicts_with_all = ["state", "command", "on", "throwaway"])]
    pub list: bool,

    /// The command, with its arguments
    #[arg(
        value_name = "COMMAND",
        last = true,
        num_args = 1..,
        required_unless_present = "list"
    )]
    pub command: Vec<OsString>,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: &AtArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    if let Some(option) = context.database_option() {
        return Err(
            Error::usage(format!("`segue at` does not work on `{option}`"))
                .help("leave it out; `--on URL` makes databases of its own on a server of yours"),
        );
    }
    let states = states(context, report)?;
    let Some(text) = &args.state else {
        let all = states.all(0, states.migrations().len());
        let names: Vec<String> = all.iter().map(|visit| visit.state.to_string()).collect();
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut lines = String::new();
        for (name, visit) in names.iter().zip(&all) {
            // Writing into a string cannot fail.
            let _ = match states.version(visit) {
                Some(version) => writeln!(lines, "{name:width$}  {version}"),
                None => writeln!(lines, "{name}"),
            };
        }
        report::result(&lines)?;
        return Ok(Outcome::Done);
    };
    let visit = find(&states, text)?;
    let interrupt = signal::listen()?;
    let stage = Stage {
        place: place(args, context)?,
        connect_wait: context.connect_wait(),
        settings: Bounds::default().settings(context, Until::Settled, false),
        interrupt: interrupt.clone(),
    };
    report.line_unless_quiet(&Line::active("Visiting", visit.state.to_string()));
    let visits = Visits::start(stage, states).await?;
    report.notes(&visits.notes().await);
    let ran = Box::pin(visited(args, &visits, &visit, &interrupt)).await;
    report.notes(&visits.notes().await);
    if let Err(error) = visits.end().await {
        report.note(&format!("something was left: {error}"));
    }
    ran
}

/// The states of the project's migrations.
///
/// # Errors
/// Folders that cannot be read; invalid files, all of them.
pub(super) fn states(context: &Context, report: &mut Report) -> Result<States, Error> {
    let (mut migrations, diagnostics) = context.read_migrations(report)?;
    let project = context.project();
    let invalid = survey::all_invalid(&mut migrations, diagnostics, &project)?;
    if invalid.iter().any(|one| one.severity == Severity::Error) {
        return Err(Error::diagnostics(Outcome::Invalid, invalid));
    }
    Ok(States::new(&project, migrations))
}

/// The state of this name.
///
/// # Errors
/// What there is instead.
pub(super) fn find(states: &States, text: &str) -> Result<Visit, Error> {
    states.find(text).map_err(|no_state| {
        let error = Error::usage(no_state.message);
        no_state.help.into_iter().fold(error, Error::help)
    })
}

fn place(args: &AtArgs, context: &Context) -> Result<Place, Error> {
    if let Some(url) = &args.on {
        return Ok(Place::On(Box::new(context.resolve(url)?)));
    }
    Ok(Place::Throwaway {
        options: Box::new(context.throwaway()),
        before: context.before(),
        caches: if args.throwaway {
            Vec::new()
        } else {
            context.caches()
        },
    })
}

/// Goes there and runs the command.
async fn visited(
    args: &AtArgs,
    visits: &Visits,
    visit: &Visit,
    interrupt: &Interrupt,
) -> Result<Outcome, Error> {
    let visited = tokio::select! {
        visited = visits.open(visit) => visited?,
        // The first signal is heard where a migration runs.
        signal = interrupt.second() => return Err(interrupted(signal)),
    };
    let ran = if let Some(signal) = interrupt.signals().first {
        Err(interrupted(signal))
    } else {
        let surroundings = command::Surroundings {
            state: visited.state(),
            version: visits.states().version(visit),
            target: visited.target(),
        };
        command::run(&args.command, &surroundings).await
    };
    let closed = visits.close(visited).await;
    let outcome = ran?;
    closed?;
    Ok(outcome)
}

fn interrupted(signal: crate::apply::Signal) -> Error {
    let committed = Vec::new();
    let error = ApplyError::Interrupted { signal, committed };
    Error {
        notes: Vec::new(),
        helps: Vec::new(),
        ..error.into()
    }
}
