//! Upgrades that skip releases, with the rows of a snapshot or none, and the
//! checks that developers have left: what is run where, and what was seen →
//! [`Finding`]s.

use super::backfill::Rows;
use super::{Difference, Finding, Step};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::{Kind, Migration, Name};
use crate::sample::{self, State};
use crate::schema::{Diff, Snapshot};
use crate::text::{Span, nearest};

/// A snapshot of data.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its file, read as plain SQL.
    pub script: Migration,
    /// The version or migration that it is of.
    pub state: String,
    /// How many migrations a database in that state has.
    pub files: usize,
}

/// `NAME.check.sql`
#[derive(Clone, Debug)]
pub struct Check {
    /// The file, read as plain SQL.
    pub script: Migration,
    /// The migration `NAME.sql`.
    pub of: Name,
    /// How many migrations a database has at least where it holds.
    pub from: usize,
    /// How many a database has at least where it holds no longer.
    pub until: Option<usize>,
}

impl Check {
    /// Whether it holds in a database with the first `files` migrations.
    #[must_use]
    pub fn holds(&self, files: usize) -> bool {
        self.from <= files && self.until.is_none_or(|until| files < until)
    }
}

/// Where an upgrade begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// How many migrations the database has.
    pub files: usize,
    /// What that is called: a version, or the name of the last migration.
    pub name: String,
    /// Which of the snapshots is loaded; `None`: all tables are as the
    /// migrations leave them.
    pub sample: Option<usize>,
}

/// What is run where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrades {
    /// One database gets the first so many migrations, then more; rising, the
    /// last is all of them. Empty: there is nothing to do.
    pub stops: Vec<usize>,
    /// By how many migrations there are; each is a stop.
    pub starts: Vec<Start>,
}

impl Upgrades {
    /// What is to be run for `migrations`, all of a folder by name.
    ///
    /// Each version is upgraded once: with the rows of each of its snapshots,
    /// without any if it has none. Of the newest one only the rows are looked
    /// at.
    #[must_use]
    pub fn new(
        migrations: &[Migration],
        versions: &[(String, usize)],
        samples: &[Sample],
        checks: &[Check],
    ) -> Self {
        let mut starts: Vec<Start> = samples
            .iter()
            .enumerate()
            .map(|(index, sample)| Start {
                files: sample.files,
                name: sample.state.clone(),
                sample: Some(index),
            })
            .collect();
        for (name, files) in versions {
            let is_known = starts.iter().any(|start| start.files == *files);
            if !is_known && *files < migrations.len() {
                starts.push(Start {
                    files: *files,
                    name: name.clone(),
                    sample: None,
                });
            }
        }
        starts.sort_by_key(|start| (start.files, start.sample));
        let mut stops: Vec<usize> = starts.iter().map(|start| start.files).collect();
        stops.extend(checks.iter().map(|check| check.from));
        if !stops.is_empty() {
            stops.push(migrations.len());
        }
        stops.sort_unstable();
        stops.dedup();
        Self { stops, starts }
    }
}

/// Whether concurrent migrations may be folded in an upgrade from the first
/// `files` migrations to all, so that it is another one where they are not.
#[must_use]
pub fn may_fold(migrations: &[Migration], files: usize) -> bool {
    let mut pending = migrations.iter().skip(files);
    pending.any(|one| one.kind == Kind::Concurrent)
}

/// What is wrong somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// What was looked at.
    pub step: Step,
    /// What is wrong, wherever it is seen.
    pub diagnostic: Diagnostic,
    /// How two schemas differ that should be one.
    pub difference: Option<Difference>,
    /// In which database: `upgraded from 1.0.0`.
    pub place: String,
}

/// So many databases are named for one finding.
const PLACES_SHOWN: usize = 3;

impl Broken {
    /// Whether both are one problem: the same difference, or the same kind of
    /// problem at the same place of a file. Values may be others elsewhere.
    fn is_like(&self, other: &Self) -> bool {
        let place = |one: &Self| {
            let source = one
                .diagnostic
                .source
                .as_ref()
                .map(|source| source.name().to_owned());
            (
                source,
                one.diagnostic.position().map(|at| (at.line, at.column)),
            )
        };
        self.diagnostic.code == other.diagnostic.code
            && self.difference == other.difference
            && place(self) == place(other)
            && (self.diagnostic.source.is_some()
                || self.diagnostic.message == other.diagnostic.message)
    }
}

