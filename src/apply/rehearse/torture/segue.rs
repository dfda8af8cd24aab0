//! `segue up` as a process of its own, so that it can be killed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How `segue up` is run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The segue program.
    pub path: PathBuf,
    /// All arguments but the database's.
    pub arguments: Vec<OsString>,
    /// Variables of the environment that are about other servers.
    pub unset: Vec<String>,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Segue {
    child: Child,
    said: tokio::task::JoinHandle<Vec<String>>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The last lines that it said.
    pub(super) said: String,
}

/// Lines that are kept of what it says.
const LINES_MAX: usize = 15;

impl Program {
    pub(super) fn start(&self, url: &str) -> std::io::Result<Segue> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .args(["--database-url", url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for variable in &self.unset {
            command.env_remove(variable);
        }
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().expect("it is piped");
        let said = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            let mut last = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if last.len() == LINES_MAX {
                    last.remove(0);
                }
                last.push(line);
            }
            last
        });
        Ok(Segue { child, said })
    }
}

impl Segue {
    /// `kill -9`, and waits until the kernel has closed its sockets.
    pub(super) async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    /// Waits until it has ended by itself or was killed.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// How it ended, once it has.
    pub(super) async fn ended(self, status: ExitStatus) -> Ended {
        let said = self.said.await.unwrap_or_default().join("\n");
        Ended { status, said }
    }
}
