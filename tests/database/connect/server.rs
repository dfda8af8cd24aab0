//! A private server with its own TLS and `pg_hba.conf`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::certificates::Certificates;

/// A running server, stopped when dropped.
pub struct Server {
    pub port: u16,
    folder: tempfile::TempDir,
}

/// A program of the server that the other tests use, too.
fn bin(program: &str) -> PathBuf {
    let bin = std::env::var_os("SEGUE_TEST_PG_BIN");
    let newest = || {
        let options = segue::postgres::throwaway::Options::default();
        let servers = segue::postgres::throwaway::find_servers(&options);
        let newest = servers.into_iter().next();
        newest
            .expect("no PostgreSQL server binaries: run scripts/setup")
            .bin
    };
    bin.map_or_else(newest, PathBuf::from).join(program)
}

/// The program, as `postgres` where the tests run as root, which it refuses.
fn command(program: &str, folder: &Path) -> Command {
    let root = fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ]);
        command.arg(bin(program));
        command
    } else {
        Command::new(bin(program))
    };
    command
        .current_dir(folder)
        .env_remove("PGDATA")
        .stdin(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .expect("the server's programs are installed");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}

impl Server {
    /// Starts a server that listens on loopback and on a socket in its folder.
    pub fn start(hba: &str, certificates: Option<&Certificates>) -> Self {
        let server = Self::prepare(hba, certificates);
        server.control("start");
        server
    }

    /// A server that is ready to be started.
    pub fn prepare(hba: &str, certificates: Option<&Certificates>) -> Self {
        let server = Self::folder();
        run(command("initdb", server.path()).args([
            "--pgdata=data",
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]));
        let mut settings = String::new();
        if let Some(certificates) = certificates {
            server.write("data/server.crt", &certificates.server, 0o600);
            server.write("data/server.key", &certificates.server_key, 0o600);
            server.write("data/ca.crt", &certificates.authority, 0o600);
            settings.push_str("ssl = on\nssl_ca_file = 'ca.crt'\n");
        }
        server.configure(&settings);
        server.write("data/pg_hba.conf", hba, 0o600);
        server
    }

    fn folder() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("segue-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let server = Self {
            port: free_port(),
            folder,
        };
        fs::set_permissions(server.path(), fs::Permissions::from_mode(0o755)).expect("our folder");
        Self::give_away(server.path());
        server
    }

    fn configure(&self, settings: &str) {
        let conf = self.path().join("data/postgresql.auto.conf");
        let all = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\n\
             max_wal_senders = 2\nlc_messages = 'C'\n{settings}",
            self.port,
            self.path().display()
        );
        fs::write(conf, all).expect("the server's configuration");
    }

    /// A standby of this server, started; with `hot_standby` off it lets nobody
    /// in, by the same SQLSTATE as a server that is starting.
    pub fn standby(&self, hot_standby: &str) -> Self {
        let standby = Self::folder();
        // A copy of the stopped server: not every set of binaries has
        // pg_basebackup, and it refuses newer servers.
        run(command("pg_ctl", self.path()).args(["stop", "--pgdata=data", "--mode=fast"]));
        run(Command::new("cp")
            .arg("-a")
            .arg(self.path().join("data"))
            .arg(standby.path()));
        self.control("start");
        standby.configure(&format!(
            "hot_standby = {hot_standby}\nprimary_conninfo = 'host={} port={} user=postgres'\n",
            self.path().display(),
            self.port
        ));
        standby.write("data/standby.signal", "", 0o600);
        standby.control("start");
        standby
    }

    /// `pg_ctl start`, waiting until it accepts connections, or `stop`.
    pub fn control(&self, action: &str) {
        // The server keeps the pipe of its standard error: hand it a file.
        let log = fs::File::create(self.path().join("control.log")).expect("a log");
        let status = command("pg_ctl", self.path())
            .args([action, "--pgdata=data", "--log=log", "--wait"])
            .args(if action == "stop" {
                &["--mode=immediate"][..]
            } else {
                &[]
            })
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .status()
            .expect("pg_ctl runs");
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        assert!(status.success(), "pg_ctl {action}: {log}");
    }

    /// Writes a file into the server's folder and gives it to the server.
    pub fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("our folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our file");
        Self::give_away(&path);
        path
    }

    fn give_away(path: &Path) {
        let owner = fs::metadata("/proc/self").expect("/proc");
        if owner.uid() == 0 {
            let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
            let ids = passwd.lines().find_map(|line| {
                let mut fields = line.strip_prefix("postgres:x:")?.split(':');
                Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
            });
            let (user, group) = ids.expect("a user called postgres");
            chown(path, Some(user), Some(group)).expect("root may");
        }
    }

    /// The folder of the server, in which its socket is, too.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A connection string over the socket.
    pub fn socket(&self, user: &str) -> String {
        format!(
            "host={} port={} user={user} dbname=postgres",
            self.path().display(),
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure here would hide the test's own.
        let _ = command("pg_ctl", self.path())
            .args(["stop", "--pgdata=data", "--mode=immediate", "--silent"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
