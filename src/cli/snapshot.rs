//! `segue snapshot`

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{Line, Report, phrase};
use crate::apply::survey;
use crate::files;
use crate::migration::Migration;
use crate::plan::{Options, Place};
use crate::postgres::ledger::Ledger;
use crate::postgres::sample::{self, SampleError};
use crate::postgres::{Session, Target};
use crate::sample::{Choices, Sample, called, files_of};

/// Keep a few rows of a database in the repository, for the upgrades that `segue check` tries
///
/// Writes `snapshots/STATE.sql`: rows of every table, those that they refer to, and where the
/// sequences stand, as plain SQL in a stable order, so that the same database gives the same file.
/// Nothing is written in the database, and a standby will do.
///
/// `[snapshot]` in segue.toml says which rows, the first 50 of each table by its key where it says
/// nothing, and what to write in place of values that are nobody's business:
///
///   [snapshot.rows]
///   orders = "SELECT * FROM orders WHERE total < 0"
///   countries = true
///   audit = false
///
///   [snapshot.replace]
///   "users.email" = "'user' || id || '@example.org'"
///
/// The file is yours: edit it, or write one by hand. `segue check` makes a database in that state,
/// puts the rows in and upgrades it to the newest version.
///
/// Exit statuses: 0 written, or nothing to write; 1 the database is in another state, and nothing
/// was written.
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct SnapshotArgs {
    /// State that the database has to be in: a version, or the name of its last migration
    ///
    /// All migrations up to that one are done, concurrent ones too, and no other. [default: the
    /// one that the database is in]
    #[arg(value_name = "STATE")]
    pub state: Option<String>,

    /// Database to read [default: that of `--database-url` or `SEGUE_DEV_DATABASE_URL`]
    ///
    /// Other variables are not read: rows of a production database are to be kept in a repository
    /// only if somebody says so.
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &SnapshotArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let migrations = context.migrations(report)?;
    let target = target(args, context, report)?;
    let wanted = match &args.state {
        Some(state) => Some(wanted(state, &migrations)?),
        None => None,
    };
    let session = Session::connect(&target, context.connect_wait()).await?;
    let files = files_done(&session, context, &migrations).await?;
    if let Some(wanted) = wanted
        && wanted != files
    {
        return Err(elsewhere(&migrations, wanted, files));
    }
    let choices = context.config().snapshot.choices();
    let namespaces = &context.config().schema.namespaces;
    let read = sample::read(&session, &choices, namespaces).await;
    let read = read.map_err(|error| entries(error, &choices))?;
    session.close().await;
    let last = &migrations[files - 1];
    let state = called(&migrations, files - 1);
    let sample = Sample {
        state: state.clone(),
        migration: last.name.to_string(),
        emptied: read.emptied,
        empties_others: read.empties_others,
        rows: read.rows,
        sequences: read.sequences,
    };
    let folder = context.snapshots();
    let name = format!("{state}.sql");
    let is_changed = files::samples::write(&folder, &name, &sample.text())?;
    let what = format!(
        "`{}`: {} of {}",
        folder.join(&name).display(),
        phrase::count(sample.count(), "row"),
        phrase::count(sample.tables(), "table")
    );
    report.line_unless_quiet(&if is_changed {
        Line::done("Written", what)
    } else {
        Line::active("Unchanged", format!("{what}, nothing has changed"))
    });
    Ok(Outcome::Done)
}

fn target(args: &SnapshotArgs, context: &Context, report: &mut Report) -> Result<Target, Error> {
    let Some(url) = &args.from else {
        if !context.has_dev_target() {
            return Err(Error::usage("no database to read is named").help(
                "give `--from URL`, or set SEGUE_DEV_DATABASE_URL; other variables are not read here, they may name a production database",
            ));
        }
        return context.dev_target(report);
    };
    if let Some(option) = context.database_option() {
        return Err(Error::usage(format!("`--from` is in place of `{option}`"))
            .help("leave out one of the two"));
    }
    context.resolve(url)
}

/// How many migrations a database in this state has.
///
/// # Errors
/// There is no such state.
fn wanted(state: &str, migrations: &[Migration]) -> Result<usize, Error> {
    files_of(state, migrations).map_err(|missing| {
        let error = Error::usage(missing.message);
        let error = missing.help.into_iter().fold(error, Error::help);
        error.help("`segue status -v` lists the migrations")
    })
}

