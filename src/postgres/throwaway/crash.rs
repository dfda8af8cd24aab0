//! Ends a throwaway server, or one of its processes, as no client could: for
//! those who want to see what comes of it.
//!
//! The server has to be started with [`Options::restarts`](super::Options), or
//! a crash is its end.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::sleep;

use super::Throwaway;
use super::account::Account;
use super::postmaster::is_ready;
use super::sweep::postmaster_pid;

/// How a whole server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Immediate shutdown, as by `pg_ctl stop -m immediate`.
    Immediate,
    /// `kill -9` of the postmaster and all its processes, as when the machine
    /// loses power; what was written stays written, though.
    Kill,
}

/// What could not be done to a server.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    /// Its postmaster's pid is not known, or a signal could not be sent.
    #[error("the throwaway server could not be stopped: {0}")]
    Signal(String),
    /// It was not there again in time.
    #[error("the throwaway server was not up again {} s after it was stopped; the end of its log:\n{log}", RESTART_TIMEOUT.as_secs())]
    NotUp {
        /// For people.
        log: String,
    },
    /// `prlimit` could not be run.
    #[error("`prlimit` of util-linux could not be run: {0}")]
    Limit(String),
}

/// Recovery of a small cluster takes some tenths of a second.
const RESTART_TIMEOUT: Duration = Duration::from_mins(1);

impl Throwaway {
    /// Ends the server and returns when it accepts connections again.
    ///
    /// # Errors
    /// See [`CrashError`].
    pub async fn crash(&self, how: Crash) -> Result<(), CrashError> {
        let data = self.folder.join("data");
        let pid = postmaster_pid(&data)
            .ok_or_else(|| CrashError::Signal("it has no `postmaster.pid`".to_owned()))?;
        let before = pid.as_raw().unsigned_abs();
        match how {
            Crash::Immediate => signal(pid, Signal::SIGQUIT)?,
            Crash::Kill => {
                // Before their parent is gone: afterwards they are nobody's.
                let children = children(before).await;
                signal(pid, Signal::SIGKILL)?;
                for child in children {
                    // It may have ended meanwhile.
                    let _ = kill(child, Signal::SIGKILL);
                }
            }
        }
        let deadline = Instant::now() + RESTART_TIMEOUT;
        while Instant::now() < deadline {
            let now = postmaster_pid(&data).map(|pid| pid.as_raw().unsigned_abs());
            if now.is_some_and(|now| now != before && is_ready(&data, now)) {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Err(CrashError::NotUp { log: self.log() })
    }

    /// `kill -9` of one of the server's processes, as the kernel does that runs
    /// out of memory: the postmaster ends all the others and recovers. Nothing
    /// happens if the process has ended, or is another server's.
    ///
    /// # Errors
    /// See [`CrashError`].
    pub async fn kill_backend(&self, pid: i32) -> Result<(), CrashError> {
        let backend = Pid::from_raw(pid);
        if self.has(backend).await {
            signal(backend, Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// Lets one of the server's processes write nothing beyond what its files
    /// have at their beginning, so that the disk is full as far as it can see:
    /// tables do not grow, and the write-ahead log cannot be written.
    ///
    /// # Errors
    /// See [`CrashError`].
    pub async fn fill_disk(&self, pid: i32) -> Result<(), CrashError> {
        if !self.has(Pid::from_raw(pid)).await {
            return Ok(());
        }
        // As the server's user: root in a container may not change the limits of
        // another one's process.
        let account =
            Account::unprivileged().map_err(|failure| CrashError::Limit(failure.to_string()))?;
        let prlimit = account.command(Path::new("prlimit"), &self.folder.join("data"));
        let status = Command::from(prlimit)
            .args(["--fsize=0:0", "--pid", &pid.to_string()])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .await;
        match status {
            Ok(status) if status.success() => Ok(()),
            // It has ended meanwhile.
            Ok(_) if !self.has(Pid::from_raw(pid)).await => Ok(()),
            Ok(status) => Err(CrashError::Limit(status.to_string())),
            Err(error) => Err(CrashError::Limit(error.to_string())),
        }
    }

    /// Whether a disk can be full here: Linux alone has `prlimit`.
    pub async fn can_fill_disk() -> bool {
        let mut prlimit = Command::new("prlimit");
        prlimit.arg("--version").stdin(std::process::Stdio::null());
        let output = prlimit.output().await;
        output.is_ok_and(|output| output.status.success())
    }

    /// The end of the server's log, for people.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        super::template::last_lines(&String::from_utf8_lossy(&log))
    }

    /// Whether a process is the running server's.
    async fn has(&self, pid: Pid) -> bool {
        let Some(postmaster) = postmaster_pid(&self.folder.join("data")) else {
            return false;
        };
        let children = children(postmaster.as_raw().unsigned_abs()).await;
        children.contains(&pid)
    }
}

fn signal(pid: Pid, signal: Signal) -> Result<(), CrashError> {
    kill(pid, signal).map_err(|error| CrashError::Signal(error.to_string()))
}

/// The processes that `parent` has started.
async fn children(parent: u32) -> Vec<Pid> {
    if cfg!(target_os = "linux") {
        return linux_children(Path::new("/proc"), parent);
    }
    let mut ps = Command::new("ps");
    ps.args(["-A", "-o", "pid=,ppid="]);
    let output = ps.output().await.map(|output| output.stdout);
    let output = output.unwrap_or_default();
    let pairs = String::from_utf8_lossy(&output);
    let pairs = pairs.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let pid: i32 = words.next()?.parse().ok()?;
        (words.next()?.parse() == Ok(parent)).then(|| Pid::from_raw(pid))
    });
    pairs.collect()
}

/// By the field after the state in `/proc/PID/stat`; the name before it, in
/// parentheses, may hold anything.
fn linux_children(proc: &Path, parent: u32) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir(proc) else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let of = fields.split(' ').nth(1)?;
        (of.parse() == Ok(parent)).then(|| Pid::from_raw(pid))
    });
    pids.collect()
}
