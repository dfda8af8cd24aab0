//! What a thousand clients of `segue serve` cost the database.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Serving, deploy, next_file};
use crate::stage::{Database, Stage};
use crate::table::Section;

const CLIENTS: usize = 1000;
const LOOKED: Duration = Duration::from_secs(20);
/// Pause of a client between two requests for `/ready`.
const PAUSE: Duration = Duration::from_secs(1);

pub fn section(stage: &Stage) -> Section {
    let database = stage.database("gate", "template0");
    let folder = stage.folder("gate-clients");
    next_file(&folder, 0);
    deploy(&database, &folder);
    let serving = Serving::start(&database, &folder);
    let nobody = load(&database, &serving);
    let over = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU64::new(0));
    let mut streams = Vec::new();
    for _ in 0..CLIENTS / 2 {
        let mut stream = connect(serving.listen);
        stream
            .write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .expect("written");
        let read = stream.read(&mut [0; 4096]).expect("an answer");
        assert!(read > 0, "an event stream");
        streams.push(stream);
    }
    let askers: Vec<_> = std::iter::repeat_with(|| {
        let (over, answers, port) = (Arc::clone(&over), Arc::clone(&answers), serving.listen);
        std::thread::spawn(move || ask(port, &over, &answers))
    })
    .take(CLIENTS / 2)
    .collect();
    // Until all have connected.
    std::thread::sleep(PAUSE * 2);
    answers.store(0, Ordering::Relaxed);
    let many = load(&database, &serving);
    let answered = answers.load(Ordering::Relaxed);
    over.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.join().expect("each is answered");
    }
    drop(streams);
    Section {
        title: "What a thousand clients of `segue serve` cost the database",
        text: format!(
            "{} clients hold `/events` open, {} ask for `/ready` each second: {:.0} answers a second, all of them 200. Over
{} seconds, a ready and settled database.",
            CLIENTS / 2,
            CLIENTS / 2,
            f64::from(u32::try_from(answered).unwrap_or(u32::MAX)) / LOOKED.as_secs_f64(),
            LOOKED.as_secs(),
        ),
        columns: vec![
            "clients",
            "connections to the database",
            "its transactions a second",
            "CPU of `segue serve`",
        ],
        rows: vec![nobody.row("0"), many.row("1,000")],
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("a time");
    stream
}

/// Asks for `/ready` over one connection until it is over.
fn ask(port: u16, over: &AtomicBool, answers: &AtomicU64) {
    let mut stream = connect(port);
    let mut buffer = [0; 4096];
    while !over.load(Ordering::Relaxed) {
        stream
            .write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .expect("written");
        let read = stream.read(&mut buffer).expect("an answer");
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "ready");
        answers.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(PAUSE);
    }
}

struct Load {
    connections: String,
    transactions: f64,
    cpu: f64,
}

impl Load {
    fn row(&self, clients: &str) -> Vec<String> {
        vec![
            clients.to_owned(),
            self.connections.clone(),
            format!("{:.2}", self.transactions),
            format!("{:.1} %", self.cpu * 100.0),
        ]
    }
}

/// Looks for a while at what the server is asked.
fn load(database: &Database<'_>, serving: &Serving) -> Load {
    let counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'gate'";
    let count = || -> f64 { database.sql(counted).parse().expect("a number") };
    let (before, cpu, began) = (count(), processor(serving), Instant::now());
    std::thread::sleep(LOOKED);
    let seconds = began.elapsed().as_secs_f64();
    Load {
        connections: database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'gate' AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        ),
        // Our own look, which psql makes, is a transaction too.
        transactions: (count() - before - 1.0).max(0.0) / seconds,
        cpu: (processor(serving) - cpu) / seconds,
    }
}

/// Seconds of processor time so far; a tick is a hundredth.
fn processor(serving: &Serving) -> f64 {
    let path = format!("/proc/{}/stat", serving.child.id());
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
