//! A folder of migrations, and the program run in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use regex::Regex;
use tempfile::TempDir;

use super::background::Background;
use super::database::TestDatabase;
use super::expected::assert_text;
use super::secret;

/// A temporary folder with `migrations/`, and an environment of its own in
/// which `segue` runs. Removed when dropped.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    environment: BTreeMap<String, OsString>,
    redactions: Vec<(Regex, String)>,
}

/// What a run of the program gave, already redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status; 128 and the signal's number if one ended it.
    pub status: i32,
}

impl Project {
    /// Without a database.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("segue-project-").tempdir();
        let folder = folder.expect("a temporary folder");
        fs::create_dir(folder.path().join("migrations")).expect("a folder");
        let mut project = Self {
            environment: BTreeMap::new(),
            redactions: Vec::new(),
            folder,
        };
        let home = project.path().join("home").into_os_string();
        let path = std::env::var_os("PATH").unwrap_or_default();
        project.environment.insert("HOME".to_owned(), home);
        project.environment.insert("PATH".to_owned(), path);
        project
            .environment
            .insert("PGPASSWORD".to_owned(), secret::SECRET.into());
        let redacted = project.path().display().to_string();
        project.redact(&regex::escape(&redacted), "[project]");
        // Longest first: what is replaced is not looked at again.
        project.redact(
            r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?",
            "[time]",
        );
        project.redact(r"\b\d+(\.\d+)? (µs|ms|s)\b", "[duration]");
        project.redact(r"\bpid \d+", "pid [pid]");
        project.redact(r"\bport \d+", "port [port]");
        project
    }

    /// Without a database, where `--throwaway` starts the tests' PostgreSQL.
    pub fn throwaway() -> Self {
        let mut project = Self::new();
        if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
            project.env("SEGUE_PG_BIN", bin);
        }
        project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
        project
    }

    /// With `DATABASE_URL`, `database`'s as superuser, and without folding:
    /// most tests are about tails, and a fresh database would have none.
    pub fn on(database: &TestDatabase<'_>) -> Self {
        let mut project = Self::new();
        project.write("segue.toml", "[up]\nfold = false\n");
        project.env("DATABASE_URL", database.url());
        project.redact(&regex::escape(&database.url()), "[url]");
        let config: tokio_postgres::Config = database.url().parse().expect("a URL");
        for host in config.get_hosts() {
            if let tokio_postgres::config::Host::Unix(folder) = host {
                project.redact(&regex::escape(&folder.display().to_string()), "[socket]");
            }
        }
        project.redact(database.name(), "[database]");
        project
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets an environment variable of the runs to come; URLs get a password
    /// that must not come out.
    pub fn env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        let mut value = value.into();
        if name.ends_with("_URL")
            && let Some(url) = value.to_str()
        {
            value = secret::with_password(url).into();
        }
        self.environment.insert(name.to_owned(), value);
        self
    }

    /// Takes an environment variable away from the runs to come, `PGPASSWORD`
    /// for example.
    pub fn without_env(&mut self, name: &str) -> &mut Self {
        self.environment.remove(name);
        self
    }

    /// Replaces what matches `pattern` in all output; of two that match, the
    /// one named first wins.
    pub fn redact(&mut self, pattern: &str, replacement: &str) -> &mut Self {
        let pattern = Regex::new(pattern).expect("a regular expression");
        self.redactions.push((pattern, replacement.to_owned()));
        self
    }

    /// Writes `migrations/NAME`.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        self.write(&format!("migrations/{name}"), text)
    }

    /// Writes a file at a path below the folder, `segue.toml` for example.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(path);
        let folder = path.parent().expect("below the folder");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(path, text).expect("a file");
        self
    }

    /// Reads a file below the folder.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn segue(&self, arguments: &[&str]) -> Run {
        self.output_of(&mut self.command(arguments))
    }

    /// Runs a command line to its end, one changed from [`Project::command`]
    /// for example.
    #[track_caller]
    pub fn output_of(&self, command: &mut Command) -> Run {
        let output = command.output().expect("the program");
        self.run(output.status, &output.stdout, &output.stderr)
    }

    /// Runs the program in the background.
    pub fn spawn(&self, arguments: &[&str]) -> Background<'_> {
        self.spawn_command(self.command(arguments))
    }

    /// Runs a command line in the background.
    pub fn spawn_command(&self, command: Command) -> Background<'_> {
        Background::spawn(self, command)
    }

    /// The command line, to be changed before it runs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(super::SEGUE);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(std::process::Stdio::null());
        command
    }

    #[track_caller]
    pub(super) fn run(&self, status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Run {
        secret::assert_absent("standard output", stdout);
        secret::assert_absent("standard error", stderr);
        let status = status.code().or_else(|| Some(128 + status.signal()?));
        Run {
            stdout: self.redacted(&String::from_utf8_lossy(stdout)),
            stderr: self.redacted(&String::from_utf8_lossy(stderr)),
            status: status.expect("ended"),
        }
    }

    #[track_caller]
    pub(super) fn redacted(&self, text: &str) -> String {
        secret::assert_absent("an output", text.as_bytes());
        let mut text = text.to_owned();
        for (pattern, replacement) in &self.redactions {
            text = pattern
                .replace_all(&text, regex::NoExpand(replacement))
                .into_owned();
        }
        text
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A test that fails already has said why.
        if !std::thread::panicking() {
            secret::assert_absent_below(self.path());
        }
    }
}

impl Run {
    /// Compares all that the run gave; the texts may be indented as the test.
    ///
    /// # Panics
    ///
    /// With a diff if anything differs.
    #[track_caller]
    pub fn expect(&self, stdout: &str, stderr: &str, status: i32) -> &Self {
        assert_text("stderr", &self.stderr, stderr);
        assert_text("stdout", &self.stdout, stdout);
        assert_eq!(self.status, status, "exit status");
        self
    }

    /// Status 0, whatever was printed.
    #[track_caller]
    pub fn expect_success(&self) -> &Self {
        assert_eq!(
            self.status, 0,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
}
