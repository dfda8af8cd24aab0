//! `segue lint --fix`: what can be mended by rule, mended.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use similar::TextDiff;

use super::super::context::Context;
use super::super::error::Error;
use super::super::outcome::Outcome;
use super::super::report::{self, Line, Report};
use super::{Judged, LintArgs};
use crate::files::claim::Claim;
use crate::files::rewrite::{self, Changed};
use crate::files::{self, draft};
use crate::lint::fix::{Fixed, Folder, Left, fix};
use crate::lint::{File, Release, Settings, lint};
use crate::migration::{Migration, Name};
use crate::text::Source;

/// Whether anything was mended, and what is in the folder besides now.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// Files that have come into being.
    pub(super) names: Vec<Name>,
    /// Files that were changed.
    changed: Vec<Name>,
    /// Whether an ending migration is among the new ones.
    has_ending: bool,
}

impl Mended {
    /// Whether nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
}

/// Mends what is judged, file by file, and tells it.
///
/// # Errors
/// If files cannot be read or written; each file's triple is written as a whole
/// or not at all, and those before it stay.
pub(super) fn run(
    args: &LintArgs,
    context: &Context,
    migrations: &[Migration],
    judged: &Judged,
    report: &mut Report,
) -> Result<Mended, Error> {
    if judged.release == Release::Apart {
        return Err(Error::usage(
            "`--fix` needs to know which migrations are not applied anywhere yet",
        )
        .help("name the files, or the last one that is applied: `--since NAME.sql`"));
    }
    let folders = context.migration_folders(report)?;
    let mut read = Vec::new();
    for migration in migrations {
        let mut file = File::new(migration, files::texts(migration)?);
        file.is_judged = judged.names.contains(&migration.name);
        read.push(file);
    }
    let named = named(migrations);
    let off = context.config().lint.off.iter();
    let settings = Settings {
        off: off.map(|rule| rule.get_ref().clone()).collect(),
        release: judged.release,
    };
    let mut mended = Mended::default();
    for migration in migrations {
        if !judged.names.contains(&migration.name) {
            continue;
        }
        // What was mended before is part of the folder now.
        let findings = lint(&read, &settings);
        let Some(at) = read.iter().position(|file| file.name == migration.name) else {
            continue;
        };
        if findings
            .iter()
            .all(|finding| finding.migration != migration.name)
        {
            continue;
        }
        let path = &migration.path;
        let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
        let folder = Folder {
            files: &read,
            named: &named,
        };
        let fixed = fix(&read[at], &text, &findings, folder);
        tell_left(path, &fixed.left, report);
        if fixed.done.is_empty() {
            continue;
        }
        refuse_outsider(path, &folders)?;
        if args.dry_run {
            report::result(&difference(path, &text, &fixed))?;
        } else {
            write(context, path, &folders, &text, &fixed)?;
        }
        tell(args, path, &fixed, report);
        update(&mut read, at, &fixed)?;
        mended.changed.push(migration.name.clone());
        for new in &fixed.files {
            mended.names.push(new.name.clone());
            mended.has_ending |= new.is_ending;
        }
    }
    if !args.dry_run {
        tell_next(context, &mended, report);
    }
    Ok(mended)
}

/// Migrations that directives of others name.
fn named(migrations: &[Migration]) -> BTreeSet<Name> {
    let names = migrations.iter().flat_map(|migration| {
        let ends = migration.ends.iter();
        ends.chain(&migration.partner)
            .map(|named| named.name.clone())
    });
    names.collect()
}

fn cannot(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Outcome::Usage,
        format!("cannot {doing} `{}`", path.display()),
    )
    .note(error.to_string())
}

/// Other files would have to name it by a name that it has not yet.
fn refuse_outsider(path: &Path, folders: &[std::path::PathBuf]) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    if folders
        .iter()
        .any(|folder| draft::is_same_folder(folder, parent))
    {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::usage(format!(
        "`{shown}` lies in no folder of migrations, so the files that come with it could not name it"
    ))
    .help(format!("`segue add --no-apply {shown}` puts it there")))
}

