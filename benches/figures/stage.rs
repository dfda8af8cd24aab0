//! A server, databases on it, and processes run against them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The server of this run and a folder for migrations.
pub struct Stage {
    /// URL up to the database's name.
    server: String,
    bin: PathBuf,
    folder: TempDir,
}

/// A database of the server.
pub struct Database<'a> {
    stage: &'a Stage,
    url: String,
}

impl Stage {
    /// The server that the environment names.
    pub fn new() -> Option<Self> {
        let url = std::env::var("SEGUE_TEST_URL").ok()?;
        let bin = std::env::var_os("SEGUE_TEST_PG_BIN")?;
        let (server, _) = url.rsplit_once('/')?;
        Some(Self {
            server: format!("{server}/"),
            bin: bin.into(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        })
    }

    /// A new folder for migrations.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// A new database in place of the one with this name, by a copy of
    /// `template`; someone has connected to it already, as to any real one.
    pub fn database(&self, name: &str, template: &str) -> Database<'_> {
        let server = self.open("postgres");
        self.drop(name);
        server.sql(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        // What was written so far is not the next one's to write.
        server.sql("CHECKPOINT");
        let database = self.open(name);
        database.sql("SELECT 1");
        database
    }

    /// Removes a database, if it is there.
    pub fn drop(&self, name: &str) {
        let server = self.open("postgres");
        server.sql(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }

    /// URL of the server, up to the database's name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The database that a connection string leads to, on whatever server.
    pub fn at(&self, url: &str) -> Database<'_> {
        Database {
            stage: self,
            url: url.to_owned(),
        }
    }

    /// A database that is there.
    pub fn open(&self, name: &str) -> Database<'_> {
        Database {
            stage: self,
            url: format!("{}{name}", self.server),
        }
    }
}

impl Database<'_> {
    /// The same one, reached by another URL.
    pub fn at(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// `psql` with no settings of the user's.
    pub fn psql(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.stage.bin.join("psql"));
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(&self.url)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// `pg_dump` to standard output.
    pub fn pg_dump(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.stage.bin.join("pg_dump"));
        command
            .args(arguments)
            .arg("-d")
            .arg(&self.url)
            .stdin(Stdio::null());
        command
    }

    /// `pgbench`; the database's URL goes last.
    pub fn pgbench(&self) -> Command {
        let mut command = Command::new(self.stage.bin.join("pgbench"));
        command.stdin(Stdio::null());
        command
    }

    /// Connection URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// The program, on this database and this folder of migrations.
    pub fn segue(&self, migrations: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command
            .args(arguments)
            .current_dir(self.stage.folder.path())
            .env("DATABASE_URL", &self.url)
            .env("SEGUE_MIGRATIONS", migrations)
            .env_remove("SEGUE_DATABASE_URL")
            .env_remove("SEGUE_DIRECT_URL")
            .stdin(Stdio::null());
        command
    }

    /// What psql prints of a query.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.psql(&["-c", sql]).output().expect("psql");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}\n{errors}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.trim_end().to_owned()
    }
}

/// How long a command takes from its start to its end, which has to be a good
/// one.
pub fn timed(mut command: Command) -> Duration {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let output = command.output().expect("the program");
    let elapsed = began.elapsed();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    elapsed
}

/// The most memory that a command ever has resident, in bytes; `None` where
/// the system does not tell by `/proc`.
pub fn peak_memory(mut command: Command) -> Option<u64> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    let mut peak = None;
    loop {
        // It only ever grows, so the last look before the end has it.
        peak = resident_most(&child).or(peak);
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "{command:?}: {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `VmHWM` of a process that still runs.
fn resident_most(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
