//! The server process: started, waited for, stopped.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use super::account::Account;
use super::folder::{self, Folder};
use super::supervisor::{Failure, Request};
use super::template::last_lines;

/// A server with an empty cluster is ready in about 0.1 s.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Tries to start a server again, and the pause between two of them.
const START_TRIES: usize = 100;
const START_PAUSE: Duration = Duration::from_millis(50);

/// Fast shutdown, immediate shutdown, and what nothing withstands, with how
/// long each may take; in all below the two seconds that are promised.
const STOP: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(1)),
    (Signal::SIGQUIT, Duration::from_millis(500)),
    (Signal::SIGKILL, Duration::from_millis(200)),
];

/// The same where data is kept: its last checkpoint may take a while.
const STOP_WELL: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(20)),
    (Signal::SIGQUIT, Duration::from_millis(500)),
    (Signal::SIGKILL, Duration::from_millis(200)),
];

/// A running server.
#[derive(Debug)]
pub(super) struct Postmaster {
    process: Child,
    pid: u32,
}

impl Postmaster {
    /// Starts the server of `folder`, which holds a cluster.
    pub(super) fn start(
        folder: &Folder,
        account: &Account,
        request: &Request,
    ) -> Result<Self, Failure> {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(folder.log())
            .and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) =
            log.map_err(|error| Failure::io("create the log", &folder.log(), &error))?;
        let program = request.bin().join("postgres");
        let mut command = account.command(&program, &folder.data());
        command
            .arg("-D")
            .arg(folder.data())
            .args(settings(folder, request))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let process = tokio::process::Command::from(command)
            .spawn()
            .map_err(|error| Failure::program(&program, account, &error))?;
        let pid = process.id().expect("not waited for yet");
        Ok(Self { process, pid })
    }

    /// Starts the server of `folder` once more after it has ended. Processes
    /// of the one before may live on for a moment and keep its shared memory,
    /// hence several tries; `None` if none succeeds.
    pub(super) async fn start_again(
        folder: &Folder,
        account: &Account,
        request: &Request,
    ) -> Option<Self> {
        for _ in 0..START_TRIES {
            if let Ok(mut postmaster) = Self::start(folder, account, request)
                && postmaster.ready(folder, request).await.is_ok()
            {
                return Some(postmaster);
            }
            sleep(START_PAUSE).await;
        }
        None
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the server accepts connections.
    pub(super) async fn ready(
        &mut self,
        folder: &Folder,
        request: &Request,
    ) -> Result<(), Failure> {
        let status = timeout(START_TIMEOUT, async {
            loop {
                if let Ok(Some(status)) = self.process.try_wait() {
                    return Some(status);
                }
                if is_ready(&folder.data(), self.pid) {
                    return None;
                }
                sleep(Duration::from_millis(4)).await;
            }
        });
        let what = match status.await {
            Ok(None) => return Ok(()),
            Ok(Some(status)) => status.to_string(),
            Err(_) => format!("not ready after {} s", START_TIMEOUT.as_secs()),
        };
        let log = fs::read(folder.log()).unwrap_or_default();
        Err(Failure::Postgres {
            version: request.version.clone(),
            what,
            log: last_lines(&String::from_utf8_lossy(&log)),
        })
    }

    /// Waits until the server has ended, which it does by itself only if it
    /// fails or somebody else stops it.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        self.process.wait().await.ok()
    }

    /// Stops the server within two seconds.
    pub(super) async fn stop(self) {
        self.stop_by(STOP).await;
    }

    /// Stops the server without haste; whether its data is in good order.
    pub(super) async fn stop_well(self) -> bool {
        self.stop_by(STOP_WELL).await
    }

    async fn stop_by(mut self, signals: [(Signal, Duration); 3]) -> bool {
        let Ok(pid) = i32::try_from(self.pid) else {
            return false;
        };
        for (signal, patience) in signals {
            // Not waited for means that the pid is still its own.
            if !matches!(self.process.try_wait(), Ok(None)) {
                return false;
            }
            let _ = kill(Pid::from_raw(pid), signal);
            if let Ok(ended) = timeout(patience, self.process.wait()).await {
                return signal == Signal::SIGINT && ended.is_ok_and(|status| status.success());
            }
        }
        false
    }
}

/// On the command line, where no value needs quoting for the server, and where
/// neither `postgresql.conf` nor ALTER SYSTEM overrides it.
fn settings(folder: &Folder, request: &Request) -> Vec<String> {
    let own = [
        // Nothing in it outlives this run, so a crash of the machine is no loss.
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    // The value is a list of names: in quotes a comma or space is no separator.
    let socket_dir = folder::socket_dir(folder.path());
    let socket_dir = socket_dir.to_string_lossy().replace('"', "\"\"");
    let own = own.iter().map(|(name, value)| format!("{name}={value}"));
    let users = request
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let reserved = [
        format!("port={}", folder::PORT),
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories=\"{socket_dir}\""),
        "unix_socket_permissions=0700".to_owned(),
    ];
    let all = own.chain(users).chain(reserved);
    all.flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// Whether the postmaster `pid` says so itself: line 8 of `postmaster.pid`,
/// which `pg_ctl` reads as well (`LOCK_FILE_LINE_PM_STATUS`, since version 10).
/// One that was killed leaves its file, so the pid counts too.
pub(super) fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let line = |number| text.lines().nth(number).map(str::trim);
    line(7) == Some("ready") && line(0) == Some(&pid.to_string())
}
