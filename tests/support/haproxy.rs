//! HAProxy, as a test configures it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wait::wait_until;

/// A running HAProxy; ended when dropped.
#[derive(Debug)]
pub struct HaProxy {
    child: Child,
    folder: TempDir,
}

impl HaProxy {
    /// With these sections, `frontend` and `backend`, after `global` and
    /// `defaults` for HTTP.
    pub fn start(sections: &str) -> Self {
        let text = format!(
            "global\n    stats socket /run/haproxy/admin.sock mode 600 level admin\n\
             defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
             timeout server 30s\n\n{sections}"
        );
        Self::configured(&text, &[])
    }

    /// With a whole configuration, whose socket is `/run/haproxy/admin.sock`,
    /// and other files of `/etc/haproxy`: name and text. A folder of the test's
    /// takes the place of both.
    pub fn configured(text: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("segue-haproxy-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let at = folder.path().display().to_string();
        let text = text
            .replace("/run/haproxy", &at)
            .replace("/etc/haproxy", &at);
        for (name, text) in [("haproxy.cfg", text.as_str())].iter().chain(files) {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let child = run(folder.path());
        let mut haproxy = Self { child, folder };
        haproxy.wait();
        haproxy
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("not waited for yet");
        self.child.wait().expect("a status");
    }

    /// Starts it anew; it remembers nothing.
    pub fn start_again(&mut self) {
        self.child = run(self.folder.path());
        self.wait();
    }

    fn wait(&mut self) {
        wait_until("HAProxy to start", || {
            let ended = self.child.try_wait().expect("a status");
            assert!(ended.is_none(), "{}", self.log());
            self.try_command("show info").is_some()
        });
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a command of its runtime API.
    #[track_caller]
    pub fn command(&self, command: &str) -> String {
        self.try_command(command).expect("HAProxy answers")
    }

    fn try_command(&self, command: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.folder.path().join("admin.sock")).ok()?;
        stream.write_all(format!("{command}\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// A column of `show stat`, `status` for example, of a backend's server.
    #[track_caller]
    pub fn stat(&self, backend: &str, server: &str, column: &str) -> String {
        let table = self.command("show stat");
        let mut lines = table.lines();
        let head = lines.next().expect("a head").trim_start_matches("# ");
        let at = head.split(',').position(|name| name == column);
        let at = at.unwrap_or_else(|| panic!("no column {column} in {head}"));
        let line = lines.find(|line| line.starts_with(&format!("{backend},{server},")));
        let line = line.unwrap_or_else(|| panic!("no {backend}/{server} in {table}"));
        line.split(',').nth(at).expect("as many columns").to_owned()
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program with the configuration in this folder.
fn run(folder: &Path) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a file");
    Command::new(program())
        // In the foreground.
        .arg("-db")
        .arg("-f")
        .arg(folder.join("haproxy.cfg"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `scripts/setup` installs it",
                program().display()
            )
        })
}

/// Debian keeps it out of an ordinary user's PATH.
fn program() -> PathBuf {
    let sbin = Path::new("/usr/sbin/haproxy");
    if sbin.exists() {
        sbin.to_owned()
    } else {
        PathBuf::from("haproxy")
    }
}
