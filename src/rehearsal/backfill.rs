//! What a backfill did to rows that were made for it → [`Finding`]s.

use std::collections::BTreeMap;

use super::{Finding, Step};
use crate::backfill::Key;
use crate::diagnostic::{Code, Diagnostic, code};
use crate::migration::{Migration, Name};
use crate::schema::{Diff, Snapshot};
use crate::text::list;

/// The replay of a backfill on rows: from before its partner to behind its
/// first ending migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The backfill.
    pub name: Name,
    /// How many migrations there are when the rows are made: those before its
    /// partner; zero, or a stage of the line.
    pub after: usize,
    /// How many are before the backfill itself.
    pub before: usize,
    /// How many there are in the end, with its ending migration if it has one:
    /// a stage of the line.
    pub files: usize,
    /// Its first ending migration.
    pub ending: Option<Name>,
}

/// All rows of a table, as texts; `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    labels: Vec<String>,
    all: Vec<Row>,
    /// Places of the key's columns; empty if it is not known.
    key: Vec<usize>,
}

type Row = Vec<Option<String>>;

/// So much of a value is shown, in characters.
const VALUE_CHARS_MAX: usize = 40;

/// So many columns of a row are shown.
const COLUMNS_MAX: usize = 12;

/// So many rows of one error are shown.
const ROWS_SHOWN: usize = 3;

impl Rows {
    /// Rows with these columns; `key` names those of the key.
    #[must_use]
    pub fn new(labels: Vec<String>, rows: Vec<Row>, key: &[String]) -> Self {
        let places = key
            .iter()
            .map(|name| labels.iter().position(|label| label == name));
        let key = places.collect::<Option<Vec<_>>>().unwrap_or_default();
        Self {
            labels,
            all: rows,
            key,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each row for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.all.iter().map(|row| self.shown(row)).collect()
    }

    fn key_of<'a>(&self, row: &'a Row) -> Vec<Option<&'a str>> {
        let key = self.key.iter();
        key.map(|place| row[*place].as_deref()).collect()
    }

    /// The row with this key, for people; the key itself if there is none.
    #[must_use]
    pub fn show(&self, key: &[String]) -> String {
        let wanted: Vec<Option<&str>> = key.iter().map(|one| Some(one.as_str())).collect();
        let mut rows = self.all.iter();
        let found = rows.find(|row| !wanted.is_empty() && self.key_of(row) == wanted);
        match found {
            Some(row) => self.shown(row),
            None => format!("({})", key.join(", ")),
        }
    }

    fn shown(&self, row: &Row) -> String {
        let first = self.key.iter().copied();
        let rest = (0..row.len()).filter(|place| !self.key.contains(place));
        let places: Vec<usize> = first.chain(rest).collect();
        let mut shown: Vec<String> = places
            .iter()
            .take(COLUMNS_MAX)
            .map(|place| {
                format!(
                    "{} = {}",
                    self.labels[*place],
                    value(row[*place].as_deref())
                )
            })
            .collect();
        if places.len() > COLUMNS_MAX {
            shown.push("…".to_owned());
        }
        shown.join(", ")
    }

    /// The first row that is another one in `after`, is not there any more, or
    /// is new; `None`: all are the same.
    #[must_use]
    pub fn change(&self, after: &Self) -> Option<String> {
        if self.key.is_empty() || after.key.is_empty() {
            let sorted = |rows: &Self| {
                let mut rows: Vec<Row> = rows.all.clone();
                rows.sort();
                rows
            };
            let (one, other) = (sorted(self), sorted(after));
            if one == other {
                return None;
            }
            let new = other.iter().find(|row| !one.contains(row));
            let gone = one.iter().find(|row| !other.contains(row));
            return Some(match (gone, new) {
                (Some(gone), Some(new)) => {
                    // Without a key nobody knows whether one was the other.
                    format!("`{}` goes, `{}` comes", self.shown(gone), after.shown(new))
                }
                (Some(gone), None) => format!("`{}` goes", self.shown(gone)),
                (None, Some(new)) => format!("`{}` comes", after.shown(new)),
                (None, None) => format!("{} rows become {}", one.len(), other.len()),
            });
        }
        let by_key = |rows: &Self| -> BTreeMap<Vec<Option<String>>, Row> {
            let pairs = rows.all.iter().map(|row| {
                let key = rows.key_of(row);
                let key = key.into_iter().map(|one| one.map(ToOwned::to_owned));
                (key.collect(), row.clone())
            });
            pairs.collect()
        };
        let later = by_key(after);
        for row in &self.all {
            let key: Vec<Option<String>> = self
                .key_of(row)
                .into_iter()
                .map(|one| one.map(ToOwned::to_owned))
                .collect();
            match later.get(&key) {
                None => return Some(format!("`{}` goes", self.shown(row))),
                Some(other) if other != row => {
                    let changed =
                        (0..row.len()).filter(|place| row.get(*place) != other.get(*place));
                    let changed = changed.map(|place| {
                        format!(
                            "`{}` from {} to {}",
                            self.labels[place],
                            value(row[place].as_deref()),
                            value(other.get(place).and_then(Option::as_deref))
                        )
                    });
                    let key = self.key.iter().map(|place| {
                        format!(
                            "{} = {}",
                            self.labels[*place],
                            value(row[*place].as_deref())
                        )
                    });
                    return Some(format!(
                        "`{}`: {}",
                        key.collect::<Vec<_>>().join(", "),
                        changed.collect::<Vec<_>>().join(", ")
                    ));
                }
                Some(_) => {}
            }
        }
        let earlier = by_key(self);
        let mut rows = after.all.iter();
        let is_new = |row: &&Row| {
            let key = after.key_of(row);
            let key: Vec<Option<String>> = key
                .into_iter()
                .map(|one| one.map(ToOwned::to_owned))
                .collect();
            !earlier.contains_key(&key)
        };
        match rows.find(is_new) {
            Some(row) => Some(format!("`{}` comes", after.shown(row))),
            None if self.len() != after.len() => {
                Some(format!("{} rows become {}", self.len(), after.len()))
            }
            None => None,
        }
    }
}

