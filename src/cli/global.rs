//! Options that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::duration::HumanDuration;
use crate::project::Project;

/// Options that every command takes, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Database to work on, a URI or keyword=value as libpq reads it
    ///
    /// Otherwise `SEGUE_DATABASE_URL`, else `DATABASE_URL`, else `CODD_CONNECTION`, else `PGHOST`,
    /// `PGDATABASE` and the other variables of libpq. Passwords are better kept in `~/.pgpass` or
    /// `PGPASSWORD`: arguments can be read by every user of the machine.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// The same database without a pooler in between
    ///
    /// Taken in place of --database-url, since segue keeps locks, settings and listeners in its
    /// sessions. Otherwise `SEGUE_DIRECT_URL`, unless --database-url is on the command line.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub direct_url: Option<String>,

    /// Whose migrations: projects can share a database
    ///
    /// Otherwise `project` in segue.toml, else `main`.
    #[arg(long, global = true, value_name = "NAME")]
    pub project: Option<Project>,

    /// Folder of migrations; may be repeated
    ///
    /// Several are merged by file name. Otherwise `SEGUE_MIGRATIONS` (`:` between folders), else
    /// `CODD_MIGRATION_DIRS`, else `migrations` in segue.toml, else the folder `migrations`.
    #[arg(long, global = true, value_name = "DIR", action = ArgAction::Append)]
    pub migrations: Vec<PathBuf>,

    /// Folder of the expected schema
    ///
    /// Otherwise `SEGUE_EXPECTED_SCHEMA`, else `expected-schema` in segue.toml, else the folder
    /// `expected-schema`. Where there is none, the schema is not verified.
    #[arg(long, global = true, value_name = "DIR")]
    pub expected_schema: Option<PathBuf>,

    /// Configuration file
    ///
    /// Otherwise segue.toml in the current folder, if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How long to wait for a server that is starting [default: 5s]
    #[arg(long, global = true, value_name = "D")]
    pub connect_wait: Option<HumanDuration>,

    /// Form of what is told on standard error
    ///
    /// `json` is one object per line, described by docs/json/event.schema.json.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Tell problems only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Tell each migration, statement and notice
    ///
    /// The program's own log too, which `SEGUE_LOG` can ask for by level: `segue=trace`.
    #[arg(long, short, global = true)]
    pub verbose: bool,

    /// When to use colours
    ///
    /// `auto` heeds `NO_COLOR` and `CLICOLOR_FORCE`, and uses them on a terminal.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// Form of what is told while a command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object per line
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}
