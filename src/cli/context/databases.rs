//! Which database a command works on.

use std::collections::BTreeMap;

use super::{Chosen, Context, variable};
use crate::cli::error::Error;
use crate::cli::global::Global;
use crate::cli::report::Report;
use crate::postgres::Target;

/// The development database.
const DEV_DATABASE_URL: &str = "SEGUE_DEV_DATABASE_URL";

impl Context {
    /// The database to work on; what is odd about it is told.
    ///
    /// # Errors
    /// A connection string that cannot be understood.
    pub fn target(&self, report: &mut Report) -> Result<Target, Error> {
        let url = database_url(&self.global, &self.environment.variables);
        let target = Target::resolve(url.value.as_deref(), &self.environment)?;
        report.notes(url.notice.as_slice());
        report.notes(target.warnings());
        Ok(target)
    }

    /// The development database, which `add`, `write-schema` and `revert` work on: never
    /// that of `DATABASE_URL` and its like, so that a stray variable cannot
    /// point them at production.
    ///
    /// # Errors
    /// None is named; a connection string that cannot be understood.
    pub fn dev_target(&self, report: &mut Report) -> Result<Target, Error> {
        self.dev_target_unless(report, "; with `--throwaway` none is needed")
    }

    /// As [`Context::dev_target`], for a command that makes none of its own.
    ///
    /// # Errors
    /// As [`Context::dev_target`].
    pub fn lasting_dev_target(&self, report: &mut Report) -> Result<Target, Error> {
        self.dev_target_unless(report, "")
    }

    fn dev_target_unless(&self, report: &mut Report, instead: &str) -> Result<Target, Error> {
        let Some(url) = dev_database_url(&self.global, &self.environment.variables) else {
            let problem = Error::usage("no development database is named");
            return Err(problem.help(format!(
                "set {DEV_DATABASE_URL} or give `--database-url`{instead}. Other variables are not \
                 read here, they may name a production database"
            )));
        };
        let target = Target::resolve(Some(&url), &self.environment)?;
        report.notes(target.warnings());
        Ok(target)
    }

    /// Whether a development database is named.
    #[must_use]
    pub fn has_dev_target(&self) -> bool {
        dev_database_url(&self.global, &self.environment.variables).is_some()
    }

    /// The option of the command line that names a database.
    #[must_use]
    pub fn database_option(&self) -> Option<&'static str> {
        match (&self.global.direct_url, &self.global.database_url) {
            (Some(_), _) => Some("--direct-url"),
            (None, Some(_)) => Some("--database-url"),
            (None, None) => None,
        }
    }

    /// The database that `url` names, in these surroundings.
    ///
    /// # Errors
    /// A connection string that cannot be understood.
    pub fn resolve(&self, url: &str) -> Result<Target, Error> {
        Ok(Target::resolve(Some(url), &self.environment)?)
    }
}

/// The connection string, if one is given at all.
pub(super) fn database_url(
    global: &Global,
    variables: &BTreeMap<String, String>,
) -> Chosen<Option<String>> {
    let variable = |name| variable(variables, name).map(ToOwned::to_owned);
    // SEGUE_DIRECT_URL comes after --database-url: who names a database on the
    // command line must not get another one because of a variable.
    let url = global
        .direct_url
        .clone()
        .or_else(|| global.database_url.clone())
        .or_else(|| variable("SEGUE_DIRECT_URL"))
        .or_else(|| variable("SEGUE_DATABASE_URL"))
        .or_else(|| variable("DATABASE_URL"));
    if url.is_some() {
        return Chosen::silent(url);
    }
    match variable("CODD_CONNECTION") {
        Some(url) => Chosen {
            value: Some(url),
            notice: Some(
                "the database is the one of CODD_CONNECTION; set SEGUE_DATABASE_URL to be exact"
                    .to_owned(),
            ),
        },
        None => Chosen::silent(None),
    }
}

/// The connection string of the development database, if one is given at all.
pub(super) fn dev_database_url(
    global: &Global,
    variables: &BTreeMap<String, String>,
) -> Option<String> {
    global
        .direct_url
        .clone()
        .or_else(|| global.database_url.clone())
        .or_else(|| variable(variables, DEV_DATABASE_URL).map(ToOwned::to_owned))
}