/// A value for people.
fn value(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "NULL".to_owned();
    };
    let length = text.chars().count();
    if length <= VALUE_CHARS_MAX {
        return format!("'{text}'");
    }
    let begin: String = text.chars().take(VALUE_CHARS_MAX).collect();
    format!("'{begin}…' ({length} characters)")
}

/// Which rows it was tried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made up.
    Generated,
    /// From this file.
    File(String),
}

impl Origin {
    /// What to do where such rows do not exist.
    fn help(&self, diagnostic: Diagnostic, name: &Name) -> Diagnostic {
        match self {
            Self::Generated => diagnostic.help(format!(
                "if there are no such rows, write some as they are into `{}`: they are used in place of generated ones",
                rows_file(name)
            )),
            Self::File(_) => diagnostic,
        }
    }

    fn rows(&self) -> String {
        match self {
            Self::Generated => "generated rows".to_owned(),
            Self::File(file) => format!("the rows of `{file}`"),
        }
    }
}

/// `a.sql` → `a.rows.sql`
fn rows_file(name: &Name) -> String {
    let name = name.as_str();
    format!("{}.rows.sql", name.strip_suffix(".sql").unwrap_or(name))
}

/// A finding at the directive that makes `migration` a backfill.
fn at_directive(migration: &Migration, diagnostic: Diagnostic, why: &str) -> Diagnostic {
    match &migration.backfill {
        Some(backfill) => diagnostic
            .source(&migration.source)
            .label(backfill.span, why),
        None => diagnostic.source(&migration.source),
    }
}

/// No row could be put into its table.
#[must_use]
pub fn no_rows(migration: &Migration, table: &str, origin: &Origin, why: Option<&str>) -> Finding {
    let message = match origin {
        Origin::Generated => format!("no rows could be made for `{table}`"),
        Origin::File(file) => format!("`{file}` puts no row into `{table}`"),
    };
    let mut diagnostic = at_directive(
        migration,
        Diagnostic::new(code::NOT_TRIED, message),
        "was not tried",
    );
    if let Some(why) = why {
        diagnostic = diagnostic.note(format!("the last one was refused: {why}"));
    }
    if *origin == Origin::Generated {
        diagnostic = diagnostic.help(format!(
            "write a few into `{}`: INSERT statements, also for tables that they refer to",
            rows_file(&migration.name)
        ));
    }
    Finding::new(Step::Backfills, diagnostic)
}

/// A row that it could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// Its key.
    pub key: Vec<String>,
    /// Why, in the server's words.
    pub error: String,
}

/// It failed on rows. `failed` is what its run said.
#[must_use]
pub fn poisoned(
    migration: &Migration,
    failed: &Diagnostic,
    poisoned: &[Poisoned],
    rows: &Rows,
    origin: &Origin,
) -> Finding {
    let mut errors: Vec<(&str, Vec<&Poisoned>)> = Vec::new();
    for one in poisoned {
        match errors.iter_mut().find(|(error, _)| *error == one.error) {
            Some((_, same)) => same.push(one),
            None => errors.push((&one.error, vec![one])),
        }
    }
    let mut diagnostic = failed.clone();
    diagnostic.code = code::FAILS_ON_ROWS;
    diagnostic.severity = code::FAILS_ON_ROWS.severity();
    // What to do about a database's quarantine is of no use here.
    diagnostic.notes.clear();
    diagnostic.helps.clear();
    let words = list(errors.iter().map(|(error, _)| *error));
    diagnostic.message = format!(
        "`{}` fails on {} of {} {}: {words}",
        migration.name,
        poisoned.len(),
        rows.len(),
        origin.rows()
    );
    for (error, same) in &errors {
        for one in same.iter().take(ROWS_SHOWN) {
            diagnostic = diagnostic.note(format!("{error}: {}", rows.show(&one.key)));
        }
        if same.len() > ROWS_SHOWN {
            diagnostic = diagnostic.note(format!("{error}: {} more", same.len() - ROWS_SHOWN));
        }
    }
    Finding::new(Step::Backfills, origin.help(diagnostic, &migration.name))
}

