//! Command line, environment and `segue.toml` → what a command works with.
//!
//! The command line comes before the environment, the environment before the
//! file. Here is the one place that reads environment variables.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::config::{self, Config, IsolationLevel};
use super::error::Error;
use super::global::Global;
use super::outcome::Outcome;
use super::report::Report;
use super::report::check_ci::Repository;
use crate::apply::{OnMismatch, Verification, connections};
use crate::backfill::throttle::Limits;
use crate::diagnostic::{Diagnostic, Severity};
use crate::files;
use crate::migration::Migration;
use crate::postgres::target::Environment;
use crate::postgres::throwaway;
use crate::schema::Rules;
use crate::text::{Source, Variables};

mod databases;
mod places;

/// How long to wait for a server that is starting.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The folder of migrations where nobody names one.
const MIGRATIONS: &str = "migrations";

/// The folder of snapshots of data where nobody names one.
const SNAPSHOTS: &str = "snapshots";

/// The folder of the expected schema where nobody names one.
const EXPECTED_SCHEMA: &str = "expected-schema";

/// Everything around a command.
pub struct Context {
    global: Global,
    environment: Environment,
    config: Config,
    /// Folder of `segue.toml`, from which its paths count.
    base: PathBuf,
    /// What is odd about it, not told yet.
    notices: Vec<String>,
}

/// Tells warnings.
///
/// # Errors
/// All of them, if one is an error.
pub(super) fn told(report: &mut Report, diagnostics: Vec<Diagnostic>) -> Result<(), Error> {
    if diagnostics
        .iter()
        .any(|one| one.severity == Severity::Error)
    {
        return Err(Error::diagnostics(Outcome::Invalid, diagnostics));
    }
    for diagnostic in &diagnostics {
        report.diagnostic(diagnostic);
    }
    Ok(())
}

/// A value with what has to be told about where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen<T> {
    /// The value.
    value: T,
    /// A line for people, if it came from somewhere unexpected.
    notice: Option<String>,
}

impl<T> Chosen<T> {
    fn silent(value: T) -> Self {
        Self {
            value,
            notice: None,
        }
    }
}

