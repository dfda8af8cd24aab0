//! A private PostgreSQL server for one run, from binaries installed here.
//!
//! [`Throwaway::start`] starts a *supervisor*, which is segue itself run again,
//! and holds a pipe to it. The supervisor makes the folder, starts the server
//! in it, and stops and removes both as soon as the pipe closes: the kernel
//! closes it however this process ends, `kill -9` included. Each server folder
//! holds a lock that its supervisor and its user share, so that a later start
//! can tell what dead ones left from what is in use (`throwaway/sweep.rs`).
//!
//! The server listens on a Unix socket alone, in a folder that only the user
//! it runs as (and root) can enter; hence `trust` needs no password.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod account;
pub mod crash;
mod find;
mod folder;
pub mod kept;
mod postmaster;
mod supervisor;
mod sweep;
mod template;
pub mod watch;

use kept::Kept;

pub use find::{Installation, MAJOR_MIN, find_servers};
pub use supervisor::Failure;

/// First argument of the command line that runs [`supervise`].
pub const SUPERVISE: &str = "__supervise";

/// The superuser of every throwaway server; it has no password.
pub const SUPERUSER: &str = "postgres";

/// How long a supervisor may take to stop its server: three signals' patience
/// and the removal of the folder.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// What a user could set that would take the server out of its folder or open
/// it to others.
const RESERVED_SETTINGS: [&str; 9] = [
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "unix_socket_directories",
    "unix_socket_permissions",
];

/// Which server to start, and where; all from the command line, environment
/// and configuration, which only `cli` reads.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folders of `initdb` and `postgres` (`SEGUE_PG_BIN`), one per version;
    /// nothing else is looked at then, unless it is empty.
    pub bins: Vec<PathBuf>,
    /// Only this major version, for example 17; otherwise the newest.
    pub major: Option<u32>,
    /// Server settings by name, for example `max_connections` = `300`.
    pub settings: BTreeMap<String, String>,
    /// `PATH`, searched for server binaries.
    pub path: Option<OsString>,
    /// `TMPDIR`. `/tmp` is used if it is absent, too long for a socket, not
    /// UTF-8, or out of reach for the user that the server runs as.
    pub temp_dir: Option<PathBuf>,
    /// Segue's folder for what can be made again: templates go to `postgres` in
    /// it. Without one each start runs `initdb`, which takes about a second.
    pub cache_dir: Option<PathBuf>,
    /// The segue program that supervises; `None` is this program.
    pub program: Option<PathBuf>,
    /// Start the server again whenever it has ended by itself or was killed;
    /// see [`crash`].
    pub restarts: bool,
}

