//! Connection string and environment → [`Target`], by libpq's rules (manual,
//! "Database Connection Control Functions").
//!
//! Connecting is left to [`super::connect`]. A password goes in here and comes
//! out for the server and for child processes only.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod error;
pub(super) mod file;
pub(super) mod host;
pub(super) mod options;
mod parameter;
mod password_file;
mod secret;
mod service;
mod setting;
mod syntax;
mod variables;

pub use error::TargetError;
pub use options::{SessionAttributes, SslMode};
pub use secret::Secret;

use host::{Address, Host};
use options::Options;
use password_file::PasswordFile;
use setting::{Origin, Settings};

/// `application_name` where nobody gives another.
const APPLICATION_NAME: &str = "segue";

/// What surrounds the process, handed in by the command line.
///
/// `Debug` does not show the variables: they may hold `PGPASSWORD`.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables by name.
    pub variables: BTreeMap<String, String>,
    /// Home directory, where the password file and others are looked for.
    pub home: Option<PathBuf>,
    /// Name of the operating system's user, the default user.
    pub user: Option<String>,
}

impl Environment {
    /// The given surroundings, with the user whom the operating system knows
    /// this process by.
    #[must_use]
    pub fn new(variables: BTreeMap<String, String>, home: Option<PathBuf>) -> Self {
        Self {
            variables,
            home,
            user: whoami::username().ok(),
        }
    }

    /// The variable's value unless it is empty.
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Everything needed to reach a server, made once from arguments and
/// environment.
///
/// `Debug` and `Display` never show a password.
#[derive(Clone)]
pub struct Target {
    settings: Settings,
    hosts: Vec<Host>,
    user: String,
    database: String,
    password: Option<Secret>,
    password_file: PasswordFile,
    options: Options,
    warnings: Vec<String>,
    is_disposable: bool,
    is_own: bool,
}

impl Target {
    /// Puts together what `url` says, a URI or a string of keyword=value, and
    /// what service file, environment, password file and defaults add.
    ///
    /// # Errors
    /// [`TargetError`] for what libpq would refuse and for parameters that
    /// segue cannot honour; its text never holds a password.
    pub fn resolve(url: Option<&str>, environment: &Environment) -> Result<Self, TargetError> {
        let settings = Settings::gather(url.unwrap_or_default(), environment)?;
        let hosts = Host::list(&settings)?;
        let options = Options::new(&settings, environment)?;
        let user = settings
            .get("user")
            .or(environment.user.as_deref())
            .ok_or(TargetError::NoUser)?
            .to_owned();
        let database = settings.get("dbname").unwrap_or(&user).to_owned();
        let password = settings.get("password").map(Secret::new);
        let file = settings
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| environment.home.as_ref().map(|home| home.join(".pgpass")));
        let (password_file, warning) = match file {
            Some(file) if password.is_none() => PasswordFile::read(&file),
            _ => (PasswordFile::default(), None),
        };
        Ok(Self {
            settings,
            hosts,
            user,
            database,
            password,
            password_file,
            options,
            warnings: warning.into_iter().collect(),
            is_disposable: false,
            is_own: false,
        })
    }

    /// Database to connect to.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// User to connect as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Hosts and ports in the order in which they are tried: `db1:5432, db2:5432`,
    /// a directory in place of the name for a Unix socket.
    #[must_use]
    pub fn hosts(&self) -> String {
        self.hosts
            .iter()
            .map(Host::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Name that the sessions have in `pg_stat_activity`.
    #[must_use]
    pub fn application_name(&self) -> &str {
        self.settings
            .get("application_name")
            .or_else(|| self.settings.get("fallback_application_name"))
            .unwrap_or(APPLICATION_NAME)
    }

    /// What the user should be told: a password file that was ignored.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The same, on a server that is removed after use.
    #[must_use]
    pub fn disposable(mut self) -> Self {
        self.is_disposable = true;
        self.own()
    }

    /// The same, in a database that segue has made for the occasion.
    #[must_use]
    pub fn own(mut self) -> Self {
        self.is_own = true;
        self
    }

    /// Whether its database was made by segue for the occasion. What runs there
    /// must not reach the places that files name: they are those of real
    /// servers.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// Whether its server is removed after use, so that what is made there for
    /// the occasion, roles for example, is in nobody's way.
    #[must_use]
    pub fn is_disposable(&self) -> bool {
        self.is_disposable
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut target = self.clone();
        name.clone_into(&mut target.database);
        target
    }

    /// The same with another `application_name`, whatever the user set.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        let mut target = self.clone();
        target
            .settings
            .set("application_name", name.to_owned(), Origin::Program);
        target
    }

    /// The same, where a host that does not answer is given up after `limit`,
    /// unless the user has set when.
    #[must_use]
    pub fn or_connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout.get_or_insert(limit);
        self
    }

