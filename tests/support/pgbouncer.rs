//! PgBouncer, in front of a test's database.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::{User, chown, geteuid};
use tempfile::TempDir;
use tokio_postgres::config::Host;

use super::database::TestDatabase;
use super::session::TestSession;
use super::wait::wait_until;

/// A running PgBouncer; ended when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    child: Child,
    folder: TempDir,
    database: String,
    user: String,
}

impl PgBouncer {
    /// In front of `database`, on a Unix socket, with PgBouncer's defaults and
    /// `settings`, lines of `[pgbouncer]` such as `pool_mode = transaction`.
    pub fn start(database: &TestDatabase<'_>, settings: &[&str]) -> Self {
        Self::start_for(database, &[], settings)
    }

    /// The same for other users than the superuser, too.
    pub fn start_for(database: &TestDatabase<'_>, users: &[&str], settings: &[&str]) -> Self {
        let config: tokio_postgres::Config = database.url().parse().expect("a URL");
        let host = match config.get_hosts().first().expect("a host") {
            Host::Unix(folder) => folder.display().to_string(),
            Host::Tcp(host) => host.clone(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let user = config.get_user().expect("a user").to_owned();
        let folder = tempfile::Builder::new()
            .prefix("segue-pgb-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let path = folder.path();
        let known: Vec<String> = std::iter::once(user.as_str())
            .chain(users.iter().copied())
            .map(|name| format!("\"{name}\" \"\"\n"))
            .collect();
        fs::write(path.join("users"), known.concat()).expect("a file");
        let at = path.display();
        let text = format!(
            "[databases]\n* = host={host} port={port}\n[pgbouncer]\nlisten_addr =\n\
             unix_socket_dir = {at}\nlisten_port = 6432\nauth_type = trust\n\
             auth_file = {at}/users\nlogfile = {at}/log\npidfile = {at}/pid\n{}\n",
            settings.join("\n")
        );
        fs::write(path.join("pgbouncer.ini"), text).expect("a file");
        if geteuid().is_root() {
            let account = account();
            for file in ["", "users", "pgbouncer.ini"] {
                chown(&path.join(file), Some(account.uid), Some(account.gid)).expect("root");
            }
        }
        let child = spawn(path);
        Self {
            child,
            database: database.name().to_owned(),
            user,
            folder,
        }
    }

    /// Ends it, and all connections through it.
    pub fn stop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again, after [`PgBouncer::stop`].
    pub fn restart(&mut self) {
        for left in [".s.PGSQL.6432", "pid"] {
            let _ = fs::remove_file(self.folder().join(left));
        }
        self.child = spawn(self.folder.path());
    }

    /// Connection URL through it, as superuser.
    pub fn url(&self) -> String {
        self.url_as(&self.user)
    }

    /// Connection URL through it.
    pub fn url_as(&self, user: &str) -> String {
        self.url_of(user, &self.database)
    }

    fn url_of(&self, user: &str, database: &str) -> String {
        let folder = self.folder().display().to_string().replace('/', "%2F");
        format!("postgresql://{user}@{folder}:6432/{database}")
    }

    /// Folder of its socket and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection through it.
    pub fn session(&self) -> TestSession {
        TestSession::connect(&self.url())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // Fails if it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it in a folder that has its configuration.
fn spawn(path: &Path) -> Child {
    let mut command = Command::new(program());
    command
        .arg("--quiet")
        .arg(path.join("pgbouncer.ini"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if geteuid().is_root() {
        let account = account();
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `scripts/setup` installs it",
            program().display()
        )
    });
    let socket = path.join(".s.PGSQL.6432");
    wait_until("PgBouncer", || {
        if let Some(status) = child.try_wait().expect("a status") {
            let log = fs::read_to_string(path.join("log")).unwrap_or_default();
            panic!("PgBouncer ended, {status}: {log}");
        }
        socket.exists()
    });
    child
}

/// Whose it is where the tests run as root: it refuses root, as PostgreSQL does.
fn account() -> User {
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .expect("an unprivileged user")
}

fn program() -> PathBuf {
    let debian = Path::new("/usr/sbin/pgbouncer");
    if debian.exists() {
        debian.to_owned()
    } else {
        PathBuf::from("pgbouncer")
    }
}
