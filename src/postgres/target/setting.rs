//! Where each connection parameter's value comes from.
//!
//! As in libpq: connection string, then service file, then environment; the
//! defaults are left to those who give the values their meaning.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::TargetError;
use super::parameter::{self, PARAMETERS};
use super::{Environment, service, syntax};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    ConnectionString,
    ServiceFile(PathBuf),
    Variable(&'static str),
    /// Set by segue itself.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString => formatter.write_str("from the connection string"),
            Self::ServiceFile(path) => write!(formatter, "from `{}`", path.display()),
            Self::Variable(variable) => write!(formatter, "from `{variable}`"),
            Self::Program => formatter.write_str("set by segue"),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Setting {
    value: String,
    origin: Origin,
}

/// Values of connection parameters by keyword. No `Debug`: some are passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Setting>,
}

impl Settings {
    /// Every value that is given anywhere, by precedence.
    pub(crate) fn gather(url: &str, environment: &Environment) -> Result<Self, TargetError> {
        let mut settings = Self::default();
        for (parameter, value) in syntax::parse(url)? {
            settings.set(parameter.keyword, value, Origin::ConnectionString);
        }
        settings.add_service(environment)?;
        for parameter in PARAMETERS {
            let Some(variable) = parameter.variable else {
                continue;
            };
            if let Some(value) = environment.variables.get(variable) {
                settings.add(parameter.keyword, value, Origin::Variable(variable));
            }
        }
        // Deprecated, weaker than PGSSLMODE, and only a leading 1 counts.
        if environment
            .variable("PGREQUIRESSL")
            .is_some_and(|value| value.starts_with('1'))
        {
            settings.add("sslmode", "require", Origin::Variable("PGREQUIRESSL"));
        }
        for parameter in PARAMETERS {
            if let (Some(reason), Some(_)) = (parameter.refused, settings.get(parameter.keyword)) {
                return Err(settings.unsupported(parameter.keyword, reason));
            }
        }
        Ok(settings)
    }

    fn add_service(&mut self, environment: &Environment) -> Result<(), TargetError> {
        let service = self
            .get("service")
            .or_else(|| environment.variable("PGSERVICE"));
        let Some(service) = service.map(str::to_owned) else {
            return Ok(());
        };
        let named = self
            .get("servicefile")
            .or_else(|| environment.variable("PGSERVICEFILE"));
        let (files, required) = if let Some(named) = named {
            (vec![PathBuf::from(named)], true)
        } else {
            let home = environment
                .home
                .as_ref()
                .map(|home| home.join(".pg_service.conf"));
            // libpq knows its own directory from when it was compiled: Debian's,
            // unless PGSYSCONFDIR says otherwise.
            let system = environment
                .variable("PGSYSCONFDIR")
                .unwrap_or("/etc/postgresql-common");
            (
                home.into_iter()
                    .chain([Path::new(system).join("pg_service.conf")])
                    .collect(),
                false,
            )
        };
        for (parameter, value, file) in service::read(&service, files, required)? {
            self.add(parameter.keyword, &value, Origin::ServiceFile(file));
        }
        Ok(())
    }

    /// Sets a value, over any that is there.
    pub(crate) fn set(&mut self, keyword: &'static str, value: String, origin: Origin) {
        self.values.insert(keyword, Setting { value, origin });
    }

    fn add(&mut self, keyword: &'static str, value: &str, origin: Origin) {
        self.values.entry(keyword).or_insert_with(|| Setting {
            value: value.to_owned(),
            origin,
        });
    }

    /// The value, `None` if it is not given or empty: libpq means its default
    /// by an empty value, too.
    pub(crate) fn get(&self, keyword: &str) -> Option<&str> {
        self.values
            .get(keyword)
            .map(|setting| setting.value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Keywords and non-empty values, sorted by keyword.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values
            .iter()
            .map(|(keyword, setting)| (*keyword, setting.value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The value as one of `choices`, `None` if not given.
    pub(crate) fn choice<T: Copy>(
        &self,
        keyword: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, TargetError> {
        let Some(value) = self.get(keyword) else {
            return Ok(None);
        };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == value) {
            return Ok(Some(*choice));
        }
        let names = || choices.iter().map(|(name, _)| *name);
        let mut reason = format!("is `{value}`, must be one of ");
        reason.push_str(
            &names()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        );
        if let Some(nearest) = parameter::nearest(value, names()) {
            reason.push_str("; did you mean `");
            reason.push_str(nearest);
            reason.push_str("`?");
        }
        Err(self.invalid(keyword, reason))
    }

    /// The value as a whole number, blanks around it allowed as in libpq.
    pub(crate) fn number(&self, keyword: &'static str) -> Result<Option<i32>, TargetError> {
        let Some(value) = self.get(keyword) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.invalid(keyword, "must be a whole number")),
        }
    }

    /// The error for a value that makes no sense.
    pub(crate) fn invalid(&self, keyword: &'static str, reason: impl Into<String>) -> TargetError {
        TargetError::InvalidValue {
            parameter: keyword,
            origin: self.origin(keyword),
            reason: reason.into(),
        }
    }

    /// The error for a value that segue cannot honour.
    pub(crate) fn unsupported(
        &self,
        keyword: &'static str,
        reason: impl Into<String>,
    ) -> TargetError {
        TargetError::Unsupported {
            parameter: keyword,
            origin: self.origin(keyword),
            reason: reason.into(),
        }
    }

    fn origin(&self, keyword: &str) -> String {
        self.values.get(keyword).map_or_else(
            || "default".to_owned(),
            |setting| setting.origin.to_string(),
        )
    }
}