/// Why there is no throwaway server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the given folder nor any usual one holds a server.
    #[error(
        "no PostgreSQL server binaries found: install postgresql or set SEGUE_PG_BIN (looked in {})",
        paths(looked)
    )]
    NoServer {
        /// Folders that were looked at, in order.
        looked: Vec<PathBuf>,
    },
    /// `SEGUE_PG_BIN` is not a folder of server binaries.
    #[error("no PostgreSQL server in `{}` (SEGUE_PG_BIN): {reason}", bin.display())]
    WrongBin {
        /// The folder.
        bin: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There are servers, but none that was asked for or is supported.
    #[error("no server of PostgreSQL {wanted} found; found {}", versions(found))]
    NoMajor {
        /// What would do, for example `17` or `14 or newer`.
        wanted: String,
        /// What is there instead.
        found: Vec<Installation>,
    },
    /// A setting that segue itself has to choose.
    #[error("`{name}` cannot be set for a throwaway server: segue chooses it")]
    ReservedSetting {
        /// Its name.
        name: String,
    },
    /// The supervisor could not be started or spoken to.
    #[error("cannot run `{}` as the supervisor of the server", program.display())]
    Supervisor {
        /// The segue program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor ended without an answer, killed for example.
    #[error("the supervisor of the server ended early ({status})")]
    SupervisorEnded {
        /// How it ended.
        status: ExitStatus,
    },
    /// The server could not be set up or started.
    #[error(transparent)]
    Start(#[from] Failure),
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

fn versions(found: &[Installation]) -> String {
    let found: Vec<_> = found
        .iter()
        .map(|installation| format!("{} in {}", installation.version, installation.bin.display()))
        .collect();
    found.join(", ")
}

/// A running private server. Dropping it stops the server and removes its
/// folder, waiting for that for at most three seconds.
#[derive(Debug)]
pub struct Throwaway {
    supervisor: Child,
    /// Open as long as the server shall run.
    pipe: Option<ChildStdin>,
    folder: PathBuf,
    /// Shared lock: the server is in use even if its supervisor was killed.
    lock: Option<File>,
    /// Its data, if that outlives it.
    kept: Option<Kept>,
    is_resumed: bool,
    installation: Installation,
    pid: u32,
}

impl Throwaway {
    /// Starts a server and returns when it accepts connections: about 0.2 s,
    /// a second more for the first of its version. Blocks.
    ///
    /// # Errors
    ///
    /// No or wrong binaries, a reserved setting, a folder that cannot be
    /// written, a server that does not start (with the end of its log).
    pub fn start(options: &Options) -> Result<Self, Error> {
        Self::start_in(options, None)
    }

    /// Starts a server on data that outlives it, if [`Throwaway::keep`] says so
    /// before it ends. Blocks.
    ///
    /// # Errors
    /// As [`Throwaway::start`], and if the folder cannot be used.
    pub fn start_kept(options: &Options, kept: Kept) -> Result<Self, Error> {
        Self::start_in(options, Some(kept))
    }

    fn start_in(options: &Options, kept: Option<Kept>) -> Result<Self, Error> {
        let reserved =
            |name: &&String| RESERVED_SETTINGS.contains(&name.to_ascii_lowercase().as_str());
        if let Some(name) = options.settings.keys().find(reserved) {
            return Err(Error::ReservedSetting { name: name.clone() });
        }
        let installation = find::choose(options)?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|source| Error::Supervisor {
                program: PathBuf::from("segue"),
                source,
            })?,
        };
        let request = supervisor::Request::new(&installation, options, kept.as_ref());
        let (supervisor, pipe, reply) = spawn(&program, &request)?;
        let lock = folder::lock_shared(Path::new(&reply.folder)).ok();
        Ok(Self {
            supervisor,
            pipe: Some(pipe),
            folder: reply.folder.into(),
            lock,
            kept,
            is_resumed: reply.is_resumed,
            installation,
            pid: reply.pid,
        })
    }

    /// The server that [`Throwaway::start`] would start.
    ///
    /// # Errors
    /// No or wrong binaries.
    pub fn choose(options: &Options) -> Result<Installation, Error> {
        find::choose(options)
    }

    /// The folder of its data, if that may outlive it.
    #[must_use]
    pub fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Whether it has the data that an earlier one has left.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// From now on what is in it is fit to be kept: however this process ends,
    /// the next server on the same folder has it.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub fn keep(&mut self) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) if self.kept.is_some() => pipe.write_all(supervisor::KEEP),
            _ => Ok(()),
        }
    }

    /// Folder of the server's Unix socket; UTF-8 and short enough for one.
    #[must_use]
    pub fn socket_dir(&self) -> PathBuf {
        folder::socket_dir(&self.folder)
    }

    /// Port number, which names the socket in its folder.
    #[must_use]
    pub fn port(&self) -> u16 {
        folder::PORT
    }

    /// Major version, for example 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.installation.major
    }

    /// Version, for example `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.installation.version
    }

    /// Where its binaries are.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Process id of the postmaster that was started first.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Process id of the supervisor.
    #[must_use]
    pub fn supervisor_pid(&self) -> u32 {
        self.supervisor.id()
    }

    /// Connection URL of a database on it, as superuser; libpq reads it too.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.port(), database)
    }

    /// As [`Throwaway::url`], by the socket of another port beside the
    /// server's: that of a proxy.
    #[must_use]
    pub fn url_at(&self, port: u16, database: &str) -> String {
        const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
        let socket_dir = self.socket_dir();
        // The folder is UTF-8 by the choice in `folder::base`.
        let socket_dir = socket_dir.to_string_lossy();
        format!(
            "postgresql://{SUPERUSER}@{}:{}/{}",
            utf8_percent_encode(&socket_dir, KEPT),
            port,
            utf8_percent_encode(database, KEPT),
        )
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let deadline = Instant::now() + STOP_TIMEOUT;
        while let Ok(None) = self.supervisor.try_wait() {
            // Data that is kept is written to the disk after the server's end.
            let is_stopped = self.kept.is_some() && !self.folder.exists();
            if is_stopped || Instant::now() > deadline {
                // It goes on by itself; nothing of ours depends on its end.
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // A supervisor that was killed has left the server to us.
        drop(self.lock.take());
        sweep::sweep_folder(&self.folder);
    }
}

/// Starts the supervisor and has the server's reply.
fn spawn(
    program: &Path,
    request: &supervisor::Request,
) -> Result<(Child, ChildStdin, supervisor::Ready), Error> {
    let failed = |source: io::Error| Error::Supervisor {
        program: program.to_owned(),
        source,
    };
    let absolute = std::path::absolute(program).map_err(failed)?;
    let mut supervisor = Command::new(absolute)
        .arg(SUPERVISE)
        // It must not keep the user's folder busy.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Whoever reads our stderr to its end must not wait for the supervisor.
        .stderr(Stdio::null())
        // Ctrl-C goes to the terminal's foreground group: the server has to
        // outlive it, so that segue can end its own work.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let mut pipe = supervisor.stdin.take().expect("stdin is piped");
    let mut line = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    let mut reply = String::new();
    let spoken = pipe.write_all(&line).and_then(|()| {
        let stdout = supervisor.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut reply)
    });
    match (spoken, serde_json::from_str(&reply)) {
        (Ok(_), Ok(supervisor::Reply::Ready(ready))) => Ok((supervisor, pipe, ready)),
        (Ok(_), Ok(supervisor::Reply::Failed(failure))) => {
            drop(pipe);
            supervisor.wait().map_err(failed)?;
            Err(failure.into())
        }
        _ => {
            drop(pipe);
            let status = supervisor.wait().map_err(failed)?;
            Err(Error::SupervisorEnded { status })
        }
    }
}

/// Entry of the hidden subcommand [`SUPERVISE`]: reads its request from
/// standard input and runs the server until that closes. Status 2 if nobody
/// asks for a server, 1 if it could not be started (told by the reply).
#[must_use]
pub fn supervise() -> ExitCode {
    supervisor::supervise()
}
