//! A test of the user's: `sh -c` in its folder, with the state's connection in
//! its environment, its output in a file, its time limited.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{self, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::apply::{Interrupt, Signal, human};

/// From SIGTERM to SIGKILL.
const TERM_WITHIN: Duration = Duration::from_secs(5);

/// Of a log so much is read for its last lines.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// A log that is longer loses its middle.
const LOG_MAX: u64 = 16 * 1024 * 1024;

/// What stays of its beginning and of its end.
const LOG_KEPT: u64 = 2 * 1024 * 1024;

/// Between two looks how long it is.
const LOG_LOOK: Duration = Duration::from_millis(200);

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// For `sh -c`.
    pub line: String,
    /// Where.
    pub folder: PathBuf,
    /// Beside our own environment; what has no value is taken away.
    pub environment: Vec<(&'static str, Option<String>)>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Exit status 0.
    Passed,
    /// Why not, a line.
    Failed(String),
    /// It did not end in time, a line.
    TimedOut(String),
    /// The shell could not run it, a line.
    NotRun(String),
    /// The user ended the command.
    Interrupted(Signal),
}

impl Program {
    /// Starts it; what it prints goes to `log`, from its beginning.
    ///
    /// # Errors
    /// Without a shell or a place for the log.
    pub(super) fn start(
        &self,
        log: &Path,
        stdin: Stdio,
        stdout: Option<Stdio>,
    ) -> io::Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .and_then(|file| file.set_len(0).map(|()| file))?;
        let stdout = match stdout {
            Some(stdout) => stdout,
            None => log.try_clone()?.into(),
        };
        let mut command = Command::new("sh");
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .arg("-c")
            .arg(&self.line)
            .current_dir(&self.folder)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(log)
            // Ctrl-C is for us to hear, and what it starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Runs it to its end.
    pub(super) async fn run(&self, log: &Path, interrupt: &Interrupt) -> Ended {
        let mut child = match self.start(log, Stdio::null(), None) {
            Ok(child) => child,
            Err(error) => return Ended::NotRun(format!("`sh` cannot be run: {error}")),
        };
        let group = Group::of(&child);
        let _bounded = Bounded::new(log);
        let ended = tokio::select! {
            status = child.wait() => judge(status),
            () = tokio::time::sleep(self.timeout) => Ended::TimedOut(too_long(self.timeout)),
            signal = interrupt.first() => Ended::Interrupted(signal),
        };
        end(&mut child, group).await;
        ended
    }
}

/// Keeps a log short as long as this is there, and at its end.
#[derive(Debug)]
pub(super) struct Bounded {
    log: PathBuf,
    looking: tokio::task::JoinHandle<()>,
}

impl Bounded {
    pub(super) fn new(log: &Path) -> Self {
        let log = log.to_owned();
        let looked_at = log.clone();
        let looking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOG_LOOK).await;
                let _ = shorten(&looked_at, LOG_MAX, LOG_KEPT);
            }
        });
        Self { log, looking }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        self.looking.abort();
        let _ = shorten(&self.log, LOG_MAX, LOG_KEPT);
    }
}

/// Takes the middle out of a log that is longer than `max`. Whoever writes to
/// it appends, so that goes on at the new end.
fn shorten(log: &Path, max: u64, kept: u64) -> io::Result<()> {
    let mut file = File::options().read(true).append(true).open(log)?;
    let length = file.metadata()?.len();
    if length <= max {
        return Ok(());
    }
    let mut end = Vec::new();
    file.seek(io::SeekFrom::Start(length - kept))?;
    Read::by_ref(&mut file).take(kept).read_to_end(&mut end)?;
    file.set_len(kept)?;
    file.write_all(b"\n[segue: more was printed here than is kept]\n")?;
    file.write_all(&end)
}

/// That it was ended because of its time.
pub(super) fn too_long(timeout: Duration) -> String {
    format!(
        "it did not end within {}; `timeout` of [compat] sets how long",
        human(&timeout)
    )
}

/// The processes that a program has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// That of a child which has just been started.
    pub(super) fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Self(pid.map(Pid::from_raw))
    }

    fn signal(self, signal: signal::Signal) {
        if let Some(group) = self.0 {
            // There may be none left.
            let _ = killpg(group, signal);
        }
    }
}

/// Ends a program, if it has not ended yet, and whatever it has left behind:
/// connections of those would be in the way.
pub(super) async fn end(child: &mut Child, group: Group) {
    if matches!(child.try_wait(), Ok(None)) {
        group.signal(signal::SIGTERM);
        let deadline = Instant::now() + TERM_WITHIN;
        if tokio::time::timeout_at(deadline, child.wait())
            .await
            .is_err()
        {
            group.signal(signal::SIGKILL);
            let _ = child.wait().await;
        }
    }
    group.signal(signal::SIGKILL);
}

/// What an exit status says. Shells have two for what they cannot run: nothing
/// was tested then.
pub(super) fn judge(status: io::Result<ExitStatus>) -> Ended {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Ended::NotRun(format!("its end was not seen: {error}")),
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ended::Passed,
        (Some(127), _) => Ended::NotRun("exit status 127, a program is not found".to_owned()),
        (Some(126), _) => Ended::NotRun("exit status 126, a program cannot be run".to_owned()),
        (Some(code), _) => Ended::Failed(format!("exit status {code}")),
        (None, Some(signal)) => Ended::Failed(format!("ended by signal {signal}")),
        (None, None) => Ended::Failed("it ended without a status".to_owned()),
    }
}

/// The last lines of a log, at most `lines_max`.
pub(super) fn tail(log: &Path, lines_max: usize) -> Vec<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(io::SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // A log that cannot be read shows nothing.
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(lines_max);
    let lines = lines[from..].iter();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let lines: Vec<String> = (1..=100).map(|number| format!("line {number}")).collect();
        std::fs::write(&log, lines.join("\n") + "\n").expect("written");
        assert_eq!(tail(&log, 30), lines[70..]);
        std::fs::write(&log, "one\r\n\u{0}\n").expect("written");
        assert_eq!(tail(&log, 30), ["one", "\u{0}"]);
        assert!(tail(&folder.path().join("none"), 30).is_empty());
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut writer = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("made");
        writer.write_all(b"begin 0123456789 end").expect("written");
        shorten(&log, 20, 5).expect("looked at");
        let read = || std::fs::read_to_string(&log).expect("text");
        assert_eq!(read(), "begin 0123456789 end");
        shorten(&log, 19, 5).expect("shortened");
        writer.write_all(b"\nmore").expect("written");
        assert_eq!(
            read(),
            "begin\n[segue: more was printed here than is kept]\n9 end\nmore"
        );
    }
}
