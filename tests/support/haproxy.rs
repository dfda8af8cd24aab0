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
        let folder = tempfile::Builder::new()
            .prefix("segue-haproxy-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let at = folder.path().display();
        let text = format!(
            "global\n    stats socket {at}/admin.sock mode 600 level admin\n\
             defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
             timeout server 30s\n\n{sections}"
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, text).expect("a file");
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(program())
            // In the foreground.
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {error}; `scripts/setup` installs it",
                    program().display()
                )
            });
        let mut haproxy = Self { child, folder };
        wait_until("HAProxy to start", || {
            let ended = haproxy.child.try_wait().expect("a status");
            assert!(ended.is_none(), "{}", haproxy.log());
            haproxy.try_command("show info").is_some()
        });
        haproxy
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

/// Debian keeps it out of an ordinary user's PATH.
fn program() -> PathBuf {
    let sbin = Path::new("/usr/sbin/haproxy");
    if sbin.exists() {
        sbin.to_owned()
    } else {
        PathBuf::from("haproxy")
    }
}