/// Each problem once, with the databases that have it.
#[must_use]
pub fn findings(broken: Vec<Broken>) -> Vec<Finding> {
    let mut groups: Vec<(Broken, Vec<String>)> = Vec::new();
    for one in broken {
        let place = one.place.clone();
        match groups.iter_mut().find(|(known, _)| known.is_like(&one)) {
            Some((_, places)) if places.contains(&place) => {}
            Some((_, places)) => places.push(place),
            None => groups.push((one, vec![place])),
        }
    }
    let finding = |(broken, places): (Broken, Vec<String>)| {
        let mut diagnostic = broken.diagnostic;
        for (index, place) in places.iter().take(PLACES_SHOWN).enumerate() {
            let also = if index == 0 { "" } else { "also " };
            diagnostic = diagnostic.note(format!("{also}in a database {place}"));
        }
        if let Some(more) = places
            .len()
            .checked_sub(PLACES_SHOWN)
            .filter(|more| *more > 0)
        {
            diagnostic = diagnostic.note(format!("and in {more} more"));
        }
        Finding {
            difference: broken.difference,
            ..Finding::new(broken.step, diagnostic)
        }
    };
    groups.into_iter().map(finding).collect()
}

/// A database that was deployed step by step.
#[must_use]
pub fn place_of_stop(migrations: &[Migration], files: usize) -> String {
    match files.checked_sub(1).and_then(|last| migrations.get(last)) {
        Some(last) => format!(
            "without rows of its own, deployed step by step up to `{}`",
            last.name
        ),
        None => "without rows of its own".to_owned(),
    }
}

/// A database with the rows of a snapshot, not upgraded.
#[must_use]
pub fn place_of_sample(sample: &Sample) -> String {
    format!(
        "at {} with the rows of `{}`",
        sample.state,
        sample.script.path.display()
    )
}

/// A database that was upgraded at once; `is_folded`: whether concurrent
/// migrations were folded where they can be, if it makes a difference.
#[must_use]
pub fn place_of_upgrade(start: &Start, samples: &[Sample], is_folded: Option<bool>) -> String {
    let rows = start.sample.and_then(|index| samples.get(index));
    let rows = rows.map_or_else(String::new, |sample| {
        format!(" with the rows of `{}`", sample.script.path.display())
    });
    let how = match is_folded {
        Some(false) => ", nothing folded",
        Some(true) | None => "",
    };
    format!("at {}{rows}, upgraded at once{how}", start.name)
}

/// A snapshot cannot be put into a database of its version.
#[must_use]
pub fn not_loaded(sample: &Sample, failed: Diagnostic) -> Diagnostic {
    let mut diagnostic = failed;
    diagnostic.code = code::SNAPSHOT_NOT_LOADED;
    diagnostic.severity = code::SNAPSHOT_NOT_LOADED.severity();
    diagnostic.message = format!(
        "`{}` cannot be put into a database at {}: {}",
        sample.script.path.display(),
        sample.state,
        diagnostic.message
    );
    if diagnostic.source.is_none() {
        diagnostic = diagnostic.source(&sample.script.source);
    }
    diagnostic.help("correct the file, or write it anew with `segue snapshot`")
}

/// A migration fails in an upgrade, and not where it is deployed by itself.
#[must_use]
pub fn failed(failed: Diagnostic, start: &Start) -> Diagnostic {
    let mut diagnostic = failed;
    diagnostic.code = code::UPGRADE_FAILS;
    diagnostic.severity = code::UPGRADE_FAILS.severity();
    diagnostic.message = format!(
        "upgrading from {} fails: {}",
        start.name, diagnostic.message
    );
    diagnostic
}

/// Whether the schema after an upgrade is that of a fresh database.
#[must_use]
pub fn schema(fresh: &Snapshot, upgraded: &Snapshot, place: &str) -> Option<Broken> {
    let diff = Diff::between(fresh, upgraded);
    (!diff.is_empty()).then(|| Broken {
        step: Step::Upgrades,
        diagnostic: Diagnostic::new(
            code::UPGRADE_DIFFERS,
            "a database that was upgraded at once has another schema than a fresh one",
        )
        .note("a migration does one thing or another, depending on rows or on what is deployed with it"),
        difference: Some(Difference {
            diff,
            before: "fresh",
            after: "upgraded",
        }),
        place: place.to_owned(),
    })
}

/// A query of a check has found rows; `place` is at the query.
#[must_use]
pub fn found(check: &Check, place: &Diagnostic, count: u64, rows: &Rows) -> Diagnostic {
    let mut diagnostic = place.clone();
    let file = check
        .script
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let rows_found = if count == 1 { "a row" } else { "rows" };
    diagnostic.message = format!("`{file}` finds {rows_found}");
    let shown = rows.lines();
    let more = count.saturating_sub(shown.len() as u64);
    for row in shown {
        diagnostic = diagnostic.note(row);
    }
    if more > 0 {
        diagnostic = diagnostic.note(format!("and {more} more"));
    }
    diagnostic
}

