//! Migration folders, read: the only place that opens the user's files.
//!
//! Every file's header and checksum are read at each start; the statements of
//! pending ones are outlined, never kept: a file may be larger than memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, code};
use crate::directive::with_schema_diff;
use crate::migration::{Kind, Migration, Name, REVERT_ENDING};
use crate::schema::Diff;
use crate::statement::Statements;
use crate::text::{Source, Span, Variables};

mod checks;
pub mod claim;
pub mod draft;
pub mod embedded;
pub mod expected;
pub mod flag;
pub mod foreign;
mod header;
mod outline;
mod reader;
mod reverts;
pub mod rewrite;
mod rows;
pub mod samples;
mod texts;
mod way_down;

pub use outline::{Depth, outline};
pub use reader::Reader;
pub use texts::texts;

/// A folder or file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what} `{}`", .path.display())]
pub struct Error {
    what: &'static str,
    /// Which.
    pub path: PathBuf,
    source: io::Error,
}

impl Error {
    /// Whether it does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Headers and checksums of all migrations of `folders`, by name, unique, and
/// what is wrong with the folders; what is wrong with a header is kept in its
/// migration.
///
/// A migration is a file whose name ends in `.sql`, directly in the folder;
/// names that begin with a dot are editors' and passed over,
/// `NAME.rows.sql` belongs to the backfill `NAME.sql`, `NAME.check.sql` to any
/// migration `NAME.sql`, and `NAME.revert.sql` takes `NAME.sql` back.
///
/// # Errors
/// The first folder or file that cannot be read.
pub fn read(folders: &[PathBuf]) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
    read_filled(folders, &Variables::default())
}

/// As [`read`], where files may take these environment variables.
///
/// # Errors
/// As [`read`].
pub fn read_filled(
    folders: &[PathBuf],
    environment: &Variables,
) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
    let mut found = Vec::new();
    for folder in folders {
        let paths = list(folder)?.into_iter();
        found.extend(paths.map(|path| Found {
            path,
            embedded: None,
        }));
    }
    read_all(found, environment)
}

/// A migration that was found, not read yet.
struct Found {
    path: PathBuf,
    /// Its text, if it is a part of the program.
    embedded: Option<&'static [u8]>,
}

/// Headers and checksums, as [`read`] has them.
fn read_all(
    found: Vec<Found>,
    environment: &Variables,
) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
    let mut diagnostics = Vec::new();
    let mut named: BTreeMap<Name, Found> = BTreeMap::new();
    let (mut rows, mut checks, mut reverts) = (Vec::new(), Vec::new(), Vec::new());
    for one in found {
        let path = &one.path;
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            diagnostics.push(Diagnostic::new(
                code::INVALID_FILE_NAME,
                format!("the name of `{}` is not UTF-8", path.display()),
            ));
            continue;
        };
        if name.ends_with(REVERT_ENDING) {
            reverts.push(one);
            continue;
        }
        if name.ends_with(rows::ENDING) {
            rows.push(one.path);
            continue;
        }
        if name.ends_with(checks::ENDING) {
            checks.push(one.path);
            continue;
        }
        let name = Name::new(name);
        if let Some(first) = named.get(&name) {
            diagnostics.push(
                Diagnostic::new(
                    code::DUPLICATE_NAME,
                    format!("`{name}` is in two folders"),
                )
                .note(format!("`{}`", first.path.display()))
                .note(format!("`{}`", path.display()))
                .help("a migration's file name is its identity: rename the one that has not been applied anywhere"),
            );
        }
        named.insert(name, one);
    }
    let named: Vec<(Name, Found)> = named.into_iter().collect();
    let mut migrations = Vec::with_capacity(named.len());
    for result in in_parallel(&named, |(name, found)| {
        header::read(name, &found.path, found.embedded, environment)
    }) {
        match result? {
            Ok(migration) => migrations.push(migration),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    diagnostics.extend(rows::assign(rows, &mut migrations));
    diagnostics.extend(reverts::assign(reverts, &mut migrations, environment)?);
    diagnostics.extend(checks::assign(checks, &mut migrations));
    Ok((migrations, diagnostics))
}

/// Header and checksum of one file, as migration `name`; what is wrong with
/// the file as a whole instead, if it is not UTF-8.
///
/// # Errors
/// If it cannot be read.
pub fn read_one(
    name: &Name,
    path: &Path,
    environment: &Variables,
) -> Result<Result<Migration, Box<Diagnostic>>, Error> {
    header::read(name, path, None, environment)
}

/// The file at `path` as the one that takes `migration` back.
///
/// # Errors
/// As [`read_one`].
pub fn read_revert(
    migration: &Migration,
    path: &Path,
    environment: &Variables,
) -> Result<Result<Migration, Box<Diagnostic>>, Error> {
    reverts::read(migration, path, environment)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error {
        what: "the folder",
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".sql") && !bytes.starts_with(b".") {
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_file() || kind.is_symlink() && entry.path().is_file() {
                paths.push(entry.path());
            }
        }
    }
    Ok(paths)
}

