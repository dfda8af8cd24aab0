//! Migrations taken back and applied again → [`Finding`]s.

use super::{Finding, Step};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::{Migration, Name};
use crate::schema::{Diff, Snapshot};

/// Places of the migrations that are taken back by a file, each by itself.
#[must_use]
pub fn targets(migrations: &[Migration]) -> Vec<usize> {
    let all = migrations.iter().enumerate();
    all.filter(|(_, one)| can_go_back(one))
        .map(|(place, _)| place)
        .collect()
}

/// Where those begin that can all be taken back at once, up to the last one; of
/// two at least.
#[must_use]
pub fn together(migrations: &[Migration]) -> Option<usize> {
    let rest = migrations.iter().rev().take_while(|one| can_go_back(one));
    let first = migrations.len() - rest.count();
    (migrations.len() - first > 1).then_some(first)
}

fn can_go_back(migration: &Migration) -> bool {
    migration.revert.is_some() && migration.connection.is_none()
}

/// The name of the state without the migrations from `place` on, as `segue
/// revert --to` takes it.
#[must_use]
pub fn state_before(migrations: &[Migration], place: usize) -> &str {
    let before = place
        .checked_sub(1)
        .and_then(|before| migrations.get(before));
    before.map_or(crate::reversal::EMPTY, |one| one.name.as_str())
}

/// What was done when something went wrong.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// One migration was taken back.
    One(&'a Migration),
    /// All of these, by name, at once; never empty.
    All(&'a [Migration]),
}

impl Way<'_> {
    /// `` `a.revert.sql` ``, or that of how many.
    fn files(self) -> String {
        match self {
            Self::One(migration) => format!("`{}`", migration.name.revert_file()),
            Self::All(all) => format!(
                "the files that take back {} at once",
                crate::text::count(all.len(), "migration")
            ),
        }
    }

    fn migrations(self) -> String {
        match self {
            Self::One(migration) => format!("`{}`", migration.name),
            Self::All(all) => {
                let names: Vec<&Name> = all.iter().map(|one| &one.name).collect();
                match names.as_slice() {
                    [first, .., last] => format!("`{first}` to `{last}`"),
                    names => crate::text::names(names),
                }
            }
        }
    }

    fn place(self, diagnostic: Diagnostic) -> Diagnostic {
        let first = match self {
            Self::One(migration) => Some(migration),
            Self::All(all) => all.first(),
        };
        match first.and_then(|one| one.revert.as_ref()) {
            Some(revert) => diagnostic.source(&revert.source),
            None => diagnostic,
        }
    }
}

/// Taking back failed.
#[must_use]
pub fn failed(way: Way<'_>, failed: &Diagnostic) -> Finding {
    let mut diagnostic = failed.clone();
    diagnostic.code = code::REVERT_FAILS;
    diagnostic.message = format!(
        "{} cannot be taken back: {}",
        way.migrations(),
        failed.message
    );
    Finding::new(Step::Reverts, diagnostic)
}

/// What was taken back cannot be applied again.
#[must_use]
pub fn failed_again(way: Way<'_>, failed: &Diagnostic) -> Finding {
    let mut diagnostic = failed.clone();
    diagnostic.code = code::REVERT_FAILS;
    diagnostic.message = format!(
        "{} cannot be applied again after {}: {}",
        way.migrations(),
        way.files(),
        failed.message
    );
    Finding::new(Step::Reverts, diagnostic)
}

/// Whether taking back has brought back the schema from before.
#[must_use]
pub fn taken_back(way: Way<'_>, before: &Snapshot, after: &Snapshot) -> Option<Finding> {
    let message = format!(
        "{} does not bring back the schema from before {}",
        way.files(),
        way.migrations()
    );
    let message = match way {
        Way::One(_) => message,
        Way::All(_) => message.replacen("does not", "do not", 1),
    };
    differing(way, message, (before, after), ["before it", "taken back"])
}

/// Whether applying again has made the same schema as before.
#[must_use]
pub fn applied_again(way: Way<'_>, first: &Snapshot, again: &Snapshot) -> Option<Finding> {
    let message = format!(
        "taken back and applied again, {} makes another schema",
        way.migrations()
    );
    let message = match way {
        Way::One(_) => message,
        Way::All(_) => message.replacen(" makes", " make", 1),
    };
    differing(way, message, (first, again), ["the first time", "again"])
}

fn differing(
    way: Way<'_>,
    message: String,
    (one, other): (&Snapshot, &Snapshot),
    sides: [&'static str; 2],
) -> Option<Finding> {
    let difference = Diff::between(one, other);
    (!difference.is_empty()).then(|| {
        let diagnostic = way.place(Diagnostic::new(code::REVERT_INCOMPLETE, message));
        Finding::new(Step::Reverts, diagnostic).with_difference(difference, sides)
    })
}

/// Rows of a table that are not those from before.
#[must_use]
pub fn other_rows(way: Way<'_>, table: &str, change: &str) -> Finding {
    let diagnostic = Diagnostic::new(
        code::REVERT_LOSES_ROWS,
        format!(
            "taken back, {} leaves other rows than there were: table {table}",
            way.migrations()
        ),
    );
    let diagnostic = way.place(diagnostic).note(change).help(
        "what a migration drops is lost: rename it in place of dropping it, and drop it in a later release",
    );
    Finding::new(Step::Reverts, diagnostic)
}

/// Rows of a table that are not those that it had when it was applied first.
#[must_use]
pub fn other_rows_again(way: Way<'_>, table: &str, change: &str) -> Finding {
    let diagnostic = Diagnostic::new(
        code::REVERT_LOSES_ROWS,
        format!(
            "taken back and applied again, {} makes other rows: table {table}",
            way.migrations()
        ),
    );
    Finding::new(Step::Reverts, way.place(diagnostic).note(change))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::migration::Kind;

    /// Migrations, a letter each; a capital one can be taken back.
    fn folder(letters: &str) -> Vec<Migration> {
        let all = letters.chars().map(|letter| {
            let name = format!("{}.sql", letter.to_ascii_lowercase());
            let mut migration = Migration::example(&name, Kind::Batch);
            if letter.is_uppercase() {
                let revert = migration.name.revert_file();
                let revert = Migration::example(revert.as_str(), Kind::Batch);
                migration.revert = Some(Arc::new(revert));
            }
            migration
        });
        all.collect()
    }

    #[track_caller]
    fn check(letters: &str, single: &[usize], all: Option<usize>) {
        let folder = folder(letters);
        assert_eq!(targets(&folder), single);
        assert_eq!(together(&folder), all);
    }

    #[test]
    fn each_with_a_file_and_the_last_ones_at_once() {
        check("", &[], None);
        check("ab", &[], None);
        check("aB", &[1], None);
        check("aBC", &[1, 2], Some(1));
        check("ABcDE", &[0, 1, 3, 4], Some(3));
        check("ABc", &[0, 1], None);
    }

    #[test]
    fn a_state_is_named_by_its_last_migration() {
        let folder = folder("ab");
        assert_eq!(state_before(&folder, 0), "empty");
        assert_eq!(state_before(&folder, 1), "a.sql");
    }
}