impl Context {
    /// Reads environment and `segue.toml`.
    ///
    /// # Errors
    /// A variable that is not UTF-8, a configuration that cannot be read or
    /// understood.
    pub fn new(global: &Global) -> Result<Self, Error> {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            // What is not ours may be whatever it likes.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    variables.insert(name, value);
                }
                Err(_) if is_ours(&name) => {
                    return Err(Error::usage(format!("the value of {name} is not UTF-8")));
                }
                Err(_) => {}
            }
        }
        let environment = Environment::new(variables, std::env::home_dir());
        let (mut config, base) = read_config(global.config.as_deref())?;
        let isolation = isolation(&environment.variables, &config)?;
        config.up.isolation = isolation.value;
        Ok(Self {
            notices: isolation.notice.into_iter().collect(),
            global: global.clone(),
            environment,
            config,
            base,
        })
    }

    /// The surroundings in which connection strings are read.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// For what backfills wait.
    #[must_use]
    pub fn backfill(&self) -> Limits {
        self.config.backfill.limits(&self.base)
    }

    /// What is odd about the surroundings of a run, for those who run.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// What `segue.toml` says.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whose migrations.
    #[must_use]
    pub fn project(&self) -> String {
        self.global
            .project
            .clone()
            .or_else(|| self.config.project.clone())
            .unwrap_or_default()
            .to_string()
    }

    /// Role that owns the ledger, as configured.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        self.config.ledger.owner.clone()
    }

    /// How long to wait for a server that is starting.
    #[must_use]
    pub fn connect_wait(&self) -> Duration {
        self.global
            .connect_wait
            .or(self.config.connect_wait)
            .map_or(CONNECT_WAIT, |wait| wait.0)
    }

    /// The folders of migrations, in the order given; at least one.
    ///
    /// # Errors
    /// If a variable names none.
    pub fn migration_folders(&self, report: &mut Report) -> Result<Vec<PathBuf>, Error> {
        let folders = self.folders();
        report.notes(folders.notice.as_slice());
        if folders.value.is_empty() {
            return Err(Error::usage("no folder of migrations is named")
                .help("`--migrations DIR` names one"));
        }
        Ok(folders.value)
    }

    /// The folders of migrations.
    fn folders(&self) -> Chosen<Vec<PathBuf>> {
        folders(
            &self.global.migrations,
            &self.environment.variables,
            &self.config,
            &self.base,
        )
    }

    /// The folder of the expected schema, which need not exist.
    #[must_use]
    pub fn expected_schema(&self) -> PathBuf {
        let variable = variable(&self.environment.variables, "SEGUE_EXPECTED_SCHEMA");
        match (&self.global.expected_schema, variable) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => PathBuf::from(folder),
            (None, None) => {
                let folder = self.config.expected_schema.as_deref();
                self.base.join(folder.unwrap_or(EXPECTED_SCHEMA))
            }
        }
    }

    /// The folder of snapshots of data, which need not exist.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        let folder = self.config.snapshot.folder.as_deref();
        self.base.join(folder.unwrap_or(SNAPSHOTS))
    }

    /// The configuration file, if one was named.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        self.global.config.clone()
    }

    /// The variables by which libpq chooses a server and its settings, as far
    /// as they are set.
    #[must_use]
    pub fn server_variables(&self) -> Vec<String> {
        let names = self.environment.variables.keys();
        names
            .filter(|name| name.starts_with("PG"))
            .cloned()
            .collect()
    }

    /// Which part of a database's schema is the project's.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let schema = &self.config.schema;
        Rules {
            namespaces: schema.namespaces.clone(),
            ignore: schema.ignore.clone(),
            owners: schema.owners.unwrap_or(false),
            column_order: schema.column_order.unwrap_or(false),
            privileges: schema.privileges.unwrap_or(true),
            roles: schema.roles.unwrap_or(false),
            database_settings: schema.database_settings.unwrap_or(true),
        }
    }

    /// What the schema is verified against.
    #[must_use]
    pub fn verification(&self, on_mismatch: OnMismatch) -> Verification {
        Verification {
            embedded: None,
            folder: self.expected_schema(),
            rules: self.rules(),
            on_mismatch,
        }
    }

    /// Headers of all migrations, by name, valid every one.
    ///
    /// # Errors
    /// A folder that cannot be read; files with errors, all of them.
    pub fn valid_migrations(&self, report: &mut Report) -> Result<Vec<Migration>, Error> {
        let migrations = self.migrations(report)?;
        let problems: Vec<_> = migrations
            .iter()
            .flat_map(|migration| migration.problems.clone())
            .collect();
        told(report, problems)?;
        Ok(migrations)
    }

    /// Headers of all migrations, by name; what is wrong with one of them is
    /// left to whoever plans.
    ///
    /// # Errors
    /// A folder that cannot be read, or holds what cannot be a migration.
    pub fn migrations(&self, report: &mut Report) -> Result<Vec<Migration>, Error> {
        let folders = self.folders();
        report.notes(folders.notice.as_slice());
        let (mut migrations, diagnostics) = files::read_filled(&folders.value, &self.variables())?;
        told(report, diagnostics)?;
        self.look_up_connections(&mut migrations);
        Ok(migrations)
    }

    /// Headers of all migrations, by name, and all that is wrong with folders
    /// and headers.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn read_migrations(
        &self,
        report: &mut Report,
    ) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
        let folders = self.folders();
        report.notes(folders.notice.as_slice());
        let (mut migrations, mut diagnostics) =
            files::read_filled(&folders.value, &self.variables())?;
        self.look_up_connections(&mut migrations);
        let problems = migrations.iter();
        diagnostics.extend(problems.flat_map(|migration| migration.problems.clone()));
        Ok((migrations, diagnostics))
    }

    /// Headers of all migrations, by name, read again by what runs for long.
    ///
    /// # Errors
    /// Why the folders cannot be used now, one line.
    pub fn reread(&self) -> Result<Vec<Migration>, String> {
        let read = files::read_filled(&self.folders().value, &self.variables());
        let (mut migrations, diagnostics) =
            read.map_err(|error| super::error::with_causes(&error))?;
        let mut errors = diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error);
        if let Some(first) = errors.next() {
            return Err(first.summary());
        }
        self.look_up_connections(&mut migrations);
        Ok(migrations)
    }

    /// Whether one of the folders of migrations is there.
    #[must_use]
    pub fn has_migrations(&self) -> bool {
        self.folders().value.iter().any(|folder| folder.is_dir())
    }

    /// The environment variables that migrations may take.
    #[must_use]
    pub fn variables(&self) -> Variables {
        Variables::new(self.environment.variables.clone())
    }

    /// Finds out where the migrations' own connections lead; one that cannot
    /// be understood becomes a problem of its file.
    pub fn look_up_connections(&self, migrations: &mut [Migration]) {
        connections::look_up(migrations, &self.environment);
    }

    /// The repository that a CI job has checked out, and where we are in it.
    #[must_use]
    pub fn repository(&self) -> Repository {
        let variable = |name| variable(&self.environment.variables, name).map(PathBuf::from);
        Repository {
            top: variable("GITHUB_WORKSPACE").or_else(|| variable("CI_PROJECT_DIR")),
            here: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// The SQL file that a throwaway server is given first.
    #[must_use]
    pub fn before(&self) -> Option<PathBuf> {
        let before = self.config.throwaway.before.as_ref()?;
        Some(self.base.join(before))
    }

    /// Which throwaway server to start.
    #[must_use]
    pub fn throwaway(&self) -> throwaway::Options {
        let variable = |name| variable(&self.environment.variables, name);
        let settings = &self.config.throwaway.settings;
        throwaway::Options {
            bins: split(variable("SEGUE_PG_BIN").unwrap_or_default()),
            major: self.config.throwaway.major,
            settings: settings
                .iter()
                .map(|(name, setting)| (name.clone(), setting.text()))
                .collect(),
            path: variable("PATH").map(Into::into),
            temp_dir: variable("TMPDIR").map(PathBuf::from),
            cache_dir: self.caches().into_iter().next(),
            program: None,
            restarts: false,
        }
    }
}

/// Whether segue reads this environment variable.
fn is_ours(name: &str) -> bool {
    name.starts_with("SEGUE_")
        || name.starts_with("PG")
        || matches!(
            name,
            "DATABASE_URL" | "CODD_CONNECTION" | "CODD_MIGRATION_DIRS" | "CODD_TXN_ISOLATION"
        )
}

/// A variable's value; an empty one is none, as libpq has it.
fn variable<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    variables
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Folders between colons.
fn split(list: &str) -> Vec<PathBuf> {
    list.split(':')
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// The folders of migrations, in the order given.
fn folders(
    arguments: &[PathBuf],
    variables: &BTreeMap<String, String>,
    config: &Config,
    base: &Path,
) -> Chosen<Vec<PathBuf>> {
    if !arguments.is_empty() {
        return Chosen::silent(arguments.to_vec());
    }
    if let Some(list) = variable(variables, "SEGUE_MIGRATIONS") {
        return Chosen::silent(split(list));
    }
    if let Some(list) = variable(variables, "CODD_MIGRATION_DIRS") {
        return Chosen {
            value: split(list),
            notice: Some(
                "the folders are those of CODD_MIGRATION_DIRS; set SEGUE_MIGRATIONS to be exact"
                    .to_owned(),
            ),
        };
    }
    let folders = match &config.migrations {
        Some(folders) => folders
            .list()
            .iter()
            .map(|folder| base.join(folder))
            .collect(),
        None => vec![base.join(MIGRATIONS)],
    };
    Chosen::silent(folders)
}

/// The isolation level of migrations' transactions.
///
/// # Errors
/// A level that codd does not know either.
fn isolation(
    variables: &BTreeMap<String, String>,
    config: &Config,
) -> Result<Chosen<Option<IsolationLevel>>, Error> {
    let (None, Some(name)) = (
        config.up.isolation,
        variable(variables, "CODD_TXN_ISOLATION"),
    ) else {
        return Ok(Chosen::silent(config.up.isolation));
    };
    let value = match name {
        "db-default" => None,
        name => Some(
            IsolationLevel::try_from(name.to_owned())
                .map_err(|error| Error::usage(format!("CODD_TXN_ISOLATION: {error}")))?,
        ),
    };
    Ok(Chosen {
        value,
        notice: Some(
            "the isolation level is that of CODD_TXN_ISOLATION; `[up] isolation` in segue.toml is exact"
                .to_owned(),
        ),
    })
}

/// The configuration and its folder.
fn read_config(path: Option<&Path>) -> Result<(Config, PathBuf), Error> {
    let file = path.unwrap_or(Path::new(config::FILE));
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        // Only the file that nobody asked for may be missing.
        Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => {
            return Ok((Config::default(), PathBuf::new()));
        }
        Err(error) => {
            return Err(Error::usage(format!(
                "cannot read the configuration `{}`: {error}",
                file.display()
            )));
        }
    };
    let source = Arc::new(Source::new(file.display().to_string(), text));
    let config = Config::parse(&source)
        .map_err(|diagnostic| Error::diagnostics(Outcome::Usage, vec![*diagnostic]))?;
    let base = file.parent().map(Path::to_owned).unwrap_or_default();
    Ok((config, base))
}

#[cfg(test)]
mod tests;
