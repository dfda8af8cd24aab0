//! A run of the program that the test can watch, signal and kill.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::project::{Project, Run};
use super::wait::{PATIENCE, wait_until};

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Background<'a> {
    project: &'a Project,
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

/// What came so far, and the thread that reads on.
#[derive(Debug)]
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl<'a> Background<'a> {
    pub(super) fn spawn(project: &'a Project, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        Self {
            project,
            stdout: Stream::new(child.stdout.take().expect("piped")),
            stderr: Stream::new(child.stderr.take().expect("piped")),
            child,
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, for example `Signal::SIGTERM`.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("not waited for yet");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// `SIGSTOP`: it does nothing more until [`Background::resume`].
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// `SIGCONT`.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_some()
    }

    /// A text as its project redacts it.
    pub fn redacted(&self, text: &str) -> String {
        self.project.redacted(text)
    }

    /// Standard output so far, redacted.
    pub fn stdout(&self) -> String {
        self.project.redacted(&self.stdout.text())
    }

    /// Standard error so far, redacted.
    pub fn stderr(&self) -> String {
        self.project.redacted(&self.stderr.text())
    }

    /// Waits until standard output contains `text`.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) -> &Self {
        wait_until(&format!("`{text}` on stdout"), || {
            self.stdout().contains(text)
        });
        self
    }

    /// Waits until standard error contains `text`.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str) -> &Self {
        wait_until(&format!("`{text}` on stderr"), || {
            self.stderr().contains(text)
        });
        self
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Run {
        self.wait_within(PATIENCE)
    }

    /// The same, for one that has much to do.
    #[track_caller]
    pub fn wait_within(mut self, patience: Duration) -> Run {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "waited {patience:?} for the program to end; it says:\n{}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        self.project.run(status, &stdout, &stderr)
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // Fails if it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stream {
    fn new(mut source: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                written
                    .lock()
                    .expect("not poisoned")
                    .extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("not poisoned")).into_owned()
    }

    /// All of it, after the program's end.
    fn rest(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        self.text.lock().expect("not poisoned").clone()
    }
}
