//! diesel: a folder `<version>_<name>` per migration, with `up.sql`,
//! `down.sql` and perhaps `metadata.toml`. Hyphens in the version say nothing.

use super::convert::Role;
use super::key::{leading, numbered};
use super::{Key, Tool};

pub(super) const TOOL: Tool = Tool {
    name: "diesel",
    key: |name| {
        let (version, _) = numbered(name, &["_", "-"])?;
        Some(Key::Version(version))
    },
    version: |version| {
        let digits = version.replace('-', "");
        super::Version::parse(&digits).map(Key::Version)
    },
    role: |path| {
        let mut parts = path.rsplit('/');
        let (Some(file), Some(folder)) = (parts.next(), parts.next()) else {
            return Role::Other;
        };
        let Some((version, rest)) = leading(folder) else {
            return Role::Other;
        };
        let Some(title) = rest.strip_prefix('_').or(rest.is_empty().then_some("")) else {
            return Role::Other;
        };
        match file {
            "up.sql" => Role::Migration(Key::Version(version), title.to_owned()),
            "down.sql" => Role::Down,
            "metadata.toml" => Role::Setting(path.replace("metadata.toml", "up.sql")),
            _ => Role::Other,
        }
    },
};

/// Whether `metadata.toml` says to run outside a transaction.
pub(super) fn is_autocommit(metadata: &str) -> bool {
    let table: Option<toml::Table> = metadata.parse().ok();
    table.is_some_and(|table| {
        table
            .get("run_in_transaction")
            .and_then(toml::Value::as_bool)
            == Some(false)
    })
}
