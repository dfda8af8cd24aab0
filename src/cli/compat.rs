//! `segue compat`

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_util::StreamExt as _;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Line, Report, compat_json, compat_junit, compat_markdown, compat_text};
use super::signal;
use crate::apply::{Signal, human, survey};
use crate::compatibility::{Rules, Verdict};
use crate::diagnostic::Severity;
use crate::matrix::key::{About, Key};
use crate::matrix::{Cell, Failure, Matrix, Ran, Sessions, Sight, State, walk};
use crate::migration::Migration;
use crate::page;
use crate::text::count;
use crate::version::Version;
use crate::visit::States;

mod code;
mod git;
mod ground;
mod idle;
mod kept;
mod output;
mod program;
mod rows;
mod runner;
mod store;
mod tree;

use code::Code;
use ground::Ground;
use output::Output;
use runner::{Job, Plan, Row, Runner, Stop};
use store::Store;

/// Test versions of the code against the states that the schema passes through
///
/// For each [[compat.app]] of segue.toml, and each state from the oldest schema version that a
/// supported version of the code needs to the newest: a database is brought into that state, and the
/// test is run on it. By the rules in [versions] a cell must work, or need not; the matrix of all of
/// them is printed. docs/compat.md has an example, and how a test keeps its sessions open while the
/// schema changes.
///
/// Results are kept: only what has changed is run again, be it the schema, the code or the test. So
/// is a test that failed and must not.
///
/// Exit statuses: 0 what must work works, 1 a cell that must work does not or was not run, or no cell
/// at all must work (unless `--app`, `--state` or `--since` asks for a part), 2 usage, 3 invalid files,
/// 4 a server failed.
#[derive(Args, Clone, Debug)]
pub struct CompatArgs {
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,

    /// Write it into this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Only this version of the code; may be repeated
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub app: Vec<Version>,

    /// Only this state, as `segue at` takes it; may be repeated
    #[arg(long, value_name = "STATE", conflicts_with = "since")]
    pub state: Vec<String>,

    /// The first state, as `segue at` takes it: the name of a migration or a schema version
    ///
    /// Otherwise the oldest schema version that a supported version of the code needs.
    #[arg(long, value_name = "STATE")]
    pub since: Option<String>,

    /// Only cells that must work; the others are not run
    #[arg(long)]
    pub promised: bool,

    /// Tests that run side by side [default: 2]
    ///
    /// Those of one version of the code run in one folder.
    #[arg(long, value_name = "N", value_parser = super::bounds::jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Run all tests, also those whose result is known
    #[arg(long)]
    pub again: bool,

    #[command(flatten)]
    pub ground: ground::GroundArgs,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs, by docs/json/compat.schema.json
    Json,
    /// For pipelines, a suite per version of the code
    Junit,
    /// For documents and comments
    Markdown,
    /// A page of one file
    Html,
}

/// How many tests run side by side where nobody says.
const JOBS: usize = 2;

/// How long a test may take where nobody says.
const TIMEOUT: Duration = Duration::from_mins(10);

