//! `segue.toml` → [`Config`]; reading the file is left to
//! [`super::context`].

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::duration::HumanDuration;
use super::on_conflict::OnConflictArg;
use super::on_mismatch::OnMismatchArg;
use crate::apply::Isolation;
use crate::diagnostic::{Diagnostic, code};
use crate::lint::{self, Rule};
use crate::project::Project;
use crate::schema::rules::{Pattern, PatternError};
use crate::text::{Source, Span, nearest};

mod backfill;
pub mod compat;
mod snapshot;
mod versions;

pub use backfill::Backfill;
pub use compat::Compat;
pub use snapshot::Snapshot;
pub use versions::Versions;

/// The file that is read where `--config` names no other.
pub const FILE: &str = "segue.toml";

/// What `segue.toml` says; each field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Whose migrations.
    pub project: Option<Project>,
    /// Folders of migrations, from the folder of `segue.toml`.
    pub migrations: Option<Folders>,
    /// Folder of the expected schema, from the folder of `segue.toml`.
    pub expected_schema: Option<String>,
    /// Major versions of PostgreSQL for which `add` and `check` write and
    /// prove the expected schema and stored diffs, 15 and 17 for example.
    pub majors: Vec<u32>,
    /// How long to wait for a server that is starting.
    pub connect_wait: Option<HumanDuration>,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[up]`, which `settle` reads too.
    pub up: Up,
    /// `[schema]`
    pub schema: Schema,
    /// `[lint]`
    pub lint: Lint,
    /// `[throwaway]`
    pub throwaway: Throwaway,
    /// `[backfill]`
    pub backfill: Backfill,
    /// `[compat]`
    pub compat: Compat,
    /// `[snapshot]`
    pub snapshot: Snapshot,
    /// `[versions]`
    pub versions: Versions,
}

/// One folder or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a folder or a list of folders")]
pub enum Folders {
    /// `migrations = "db"`
    One(String),
    /// `migrations = ["db", "shared"]`
    Several(Vec<String>),
}

/// Where segue keeps its own tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ledger {
    /// Role that owns them: segue does `SET ROLE`, so that several deploy
    /// roles share one ledger.
    pub owner: Option<String>,
}

/// Defaults of `segue up`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Up {
    /// `--jobs`
    pub jobs: Option<NonZeroUsize>,
    /// `--lock-timeout`
    pub lock_timeout: Option<HumanDuration>,
    /// `--retry-for`
    pub retry_for: Option<HumanDuration>,
    /// `--concurrent-wait`
    pub concurrent_wait: Option<HumanDuration>,
    /// `--commit-wait`
    pub commit_wait: Option<HumanDuration>,
    /// Isolation level of transactions with migrations in them; otherwise the
    /// database's own.
    pub isolation: Option<IsolationLevel>,
    /// `--strict`
    pub strict: Option<bool>,
    /// `fold = false`: `--no-fold`
    pub fold: Option<bool>,
    /// `--on-mismatch`
    pub on_mismatch: Option<OnMismatchArg>,
    /// `--on-conflict`
    pub on_conflict: Option<OnConflictArg>,
}

/// `"serializable"`, as PostgreSQL has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct IsolationLevel(pub Isolation);

impl TryFrom<String> for IsolationLevel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Isolation::named(&name).map(Self).ok_or_else(|| {
            let names = Isolation::NAMES.map(|(name, _)| format!("`{name}`"));
            format!("`{name}` is no isolation level: {}", names.join(", "))
        })
    }
}

/// Which part of the database's schema is the project's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Schema {
    /// The namespaces that the project owns; otherwise all.
    pub namespaces: Vec<String>,
    /// Patterns of what is ignored.
    #[serde(skip)]
    pub ignore: Vec<Pattern>,
    /// The same as they were written.
    #[serde(rename = "ignore")]
    ignore_text: Vec<Spanned<String>>,
    /// Whether owners matter; otherwise not.
    pub owners: Option<bool>,
    /// Whether the order of columns matters; otherwise not.
    pub column_order: Option<bool>,
    /// Whether privileges matter; otherwise they do.
    pub privileges: Option<bool>,
    /// Whether roles matter; otherwise not.
    pub roles: Option<bool>,
    /// Whether settings of the database matter; otherwise they do.
    pub database_settings: Option<bool>,
}

/// What `segue lint` judges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Lint {
    /// Names of rules that do not hold.
    pub off: Vec<Spanned<String>>,
    /// Name of the last migration that is not judged.
    pub since: Option<String>,
}

/// The server of `--throwaway`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Throwaway {
    /// Major version, for example 17; otherwise the newest installed.
    pub major: Option<u32>,
    /// Server settings, for example `max_connections = 300`.
    pub settings: BTreeMap<String, Setting>,
    /// SQL file that is run before anything else, from the folder of
    /// `segue.toml`: roles, for example.
    pub before: Option<String>,
}

/// Value of a server setting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a string, an integer or a boolean")]
pub enum Setting {
    /// `work_mem = "64MB"`
    Text(String),
    /// `max_connections = 300`
    Number(i64),
    /// `fsync = false`
    Switch(bool),
}

impl Folders {
    /// All of them, in order.
    #[must_use]
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(folder) => std::slice::from_ref(folder),
            Self::Several(folders) => folders,
        }
    }
}

impl Setting {
    /// As PostgreSQL reads it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Switch(on) => if *on { "on" } else { "off" }.to_owned(),
        }
    }
}

impl Config {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// What is wrong and where, with a suggestion for a misspelt key.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Box<Diagnostic>> {
        let mut config: Self =
            toml::from_str(source.text()).map_err(|error| Box::new(diagnostic(source, &error)))?;
        // Not by serde, which would locate the whole list.
        for text in &config.schema.ignore_text {
            let pattern = text.get_ref().parse().map_err(|error: PatternError| {
                let span = Span::new(text.span().start, text.span().end);
                let diagnostic = Diagnostic::new(code::INVALID_CONFIGURATION, error.to_string());
                Box::new(diagnostic.source(source).label(span, "not a pattern"))
            })?;
            config.schema.ignore.push(pattern);
        }
        config.compat.check(source)?;
        config.versions.check(source)?;
        config.snapshot.check(source)?;
        for rule in &config.lint.off {
            if Rule::named(rule.get_ref()).is_none() {
                let span = Span::new(rule.span().start, rule.span().end);
                let message = format!("`{}` is no rule of `segue lint`", rule.get_ref());
                let near = nearest(rule.get_ref(), lint::TABLE.iter().map(|rule| rule.name));
                return Err(Box::new(
                    Diagnostic::new(code::INVALID_CONFIGURATION, message)
                        .source(source)
                        .label(span, "not known")
                        .help(near.map_or_else(
                            || "`segue explain` lists the rules".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        )),
                ));
            }
        }
        Ok(config)
    }
}

/// Begins a line of a message that says what to write instead.
const HELP: &str = "help: ";

/// What to write instead of a value of another type, of which serde tells in
/// words of its own; `line` is the one that it stands in.
fn instead(message: &str, line: &str) -> Option<String> {
    if message.contains("expected a nonzero") {
        return Some("write a number, 1 or more".to_owned());
    }
    let found = message.strip_prefix("invalid type: ")?;
    let (found, expected) = found.split_once(", expected ")?;
    if !expected.starts_with("a string") {
        return None;
    }
    // TOML reads `1.0 = …` as key `0` in table `1`.
    let key = line.split('=').next().unwrap_or_default().trim();
    let is_number = |key: &str| {
        let mut parts = key.split('.');
        key.contains('.') && parts.all(|part| part.bytes().all(|one| one.is_ascii_digit()))
    };
    if found == "map" && is_number(key) {
        return Some(format!("quote the key: `\"{key}\" = …`"));
    }
    let (_, value) = found.split_once('`')?;
    Some(format!("quote it: `\"{}\"`", value.trim_end_matches('`')))
}