    /// The same server wherever the caller needs a certain kind of it, a
    /// primary for example, whatever the user set.
    #[must_use]
    pub fn with_session_attributes(&self, attributes: SessionAttributes) -> Self {
        let mut target = self.clone();
        target.options.session = attributes;
        let name = attributes.name().to_owned();
        target
            .settings
            .set("target_session_attrs", name, Origin::Program);
        target
    }

    /// A URI that libpq and segue read, without any secret.
    ///
    /// A child process can have it in its arguments; give it
    /// [`Target::password`] as `PGPASSWORD`.
    #[must_use]
    pub fn uri_without_password(&self) -> String {
        self.format_uri(None)
    }

    /// A URI that libpq and segue read, the password included: for the
    /// environment of a child process, never for its arguments, which every
    /// user of the machine can read.
    #[must_use]
    pub fn uri(&self) -> String {
        self.format_uri(self.password.as_ref())
    }

    /// The password if it was given; one from a password file is for each host
    /// another, and child processes find it there themselves.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    pub(super) fn host_list(&self) -> &[Host] {
        &self.hosts
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The password for one host, from wherever it comes.
    pub(super) fn password_for(&self, host: &Host) -> Option<&Secret> {
        self.password.as_ref().or_else(|| {
            let name = host.name_for_password();
            self.password_file
                .find(&name, host.port, &self.database, &self.user)
        })
    }

    fn format_uri(&self, password: Option<&Secret>) -> String {
        let mut uri = format!("postgresql://{}", encode(&self.user));
        if let Some(password) = password {
            uri.push(':');
            uri.push_str(&encode(password.reveal()));
        }
        uri.push('@');
        for (index, host) in self.hosts.iter().enumerate() {
            if index > 0 {
                uri.push(',');
            }
            match (&host.name, host.socket_directories().as_slice()) {
                // Said out loud, since the reader may be compiled to another
                // directory, or have PGHOST in its environment.
                (None, [_, ..]) => {
                    let directory = host.existing_socket_directory();
                    uri.push_str(&encode(directory.unwrap_or_default()));
                }
                (Some(name), _) if name.contains(':') => {
                    uri.push('[');
                    uri.push_str(name);
                    uri.push(']');
                }
                (Some(name), _) => uri.push_str(&encode(name)),
                // The host as well as the address, else PGHOST would be the host.
                (None, []) => {
                    if let Address::Ip(address) = host.address {
                        uri.push_str(&url_host(address));
                    }
                }
            }
            uri.push(':');
            uri.push_str(&host.port.to_string());
        }
        uri.push('/');
        uri.push_str(&encode(&self.database));
        let mut separator = '?';
        for (keyword, value) in self.settings.iter() {
            // Said already, or resolved already, or not to be said.
            let said = matches!(
                keyword,
                "user" | "dbname" | "host" | "port" | "service" | "servicefile"
            );
            if !said && !syntax::is_secret(keyword) {
                uri.push(separator);
                uri.push_str(keyword);
                uri.push('=');
                uri.push_str(&encode(value));
                separator = '&';
            }
        }
        uri
    }
}

fn url_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// RFC 3986's unreserved characters stay as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// `` database `app` as user `deploy` at db1:5432 ``
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "database `{}` as user `{}` at {}",
            self.database,
            self.user,
            self.hosts()
        )
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Target")
            .field(&self.uri_without_password())
            .finish()
    }
}

#[cfg(test)]
mod tests;
