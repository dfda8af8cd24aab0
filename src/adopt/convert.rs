//! Another tool's files → files that segue takes: the way up alone, plain SQL,
//! in the order of their names.

mod autocommit;

pub use autocommit::needs_autocommit;

use super::section::{Marks, up_section};
use super::{Key, Source, Version, diesel, flyway, key, sqlx};
use crate::migration::Slug;

/// Which file of a tool's folder a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A migration, and its title.
    Migration(Key, String),
    /// A migration that stays as it is.
    Plain(String),
    /// What a migration is run with, and the migration's path.
    Setting(String),
    /// A way down.
    Down,
    /// Nothing that the tool runs.
    Other,
}

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the folder, parts between `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its name.
    pub name: String,
    /// The path that it comes from.
    pub from: String,
    /// All of it.
    pub text: String,
    /// Why it runs outside a transaction, where it does.
    pub autocommit: Option<&'static str>,
}

/// What becomes of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// By name.
    pub files: Vec<Converted>,
    /// Paths that are left out, and why.
    pub left_out: Vec<(String, &'static str)>,
    /// What cannot be converted, each with its reason; nothing is to be
    /// written then.
    pub problems: Vec<String>,
}

/// Sorts a file with a direction in its name.
pub(super) fn up_or_down(path: &str, separators: &[&str]) -> Role {
    if path.ends_with(".down.sql") {
        return Role::Down;
    }
    match key::numbered(path, separators) {
        Some((version, title)) => {
            let title = title.strip_suffix(".up").unwrap_or(title);
            Role::Migration(Key::Version(version), title.to_owned())
        }
        None => Role::Other,
    }
}

impl Conversion {
    /// Of the files of `source`; `autocommit` tells why a text cannot run in a
    /// transaction block by itself.
    #[must_use]
    pub fn new(
        source: Source,
        files: &[File],
        autocommit: impl Fn(&str) -> Option<&'static str>,
    ) -> Self {
        let mut conversion = Self::default();
        let mut found: Vec<(Key, String, &File)> = Vec::new();
        for file in files {
            match (source.tool().role)(&file.path) {
                Role::Migration(key, title) => found.push((key, title, file)),
                Role::Plain(name) => conversion.problems.push(format!(
                    "`{name}` needs no conversion: segue takes {source}'s files as they are"
                )),
                Role::Down => conversion.left_out.push((file.path.clone(), "a way down")),
                Role::Other if key::is_sql(&file.path) => {
                    conversion
                        .left_out
                        .push((file.path.clone(), "not a migration by its name"));
                }
                Role::Setting(_) | Role::Other => {}
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        for pair in found.windows(2) {
            if pair[0].0 == pair[1].0 {
                conversion.problems.push(format!(
                    "`{}` and `{}` have the same version",
                    pair[0].2.path, pair[1].2.path
                ));
            }
        }
        let numbering = Numbering::of(found.iter().map(|(key, _, _)| key));
        for (key, title, file) in found {
            let name = numbering.name(&key, &title);
            if let Some(before) = conversion.files.last()
                && before.name >= name
                && conversion.problems.is_empty()
            {
                conversion.problems.push(format!(
                    "`{}` runs after `{}` under {source}, and no name for it does",
                    file.path, before.from
                ));
            }
            conversion.convert(source, files, file, name, &autocommit);
        }
        conversion
    }

    fn convert(
        &mut self,
        source: Source,
        files: &[File],
        file: &File,
        name: String,
        autocommit: impl Fn(&str) -> Option<&'static str>,
    ) {
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let marks = match source {
            Source::Dbmate => Some(Marks::Dbmate),
            Source::Goose => Some(Marks::Goose),
            _ => None,
        };
        let (text, is_marked) = match marks {
            None => (text.to_owned(), false),
            Some(marks) => match up_section(marks, text) {
                Some(up) if up.has_substitution => {
                    self.problems.push(format!(
                        "`{}` has `ENVSUBST`: write its variables as segue's `env-vars`",
                        file.path
                    ));
                    return;
                }
                Some(up) => (up.text, up.is_autocommit),
                None => {
                    self.problems.push(format!(
                        "`{}` has no mark that says where its way up begins",
                        file.path
                    ));
                    return;
                }
            },
        };
        let setting = files.iter().find(|setting| {
            (source.tool().role)(&setting.path) == Role::Setting(file.path.clone())
        });
        let is_set = is_marked
            || match source {
                Source::Sqlx => sqlx::is_autocommit(&text),
                Source::Diesel => setting.is_some_and(|one| diesel::is_autocommit(&one.text)),
                Source::Flyway => setting.is_some_and(|one| flyway::is_autocommit(&one.text)),
                _ => false,
            };
        let why = if is_set {
            Some("as it says for its tool")
        } else {
            autocommit(&text)
        };
        let text = match why {
            Some(_) => format!("-- segue: no-txn\n{text}"),
            None => text,
        };
        self.files.push(Converted {
            name,
            from: file.path.clone(),
            text,
            autocommit: why,
        });
    }
}

/// How wide the numbers of a folder are.
struct Numbering {
    widths: Vec<usize>,
    /// For what comes after all numbers.
    after: Version,
}

impl Numbering {
    /// Narrower numbers are filled up with zeros; the first is wider by one,
    /// so that all sort before the names that `segue add` gives.
    fn of<'a>(keys: impl Iterator<Item = &'a Key>) -> Self {
        const WIDTH_MIN: usize = 4;
        let versions: Vec<&Version> = keys
            .filter_map(|key| match key {
                Key::Version(version) => Some(version),
                _ => None,
            })
            .collect();
        let mut after = versions
            .last()
            .map_or_else(Vec::new, |last| last.parts().to_vec());
        match after.last_mut() {
            Some(last) => *last += 1,
            None => after.push(1),
        }
        let after = Version::new(after);
        let mut widths = vec![WIDTH_MIN - 1];
        let numbered = versions
            .into_iter()
            .chain([&after])
            .filter(|version| stamp(version).is_none());
        for version in numbered {
            for (index, part) in version.parts().iter().enumerate() {
                let width = part.to_string().len();
                match widths.get_mut(index) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        widths[0] += 1;
        Self { widths, after }
    }

    fn name(&self, key: &Key, title: &str) -> String {
        match key {
            Key::Version(version) => {
                let slug = Slug::of(title);
                let title = slug.as_ref().map_or("migration", Slug::as_str);
                format!("{}-{title}.sql", self.number(version))
            }
            Key::Repeatable(name) => format!("{}-{name}", self.number(&self.after)),
            Key::Name(name) => name.clone(),
        }
    }

    fn number(&self, version: &Version) -> String {
        if let Some(stamp) = stamp(version) {
            return stamp;
        }
        let parts: Vec<String> = (0..self.widths.len().max(version.parts().len()))
            .map(|index| {
                let part = version.parts().get(index).copied().unwrap_or(0);
                let width = self.widths.get(index).copied().unwrap_or(1);
                format!("{part:0width$}")
            })
            .collect();
        parts.join(".")
    }
}

/// A time of 14 digits, as `segue add` writes it.
fn stamp(version: &Version) -> Option<String> {
    let [number] = version.parts() else {
        return None;
    };
    let digits = number.to_string();
    if digits.len() != 14 || !(1900..2100).contains(&(number / 10_000_000_000)) {
        return None;
    }
    let part = |from: usize, to: usize| &digits[from..to];
    Some(format!(
        "{}-{}-{}-{}-{}-{}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    ))
}

#[cfg(test)]
mod tests;
