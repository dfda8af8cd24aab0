//! flyway: `V<version>__<description>.sql`, `R__<description>.sql` again
//! whenever it changes, `U…` to undo; dots in the version may be written `_`.
//! Folders below the folder count.

use super::convert::Role;
use super::key::{Version, is_sql, numbered};
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "flyway",
    key: |name| {
        if let Some((version, _)) = versioned(name) {
            return Some(Key::Version(version));
        }
        if name.starts_with("R__") {
            return Some(Key::Repeatable(name.to_owned()));
        }
        // As `convert` writes them.
        let (version, title) = numbered(name, &["-"])?;
        match title.strip_prefix("R__") {
            Some(description) => Some(Key::Repeatable(format!("R__{description}.sql"))),
            None => Some(Key::Version(version)),
        }
    },
    version: |text| match text.strip_suffix(".sql") {
        Some(script) => {
            let name = script.rsplit('/').next().unwrap_or(script);
            Some(Key::Repeatable(format!("{name}.sql")))
        }
        None => Version::parse(&text.replace('_', ".")).map(Key::Version),
    },
    role: |path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Some(settings) = path.strip_suffix(".conf") {
            return Role::Setting(settings.to_owned());
        }
        if let Some((version, title)) = versioned(name) {
            return Role::Migration(Key::Version(version), title.to_owned());
        }
        if name.starts_with("R__") && is_sql(name) {
            return Role::Migration(Key::Repeatable(name.to_owned()), String::new());
        }
        match name.strip_prefix('U') {
            Some(undo) if undo.contains("__") => Role::Down,
            _ => Role::Other,
        }
    },
};

/// `V1_2__name.sql` as 1.2 and `name`.
fn versioned(name: &str) -> Option<(Version, &str)> {
    let stem = name.strip_prefix('V')?.strip_suffix(".sql")?;
    let (version, title) = stem.split_once("__")?;
    Some((Version::parse(&version.replace('_', "."))?, title))
}

/// Whether the settings beside a script say to run it outside a transaction.
pub(super) fn is_autocommit(settings: &str) -> bool {
    settings.lines().any(|line| {
        line.split_once('=').is_some_and(|(key, value)| {
            key.trim() == "executeInTransaction" && value.trim().eq_ignore_ascii_case("false")
        })
    })
}
