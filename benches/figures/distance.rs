//! A server that is far away: a proxy in front of it that holds every byte
//! back for a while.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A proxy on `127.0.0.1`; it lives as long as the program.
pub struct Distance {
    port: u16,
}

impl Distance {
    /// In front of the server behind `socket`, each round trip longer by
    /// `round_trip`. Throughput is not bounded.
    pub fn new(socket: &Path, round_trip: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let socket = socket.to_owned();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a client");
                client.set_nodelay(true).expect("an option");
                connect(client, &socket, round_trip / 2);
            }
        });
        Self { port }
    }

    /// URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }
}

/// The socket of a URL like `postgresql://postgres@%2Ftmp%2Fx:5432/`.
pub fn socket_of(url: &str) -> PathBuf {
    let (_, host) = url.split_once('@').expect("a user");
    let (folder, rest) = host.split_once(':').expect("a port");
    let port = rest.split('/').next().expect("a port");
    PathBuf::from(folder.replace("%2F", "/")).join(format!(".s.PGSQL.{port}"))
}

fn connect(client: TcpStream, socket: &Path, delay: Duration) {
    let server = UnixStream::connect(socket).expect("the server");
    let (to_server, to_client) = (
        server.try_clone().expect("a handle"),
        client.try_clone().expect("a handle"),
    );
    // Psql closes its side without a word, so each end is passed on.
    carry(client, to_server, delay, |server: &UnixStream| {
        let _ = server.shutdown(Shutdown::Write);
    });
    carry(server, to_client, delay, |client: &TcpStream| {
        let _ = client.shutdown(Shutdown::Write);
    });
}

/// Passes on what `from` says, `delay` later. One thread reads and another
/// writes, so that what follows at once arrives at once: all that is due goes
/// out together, since a sleep and a write for each small packet would make
/// whoever sends many of them pay for the proxy and not for the distance.
fn carry<R: Read + Send + 'static, W: Write + Send + 'static>(
    mut from: R,
    mut to: W,
    delay: Duration,
    end: impl FnOnce(&W) + Send + 'static,
) {
    let (sender, receiver) = mpsc::sync_channel::<(Instant, Vec<u8>)>(1024);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + delay;
            if sender.send((due, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        let mut next = receiver.recv().ok();
        while let Some((due, mut bytes)) = next {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            next = receiver.try_recv().ok();
            while let Some((_, more)) = next.take_if(|(due, _)| *due <= Instant::now()) {
                bytes.extend(more);
                next = receiver.try_recv().ok();
            }
            if to.write_all(&bytes).is_err() {
                return;
            }
            next = next.or_else(|| receiver.recv().ok());
        }
        end(&to);
    });
}
