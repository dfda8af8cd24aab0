//! `segue check`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::bounds::Bounds;
use super::context::Context;
use super::error::Error;
use super::lint::Judged;
use super::outcome::Outcome;
use super::report::check::Checked;
use super::report::{self, Line, Report, check_ci, check_json, check_text, phrase};
use super::{signal, write_schema};

use crate::apply::rehearse::{self, Examined, Expected, Place, Stage};
use crate::apply::{Until, survey};
use crate::diagnostic::{Code, Severity, code};
use crate::files::{self, expected};
use crate::migration::Migration;
use crate::postgres::throwaway::find_servers;
use crate::rehearsal::{Finding, Step, judge};
use crate::text::list;

mod data;
mod torture;

use torture::TortureArgs;

/// Prove in CI that the migrations work, and that what is stored about them is true
///
/// On a PostgreSQL server that is started for it, or on one of yours with --on, for each major
/// version that the project is for:
///
/// - every file is valid;
/// - nothing in them may stop or break a running application, as `segue lint` sees it: its errors
///   count; `[lint]` of segue.toml says since which migration, and which rules are off;
/// - all migrations together make a fresh database, and a second run does nothing;
/// - its schema is the expected one;
/// - the diff that each concurrent migration stores is what it really does;
/// - each deployment that comes before a concurrent migration has run works without it, and has the
///   schema that the stored diffs tell;
/// - each backfill does rows that are made for its table, or those of NAME.rows.sql beside NAME.sql;
/// - each migration with a file NAME.revert.sql is taken back, which brings back the schema from
///   before it, and applied again, which makes the one after it; with --data, the same of the rows
///   that are made for its tables;
/// - each version is upgraded straight to the newest one, with the rows of its snapshots if there
///   are some (`segue snapshot`), folded and not, and ends with the same schema;
/// - what NAME.check.sql beside NAME.sql asks finds no row, wherever NAME.sql is applied;
/// - with --torture: whatever dies while they run, running again comes to the same end.
///
/// The major versions are those of `majors` in segue.toml, else `[throwaway] major`, else those of
/// the expected schema, else the newest that is installed.
///
/// Exit statuses: 0 all is well, 1 there are findings, 2 usage, a PostgreSQL that is not installed
/// for example, 3 invalid files, 4 a server failed. `segue explain CODE` says more about a finding.
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct CheckArgs {
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,

    /// Only this major version of PostgreSQL; may be repeated
    #[arg(long, value_name = "N", conflicts_with = "on")]
    pub major: Vec<u32>,

    /// Write down what is true: the expected schema, and the diffs that are stored wrongly or not
    /// at all
    ///
    /// For what you have looked at and meant so. What is stored for other major versions stays.
    #[arg(long)]
    pub write: bool,

    /// Make databases on this server and drop them afterwards, in place of a server of its own
    ///
    /// For servers with extensions or settings that are not installed here. The role needs
    /// CREATEDB; the database in the URL is only connected to. Roles that the migrations name have
    /// to be there: nothing is made on that server but databases.
    #[arg(long, value_name = "URL")]
    pub on: Option<String>,

    /// Look at rows too where migrations are taken back
    ///
    /// Tables are given rows before a migration; taken back, the rows have to be the same.
    #[arg(long)]
    pub data: bool,

    /// Leave out the rules of `segue lint`
    #[arg(long)]
    pub no_lint: bool,

    #[command(flatten)]
    pub torture: TortureArgs,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs, by docs/json/check.schema.json
    Json,
    /// Annotations of a pull request on GitHub
    Github,
    /// A Code Quality report for a merge request on GitLab
    Gitlab,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &CheckArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    if let Some(option) = context.database_option() {
        return Err(
            Error::usage(format!("`segue check` does not work on `{option}`"))
                .help("leave it out; `--on URL` makes databases of its own on a server of yours"),
        );
    }
    let mut checked = Checked::default();
    let began = Instant::now();
    let (mut migrations, diagnostics) = context.read_migrations(report)?;
    let mut invalid = survey::all_invalid(&mut migrations, diagnostics, &context.project())?;
    let data = data::read(context, &migrations, &mut invalid)?;
    let is_invalid = invalid.iter().any(|one| one.severity == Severity::Error);
    let invalid = invalid
        .into_iter()
        .map(|diagnostic| Finding::new(Step::Files, diagnostic));
    checked.files(migrations.len(), invalid, began.elapsed());
    if is_invalid {
        tell(&checked, args.format, context)?;
        return Ok(Outcome::Invalid);
    }
    lint(args, context, &migrations, &mut checked)?;
    let majors = majors(args, context)?;
    if args.torture.is_asked()
        && let Some(migration) = migrations.iter().find(|one| one.connection.is_some())
    {
        // Its runs are programs of their own, which know of no other place.
        return Err(Error::usage(format!(
            "`--torture` would reach the server that `{}` names in `connection`",
            migration.name
        ))
        .help("leave out `--torture`; `segue check` alone reaches no other server"));
    }
    checked.findings_of_all(unlisted(context, &migrations)?);
    let rules = context.rules();
    let settings = Bounds::default().settings(context, Until::Settled, false);
    let interrupt = signal::listen()?;
    for place in places(args, context, &majors)? {
        let stage = Stage {
            place,
            connect_wait: context.connect_wait(),
            project: context.project(),
            rules: &rules,
            settings: settings.clone(),
            interrupt: interrupt.clone(),
            data: args.data,
            samples: &data.samples,
            checks: &data.checks,
            versions: &data.versions,
        };
        let mut tell = |major: u32, what: &str| {
            let text = format!("{what}, PostgreSQL {major}");
            report.line_unless_quiet(&Line::active("Replaying", text));
        };
        let expected = |major| {
            is_listed(context, args, major)?;
            expected(context, major)
        };
        let examined = rehearse::rehearse(&stage, &migrations, expected, &mut tell);
        let mut examined = Box::pin(examined).await?;
        notes(&examined, report);
        let place = stage.place.clone();
        torture::run(
            &args.torture,
            context,
            report,
            place,
            &migrations,
            &mut examined,
            &interrupt,
        )
        .await?;

        let written = if args.write {
            write(context, &mut migrations, &examined, report)?
        } else {
            BTreeSet::new()
        };
        checked.examined(examined, &written);
    }
    tell(&checked, args.format, context)?;
    Ok(if checked.is_well() {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// What the rules of `segue lint` say.
fn lint(
    args: &CheckArgs,
    context: &Context,
    migrations: &[Migration],
    checked: &mut Checked,
) -> Result<(), Error> {
    let began = Instant::now();
    if args.no_lint {
        checked.lint(0, None, began.elapsed());
        return Ok(());
    }
    let judged = Judged::of_check(context, migrations)?;
    let items = super::lint::findings(context, migrations, &judged)?.into_iter();
    let standing = items.filter(|item| item.waived().is_none());
    let findings = standing.map(|item| Finding::new(Step::Lint, item.diagnostic));
    checked.lint(judged.len(), Some(findings.collect()), began.elapsed());
    Ok(())
}

fn tell(checked: &Checked, format: Format, context: &Context) -> Result<(), Error> {
    let root = context.repository();
    match format {
        Format::Text => report::result(&check_text::text(checked)),
        Format::Json => report::result_json(&check_json::json(checked)),
        Format::Github => report::result(&check_ci::github(checked, &root)),
        Format::Gitlab => report::result_json(&check_ci::gitlab(checked, &root)),
    }
}

/// Writes down what was seen; the findings that this cures, by their codes.
fn write(
    context: &Context,
    migrations: &mut [Migration],
    examined: &Examined,
    report: &mut Report,
) -> Result<BTreeSet<Code>, Error> {
    let major = examined.major;
    // Who goes on with a history that fails halfway would write down half of it.
    let Some(schema) = &examined.schema else {
        return Ok(BTreeSet::new());
    };
    write_schema::write(context, report, major, schema.clone())?;
    for migration in migrations {
        let Some(diff) = examined.diffs.get(&migration.name) else {
            continue;
        };
        let mut parts = migration
            .schema_diff
            .as_deref()
            .cloned()
            .unwrap_or_default();
        if parts.insert(major, diff.clone()).as_ref() == Some(diff) {
            continue;
        }
        files::store_diff(migration, parts)?;
        let what = format!("`{}`: its schema diff", migration.path.display());
        report.line_unless_quiet(&Line::done("Written", what));
    }
    Ok(BTreeSet::from([
        code::MISSING_EXPECTED_SCHEMA,
        code::UNEXPECTED_SCHEMA,
        code::MISSING_SCHEMA_DIFF,
        code::WRONG_SCHEMA_DIFF,
    ]))
}

/// What should be known, and is nobody's fault.
fn notes(examined: &Examined, report: &mut Report) {
    for role in &examined.roles {
        report.note(&format!(
            "role `{role}` is missing and was made, NOLOGIN; an SQL file that makes it, named by `before` of `[throwaway]` in segue.toml, saves the second try"
        ));
    }
    report.notes(&phrase::idle_rules(&examined.idle_rules));
}

/// The major versions to check; empty for the newest that is there.
fn majors(args: &CheckArgs, context: &Context) -> Result<Vec<u32>, Error> {
    let config = context.config();
    if !args.major.is_empty() {
        return Ok(args.major.clone());
    }
    if !config.majors.is_empty() {
        return Ok(config.majors.clone());
    }
    if let Some(major) = config.throwaway.major {
        return Ok(vec![major]);
    }
    Ok(expected::majors(&context.expected_schema())?)
}

/// One place per major version; all of them are there.
fn places(args: &CheckArgs, context: &Context, majors: &[u32]) -> Result<Vec<Place>, Error> {
    if let Some(url) = &args.on {
        return Ok(vec![Place::On(Box::new(context.resolve(url)?))]);
    }
    let options = context.throwaway();
    let place = |major: Option<u32>| {
        let mut options = options.clone();
        options.major = major;
        Place::Throwaway {
            options: Box::new(options),
            before: context.before(),
        }
    };
    if majors.is_empty() {
        return Ok(vec![place(None)]);
    }
    let mut majors = majors.to_vec();
    majors.sort_unstable();
    majors.dedup();
    let installed = find_servers(&options);
    let is_installed = |major: &&u32| installed.iter().any(|server| server.major == **major);
    let (there, missing): (Vec<u32>, Vec<u32>) =
        majors.iter().partition(|major| is_installed(major));
    if !missing.is_empty() {
        let mut error = Error::usage(format!(
            "PostgreSQL {} is not installed here",
            list(&missing)
        ));
        for server in &installed {
            error = error.note(format!("{} in {}", server.version, server.bin.display()));
        }
        if !there.is_empty() {
            let options: Vec<_> = there
                .iter()
                .map(|major| format!("--major {major}"))
                .collect();
            error = error.help(format!(
                "install its server, or check the others: `segue check {}`",
                options.join(" ")
            ));
        }
        return Err(error.help("`--on URL` checks on a server that runs elsewhere"));
    }
    Ok(majors.into_iter().map(|major| place(Some(major))).collect())
}

/// A server of the user's may be of a major version that the project is not
/// for.
fn is_listed(context: &Context, args: &CheckArgs, major: u32) -> Result<(), Error> {
    let listed = &context.config().majors;
    if args.on.is_none() || listed.is_empty() || listed.contains(&major) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the server of `--on` is PostgreSQL {major}, and `majors` in segue.toml lists {}",
        list(listed)
    ))
    .help("name a server of one of those, or list this one too"))
}

fn expected(context: &Context, major: u32) -> Result<Expected, Error> {
    let folder = context.expected_schema();
    let majors = expected::majors(&folder)?;
    let part: PathBuf = folder.join(format!("pg{major}"));
    Ok(match expected::read(&folder, major)? {
        Some(snapshot) => Expected::Schema {
            snapshot,
            folder: part.display().to_string(),
        },
        // Who lists major versions wants an expected schema for each.
        None if majors.is_empty() && context.config().majors.is_empty() => Expected::Nothing,
        None => Expected::Missing {
            majors,
            folder: folder.display().to_string(),
        },
    })
}

/// What is kept for major versions that are not listed.
fn unlisted(context: &Context, migrations: &[Migration]) -> Result<Vec<Finding>, Error> {
    let listed = &context.config().majors;
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let folder = context.expected_schema();
    let mut findings = Vec::new();
    for major in expected::majors(&folder)? {
        if !listed.contains(&major) {
            let part = folder.join(format!("pg{major}"));
            findings.push(judge::unlisted_schema(major, &part.display().to_string()));
        }
    }
    findings.extend(judge::unlisted_diffs(migrations, listed));
    Ok(findings)
}
