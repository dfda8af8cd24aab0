//! The first request that HAProxy lets through to the new backend.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::{Serving, deploy, next_file, row, since};
use crate::server::free_port;
use crate::stage::Stage;
use crate::table::Series;

const ROUNDS: usize = 30;
/// How often HAProxy asks.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// How HAProxy asks.
#[derive(Clone, Copy)]
enum Check {
    Agent,
    Http,
}

pub fn rows(stage: &Stage) -> Vec<Vec<String>> {
    if Command::new("haproxy").arg("-v").output().is_err() {
        let missing = "HAProxy is not installed".to_owned();
        return vec![vec![missing; 5]];
    }
    vec![
        row(
            "HAProxy, agent-check, first request",
            &rounds(stage, Check::Agent),
        ),
        row(
            "HAProxy, httpchk, first request",
            &rounds(stage, Check::Http),
        ),
    ]
}

fn rounds(stage: &Stage, check: Check) -> Series {
    let database = stage.database("gate", "template0");
    let folder = stage.folder(match check {
        Check::Agent => "gate-agent",
        Check::Http => "gate-http",
    });
    let application = application();
    let mut series = Series::default();
    for round in 0..ROUNDS {
        next_file(&folder, round);
        let serving = Serving::start(&database, &folder);
        let proxy = Proxy::start(&folder, check, application, &serving);
        proxy.wait_for(503);
        let port = proxy.port;
        let client = std::thread::spawn(move || {
            while status(port) != Some(200) {
                std::thread::sleep(Duration::from_millis(1));
            }
            SystemTime::now()
        });
        let committed = deploy(&database, &folder);
        let served = client.join().expect("it only asks");
        series.push(since(served, committed));
    }
    series
}

/// An application that answers `200`; its port.
fn application() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    port
}

/// Status of a request at this port.
fn status(port: u16) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// HAProxy, ended when dropped.
struct Proxy {
    child: Child,
    port: u16,
}

impl Proxy {
    fn start(folder: &Path, check: Check, application: u16, serving: &Serving) -> Self {
        let port = free_port();
        let every = INTERVAL.as_millis();
        let (option, asked) = match check {
            Check::Agent => (
                "",
                format!(
                    "agent-check agent-addr 127.0.0.1 agent-port {} agent-inter {every}ms",
                    serving.agent
                ),
            ),
            Check::Http => (
                "option httpchk GET /ready",
                format!(
                    "check addr 127.0.0.1 port {} inter {every}ms rise 1 fall 1",
                    serving.listen
                ),
            ),
        };
        let config = format!(
            "defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n\
             listen gate\n  bind 127.0.0.1:{port}\n  {option}\n  server new 127.0.0.1:{application} {asked}\n"
        );
        let file = folder.with_extension("cfg");
        std::fs::write(&file, config).expect("a file");
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("HAProxy");
        Self { child, port }
    }

    fn wait_for(&self, wanted: u16) {
        let began = Instant::now();
        while status(self.port) != Some(wanted) {
            assert!(began.elapsed() < Duration::from_secs(20), "no {wanted}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
