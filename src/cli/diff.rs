//! `segue diff`

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::patience::{LOCK_TIMEOUT, PatienceArgs, of_reading};
use super::report::{self, Line, Report, phrase};
use crate::apply::check;
use crate::files::expected;
use crate::postgres::Session;
use crate::schema::{Diff, Snapshot};
use crate::text::list;

/// Show the difference of two schemas
///
/// A schema is written `live`, that of the database; `expected`, that of the folder; or `git:REV`,
/// that of the folder as the branch, tag or commit REV has it. `segue diff` says what is different
/// in the database, `segue diff git:main` what this branch changes.
///
/// Nothing is judged: a concurrent migration that is not done yet is a difference here. `segue
/// verify` knows better.
///
/// Exit statuses: 0 equal, 1 different.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// What it was: live, expected or git:REV
    #[arg(default_value = "expected")]
    pub from: Side,

    /// What it is [default: live if FROM is expected, otherwise expected]
    pub to: Option<Side>,

    /// Major version of PostgreSQL, where no database is asked
    ///
    /// Needed if the folder has several.
    #[arg(long, value_name = "N")]
    pub major: Option<u32>,

    /// Print JSON, by docs/json/schema-diff.schema.json
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// A schema to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of the database.
    Live,
    /// Of the folder.
    Expected,
    /// Of the folder at a git revision.
    Git(String),
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("git:")) {
            ("live", _) => Ok(Self::Live),
            ("expected", _) => Ok(Self::Expected),
            (_, Some("")) => Err("a revision follows `git:`, `git:main` for example".to_owned()),
            (_, Some(revision)) => Ok(Self::Git(revision.to_owned())),
            _ => Err("it is `live`, `expected` or `git:REV`".to_owned()),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => formatter.write_str("live"),
            Self::Expected => formatter.write_str("expected"),
            Self::Git(revision) => write!(formatter, "git:{revision}"),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &DiffArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let to = args.to.clone().unwrap_or(match args.from {
        Side::Expected => Side::Live,
        Side::Live | Side::Git(_) => Side::Expected,
    });
    let sides = [&args.from, &to];
    let live = if sides.contains(&&Side::Live) {
        Some(read_live(context, report, args.patience).await?)
    } else {
        None
    };
    let folder = context.expected_schema();
    let major = match (&live, args.major) {
        (Some((major, _)), Some(wanted)) if *major != wanted => {
            return Err(Error::usage(format!(
                "the server is PostgreSQL {major}, `--major` says {wanted}"
            ))
            .help("leave out `--major`: a schema is compared with those of its own version"));
        }
        (Some((major, _)), _) => *major,
        (None, Some(major)) => major,
        (None, None) => only_major(&folder, sides)?,
    };
    let read = |side: &Side| -> Result<Snapshot, Error> {
        let found = match side {
            Side::Live => live.as_ref().map(|(_, snapshot)| snapshot.clone()),
            Side::Expected => expected::read(&folder, major)?,
            Side::Git(revision) => expected::read_at(&folder, major, revision)?,
        };
        match found {
            Some(snapshot) => Ok(snapshot),
            None => Err(missing(&folder, side, major)?),
        }
    };
    let (mut before, mut after) = (read(&args.from)?, read(&to)?);
    let idle = context.rules().apply_to_all([&mut before, &mut after]);
    report.notes(&phrase::idle_rules(&idle));
    let diff = Diff::between(&before, &after);
    let (from, to) = (args.from.to_string(), to.to_string());
    if args.json {
        report::result_json(&report::schema_diff_json(&diff, &from, &to))?;
    } else if diff.is_empty() {
        let text = format!("{from} and {to}, PostgreSQL {major}");
        report.line_unless_quiet(&Line::active("Equal", text));
    } else {
        report::result(&report.schema_diff_text(&diff, &from, &to))?;
    }
    Ok(if diff.is_empty() {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// The schema of the database, and the server's major version.
async fn read_live(
    context: &Context,
    report: &mut Report,
    patience: PatienceArgs,
) -> Result<(u32, Snapshot), Error> {
    let target = context.target(report)?;
    let session = Session::connect(&target, context.connect_wait()).await?;
    let reading = check::read(&session, LOCK_TIMEOUT, patience.retry_for())
        .await
        .map_err(of_reading)?;
    let snapshot = reading.snapshot;
    let major = session.server_version() / 10_000;
    session.close().await;
    Ok((major, snapshot))
}

/// The majors that a side has; of the database, none that is known here.
fn majors(folder: &Path, side: &Side) -> Result<Vec<u32>, Error> {
    Ok(match side {
        Side::Live => Vec::new(),
        Side::Expected => expected::majors(folder)?,
        Side::Git(revision) => expected::majors_at(folder, revision)?,
    })
}

/// The one major that both have.
fn only_major(folder: &Path, sides: [&Side; 2]) -> Result<u32, Error> {
    let [before, after] = sides;
    let (of_before, of_after) = (majors(folder, before)?, majors(folder, after)?);
    let both: Vec<u32> = of_before
        .iter()
        .filter(|major| of_after.contains(major))
        .copied()
        .collect();
    match both.as_slice() {
        [one] => Ok(*one),
        [] => {
            let empty = [(before, &of_before), (after, &of_after)];
            let problem = match empty.iter().find(|(_, majors)| majors.is_empty()) {
                Some((side, _)) => format!("{} has no expected schema", place(folder, side)),
                None => format!(
                    "`{before}` has the expected schema for PostgreSQL {}, `{after}` for {}",
                    list(&of_before),
                    list(&of_after)
                ),
            };
            Err(Error::usage(problem).help("`segue write-schema` writes it"))
        }
        several => Err(Error::usage(format!(
            "there is an expected schema for each of PostgreSQL {}",
            list(several)
        ))
        .help("`--major N` chooses one")),
    }
}

/// Why there is no schema.
fn missing(folder: &Path, side: &Side, major: u32) -> Result<Error, Error> {
    let place = place(folder, side);
    let there = majors(folder, side)?;
    let problem = Error::usage(format!(
        "{place} has no expected schema for PostgreSQL {major}"
    ));
    let problem = if there.is_empty() {
        problem
    } else {
        problem.note(format!("it has one for PostgreSQL {}", list(&there)))
    };
    Ok(problem.help("`segue write-schema` writes it"))
}

fn place(folder: &Path, side: &Side) -> String {
    match side {
        Side::Git(_) => format!("`{side}`"),
        Side::Live | Side::Expected => format!("`{}`", folder.display()),
    }
}
