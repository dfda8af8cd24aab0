//! `segue add`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::bounds::Bounds;
use super::context::{self, Context};
use super::error::Error;
use super::outcome::Outcome;
use super::report::{Line, Report, phrase};
use super::run;
use super::server::{Server, ServerArgs};
use super::signal;
use crate::apply::add::{self, AddError, Added, Newcomer, Site};
use crate::apply::{Events, Interrupt, OnMismatch, Run, Settings, Until, human};
use crate::files::draft::{self, Original};
use crate::migration::Kind;
use crate::postgres::Session;
use crate::text::list;

mod failure;

/// Make a file a migration: name it, apply it, write down what it changes
///
/// The file is checked together with all migrations, named by the time (UTC) and its own name, and
/// applied to the development database: `SEGUE_DEV_DATABASE_URL`, or --database-url; `DATABASE_URL`
/// is never taken for it. Older migrations that are pending there come first. Then the expected
/// schema is written, and the file moves into the folder of migrations.
///
/// A concurrent migration gets its schema diff into its header. Any other one gets
/// `end-concurrent-migration` where it changes, or uses, what a concurrent migration makes or
/// fills that no migration has ended yet.
///
/// Where `majors` in segue.toml lists several versions of PostgreSQL, all of this is done for each:
/// the history is replayed on throwaway servers of those that the development database is not.
///
/// If anything fails, file, folder and expected schema are as they were, and so is the database but
/// for what no transaction can undo, which is named. What was killed is taken up where it was by
/// adding the same file again.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// The file; its name, but for a time, is kept
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Which of the folders of migrations it moves to [default: the first]
    #[arg(long, value_name = "DIR")]
    pub dest: Option<PathBuf>,

    /// Check, name and move it only; needs no database
    #[arg(long, conflicts_with_all = ["throwaway", "on"])]
    pub no_apply: bool,

    /// What to do if the schema is not the expected one before the new migration
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub on_mismatch: OnDriftArg,

    #[command(flatten)]
    pub bounds: Bounds,

    #[command(flatten)]
    pub server: ServerArgs,
}

/// What to do if the schema is not the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnDriftArg {
    /// Change nothing, and show the difference
    Fail,
    /// Go on: the difference becomes part of the expected schema
    Warn,
}

