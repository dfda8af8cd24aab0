//! A program that keeps its sessions while the schema changes below it: it is
//! asked by the name of a state, and answers `ok` or `not ok WHY`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::program::{self, Bounded, Ended, Group, Program};
use crate::apply::{Interrupt, human};
use crate::matrix::answer::Answer;

/// Bytes of a line that are kept together.
const LINE_MAX: usize = 8 * 1024;

/// How long after its last answer a program may take to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What is expected of it, for people.
const PROTOCOL: &str = "`ok` or `not ok WHY` (docs/compat.md)";

/// One under way.
pub(super) struct Kept {
    child: Child,
    group: Group,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// A line of which the end has not come.
    line: Vec<u8>,
    log: File,
    _bounded: Bounded,
    timeout: Duration,
}

/// What comes from its standard output.
enum Read {
    Line(String),
    Closed,
}

impl Kept {
    /// Starts it.
    ///
    /// # Errors
    /// Why it could not be started, a line.
    pub(super) fn start(program: &Program, log: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("`sh` cannot be run: {error}");
        let mut child = program
            .start(log, Stdio::piped(), Some(Stdio::piped()))
            .map_err(failed)?;
        let bounded = Bounded::new(log);
        let log = File::options().append(true).open(log).map_err(failed)?;
        let stdout = child.stdout.take().expect("it is a pipe");
        Ok(Self {
            group: Group::of(&child),
            stdin: child.stdin.take(),
            stdout: BufReader::with_capacity(LINE_MAX, stdout),
            line: Vec::new(),
            child,
            log,
            _bounded: bounded,
            timeout: program.timeout,
        })
    }

    /// Asks whether it works in `state`, in which its database is now.
    pub(super) async fn ask(&mut self, state: &str, interrupt: &Interrupt) -> Ended {
        let deadline = Instant::now() + self.timeout;
        if let Some(stray) = self.stray(state).await {
            return Ended::Failed(stray);
        }
        let question = format!("{state}\n");
        let asked = match &mut self.stdin {
            Some(stdin) => {
                let asking = async {
                    stdin.write_all(question.as_bytes()).await?;
                    stdin.flush().await
                };
                tokio::time::timeout_at(deadline, asking).await
            }
            None => Ok(Ok(())),
        };
        if asked.is_err() {
            return Ended::TimedOut(self.too_long());
        }
        // If that was not read, it has ended, and its end says why.
        loop {
            let read = tokio::select! {
                read = self.read() => read,
                () = tokio::time::sleep_until(deadline) => {
                    return Ended::TimedOut(self.too_long());
                }
                signal = interrupt.first() => return Ended::Interrupted(signal),
            };
            let Read::Line(line) = read else {
                return self.ended_early().await;
            };
            match Answer::parse(&line, state) {
                None => {}
                Some(Answer::Ok) => return Ended::Passed,
                Some(Answer::NotOk(why)) => {
                    return Ended::Failed(why.unwrap_or_else(|| "it said `not ok`".to_owned()));
                }
                Some(Answer::Other(about)) => {
                    return Ended::Failed(format!(
                        "it said `ok {about}`, and was asked about `{state}`"
                    ));
                }
            }
        }
    }

    /// Lets it end.
    pub(super) async fn end(mut self) {
        drop(self.stdin.take());
        let ending = async {
            while let Read::Line(_) = self.read().await {}
            let _ = self.child.wait().await;
        };
        let _ = tokio::time::timeout(END_WITHIN, ending).await;
        program::end(&mut self.child, self.group).await;
    }

    fn too_long(&self) -> String {
        format!(
            "it did not answer {PROTOCOL} within {}; `timeout` of [compat] sets how long",
            human(&self.timeout)
        )
    }

    /// What it has said without having been asked.
    async fn stray(&mut self, state: &str) -> Option<String> {
        loop {
            let read = tokio::time::timeout(Duration::ZERO, self.read()).await;
            let Ok(Read::Line(line)) = read else {
                return None;
            };
            if Answer::parse(&line, state).is_some() {
                return Some(format!(
                    "it said `{}` before it was asked about `{state}`",
                    line.trim_end()
                ));
            }
        }
    }

    /// What became of a program that will say nothing more.
    async fn ended_early(&mut self) -> Ended {
        let ended = tokio::time::timeout(END_WITHIN, self.child.wait()).await;
        let Ok(status) = ended else {
            let why = format!("it closed its standard output and did not answer {PROTOCOL}");
            return Ended::Failed(why);
        };
        match program::judge(status) {
            Ended::Passed => Ended::Failed(format!("it ended and did not answer {PROTOCOL}")),
            Ended::Failed(why) => {
                Ended::Failed(format!("it ended and did not answer {PROTOCOL}: {why}"))
            }
            other => other,
        }
    }

    /// The next line, which also goes into the log. May be dropped at any time
    /// and called again.
    async fn read(&mut self) -> Read {
        loop {
            let Ok(chunk) = self.stdout.fill_buf().await else {
                return Read::Closed;
            };
            if chunk.is_empty() {
                if self.line.is_empty() {
                    return Read::Closed;
                }
                return self.take();
            }
            let room = LINE_MAX - self.line.len();
            let (taken, is_whole) = match memchr::memchr(b'\n', chunk) {
                Some(end) if end <= room => (end, true),
                _ => (chunk.len().min(room), false),
            };
            self.line.extend_from_slice(&chunk[..taken]);
            self.stdout.consume(taken + usize::from(is_whole));
            if is_whole || self.line.len() == LINE_MAX {
                return self.take();
            }
        }
    }

    fn take(&mut self) -> Read {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line).into_owned();
        // A log that is cut short is no reason to fail a test.
        let _ = writeln!(self.log, "{line}");
        Read::Line(line)
    }
}