fn write(
    context: &Context,
    path: &Path,
    folders: &[std::path::PathBuf],
    text: &str,
    fixed: &Fixed,
) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let claim = Claim::try_take(folders, folder, &context.expected_schema())
        .map_err(|error| Error::new(Outcome::Usage, error.to_string()))?;
    let Some(_claim) = claim else {
        return Err(Error::new(
            Outcome::TimedOut,
            format!("a `segue add` is at work in `{}`", folder.display()),
        )
        .help("try again when it has ended; nothing of this file was changed"));
    };
    let new: Vec<(String, String)> = fixed
        .files
        .iter()
        .filter(|file| !file.is_there)
        .map(|file| (file.name.to_string(), file.text.clone()))
        .collect();
    let changed = Changed {
        path,
        old: text,
        new: &fixed.text,
    };
    rewrite::write_all(changed, &new).map_err(|error| {
        use std::error::Error as _;
        let told = Error::new(Outcome::Usage, error.to_string());
        let told = match error.source() {
            Some(cause) => told.note(cause.to_string()),
            None => told,
        };
        told.help("nothing of this file was changed")
    })
}

/// What would be changed, as `diff -u` says it.
fn difference(path: &Path, text: &str, fixed: &Fixed) -> String {
    let one = |path: &Path, old: &str, new: &str| {
        let shown = path.display().to_string();
        let from = if old.is_empty() { "/dev/null" } else { &shown };
        TextDiff::from_lines(old, new)
            .unified_diff()
            .header(from, &shown)
            .to_string()
    };
    let mut shown = one(path, text, &fixed.text);
    for file in fixed.files.iter().filter(|file| !file.is_there) {
        let place = path.with_file_name(file.name.as_str());
        shown.push_str(&one(&place, "", &file.text));
    }
    shown
}

fn tell(args: &LintArgs, path: &Path, fixed: &Fixed, report: &mut Report) {
    let shown = path.display();
    let verb = |done: &'static str, would: &'static str| if args.dry_run { would } else { done };
    if let Some(partner) = &fixed.turned {
        report.line_unless_quiet(&Line::done(
            verb("Fixed", "Would fix"),
            format!("`{shown}`: a concurrent migration now, which begins with `{partner}`"),
        ));
    } else {
        let mut text = format!("`{shown}`");
        for (index, done) in fixed.done.iter().enumerate() {
            let between = if index == 0 { ":" } else { "," };
            let _ = write!(
                text,
                "{between} line {} ({})",
                done.line,
                done.rules.join(", ")
            );
        }
        report.line_unless_quiet(&Line::done(verb("Fixed", "Would fix"), text));
    }
    for file in &fixed.files {
        let place = path.with_file_name(file.name.as_str());
        let text = if file.is_there {
            format!("`{}`, which was there already", place.display())
        } else {
            format!("`{}`", place.display())
        };
        report.line_unless_quiet(&Line::done(verb("Wrote", "Would write"), text));
    }
    for done in &fixed.done {
        for note in &done.notes {
            let text = format!("`{shown}`, line {}: {note}", done.line);
            report.line_unless_quiet(&Line::notable("Note", text));
        }
    }
}

fn tell_left(path: &Path, left: &[Left], report: &mut Report) {
    for one in left {
        let text = format!(
            "`{}`, line {} ({}): {}",
            path.display(),
            one.line,
            one.rules.join(", "),
            one.reason
        );
        report.line_unless_quiet(&Line::notable("Left", text));
    }
}

/// What is to be done with what was written.
fn tell_next(context: &Context, mended: &Mended, report: &mut Report) {
    if mended.changed.is_empty() {
        return;
    }
    if mended.has_ending {
        report.note(
            "an ending migration makes its deployment wait for the tail: leave it out until the next one, to be ready before",
        );
    }
    report.note(if context.expected_schema().is_dir() {
        "`segue check --write` proves the files, and writes the schema diffs of the concurrent ones and the expected schema"
    } else {
        "`segue check` proves the files"
    });
}

/// The folder with what was written.
fn update(read: &mut Vec<File>, at: usize, fixed: &Fixed) -> Result<(), Error> {
    let name = read[at].name.clone();
    let mut again = |name: &Name, text: &str| -> Result<(), Error> {
        let source = Arc::new(Source::new(name.as_str(), text));
        let file = File::of_text(name.as_str(), &source)
            .map_err(|wrong| Error::diagnostics(Outcome::Invalid, wrong))?;
        read.retain(|other| other.name != *name);
        read.push(file);
        Ok(())
    };
    again(&name, &fixed.text)?;
    for file in fixed.files.iter().filter(|file| !file.is_there) {
        again(&file.name, &file.text)?;
    }
    read.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(())
}
