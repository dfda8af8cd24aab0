//! One command: its shell, what it prints, how long it may take.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc::Sender;

use super::{Stream, Told, What};
use crate::apply::{Interrupt, human};
use crate::readiness::Goal;

/// A command to be run.
pub(super) struct Command {
    /// Whose.
    pub goal: Goal,
    /// For `sh -c`.
    pub line: String,
    /// Beside our own environment.
    pub environment: Vec<(&'static str, String)>,
    /// How long it may take.
    pub timeout: Duration,
    /// A second signal ends it.
    pub interrupt: Interrupt,
}

/// From SIGTERM to SIGKILL.
const TERM_WITHIN: Duration = Duration::from_secs(5);

/// How long after the shell's end its output is read on: what it has started
/// and left behind may keep the pipe open for ever.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Bytes of a line that are kept together.
const LINE_MAX: usize = 8 * 1024;

impl Command {
    /// Runs it to its end, telling what it prints and, last, its end. That
    /// nobody listens any more ends it too.
    pub(super) async fn run(self, lines: Sender<Told>) {
        let began = Instant::now();
        let failure = match self.spawn() {
            Ok(child) => self.follow(child, &lines).await.err(),
            Err(error) => Some(format!("`sh` cannot be run: {error}")),
        };
        let what = What::Ended {
            duration: began.elapsed(),
            failure,
            again: None,
        };
        let goal = self.goal;
        // Nobody is left whom it would concern.
        let _ = lines.send(Told { goal, what }).await;
    }

    fn spawn(&self) -> std::io::Result<Child> {
        tokio::process::Command::new("sh")
            .arg("-c")
            .arg(&self.line)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us to hear, and what it starts can be ended with it.
            .process_group(0)
            .spawn()
    }

    async fn follow(&self, mut child: Child, lines: &Sender<Told>) -> Result<(), String> {
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        let group = group.map(Pid::from_raw);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let relaying = async {
            tokio::join!(
                self.relay(stdout, Stream::Out, lines),
                self.relay(stderr, Stream::Err, lines),
            )
        };
        let mut relaying = std::pin::pin!(relaying);
        let mut is_relayed = false;
        let mut ended_by: Option<String> = None;
        let mut deadline = tokio::time::Instant::now() + self.timeout;
        let mut signal = Signal::SIGTERM;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                _ = &mut relaying, if !is_relayed => is_relayed = true,
                () = tokio::time::sleep_until(deadline) => {
                    ended_by.get_or_insert_with(|| {
                        let timeout = human(&self.timeout);
                        format!("it did not end within {timeout}; `--hook-timeout` sets how long")
                    });
                    end(group, signal);
                    signal = Signal::SIGKILL;
                    deadline = tokio::time::Instant::now() + TERM_WITHIN;
                }
                _ = self.interrupt.second(), if ended_by.is_none() => {
                    ended_by = Some("a second signal ended it".to_owned());
                    end(group, signal);
                    signal = Signal::SIGKILL;
                    deadline = tokio::time::Instant::now() + TERM_WITHIN;
                }
            }
        };
        if !is_relayed {
            let _ = tokio::time::timeout(DRAIN_WITHIN, relaying).await;
        }
        if let Some(reason) = ended_by {
            // What it started, if the shell alone has heard the first signal.
            end(group, Signal::SIGKILL);
            return Err(reason);
        }
        judge(status)
    }

    /// Tells each line until the stream ends.
    async fn relay(
        &self,
        stream: Option<impl AsyncRead + Unpin>,
        which: Stream,
        lines: &Sender<Told>,
    ) {
        let Some(stream) = stream else { return };
        let mut reader = BufReader::with_capacity(LINE_MAX, stream);
        let mut line = Vec::new();
        loop {
            let Ok(chunk) = reader.fill_buf().await else {
                return;
            };
            if chunk.is_empty() {
                if !line.is_empty() {
                    self.tell(&line, which, lines).await;
                }
                return;
            }
            let room = LINE_MAX - line.len();
            let (taken, is_whole) = match memchr::memchr(b'\n', chunk) {
                Some(end) if end <= room => (end, true),
                _ => (chunk.len().min(room), false),
            };
            line.extend_from_slice(&chunk[..taken]);
            reader.consume(taken + usize::from(is_whole));
            if is_whole || line.len() == LINE_MAX {
                self.tell(&line, which, lines).await;
                line.clear();
            }
        }
    }

    async fn tell(&self, line: &[u8], stream: Stream, lines: &Sender<Told>) {
        let text = String::from_utf8_lossy(line);
        let what = What::Output {
            stream,
            line: text.trim_end_matches('\r').to_owned(),
        };
        let goal = self.goal;
        // Reading on keeps the command from being held up.
        let _ = lines.send(Told { goal, what }).await;
    }
}

/// Signals all processes of the group.
fn end(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // There may be none left.
        let _ = killpg(group, signal);
    }
}

fn judge(status: std::io::Result<ExitStatus>) -> Result<(), String> {
    let status = status.map_err(|error| format!("its end was not seen: {error}"))?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(format!("exit status {code}")),
        (None, Some(signal)) => Err(format!("ended by signal {signal}")),
        (None, None) => Err("it ended without a status".to_owned()),
    }
}
