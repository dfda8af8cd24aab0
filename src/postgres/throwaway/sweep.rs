//! Removes what dead supervisors left: the folder and a server that runs on.
//!
//! A folder is touched only if it is named like a server folder, belongs to
//! this user, holds nothing foreign, and its lock is free.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use super::folder;

/// Sweeps all of `bases`; what cannot be swept is left for the next time.
pub(super) fn sweep(bases: &[PathBuf]) {
    for base in bases {
        let Ok(entries) = fs::read_dir(base) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(folder::is_name) {
                sweep_folder(&entry.path());
            }
        }
    }
}

/// Sweeps one folder if nobody uses it.
pub(super) fn sweep_folder(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() || !has_only_ours(path) {
        return;
    }
    let Ok(lock) = File::open(path.join("lock")) else {
        // Without a lock file it was left just after it was made; only an
        // empty folder is removed by this, and its maker copes.
        let _ = fs::remove_dir(path);
        return;
    };
    if lock.try_lock().is_err() {
        return;
    }
    stop_orphan(&path.join("data"));
    folder::remove(path);
}

fn has_only_ours(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|entries| {
        entries.flatten().all(|entry| {
            let name = entry.file_name();
            folder::ENTRIES.iter().any(|ours| name == *ours)
        })
    })
}

/// Stops the postmaster of `data` that has lost its supervisor.
pub(super) fn stop_orphan(data: &Path) {
    let Some(pid) = postmaster_pid(data) else {
        return;
    };
    for (signal, patience) in [
        (Signal::SIGQUIT, Duration::from_secs(1)),
        (Signal::SIGKILL, Duration::from_secs(1)),
    ] {
        // Looked at anew before each signal: pids are used again.
        if !is_postmaster(pid, data) || kill(pid, signal).is_err() {
            return;
        }
        let deadline = Instant::now() + patience;
        while is_postmaster(pid, data) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// First line of `postmaster.pid`, if it is of this data directory.
pub(super) fn postmaster_pid(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}

/// Whether process `pid` is the postmaster of `data`, which works in it; a
/// process that has ended but was not waited for is not.
#[cfg(target_os = "linux")]
fn is_postmaster(pid: Pid, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    fs::read_link(process.join("cwd"))
        .is_ok_and(|cwd| data.canonicalize().is_ok_and(|data| cwd == data))
}

/// Whether process `pid` is the postmaster of `data`, by its command line.
#[cfg(not(target_os = "linux"))]
fn is_postmaster(pid: Pid, data: &Path) -> bool {
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output();
    let expected = format!("-D {}", data.display());
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&expected))
}