/// Applies `work` to each item on all cores; results in the order of `items`.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    if items.len() < 32 || threads == 1 {
        return items.iter().map(work).collect();
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(&work).collect::<Vec<R>>()))
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| match handle.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// A file of plain SQL that is no migration, read as one; directives, which
/// would have no effect, are refused.
///
/// # Errors
/// If it cannot be read.
pub fn script(path: &Path) -> Result<Result<Migration, Box<Diagnostic>>, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let environment = Variables::default();
    let read =
        header::read(&Name::new(&name), path, None, &environment).map_err(|error| Error {
            what: "the SQL file",
            ..error
        })?;
    Ok(read.and_then(|mut script| {
        let is_plain = script.kind == Kind::Batch
            && script.ends.is_empty()
            && !script.rerunnable
            && script.connection.is_none();
        match script.problems.pop() {
            Some(problem) => Err(Box::new(problem)),
            None if is_plain => Ok(script),
            None => Err(Box::new(
                Diagnostic::new(
                    code::MISPLACED_DIRECTIVE,
                    "directives are for migrations, and this file is none",
                )
                .source(&script.source)
                .label(Span::new(0, 0), "in the comments that the file begins with")
                .help("remove the directives: each statement runs by itself here"),
            )),
        }
    }))
}

/// Stores `parts` as the schema diff of a migration, in its file and in the
/// value; nothing else of the file changes.
///
/// # Errors
/// If the file cannot be read or written; it is as it was then.
pub fn store_diff(migration: &mut Migration, parts: BTreeMap<u32, Diff>) -> Result<(), Error> {
    let path = &migration.path;
    let header = migration.source.text();
    let written = with_schema_diff(header, &parts);
    // Renamed over the old file, so that there is always a whole one; a name
    // with a dot is passed over by whoever reads the folder meanwhile.
    let new = path.with_file_name(format!(".{}.new", migration.name));
    let copy = || {
        let mut old = File::open(path)?;
        old.seek(SeekFrom::Start(header.len() as u64))?;
        let mut file = File::create(&new)?;
        file.write_all(written.as_bytes())?;
        io::copy(&mut old, &mut file)?;
        file.set_permissions(old.metadata()?.permissions())?;
        std::fs::rename(&new, path)
    };
    copy().map_err(|source| {
        // What is left of it is of no use.
        let _ = std::fs::remove_file(&new);
        Error {
            what: "the migration, to store its schema diff,",
            path: path.clone(),
            source,
        }
    })?;
    migration.source = Arc::new(Source::new(migration.source.name(), written));
    migration.schema_diff = Some(Arc::new(parts));
    Ok(())
}

/// The statements of a migration, read and cut as they are asked for. Blocks.
///
/// # Errors
/// If the file cannot be opened.
pub fn statements(migration: &Migration) -> Result<Statements<Reader>, Error> {
    let file = Reader::open(migration)?;
    Ok(match migration.kind {
        Kind::Batch => Statements::in_transaction(file),
        Kind::Standalone | Kind::Concurrent => Statements::new(file),
    })
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error {
        what: "the migration",
        path: path.to_owned(),
        source,
    }
}

/// Longest stretch that a diagnostic reads around its place.
const EXCERPT_BYTES_MAX: u64 = 1 << 20;

/// The lines of a migration that `span` touches, for a diagnostic; `line` is
/// the line of `span.start`, from 1. Empty if the file is gone.
#[must_use]
pub fn excerpt(migration: &Migration, span: Span, line: usize) -> Arc<Source> {
    let name = migration.source.name();
    let window = read_lines(migration, span).map_or_else(
        |_| Source::window(name, "", span.start, line),
        |(start, text)| Source::window(name, text, start, line),
    );
    Arc::new(window)
}

/// Whole lines around `span`, and the byte that they begin at.
fn read_lines(migration: &Migration, span: Span) -> io::Result<(usize, String)> {
    const BEFORE: usize = 4096;
    let from = span.start.saturating_sub(BEFORE);
    let mut file = Reader::new(&migration.path, migration.embedded)?;
    file.seek(SeekFrom::Start(from as u64))?;
    let mut bytes = Vec::new();
    let wanted = (span.end.max(span.start) - from + BEFORE) as u64;
    file.take(wanted.min(EXCERPT_BYTES_MAX))
        .read_to_end(&mut bytes)?;
    let at = (span.start - from).min(bytes.len());
    let start = bytes[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let after = (span.end - from).min(bytes.len());
    let end = memchr::memchr(b'\n', &bytes[after..]).map_or(bytes.len(), |newline| after + newline);
    let text = String::from_utf8_lossy(&bytes[start..end]).into_owned();
    Ok((from + start, text))
}
