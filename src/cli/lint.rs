//! `segue lint`

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::lint::{Item, Linted};
use super::report::{self, Report, lint_ci, lint_json, lint_sarif, lint_text};
use crate::apply::survey;
use crate::diagnostic::{Diagnostic, Severity};
use crate::files;
use crate::lint::{File, Finding, Release, Settings, lint};
use crate::migration::{Migration, Name};
use crate::text::{Span, nearest};

mod fix;

/// Find what in the migrations may stop or break a running application
///
/// No database is needed. Files that are named, and those that `--since` leaves, are taken to be
/// one deployment: a table that one of them makes is nobody's yet when the next one runs. Without
/// either, all files are judged, each as a deployment of its own. All others only tell what there
/// is: types of columns, constraints that are valid.
///
/// `segue explain RULE` says more about a rule, `-- segue: allow: RULE, REASON` waives it in a file,
/// and `[lint] off = ["RULE"]` in segue.toml turns it off.
///
/// `--fix` mends what can be mended by rule in files that are not applied anywhere yet: it cuts
/// them into triples. An index that is built under a lock goes into a concurrent migration beside
/// its file; a constraint is added `NOT VALID` and validated in one; SET NOT NULL and keys follow in
/// a migration that ends that. What something else relies on is left, and the reason told.
///
/// Exit statuses: 0 nothing is wrong, 1 there are errors, with --strict also warnings, 2 usage,
/// 3 invalid files.
#[derive(Args, Clone, Debug)]
pub struct LintArgs {
    /// Judge these alone, as one deployment; migrations of the folder, or other files
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Judge what comes after this migration, or what this git revision does not have yet
    ///
    /// `2026-01-31-10-00-00-add-users.sql`, or `origin/main`. Otherwise `[lint] since` of
    /// segue.toml, which names a migration.
    #[arg(long, value_name = "NAME|REVISION", conflicts_with = "files")]
    pub since: Option<String>,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,

    /// Warnings count as errors
    #[arg(long)]
    pub strict: bool,

    /// Mend what can be mended by rule, then judge again; needs FILE or --since
    #[arg(long)]
    pub fix: bool,

