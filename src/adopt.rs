//! Another tool's ledger and a folder → what segue's ledger is to say.
//!
//! Each tool has a file with what its files are called. Its rows are read by
//! [`crate::postgres::adopt`]; what is found is recorded by
//! [`crate::apply::adopt`].

use std::time::Duration;

mod adoption;
mod checksum;
mod codd;
pub mod convert;
mod dbmate;
mod diesel;
mod flyway;
mod golang_migrate;
mod goose;
mod key;
mod refinery;
mod section;
mod sqlx;

pub use adoption::{Adoption, Refusal, Taken};
pub use checksum::{Checking, Comparison};
pub use key::{Key, Version};
pub use section::{Marks, down_section};

/// A tool whose ledger can be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `codd_schema.sql_migrations`, later `codd.sql_migrations`
    Codd,
    /// `_sqlx_migrations`
    Sqlx,
    /// `refinery_schema_history`
    Refinery,
    /// `__diesel_schema_migrations`
    Diesel,
    /// `schema_migrations`, one text column
    Dbmate,
    /// `schema_migrations` with `dirty`: one row
    GolangMigrate,
    /// `goose_db_version`
    Goose,
    /// `flyway_schema_history`, formerly `schema_version`
    Flyway,
}

/// What is particular to a tool.
struct Tool {
    /// As people type it.
    name: &'static str,
    /// The migration that a file is by its name, as it lies in the tool's
    /// folder or as [`convert`] writes it; `None` if the tool passes over it.
    key: fn(&str) -> Option<Key>,
    /// What the ledger says in its column `version`.
    version: fn(&str) -> Option<Key>,
    /// Which file of a folder a path is, below the folder.
    role: fn(&str) -> convert::Role,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Codd,
        Self::Sqlx,
        Self::Refinery,
        Self::Diesel,
        Self::Dbmate,
        Self::GolangMigrate,
        Self::Goose,
        Self::Flyway,
    ];

    const fn tool(self) -> &'static Tool {
        match self {
            Self::Codd => &codd::TOOL,
            Self::Sqlx => &sqlx::TOOL,
            Self::Refinery => &refinery::TOOL,
            Self::Diesel => &diesel::TOOL,
            Self::Dbmate => &dbmate::TOOL,
            Self::GolangMigrate => &golang_migrate::TOOL,
            Self::Goose => &goose::TOOL,
            Self::Flyway => &flyway::TOOL,
        }
    }

    /// Its name, as it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.tool().name
    }

    /// The migration that a file is by its name; `None` if the tool would pass
    /// over it.
    #[must_use]
    pub fn key(self, file_name: &str) -> Option<Key> {
        (self.tool().key)(file_name)
    }

    /// What its ledger calls a migration.
    #[must_use]
    pub fn key_of_row(self, version: &str) -> Option<Key> {
        (self.tool().version)(version)
    }

    /// The tool that a table belongs to, by the names of it and of its columns.
    #[must_use]
    pub fn of_table(namespace: &str, table: &str, columns: &[String]) -> Option<Self> {
        let has = |name: &str| columns.iter().any(|column| column == name);
        match table {
            "sql_migrations" => (matches!(namespace, "codd" | "codd_schema")
                && has("migration_timestamp"))
            .then_some(Self::Codd),
            "_sqlx_migrations" => has("checksum").then_some(Self::Sqlx),
            "refinery_schema_history" => has("applied_on").then_some(Self::Refinery),
            "__diesel_schema_migrations" => has("version").then_some(Self::Diesel),
            "schema_migrations" if has("version") && has("dirty") => Some(Self::GolangMigrate),
            // Rails has the same table; its migrations are not SQL files, so
            // that none of them has a file here.
            "schema_migrations" => (columns == ["version"]).then_some(Self::Dbmate),
            "goose_db_version" => has("is_applied").then_some(Self::Goose),
            "flyway_schema_history" | "schema_version" => {
                (has("installed_rank") && has("script")).then_some(Self::Flyway)
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Source {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|source| source.name() == name)
            .ok_or(())
    }
}

/// A row of the other ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which migration; `None` if it is none of a file.
    pub key: Option<Key>,
    /// As people know it, `20240101 create users` for example.
    pub label: String,
    /// RFC 3339 time of its application or last try, UTC, where it is kept.
    pub at: Option<String>,
    /// How long it took; zero where that is not kept.
    pub duration: Duration,
    /// Statements that it had, where they are counted.
    pub statements: usize,
    /// Of the file's text, in the tool's own form, where it is kept.
    pub checksum: Option<String>,
    /// How far it is.
    pub standing: Standing,
}

/// How far a migration is, by the other ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Done.
    Applied,
    /// It and all before it are done.
    UpTo,
    /// All before it, and it, count as done; it need not have a file.
    Baseline,
    /// Its first [`Entry::statements`] are committed, the next one failed.
    Partly,
    /// Nobody knows what of it is done.
    Failed,
}

#[cfg(test)]
mod tests;