fn version(text: &str) -> Result<Version, String> {
    Version::parse_short(text).map_err(|error| format!("{error}; write `3.1.0`"))
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &CompatArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    if let Some(option) = context.database_option() {
        return Err(
            Error::usage(format!("`segue compat` does not work on `{option}`"))
                .help("leave it out; `--on URL` makes databases of its own on a server of yours"),
        );
    }
    let config = &context.config().compat;
    let timeout = config.timeout.map_or(TIMEOUT, |timeout| timeout.0);
    let output = args.output.as_deref().map(Output::open).transpose()?;
    let except = output.as_ref().and_then(Output::place);
    let codes = codes(args, context, except.as_deref(), report)?;
    let states = States::new(&context.project(), migrations(context, report)?);
    let rules = context.config().versions.rules().clone();
    let rows = rows::rows(args, &states, &rules, &codes)?;
    let interrupt = signal::listen()?;
    let ground = Ground::find(&args.ground, context, &states, &interrupt).await?;
    let store = open(context, &args.ground, report)?;
    let plans = plans(&rows, &codes, &rules, &ground, &states);
    let mut cells = known(args, &plans, &store);
    let mut absent = BTreeSet::new();
    let jobs = jobs(&cells, &codes, &plans, &rows);

    if !jobs.is_empty() {
        // Sessions that are kept are led over cells that are known, too.
        let cells_run: BTreeSet<_> = jobs.iter().flat_map(Job::places).collect();
        let missing = cells_run.len();
        report.line_unless_quiet(&Line::active("Testing", count(missing, "cell")));
        let server = ground.start(&states, report).await?;
        let runner = Runner {
            server: &server,
            rows: &rows,
            codes: &codes,
            plans: &plans,
            store: &store,
            timeout,
            is_whole: report.is_verbose(),
            interrupt: &interrupt,
            drafts: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            unreached: Mutex::default(),
            touched: Mutex::default(),
        };
        let side_by_side = args.jobs.or(config.jobs).map_or(JOBS, NonZeroUsize::get);
        let stopped = all(&runner, jobs, side_by_side, &mut cells, report).await;
        absent = runner.absent();
        touched(&runner, report);
        server.end(report).await;
        store.sweep();
        if let Err(stop) = stopped {
            return Err(ended(stop, &cells));
        }
    }
    for row in &absent {
        report.note(&format!(
            "there is no `{}`: no index is built then",
            rows[*row].name
        ));
    }
    let there = rows.iter().zip(cells).enumerate();
    let there = there
        .filter(|(row, _)| !absent.contains(row))
        .map(|(_, one)| one);
    let (states, cells) = there
        .map(|(row, cells)| {
            let state = State {
                name: row.name.clone(),
                version: row.version,
            };
            let cells = cells.into_iter().map(|cell| cell.expect("it was run"));
            (state, cells.collect())
        })
        .unzip();
    let matrix = Matrix {
        project: context.project(),
        major: ground.major(),
        apps: codes
            .iter()
            .map(|code| code.column(rules.needs(code.version).to_string()))
            .collect(),
        states,
        cells,
        is_whole: args.app.is_empty() && args.state.is_empty() && args.since.is_none(),
    };
    tell(args, output, &matrix)?;
    if matrix.is_idle() {
        let idle = idle::error(&matrix, &rules);
        if matrix.is_whole {
            return Err(idle);
        }
        report.note(&idle.message.unwrap_or_default());
        report.notes(&idle.notes);
    }
    Ok(if matrix.is_well() {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// Tells whose results are not kept.
fn touched(runner: &Runner<'_>, report: &mut Report) {
    for version in runner.touched() {
        report.note(&format!(
            "files of code {version} have changed while its tests ran, so results are not kept; what a test writes belongs into .gitignore"
        ));
    }
}

/// The versions of the code that are asked for, oldest first.
fn codes(
    args: &CompatArgs,
    context: &Context,
    except: Option<&Path>,
    report: &mut Report,
) -> Result<Vec<Code>, Error> {
    let apps = &context.config().compat.app;
    if apps.is_empty() {
        return Err(Error::usage("segue.toml names no version of the code").help(
            "add one, for example: `[[compat.app]]`, `version = \"1.0.0\"`, `ref = \"v1.0.0\"`, `test = \"make test-db\"`",
        ));
    }
    let mut wanted: Vec<_> = apps.iter().collect();
    if !args.app.is_empty() {
        for version in &args.app {
            if !apps.iter().any(|app| app.version.get_ref().0 == *version) {
                let known = apps.iter().map(|app| app.version.get_ref().0);
                return Err(
                    Error::usage(format!("there is no code {version} in [[compat.app]]"))
                        .help(format!("there are {}", crate::text::list(known))),
                );
            }
        }
        wanted.retain(|app| args.app.contains(&app.version.get_ref().0));
    }
    wanted.sort_by_key(|app| app.version.get_ref().0);
    let mut codes = Vec::new();
    for app in wanted {
        let (code, note) = Code::find(app, context.base(), except)?;
        report.notes(note.as_slice());
        codes.push(code);
    }
    Ok(codes)
}

/// All migrations, valid every one.
fn migrations(context: &Context, report: &mut Report) -> Result<Vec<Migration>, Error> {
    let (mut migrations, diagnostics) = context.read_migrations(report)?;
    let invalid = survey::all_invalid(&mut migrations, diagnostics, &context.project())?;
    if invalid.iter().any(|one| one.severity == Severity::Error) {
        return Err(Error::diagnostics(Outcome::Invalid, invalid));
    }
    for diagnostic in &invalid {
        report.diagnostic(diagnostic);
    }
    // A program that keeps its sessions is told the name as a line.
    let mut names = migrations.iter().map(|one| one.name.as_str());
    if let Some(name) = names.find(|name| name.contains(char::is_control)) {
        let message = format!("the name of {name:?} has a control character in it");
        return Err(Error::new(Outcome::Invalid, message).help("rename the file"));
    }
    Ok(migrations)
}

/// Where results are kept; somewhere else, which is told, where that cannot be
/// written to.
fn open(context: &Context, args: &ground::GroundArgs, report: &mut Report) -> Result<Store, Error> {
    let temporary = context.temp_dir();
    let mut caches = context.caches();
    if args.no_cache {
        caches.clear();
    }
    let mut why = None;
    for cache in caches {
        match Store::open(Some(cache.clone()), &temporary) {
            Ok(store) => return Ok(store),
            Err(error) => why = Some((cache, error)),
        }
    }
    if let Some((cache, error)) = why {
        report.note(&format!(
            "results are not kept: `{}` cannot be written: {error}; SEGUE_CACHE_DIR names another folder",
            cache.display()
        ));
    }
    Store::open(None, &temporary).map_err(|error| {
        Error::new(
            Outcome::Failed,
            format!("cannot make a folder in `{}`: {error}", temporary.display()),
        )
    })
}

/// What is known of each cell before anything is run.
fn plans(
    rows: &[Row],
    codes: &[Code],
    rules: &Rules,
    ground: &Ground,
    states: &States,
) -> Vec<Vec<Plan>> {
    let prints: Vec<String> = rows
        .iter()
        .map(|row| ground.print(states, &row.visit))
        .collect();
    let promise = |row: &Row, code: &Code| rules.verdict(code.version, row.version);
    let plan = |index: usize, code: &Code| {
        let row = &rows[index];
        let promise_here = promise(row, code);
        // Sessions are kept from the state before, if the code must work there.
        let before = index.checked_sub(1).filter(|before| {
            code.app.sessions.0 == Sessions::Kept
                && !row.begins()
                && promise_here == Verdict::Must
                && promise(&rows[*before], code) == Verdict::Must
        });
        let about = About {
            state: &prints[index],
            before: before.map(|before| prints[before].as_str()),
            sessions: code.app.sessions.0,
            name: &row.name,
            tree: &code.tree,
            version: &code.version.to_string(),
            prepare: code.app.prepare.as_deref(),
            test: &code.app.test,
            folder: &code.below.to_string_lossy(),
        };
        Plan {
            promise: promise_here,
            key: Key::of(&about),
        }
    };
    (0..rows.len())
        .map(|index| codes.iter().map(|code| plan(index, code)).collect())
        .collect()
}

/// The cells of which the result is known, or not wanted.
fn known(args: &CompatArgs, plans: &[Vec<Plan>], store: &Store) -> Vec<Vec<Option<Cell>>> {
    let cell = |plan: &Plan| {
        if args.promised && plan.promise == Verdict::NeedNot {
            let why = "it need not work, and `--promised` asks for those that must";
            return Some(Cell::not_run(plan.promise, why));
        }
        let kept = store.result(&plan.key).filter(|_| !args.again)?;
        // The promise may have become one since.
        if !kept.passed && plan.promise == Verdict::Must {
            return None;
        }
        Some(Cell {
            promise: plan.promise,
            ran: if kept.passed {
                Ran::Passed
            } else {
                Ran::Failed(Failure {
                    reason: kept.reason.unwrap_or_default(),
                    ..Failure::default()
                })
            },
            took: Duration::from_millis(kept.took_ms),
            is_earlier: true,
        })
    };
    plans
        .iter()
        .map(|row| row.iter().map(cell).collect())
        .collect()
}

/// What has to be run: in the order of the states, which come from each other.
fn jobs(
    cells: &[Vec<Option<Cell>>],
    codes: &[Code],
    plans: &[Vec<Plan>],
    rows: &[Row],
) -> Vec<Job> {
    let mut jobs = Vec::new();
    let begins: Vec<_> = rows.iter().map(Row::begins).collect();
    for (column, code) in codes.iter().enumerate() {
        if code.app.sessions.0 == Sessions::Kept {
            let promises: Vec<_> = plans.iter().map(|row| row[column].promise).collect();
            let wanted: Vec<_> = cells.iter().map(|row| row[column].is_none()).collect();
            let stretches = walk::stretches(&promises, &wanted, &begins).into_iter();
            jobs.extend(stretches.map(|rows| Job::Kept { rows, column }));
        }
    }
    for (row, cells) in cells.iter().enumerate() {
        for (column, code) in codes.iter().enumerate() {
            if code.app.sessions.0 == Sessions::Fresh && cells[column].is_none() {
                jobs.push(Job::Fresh { row, column });
            }
        }
    }
    jobs
}

/// Runs all of them, so many side by side.
async fn all(
    runner: &Runner<'_>,
    jobs: Vec<Job>,
    side_by_side: usize,
    cells: &mut [Vec<Option<Cell>>],
    report: &mut Report,
) -> Result<(), Stop> {
    let rows: BTreeSet<usize> = jobs.iter().flat_map(Job::rows).collect();
    runner.make_ready(rows.into_iter()).await?;
    let running = futures_util::stream::iter(jobs).map(|job| runner.run(job));
    let mut running = std::pin::pin!(running.buffer_unordered(side_by_side));
    let mut stopped = Ok(());
    // One that has stopped lets those beside it end what they have begun: each
    // hears of a signal itself.
    while let Some(ended) = running.next().await {
        match ended {
            Ok(all) => {
                for done in all {
                    let (row, code) = (&runner.rows[done.row], &runner.codes[done.column]);
                    tell_cell(report, &done.cell, code.version, &row.name);
                    cells[done.row][done.column] = Some(done.cell);
                }
            }
            Err(stop) => {
                stopped = stopped.and(Err(stop));
                runner.stop();
            }
        }
    }
    stopped
}

/// Tells a cell that is done: those that do not hold always, others when all is
/// to be told.
fn tell_cell(report: &mut Report, cell: &Cell, version: Version, state: &str) {
    let text = format!("code {version} in `{state}`");
    let line = match cell.sight() {
        Sight::Fails => Line::new(report::Tone::Failed, "Failed", text),
        _ if !report.is_verbose() => return,
        Sight::NotRun => Line::notable("Not run", text),
        Sight::NeedNot => Line::active("Fails", format!("{text}, and need not work")),
        Sight::MustWork | Sight::Works => {
            Line::done("Works", format!("{text}, {}", human(&cell.took)))
        }
    };
    report.line_unless_quiet(&line);
}

/// Why it ended before all was run.
fn ended(stop: Stop, cells: &[Vec<Option<Cell>>]) -> Error {
    let missing = cells.iter().flatten().filter(|cell| cell.is_none()).count();
    match stop {
        Stop::Failed(error) => error.note(format!("{} not run", count(missing, "cell"))),
        Stop::Interrupted(signal) => {
            let name = match signal {
                Signal::Interrupt => "SIGINT",
                Signal::Terminate => "SIGTERM",
            };
            Error::new(signal.into(), format!("ended by {name}"))
                .note(format!("{} not run", count(missing, "cell")))
                .help("run it again: what is done is known")
        }
    }
}

fn tell(args: &CompatArgs, output: Option<Output>, matrix: &Matrix) -> Result<(), Error> {
    let text = match args.format {
        Format::Text => compat_text::text(matrix),
        Format::Json => format!("{:#}\n", compat_json::json(matrix)),
        Format::Junit => compat_junit::junit(matrix),
        Format::Markdown => compat_markdown::markdown(matrix),
        Format::Html => page::matrix::html(matrix),
    };
    let Some(output) = output else {
        return report::result(&text);
    };
    let text = match args.format {
        // A file has no colours.
        Format::Text => anstream::adapter::strip_str(&text).to_string(),
        _ => text,
    };
    output.write(&text)?;
    report::result(&format!("{}\n", compat_text::summary(matrix)))
}
