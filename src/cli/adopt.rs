//! `segue adopt`

use std::path::{Path, PathBuf};

use clap::Args;

use super::bounds::Bounds;
use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use super::report::adopt_text;
use super::report::{self, Line, Report, phrase};
use super::run;
use crate::adopt::Source;
use crate::adopt::convert::{Conversion, needs_autocommit};
use crate::apply::Until;
use crate::apply::adopt::{self, From, Mode};
use crate::files;
use crate::migration::Name;
use crate::text::list;

/// Take over what another tool has applied
///
/// Reads the tool's ledger beside the folder and prints what it would record in segue's: which file
/// is which row, and what has no counterpart. With --write it records that, in one transaction,
/// with the times that the tool has kept; the tool's own table stays as it is. `segue up` then runs
/// what is pending.
///
/// A file that has run in part is refused, but for codd's, whose count of statements is exact: such
/// a file is recorded as begun, and `segue up` goes on with it.
#[derive(Args, Clone, Debug)]
pub struct AdoptArgs {
    /// codd, sqlx, refinery, diesel, dbmate, golang-migrate, goose or flyway
    #[arg(value_name = "TOOL", required_unless_present = "up_to", value_parser = source)]
    pub tool: Option<Source>,

    /// Nobody's ledger: this file and all before it are applied
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tool", "table", "convert"])]
    pub up_to: Option<String>,

    /// Record it
    #[arg(long)]
    pub write: bool,

    /// The tool's table, if it is not called as usual: NAME or NAMESPACE.NAME
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,

    /// Write the tool's files into this new folder as files that segue takes; needs no database
    ///
    /// The way up alone, under names that sort as the tool orders them; what the tool runs outside
    /// a transaction, or has a BEGIN of its own, says `no-txn`. `segue adopt TOOL --migrations DIR`
    /// comes after that.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["write", "table"])]
    pub convert: Option<PathBuf>,

    /// How long to wait for another run to end [default: 5m]
    #[arg(long, value_name = "D")]
    pub retry_for: Option<HumanDuration>,
}

fn source(name: &str) -> Result<Source, String> {
    name.parse().map_err(|()| {
        let names = Source::ALL.map(|source| source.name().to_owned());
        format!("segue can take over the ledgers of {}", list(&names))
    })
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &AdoptArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let from = match (args.tool, &args.up_to) {
        (Some(source), _) => {
            if let Some(folder) = &args.convert {
                return convert(source, folder, context, report);
            }
            From::Ledger {
                source,
                table: args.table.clone(),
            }
        }
        (None, Some(last)) => From::UpTo(Name::new(last)),
        (None, None) => return Err(Error::usage("no tool is named")),
    };
    let bounds = Bounds {
        retry_for: args.retry_for,
        ..Bounds::default()
    };
    let settings = bounds.settings(context, Until::Settled, false);
    let target = context.target(report)?;
    let mut migrations = context.migrations(report)?;
    let mode = if args.write {
        Mode::Write
    } else {
        Mode::Preview
    };
    let done = run::tell(context, report, &target, settings, None, async |run| {
        Box::pin(adopt::adopt(run, &mut migrations, &from, mode)).await
    })
    .await?;
    let adoption = &done.adoption;
    report::result(&adopt_text::adoption(&done, &from, report.is_verbose()))?;
    if let [first, ..] = adoption.refusals.as_slice() {
        let mut error = Error::usage(first.reason.clone());
        error.helps.push(first.help.clone());
        for refusal in &adoption.refusals[1..] {
            error.notes.push(refusal.reason.clone());
            if !error.helps.contains(&refusal.help) {
                error.helps.push(refusal.help.clone());
            }
        }
        return Err(error.note("nothing is recorded"));
    }
    let next = "`segue up` runs what is pending; `segue write-schema` keeps the schema that it has to have";
    if let Some(deployment) = done.deployment {
        report.line_unless_quiet(&Line::done(
            "Adopted",
            format!(
                "{}, as deployment {deployment}\n{next}",
                phrase::count(adoption.taken.len(), "migration")
            ),
        ));
    } else if adoption.is_empty() {
        report.line_unless_quiet(&Line::done("Adopted", format!("nothing to do\n{next}")));
    } else {
        report.line_unless_quiet(&Line::notable(
            "Preview",
            "nothing is recorded; `--write` records it",
        ));
    }
    Ok(Outcome::Done)
}

/// Writes a tool's files as files that segue takes.
fn convert(
    source: Source,
    folder: &Path,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut found = Vec::new();
    for from in context.migration_folders(report)? {
        found.extend(files::foreign::read(&from)?);
    }
    let conversion = Conversion::new(source, &found, needs_autocommit);
    if let [first, rest @ ..] = conversion.problems.as_slice() {
        let mut error = Error::usage(first.clone());
        error.notes.extend(rest.iter().cloned());
        return Err(error.note("nothing is written"));
    }
    if conversion.files.is_empty() {
        return Err(
            Error::usage(format!("there is no migration of {source} in the folder"))
                .help("`--migrations DIR` names the folder"),
        );
    }
    files::foreign::write(folder, &conversion.files)?;
    report::result(&adopt_text::conversion(&conversion))?;
    report.line_unless_quiet(&Line::done(
        "Converted",
        format!(
            "{} into `{}`\n`segue adopt {source} --migrations {}` takes over what is applied",
            phrase::count(conversion.files.len(), "migration"),
            folder.display(),
            folder.display(),
        ),
    ));
    Ok(Outcome::Done)
}
