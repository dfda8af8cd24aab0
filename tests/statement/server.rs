//! A PostgreSQL server for one test, and psql with an ear at its line.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

/// Stopped and removed when it is dropped.
pub struct Server {
    folder: TempDir,
    bin: PathBuf,
}

/// What psql has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Query { sql: String, is_empty: bool },
    Copy(Vec<u8>),
}

/// The newest server that is installed, or that of `SEGUE_PG_BIN`.
fn bin() -> PathBuf {
    if let Some(bin) = std::env::var_os("SEGUE_PG_BIN") {
        return bin.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    installed
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max()
        .expect("install PostgreSQL, or say where it is by SEGUE_PG_BIN")
}

impl Server {
    pub fn start() -> Self {
        // A socket's path has to be short, and PostgreSQL does not run as root.
        let folder = tempfile::Builder::new()
            .prefix("sg")
            .tempdir_in("/tmp")
            .expect("a folder");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("our folder");
        let server = Self { folder, bin: bin() };
        let data = server.data();
        server.run(
            "initdb",
            &[
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
                "-D",
                &data,
            ],
        );
        let options = format!(
            "-F -c listen_addresses= -c unix_socket_directories={} -c max_prepared_transactions=2",
            server.path().display()
        );
        let log = server.path().join("log").display().to_string();
        server.run(
            "pg_ctl",
            &["-w", "-D", &data, "-l", &log, "-o", &options, "start"],
        );
        server
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> String {
        self.path().join("data").display().to_string()
    }

    /// Runs a program of the server as a user that it accepts.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let is_root = std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--",
            ]);
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // The server inherits what is open: no pipes, or waiting for their end
        // is waiting for the server.
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("the program starts");
        assert!(
            status.success(),
            "{} {arguments:?}: {status}",
            program.display()
        );
    }

    /// Output of psql for one or more commands, unaligned, errors included as
    /// `ERROR:  25001: …`.
    pub fn query(&self, commands: &[&str]) -> String {
        let mut psql = self.psql(&self.path().display().to_string(), 5432);
        psql.args(["-At", "-v", "VERBOSITY=verbose"]);
        for command in commands {
            psql.args(["-c", command]);
        }
        let output = psql.output().expect("psql starts");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text)
            .expect("UTF-8")
            .trim_end()
            .to_owned()
    }

    fn psql(&self, host: &str, port: u16) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        let connection = format!(
            "host={host} port={port} user=postgres dbname=postgres sslmode=disable gssencmode=disable"
        );
        psql.args(["-X", "-q", "-d", &connection])
            .stdin(Stdio::null());
        psql
    }

    /// Runs `psql -f` on a file with this content.
    pub fn listen_to_psql(&self, file: &[u8]) -> Vec<Sent> {
        let script = self.path().join("script.sql");
        std::fs::write(&script, file).expect("our folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let mut psql = self
            .psql("127.0.0.1", port)
            .arg("-f")
            .arg(&script)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql starts");
        let (client, _) = listener.accept().expect("psql comes");
        let server = UnixStream::connect(self.path().join(".s.PGSQL.5432")).expect("our server");
        let sent = relay(client, server);
        psql.wait().expect("psql ends");
        sent
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

/// Passes everything on in both directions, and notes what the client says.
fn relay(mut client: TcpStream, mut server: UnixStream) -> Vec<Sent> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let answers = {
        let (mut from, mut to) = (
            server.try_clone().expect("a socket"),
            client.try_clone().expect("a socket"),
        );
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            while let Ok((kind, body)) = message(&mut from, true) {
                if kind == b'I'
                    && let Some(Sent::Query { is_empty, .. }) =
                        sent.lock().expect("no panic").last_mut()
                {
                    *is_empty = true;
                }
                if pass(&mut to, Some(kind), &body).is_err() {
                    break;
                }
            }
        })
    };
    let mut typed = false;
    while let Ok((kind, body)) = message(&mut client, typed) {
        let mut sent = sent.lock().expect("no panic");
        match kind {
            b'Q' => sent.push(Sent::Query {
                sql: String::from_utf8(body[..body.len() - 1].to_vec()).expect("UTF-8"),
                is_empty: false,
            }),
            b'd' => match sent.last_mut() {
                Some(Sent::Copy(data)) => data.extend(&body),
                _ => sent.push(Sent::Copy(body.clone())),
            },
            _ => {}
        }
        drop(sent);
        if pass(&mut server, typed.then_some(kind), &body).is_err() {
            break;
        }
        typed = true;
    }
    // The server sees the end of the line and closes its own.
    server.shutdown(std::net::Shutdown::Write).ok();
    answers.join().expect("no panic");
    Arc::into_inner(sent)
        .expect("the other thread has ended")
        .into_inner()
        .expect("no panic")
}

/// Type and body; the first message of a client has no type.
fn message(from: &mut impl Read, typed: bool) -> io::Result<(u8, Vec<u8>)> {
    let mut kind = [0];
    if typed {
        from.read_exact(&mut kind)?;
    }
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).expect("64 bits");
    let mut body = vec![0; length - 4];
    from.read_exact(&mut body)?;
    Ok((kind[0], body))
}

fn pass(to: &mut impl Write, kind: Option<u8>, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 4)
        .expect("a message")
        .to_be_bytes();
    let message = [kind.as_slice(), &length, body].concat();
    to.write_all(&message)
}