fn diagnostic(source: &Arc<Source>, error: &toml::de::Error) -> Diagnostic {
    // serde's sentence is the only place where a misspelt key and the known
    // ones are told; where its form is another one, it is shown as it is.
    let unknown = error.message().strip_prefix("unknown field `");
    let unknown = unknown.and_then(|rest| rest.split_once('`'));
    let message = if let Some((key, _)) = unknown {
        format!("unknown key `{key}`")
    } else {
        let lines = error.message().lines();
        let lines = lines.filter(|line| !line.starts_with(HELP));
        lines.collect::<Vec<_>>().join(": ")
    };
    let mut diagnostic = Diagnostic::new(code::INVALID_CONFIGURATION, message);
    if let Some(span) = error.span() {
        let line = source.position(span.start).line;
        let shown = source.text().lines().nth(line - 1).unwrap_or_default();
        // A line with a connection is not shown: it may hold a password.
        diagnostic = if shown.contains("://") || shown.contains("password") {
            diagnostic.note(format!("in `{}`, line {line}", source.name()))
        } else {
            let label = if unknown.is_some() {
                "not known here"
            } else {
                "here"
            };
            diagnostic
                .source(source)
                .label(Span::new(span.start, span.end), label)
        };
    }
    let mut lines = error.message().lines();
    let said = lines.find_map(|line| line.strip_prefix(HELP));
    let span = error.span().unwrap_or_default();
    let line = source.position(span.start).line;
    let shown = source.text().lines().nth(line - 1).unwrap_or_default();
    let help = said.map(str::to_owned);
    if let Some(help) = help.or_else(|| instead(error.message(), shown)) {
        diagnostic = diagnostic.help(help);
    }
    if let Some((key, rest)) = unknown {
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        diagnostic = match nearest(&key.replace('_', "-"), known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => diagnostic,
            None => {
                let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                diagnostic.help(format!("known here: {}", known.join(", ")))
            }
        };
        if matches!(key, "database-url" | "database_url" | "url") {
            diagnostic = diagnostic.note(
                "a connection does not belong into a file that is shared: set `SEGUE_DATABASE_URL`",
            );
        }
    }
    diagnostic
}

#[cfg(test)]
mod tests;