    /// Show what --fix would change, and change nothing
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs, by docs/json/lint.schema.json
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a pull request on GitHub
    Github,
    /// A Code Quality report for a merge request on GitLab
    Gitlab,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub fn run(args: &LintArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    if let Some(option) = context.database_option() {
        return Err(
            Error::usage(format!("`segue lint` does not work on `{option}`"))
                .help("leave it out: no database is asked"),
        );
    }
    let (mut migrations, diagnostics) = if args.files.is_empty() || context.has_migrations() {
        context.read_migrations(report)?
    } else {
        (Vec::new(), Vec::new())
    };
    let mut judged = match (&args.since, &context.config().lint.since) {
        _ if !args.files.is_empty() => named(args, context, &mut migrations)?,
        (Some(since), _) if !is_name(since) => not_in(since, &migrations)?,
        (Some(since), _) => after(since, "--since", &migrations)?,
        (None, Some(since)) => after(since, "[lint] since", &migrations)?,
        (None, None) => Judged::all(&migrations),
    };
    let mut linted = judge(context, &mut migrations, diagnostics, &judged)?;
    if args.fix && !linted.is_invalid() {
        let mended = fix::run(args, context, &migrations, &judged, report)?;
        if args.dry_run {
            return Ok(Outcome::Done);
        }
        if !mended.is_empty() {
            let (again, diagnostics) = context.read_migrations(report)?;
            migrations = again;
            judged.names.extend(mended.names);
            linted = judge(context, &mut migrations, diagnostics, &judged)?;
        }
    }
    let root = context.repository();
    match args.format {
        Format::Text => report::result(&lint_text::text(&linted)),
        Format::Json => report::result_json(&lint_json::json(&linted)),
        Format::Sarif => report::result_json(&lint_sarif::sarif(&linted, &root)),
        Format::Github => report::result(&lint_ci::github(&linted, &root)),
        Format::Gitlab => report::result_json(&lint_ci::gitlab(&linted, &root)),
    }?;
    let is_alone = judged.release == Release::Apart && judged.len() > 1;
    if is_alone && args.format == Format::Text && !linted.is_empty() && !linted.is_invalid() {
        report.note(
            "each file was judged as a deployment of its own; `--since NAME` and `[lint] since` of segue.toml leave out what is applied everywhere, and take what follows as one deployment",
        );
    }
    Ok(if linted.is_invalid() {
        Outcome::Invalid
    } else if linted.is_well(args.strict) {
        Outcome::Done
    } else {
        Outcome::No
    })
}

/// Which files are judged.
#[derive(Debug)]
pub(super) struct Judged {
    names: Vec<Name>,
    release: Release,
}

impl Judged {
    /// All of them, each by itself.
    fn all(migrations: &[Migration]) -> Self {
        Self {
            names: names(migrations),
            release: Release::Apart,
        }
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// What `segue check` judges.
    ///
    /// # Errors
    /// If segue.toml names a migration that is not there.
    pub(super) fn of_check(context: &Context, migrations: &[Migration]) -> Result<Self, Error> {
        match &context.config().lint.since {
            Some(since) => after(since, "[lint] since", migrations),
            None => Ok(Self::all(migrations)),
        }
    }
}

/// Whether it is a migration's name, and no git revision.
fn is_name(since: &str) -> bool {
    Path::new(since)
        .extension()
        .is_some_and(|ending| ending == "sql")
}

fn names(migrations: &[Migration]) -> Vec<Name> {
    let names = migrations.iter().map(|migration| migration.name.clone());
    names.collect()
}

/// The files that are named; those that no folder has join `migrations`.
fn named(
    args: &LintArgs,
    context: &Context,
    migrations: &mut Vec<Migration>,
) -> Result<Judged, Error> {
    let mut names = Vec::new();
    for path in &args.files {
        let missing = || {
            let error = Error::usage(format!("there is no file `{}`", path.display()));
            let known = migrations.iter().map(|one| one.name.as_str());
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match nearest(&name, known) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            }
        };
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(missing());
        };
        let name = Name::new(name);
        let known = migrations.iter().position(|one| one.name == name);
        // A name alone means the migration, whereever one stands.
        let is_bare = path
            .parent()
            .is_some_and(|parent| parent.as_os_str().is_empty());
        let is_same = |one: &Migration| {
            let real = |path: &Path| path.canonicalize().ok();
            real(&one.path).is_some_and(|one| real(path) == Some(one))
        };
        match known {
            Some(at) if is_same(&migrations[at]) || is_bare && !path.is_file() => {}
            _ if !path.is_file() => return Err(missing()),
            known => {
                let read = files::read_one(&name, path, &context.variables())?;
                let mut migration =
                    read.map_err(|one| Error::diagnostics(Outcome::Invalid, vec![*one]))?;
                context.look_up_connections(std::slice::from_mut(&mut migration));
                match known {
                    // Two of one name: the one that was named is meant.
                    Some(at) => migrations[at] = migration,
                    None => migrations.push(migration),
                }
            }
        }
        names.push(name);
    }
    // A file that takes a migration back finds what that one has made.
    migrations.sort_by_cached_key(|one| match one.name.reverted() {
        Some(reverted) => (reverted, true),
        None => (one.name.clone(), false),
    });
    Ok(Judged {
        names,
        release: Release::Together,
    })
}

/// What comes after the migration `since`, which need not be there any more.
fn after(since: &str, option: &str, migrations: &[Migration]) -> Result<Judged, Error> {
    let since = Name::new(since);
    let names = names(migrations);
    if !names.contains(&since) {
        let error = Error::usage(format!(
            "`{option}` names `{since}`, and there is no such migration"
        ));
        return Err(
            match nearest(since.as_str(), names.iter().map(Name::as_str)) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("name the last file that is not to be judged"),
            },
        );
    }
    Ok(Judged {
        names: names.into_iter().filter(|name| *name > since).collect(),
        release: Release::Together,
    })
}

