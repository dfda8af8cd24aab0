//! A text that is no migration and no version of a folder, and what it was
//! perhaps meant to be.

use super::Migration;
use crate::text::{list, nearest};
use crate::version::Version;

/// Why a text names no state; `help` is what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoState {
    /// What is wrong.
    pub message: String,
    /// What can be written.
    pub help: Vec<String>,
}

/// So many names or versions are told.
const SHOWN_MAX: usize = 10;

/// Fewer letters stand in too many names.
const LETTERS_MIN: usize = 3;

impl NoState {
    /// Without anything to write.
    #[must_use]
    pub fn new(message: String) -> Self {
        Self {
            message,
            help: Vec::new(),
        }
    }

    /// Adds what can be written.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// What is said of `text`, which is neither; `also` are words that may stand
/// there too.
#[must_use]
pub fn unknown(text: &str, migrations: &[Migration], also: &[&str]) -> NoState {
    let names = || migrations.iter().map(|one| one.name.as_str());
    let begins_name = names().any(|name| name.starts_with(text));
    if looks_like_version(text) && !begins_name {
        return no_version(text, migrations);
    }
    let problem = NoState::new(format!("no migration is named `{text}`"));
    let near = nearest(text, names().chain(also.iter().copied()));
    let near = near.or_else(|| nearest(&format!("{text}.sql"), names()));
    let found: Vec<&str> = match near {
        Some(near) => vec![near],
        None if text.chars().count() < LETTERS_MIN => Vec::new(),
        None => names().filter(|name| name.contains(text)).collect(),
    };
    if found.is_empty() || found.len() > SHOWN_MAX {
        return problem;
    }
    let found: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
    problem.help(format!("did you mean {}?", found.join(" or ")))
}

/// Whether a text looks like a version: `9`, `9.9`, `v1.1.0`, `1.2.3.4`.
#[must_use]
pub fn looks_like_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|one| one.is_ascii_digit());
    numbers(text).split('.').all(is_number)
}

/// Without a `v` before it.
fn numbers(text: &str) -> &str {
    text.strip_prefix('v').unwrap_or(text)
}

fn no_version(text: &str, migrations: &[Migration]) -> NoState {
    let versions = migrations.iter().filter_map(|one| one.schema_version);
    let versions: Vec<Version> = versions.collect();
    let problem = NoState::new(format!("no migration brings version `{text}`"));
    let meant = Version::parse_short(numbers(text)).ok();
    if let Some(version) = meant.filter(|version| versions.contains(version)) {
        return problem.help(format!("did you mean `{version}`?"));
    }
    problem.help(match versions.as_slice() {
        [] => "none brings a version at all; `-- segue: schema-version: X.Y.Z` in one says so"
            .to_owned(),
        all if all.len() <= SHOWN_MAX => format!("there are {}", list(all)),
        all => format!(
            "there are {}, the last ones {}; `segue at --list` prints all",
            all.len(),
            list(&all[all.len() - SHOWN_MAX / 2..])
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Kind;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut migrations = ["2026-01-add-email.sql", "2026-02-drop-email.sql", "3.sql"]
            .map(|name| Migration::example(name, Kind::Batch));
        migrations[1].schema_version = Some(Version::new(1, 1, 0));
        migrations[2].schema_version = Some(Version::new(2, 0, 0));
        let found = unknown(text, &migrations, &["latest"]);
        let all: Vec<String> = std::iter::once(found.message).chain(found.help).collect();
        assert_eq!(all.join("; "), expected);
    }

    #[test]
    fn what_looks_like_a_version_is_one() {
        for text in ["9.9", "9.9.9", "9", "v9", "1.2.3.4", "8.0.0"] {
            let expected =
                format!("no migration brings version `{text}`; there are 1.1.0 and 2.0.0");
            check(text, &expected);
        }
        check(
            "v1.1",
            "no migration brings version `v1.1`; did you mean `1.1.0`?",
        );
        check(
            "2026",
            "no migration is named `2026`; did you mean `2026-01-add-email.sql` or `2026-02-drop-email.sql`?",
        );
        let none = unknown("1.0", &[], &[]);
        assert_eq!(none.message, "no migration brings version `1.0`");
    }

    #[test]
    fn a_part_of_a_name_is_enough_to_find_it() {
        check(
            "drop",
            "no migration is named `drop`; did you mean `2026-02-drop-email.sql`?",
        );
        check(
            "email",
            "no migration is named `email`; did you mean `2026-01-add-email.sql` or `2026-02-drop-email.sql`?",
        );
        check(
            "lates",
            "no migration is named `lates`; did you mean `latest`?",
        );
        check("nothing", "no migration is named `nothing`");
    }
}