/// A migration failed where the tables hold rows: the backfill, its partner or
/// its ending migration; another one that stands between them may be right to,
/// as the rows are not real ones.
#[must_use]
pub fn failed(
    migration: &Migration,
    trial: &Trial,
    failed: &Diagnostic,
    migrations: &[Migration],
    origin: &Origin,
) -> Finding {
    let path = failed.source.as_ref().map(|source| source.name());
    let at = migrations
        .iter()
        .find(|one| Some(one.source.name()) == path);
    let name = at.map_or(&migration.name, |one| &one.name);
    let is_partner = migration
        .partner
        .as_ref()
        .is_some_and(|one| one.name == *name);
    let is_ending = trial.ending.as_ref() == Some(name);
    let is_own = *name == migration.name;
    let mut diagnostic = failed.clone();
    let (code, message) = if is_own {
        (
            code::FAILS_ON_ROWS,
            format!("`{name}` fails on {}: {}", origin.rows(), failed.message),
        )
    } else if is_ending {
        (
            code::FAILS_ON_ROWS,
            format!(
                "`{name}` fails on rows that `{}` has done: {}",
                migration.name, failed.message
            ),
        )
    } else if is_partner {
        (
            code::FAILS_ON_ROWS,
            format!(
                "`{name}` fails where `{}` has work to do: {}",
                migration.name, failed.message
            ),
        )
    } else {
        (
            code::NOT_TRIED,
            format!(
                "`{}` could not be tried: `{name}` fails on {}: {}",
                migration.name,
                origin.rows(),
                failed.message
            ),
        )
    };
    diagnostic.code = code;
    diagnostic.severity = code.severity();
    diagnostic.message = message;
    Finding::new(Step::Backfills, origin.help(diagnostic, &migration.name))
}

/// The user's own rows cannot be put in.
#[must_use]
pub fn bad_rows(migration: &Migration, failed: Diagnostic) -> Finding {
    let diagnostic = failed.note(format!(
        "it is run on a database that has all migrations before {}",
        migration.partner.as_ref().map_or_else(
            || "the backfill".to_owned(),
            |one| format!("`{}`", one.name)
        )
    ));
    Finding::new(Step::Backfills, diagnostic)
}

/// `left` of the rows that were there were in no range.
#[must_use]
pub fn left_out(migration: &Migration, table: &str, left: u64, rows: &Rows) -> Finding {
    let diagnostic = Diagnostic::new(
        code::ROWS_LEFT_OUT,
        format!(
            "{left} of {} rows of `{table}` were in none of its ranges",
            rows.len()
        ),
    );
    let mut diagnostic = at_directive(migration, diagnostic, "by this key");
    let mut all = rows.all.iter();
    if let Some(row) = all.find(|row| rows.key_of(row).contains(&None)) {
        diagnostic = diagnostic.note(format!("one of them: {}", rows.shown(row)));
    }
    let diagnostic = diagnostic.help("name a key whose columns are all NOT NULL");
    Finding::new(Step::Backfills, diagnostic)
}

/// Run on rows that it had done, it did something.
#[must_use]
pub fn not_idempotent(migration: &Migration, again: &Again, place: &Diagnostic) -> Option<Finding> {
    let what = match again {
        Again::Same => return None,
        Again::Changed { table, change } => format!("in `{table}`, {change}"),
        Again::Failed(error) => format!("it fails: {error}"),
    };
    let by_place = migration
        .backfill
        .as_ref()
        .is_some_and(|backfill| backfill.value.key == Key::Ctid);
    let code: Code = if by_place {
        code::DONE_TWICE
    } else {
        code::NOT_IDEMPOTENT
    };
    let mut diagnostic = place.clone();
    diagnostic.code = code;
    diagnostic.severity = code.severity();
    diagnostic.message = format!(
        "`{}` is not the same when it is run on rows that it has done",
        migration.name
    );
    let diagnostic = diagnostic
        .note(format!("the second time: {what}"))
        .note(if by_place {
            "a row that is updated moves, perhaps to where a backfill by `ctid` has not been yet"
        } else {
            "segue does no row twice; triggers and new code may have done a row before it"
        })
        .help("leave out rows that are done, or compute from what the statement does not change");
    Some(Finding::new(Step::Backfills, diagnostic))
}

/// What a second run on rows that are done came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing.
    Same,
    /// A row is another one.
    Changed {
        /// Of which table.
        table: String,
        /// How, for people.
        change: String,
    },
    /// It failed, in the server's words.
    Failed(String),
}

/// Whether the schema is the same where tables hold rows.
#[must_use]
pub fn schema(migration: &Migration, empty: &Snapshot, full: &Snapshot) -> Option<Finding> {
    let difference = Diff::between(empty, full);
    (!difference.is_empty()).then(|| {
        let diagnostic = Diagnostic::new(
            code::ROWS_MATTER,
            format!(
                "the schema is another one where `{}` and the migrations around it ran on rows",
                migration.name
            ),
        );
        let diagnostic = at_directive(migration, diagnostic, "tried on rows");
        Finding::new(Step::Backfills, diagnostic)
            .with_difference(difference, ["on empty tables", "on rows"])
    })
}

#[cfg(test)]
mod tests;