/// What the git revision does not have, going by names: a migration may be in
/// another folder there.
fn not_in(revision: &str, migrations: &[Migration]) -> Result<Judged, Error> {
    let fail = |why: String| {
        Error::usage(format!("cannot ask git what `{revision}` has"))
            .note(why)
            .help("`--since NAME.sql` needs no git")
    };
    let folder = migrations.first().and_then(|one| one.path.parent());
    let output = Command::new("git")
        .current_dir(folder.filter(|one| one.is_dir()).unwrap_or(Path::new(".")))
        .args(["ls-tree", "-r", "-z", "--name-only", "--full-tree"])
        .arg("--end-of-options")
        .arg(revision)
        .output()
        .map_err(|error| fail(format!("git: {error}")))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(fail(why.lines().next().unwrap_or_default().to_owned()));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let old: Vec<&str> = listed
        .split('\0')
        .map(|path| path.rsplit('/').next().unwrap_or(path))
        .collect();
    let names = names(migrations);
    Ok(Judged {
        names: names
            .into_iter()
            .filter(|name| !old.contains(&name.as_str()))
            .collect(),
        release: Release::Together,
    })
}

/// What is wrong with the files that are judged, and what the rules say.
///
/// # Errors
/// A file that cannot be read.
fn judge(
    context: &Context,
    migrations: &mut [Migration],
    diagnostics: Vec<Diagnostic>,
    judged: &Judged,
) -> Result<Linted, Error> {
    let invalid = survey::all_invalid(migrations, diagnostics, &context.project())?;
    let is_judged = |source: &str| {
        migrations
            .iter()
            .filter(|one| judged.names.contains(&one.name))
            .any(|one| one.source.name() == source)
    };
    // What is wrong with others was told when they were written.
    let invalid = invalid.into_iter().filter(|one| {
        let source = one.source.as_ref();
        judged.release == Release::Apart || source.is_none_or(|source| is_judged(source.name()))
    });
    let mut items: Vec<Item> = invalid.map(Item::invalid).collect();
    if items
        .iter()
        .all(|one| one.diagnostic.severity != Severity::Error)
    {
        items.extend(findings(context, migrations, judged)?);
    }
    Ok(Linted {
        items,
        files: judged.len(),
        release: judged.release,
    })
}

/// What the rules say of the files that are judged.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn findings(
    context: &Context,
    migrations: &[Migration],
    judged: &Judged,
) -> Result<Vec<Item>, Error> {
    let mut read = Vec::new();
    for migration in migrations {
        let mut file = File::new(migration, files::texts(migration)?);
        file.is_judged = judged.names.contains(&migration.name);
        read.push(file);
    }
    let off = context.config().lint.off.iter();
    let settings = Settings {
        off: off.map(|rule| rule.get_ref().clone()).collect(),
        release: judged.release,
    };
    let found = lint(&read, &settings).into_iter().map(|mut finding| {
        let migration = migrations.iter().find(|one| one.name == finding.migration);
        if let Some(migration) = migration {
            finding.diagnostic = finding.diagnostic.conceal(&migration.variables);
        }
        Item::finding(finding, |finding| match (migration, finding.statement) {
            (Some(migration), Some((start, line))) => {
                let end = ends(finding).max(start);
                Some(files::excerpt(migration, Span::new(start, end), line))
            }
            (migration, _) => migration.map(|one| std::sync::Arc::clone(&one.source)),
        })
    });
    Ok(found.collect())
}

/// Where the last label ends.
fn ends(finding: &Finding) -> usize {
    let labels = finding.diagnostic.labels.iter();
    labels.map(|label| label.span.end).max().unwrap_or(0)
}