/// A statement of a check fails.
#[must_use]
pub fn check_failed(check: &Check, failed: Diagnostic) -> Diagnostic {
    let mut diagnostic = failed;
    let file = check
        .script
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    diagnostic.code = code::CHECK_FAILED;
    diagnostic.severity = code::CHECK_FAILED.severity();
    diagnostic.message = format!("`{file}` fails: {}", diagnostic.message);
    if diagnostic.sqlstate.as_deref().is_some_and(is_undefined) {
        diagnostic = diagnostic.help(
            "if a later migration takes away what it looks at, name that one at the top: `-- until: FILE`",
        );
    }
    diagnostic
}

/// SQLSTATE of something that is not there.
fn is_undefined(sqlstate: &str) -> bool {
    matches!(sqlstate, "42P01" | "42703" | "42883" | "42704" | "3F000")
}

fn file_of(check: &Check) -> std::borrow::Cow<'_, str> {
    let file = check.script.path.file_name();
    file.unwrap_or_default().to_string_lossy()
}

/// `COMMIT` and its like in a check.
#[must_use]
pub fn ends_transaction(check: &Check, place: &Diagnostic) -> Diagnostic {
    refused(place, format!("`{}` ends its transaction", file_of(check)))
        .help("remove the statement: all of the file is one transaction, which is rolled back")
}

/// `COPY … TO STDOUT` in a check, whose rows nobody looks at.
#[must_use]
pub fn copies_out(check: &Check, place: &Diagnostic) -> Diagnostic {
    let message = format!(
        "`{}` copies rows out, and no row is a finding",
        file_of(check)
    );
    refused(place, message).help("write the query without COPY")
}

/// A check without any statement.
#[must_use]
pub fn asks_nothing(check: &Check) -> Diagnostic {
    let message = format!(
        "`{}` has no statement, so it checks nothing",
        file_of(check)
    );
    Diagnostic::new(code::CHECK_FAILED, message)
        .source(&check.script.source)
        .label(Span::new(0, 0), "")
        .help("write a query that must return no row, or remove the file")
}

fn refused(place: &Diagnostic, message: String) -> Diagnostic {
    let mut diagnostic = place.clone();
    diagnostic.message = message;
    for label in &mut diagnostic.labels {
        label.text.clear();
    }
    diagnostic
}

/// The words of the line with which a check says where it holds no longer.
const UNTIL: &str = "-- until:";

/// A check with its bounds.
///
/// # Errors
/// The migration that ends it is not there, or not later.
pub fn check(
    script: Migration,
    of: &Name,
    migrations: &[Migration],
) -> Result<Check, Box<Diagnostic>> {
    let position = |name: &str| {
        migrations.iter().position(|one| {
            let known = one.name.as_str();
            known == name || known.strip_suffix(".sql") == Some(name)
        })
    };
    let from = position(of.as_str()).map_or(0, |place| place + 1);
    let mut until = None;
    let mut start = 0;
    for line in script.source.text().split_inclusive('\n') {
        let text = line.trim();
        if let Some(name) = text.strip_prefix(UNTIL).map(str::trim) {
            let begin = start + line.rfind(name).filter(|_| !name.is_empty()).unwrap_or(0);
            let problem = |label: &str| {
                Box::new(
                    Diagnostic::new(
                        code::CHECK_OF_NOTHING,
                        format!("the checks of `{of}` hold until `{name}`"),
                    )
                    .source(&script.source)
                    .label(Span::new(begin, begin + name.len()), label),
                )
            };
            let Some(place) = position(name) else {
                let names = migrations.iter().map(|one| one.name.as_str());
                let near = nearest(name, names);
                return Err(Box::new(
                    problem("there is no such migration")
                        .help_if(near, |near| format!("did you mean `{near}`?")),
                ));
            };
            if place < from {
                return Err(problem("comes before it"));
            }
            until = Some(place + 1);
        }
        start += line.len();
    }
    Ok(Check {
        of: of.clone(),
        from,
        until,
        script,
    })
}

/// A snapshot with the state that it is of; `stem` is its file's name without
/// `.sql`.
///
/// # Errors
/// No migration or version is called that.
pub fn sample(
    script: Migration,
    stem: &str,
    migrations: &[Migration],
) -> Result<Sample, Box<Diagnostic>> {
    let State { text, span } = sample::stated(stem, &script.source);
    match sample::files_of(&text, migrations) {
        Ok(files) => Ok(Sample {
            state: text,
            files,
            script,
        }),
        Err(missing) => {
            let problem =
                Diagnostic::new(code::SNAPSHOT_OF_NOTHING, missing.message).source(&script.source);
            let problem = match span {
                Some(span) => problem.label(span, "the snapshot is said to be of that"),
                None => problem,
            };
            let problem = missing.help.into_iter().fold(problem, Diagnostic::help);
            Err(Box::new(problem.help(
                "a line `-- snapshot: VERSION` at the top says what it is of, else the file's name",
            )))
        }
    }
}

#[cfg(test)]
mod tests;