/// How many of `migrations` the database has: the first ones, all done.
///
/// # Errors
/// It has others, or none.
async fn files_done(
    session: &Session,
    context: &Context,
    migrations: &[Migration],
) -> Result<usize, Error> {
    let owner = context.owner();
    let ledger = Ledger::find(session, &context.project(), owner.as_deref()).await?;
    let options = Options::default();
    let mut known = migrations.to_vec();
    let survey = survey::survey(session, &ledger, &mut known, &options, None).await?;
    let refuse = |reason: String| {
        Error::new(
            Outcome::No,
            "the database is not in a state that a snapshot can be of",
        )
        .note(reason)
        .note("nothing was written")
    };
    if let Place::Ahead { missing } | Place::Diverged { missing, .. } = &survey.plan.place {
        let names = phrase::names(missing);
        return Err(refuse(format!("applied, and not in the folder: {names}")));
    }
    let is_done = |one: &&Migration| survey.history.is_closed(&one.name);
    let done = migrations.iter().take_while(is_done).count();
    let later = migrations[done..].iter().filter(is_done);
    let later: Vec<_> = later.map(|one| &one.name).collect();
    if let Some(first) = migrations.get(done).filter(|_| !later.is_empty()) {
        return Err(refuse(format!(
            "`{}` is not done, and later ones are: {}",
            first.name,
            phrase::names(later)
        ))
        .help("`segue settle` does what is left of the tail, `segue up` all that is pending"));
    }
    if done == 0 {
        return Err(
            refuse("none of the folder's migrations is applied".to_owned())
                .help("`segue up` applies them"),
        );
    }
    Ok(done)
}

/// Of so many migrations that are wanted, and so many that are done.
fn elsewhere(migrations: &[Migration], wanted: usize, done: usize) -> Error {
    let state = called(migrations, wanted - 1);
    let error = Error::new(Outcome::No, format!("the database is not at {state}"));
    let error = match migrations.get(wanted..done) {
        // `segue status` may well say that this is its version.
        Some(after) if !after.is_empty() => error.note(format!(
            "it has {state}, and after it {}",
            phrase::names(after.iter().map(|one| &one.name))
        )),
        _ => error.note(format!(
            "its last migration is `{}`",
            migrations[done - 1].name
        )),
    };
    error
        .note("nothing was written")
        .help("leave out the state for a snapshot of the one that it is in")
}

/// Says which entries of `[snapshot.replace]` a refused expression may be in.
fn entries(problem: SampleError, choices: &Choices) -> Error {
    let mut entries = Vec::new();
    if let SampleError::Refused { what, key, .. } = &problem
        && key.is_empty()
    {
        for (name, expression) in &choices.replace {
            let table = name.rsplit_once('.').map_or("", |(table, _)| table);
            let table = table.rsplit('.').next().unwrap_or_default();
            if what.contains(table) {
                entries.push(format!(
                    "`\"{name}\"` of [snapshot.replace] is `{expression}`"
                ));
            }
        }
    }
    let mut problem = Error::from(problem);
    problem.notes.extend(entries);
    problem
}

impl From<SampleError> for Error {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::Postgres(error) => error.into(),
            SampleError::Unknown(unknown) => {
                let problem = Self::usage(format!(
                    "`[snapshot]` in segue.toml names `{}`, which the database does not have",
                    unknown.name
                ));
                match unknown.near {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                }
            }
            SampleError::Refused { what, key, error } => {
                let mut problem = Self::usage(format!("{what}: {}", error.message));
                problem.notes.extend(error.detail.clone());
                // The server's hint speaks of what is around the query. Of a
                // column of the key it is that the query does not select it.
                let plain = |column: &String| column.trim_matches('"').to_owned();
                let is_of_key = |column: &String| error.message.contains(&plain(column));
                if !key.iter().any(is_of_key) {
                    return problem.help("correct it in [snapshot] of segue.toml");
                }
                problem.help(format!("it has to select the key: {}", key.join(", ")))
            }
        }
    }
}