impl From<OnDriftArg> for OnMismatch {
    fn from(arg: OnDriftArg) -> Self {
        match arg {
            OnDriftArg::Fail => Self::Fail,
            OnDriftArg::Warn => Self::Warn,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: &AddArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    // From now on: a copy of the file is not to be left behind.
    let interrupt = signal::listen()?;
    let folders = context.migration_folders(report)?;
    let folder = destination(args, &folders)?;
    let failed = |error| failure::error(error, &args.file);
    let expected_schema = context.expected_schema();
    let claim = add::claim(
        &folders,
        &folder,
        &expected_schema,
        settings(args, context).concurrent_wait,
        &interrupt,
        || {
            let text = format!("for another `segue add` in `{}`", folder.display());
            report.line_unless_quiet(&Line::notable("Waiting", text));
        },
    );
    let claim = claim.await.map_err(failed)?;
    // Asked now, so that names follow the order of their adding.
    let now = jiff::Timestamp::now();
    let environment = context.variables();
    let read = Newcomer::read(&args.file, &folders, &folder, claim, now, &environment);
    let (mut newcomer, diagnostics) = read.map_err(failed)?;
    context.look_up_connections(&mut newcomer.others);
    context.look_up_connections(std::slice::from_mut(&mut newcomer.migration));
    context::told(report, diagnostics)?;
    if args.no_apply {
        return put(args, newcomer, report);
    }
    let servers = start(args, context, report).await?;
    let added = Box::pin(apply(args, context, report, newcomer, &servers, interrupt)).await;
    for server in servers {
        server.stop(report).await;
    }
    let added = added?;
    tell_drift(&added, report);
    for line in lines(&added, args, context) {
        report.line_unless_quiet(&line);
    }
    let idle: BTreeSet<&String> = added
        .observed
        .iter()
        .flat_map(|one| &one.idle_rules)
        .collect();
    let idle: Vec<String> = idle.into_iter().cloned().collect();
    report.notes(&phrase::idle_rules(&idle));
    Ok(Outcome::Done)
}

fn settings(args: &AddArgs, context: &Context) -> Settings {
    args.bounds.settings(context, Until::Settled, false)
}

/// The folder that the file moves to.
fn destination(args: &AddArgs, folders: &[PathBuf]) -> Result<PathBuf, Error> {
    let Some(dest) = &args.dest else {
        return Ok(folders[0].clone());
    };
    let is_known = |folder: &&PathBuf| *folder == dest || draft::is_same_folder(folder, dest);
    if let Some(folder) = folders.iter().find(is_known) {
        return Ok(folder.clone());
    }
    let known: Vec<_> = folders
        .iter()
        .map(|folder| format!("`{}`", folder.display()))
        .collect();
    Err(Error::usage(format!(
        "`{}` is none of the folders of migrations: {}",
        dest.display(),
        known.join(", ")
    ))
    .help("`segue up` would not see the file there; `migrations` in segue.toml, or `--migrations`, names them all"))
}

/// Checks it and moves it.
fn put(args: &AddArgs, mut newcomer: Newcomer, report: &mut Report) -> Result<Outcome, Error> {
    let failed = |error| failure::error(error, &args.file);
    let problems = newcomer.problems().map_err(failed)?;
    context::told(report, problems)?;
    let place = newcomer.place().display().to_string();
    let kind = newcomer.migration.kind;
    let original = newcomer.put().map_err(failed)?;
    report.line_unless_quiet(&Line::done("Named", format!("`{place}`")));
    if let Some(line) = left(&original, &args.file) {
        report.line_unless_quiet(&line);
    }
    let text = match kind {
        Kind::Concurrent => format!(
            "it is not applied, and neither its schema diff nor the expected schema is written: `segue add {place}` does all of it"
        ),
        Kind::Batch | Kind::Standalone => format!(
            "it is not applied, and the expected schema is not written: `segue up` and `segue write-schema` do that, or `segue add {place}`"
        ),
    };
    report.line_unless_quiet(&Line::notable("Note", text));
    Ok(Outcome::Done)
}

/// The servers for all major versions that are wanted; one whose database stays
/// comes last.
async fn start(
    args: &AddArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Vec<Server>, Error> {
    let majors: BTreeSet<u32> = context.config().majors.iter().copied().collect();
    if args.server.throwaway && !majors.is_empty() {
        args.server.refuse_another(context)?;
        report.line_unless_quiet(&replaying(&majors));
        return of_majors(context, &majors).await;
    }
    let main = args.server.start_dev(context, report).await?;
    if main.is_own() {
        let place = if args.server.throwaway {
            "a throwaway server"
        } else {
            "a scratch database"
        };
        report.line_unless_quiet(&Line::active(
            "Replaying",
            format!("all migrations on {place}"),
        ));
    }
    if majors.is_empty() {
        return Ok(vec![main]);
    }
    let others = others(context, report, &main, &majors).await;
    match others {
        Ok(mut servers) => {
            servers.push(main);
            Ok(servers)
        }
        Err(error) => {
            main.stop(report).await;
            Err(error)
        }
    }
}

/// Throwaway servers of the major versions that `main` is not.
async fn others(
    context: &Context,
    report: &mut Report,
    main: &Server,
    majors: &BTreeSet<u32>,
) -> Result<Vec<Server>, Error> {
    let session = Session::connect(main.target(), context.connect_wait()).await?;
    let own = session.server_version() / 10_000;
    session.close().await;
    if !majors.contains(&own) {
        return Err(Error::usage(format!(
            "the server is PostgreSQL {own}, and `majors` in segue.toml is {}",
            list(majors)
        ))
        .help(format!(
            "add {own} to `majors`, use a server of one of them, or `--throwaway`"
        )));
    }
    let others: BTreeSet<u32> = majors
        .iter()
        .copied()
        .filter(|major| *major != own)
        .collect();
    if !others.is_empty() {
        report.line_unless_quiet(&replaying(&others));
    }
    of_majors(context, &others).await
}

async fn of_majors(context: &Context, majors: &BTreeSet<u32>) -> Result<Vec<Server>, Error> {
    let mut servers = Vec::with_capacity(majors.len());
    for major in majors {
        servers.push(Server::of_major(context, *major).await?);
    }
    Ok(servers)
}

fn replaying(majors: &BTreeSet<u32>) -> Line {
    Line::active(
        "Replaying",
        format!(
            "all migrations on {} of PostgreSQL {}",
            if majors.len() == 1 {
                "a throwaway server"
            } else {
                "throwaway servers"
            },
            list(majors)
        ),
    )
}

async fn apply(
    args: &AddArgs,
    context: &Context,
    report: &mut Report,
    newcomer: Newcomer,
    servers: &[Server],
    interrupt: Interrupt,
) -> Result<Added, Error> {
    let settings = settings(args, context);
    let verification = context.verification(args.on_mismatch.into());
    let (events, receiver) = Events::channel();
    let runs: Vec<(Run, bool)> = servers
        .iter()
        .map(|server| {
            // What a replay comes to is told in the end, or its failure.
            let events = if server.is_own() {
                events.quiet()
            } else {
                events.clone()
            };
            let settings = settings.clone();
            let run = run::on(
                context,
                server.target(),
                settings,
                events,
                interrupt.clone(),
            );
            (run, server.is_own())
        })
        .collect();
    drop(events);
    let working = async move {
        let sites: Vec<Site<'_>> = runs
            .iter()
            .map(|(run, is_replayed)| Site {
                run,
                is_replayed: *is_replayed,
            })
            .collect();
        let ended = add::add(newcomer, &sites, &verification).await;
        // The last senders: without it the report would wait for ever.
        drop(runs);
        ended
    };
    let (ended, ()) = tokio::join!(working, report.follow(receiver));
    ended.map_err(|error| {
        if let AddError::Drift { difference, .. } = &error {
            report.schema_diff(difference, "expected", "live");
        }
        failure::error(error, &args.file)
    })
}

/// What was not as expected, and became part of the expected schema.
fn tell_drift(added: &Added, report: &mut Report) {
    for one in added.observed.iter().filter(|one| !one.drift.is_empty()) {
        report.schema_diff(&one.drift, "expected", "live");
        let text = format!(
            "the schema was not the expected one before, on PostgreSQL {}; the difference is part of the expected schema now",
            one.major
        );
        report.line_unless_quiet(&Line::notable("Mismatch", text));
    }
}

/// What was done, a line each.
fn lines(added: &Added, args: &AddArgs, context: &Context) -> Vec<Line> {
    let mut lines = vec![Line::done("Named", format!("`{}`", added.path.display()))];
    let majors: BTreeSet<u32> = added.observed.iter().map(|one| one.major).collect();
    let own = args.server.throwaway || args.server.on.is_some();
    if let Some(last) = added.observed.last() {
        let place = match (own, majors.len()) {
            (false, _) => "it to the development database".to_owned(),
            (true, _) => format!("it on PostgreSQL {}, after all others", list(&majors)),
        };
        lines.push(if added.is_resumed && last.took.is_zero() {
            let text = "what an earlier `segue add` had applied before it was stopped";
            Line::done("Resumed", text)
        } else {
            Line::done("Applied", format!("{place}, in {}", human(&last.took)))
        });
    }
    if !added.diffs.is_empty() {
        let is_empty = added.observed.iter().all(|one| one.before == one.after);
        let majors = list(&majors);
        lines.push(Line::done(
            "Wrote",
            if is_empty {
                format!(
                    "into its header that it leaves the schema as it is, on PostgreSQL {majors}"
                )
            } else {
                format!("its schema diff for PostgreSQL {majors} into its header")
            },
        ));
    }
    for ending in &added.endings {
        lines.push(Line::done(
            "Wrote",
            format!(
                "`end-concurrent-migration: {}` into its header:\n{}",
                ending.name, ending.reason
            ),
        ));
    }
    let folder = context.expected_schema();
    for part in &added.parts {
        let folder = folder.join(format!("pg{}", part.major));
        let folder = folder.display();
        lines.push(match part.files {
            0 => Line::done("Unchanged", format!("`{folder}`")),
            files => Line::done(
                "Updated",
                format!("`{folder}`, {}", phrase::count(files, "file")),
            ),
        });
    }
    if !added.stale.is_empty() {
        lines.push(Line::notable(
            "Note",
            format!(
                "nothing is written for PostgreSQL {}, which others wrote parts for; `majors` in segue.toml makes `add` write all of them",
                list(&added.stale)
            ),
        ));
    }
    lines.extend(left(&added.original, &args.file));
    lines
}

/// A line about a file that is still there.
fn left(original: &Original, file: &Path) -> Option<Line> {
    let file = file.display();
    let text = match original {
        Original::Removed => return None,
        Original::Changed => format!(
            "`{file}` was changed meanwhile and is left as it is; what was added is its text before"
        ),
        Original::Left(error) => {
            use std::error::Error as _;
            let cause = error
                .source()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            format!("`{file}` is still there{cause}; it is not needed any more")
        }
    };
    Some(Line::notable("Note", text))
}
