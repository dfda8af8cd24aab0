//! Customers: requests through the balancer without a pause, each remembered.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::shop::Version;
use crate::support::{PATIENCE, http, wait_until};

/// How many come at a time.
const CROWD: usize = 4;

/// Between a customer's answer and the next request.
const PAUSE: Duration = Duration::from_millis(5);

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Read and write by turns.
    Trade,
    /// Read.
    Look,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Visit {
    pub began: SystemTime,
    pub ended: SystemTime,
    pub end: End,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Served(Version),
    /// The application's own error, with its words.
    Refused(Version, String),
    /// The balancer had nobody to ask: its status.
    Unserved(u16),
    /// There was no balancer, or it went away.
    Lost(String),
}

/// They come until they are sent home.
#[derive(Debug)]
pub struct Customers {
    visits: Arc<Mutex<Vec<Visit>>>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// All visits of a test, in the order in which they ended.
#[derive(Debug)]
pub struct Day(Vec<Visit>);

impl Customers {
    pub fn come(address: SocketAddr, errand: Errand) -> Self {
        let visits = Arc::new(Mutex::new(Vec::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let threads = (0..CROWD).map(|_| {
            let (visits, ends) = (Arc::clone(&visits), Arc::clone(&ends));
            std::thread::spawn(move || {
                let mut turns = (0..).map(|turn| errand == Errand::Trade && turn % 2 == 1);
                while !ends.load(Ordering::Relaxed) {
                    let visit = visit(address, turns.next() == Some(true));
                    visits.lock().expect("not poisoned").push(visit);
                    std::thread::sleep(PAUSE);
                }
            })
        });
        Self {
            threads: threads.collect(),
            visits,
            ends,
        }
    }

    fn count(&self, counts: impl Fn(&Visit) -> bool) -> usize {
        let visits = self.visits.lock().expect("not poisoned");
        visits.iter().filter(|visit| counts(visit)).count()
    }

    /// How many were served by a version so far.
    pub fn served(&self, by: Version) -> usize {
        self.count(|visit| visit.end == End::Served(by))
    }

    /// Waits until so many who came after now have been served by a version.
    #[track_caller]
    pub fn wait_for(&self, by: Version, count: usize) {
        let now = SystemTime::now();
        wait_until(&format!("{count} visits served by {by}"), || {
            let served = End::Served(by);
            self.count(|visit| visit.began > now && visit.end == served) >= count
        });
    }

    /// Waits until somebody who came after now has not been served.
    #[track_caller]
    pub fn wait_for_failure(&self) {
        let now = SystemTime::now();
        wait_until("a visit that fails", || {
            self.count(|visit| visit.began > now && !matches!(visit.end, End::Served(_))) > 0
        });
    }

    /// Sends them home when they have their answers.
    pub fn leave(mut self) -> Day {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("no panic");
        }
        let mut visits = std::mem::take(&mut *self.visits.lock().expect("not poisoned"));
        visits.sort_by_key(|visit| visit.ended);
        Day(visits)
    }
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

impl Day {
    /// The first who was served by a version.
    pub fn first(&self, by: Version) -> Option<&Visit> {
        self.0.iter().find(|visit| visit.end == End::Served(by))
    }

    /// Nobody was sent home without an answer, or to code that the database was
    /// not fit for.
    #[track_caller]
    pub fn expect_no_failure(&self) -> &Self {
        self.expect_failures("no failure", |_| false)
    }

    /// No failures but these.
    #[track_caller]
    pub fn expect_failures(&self, what: &str, may_be: impl Fn(&End) -> bool) -> &Self {
        let others: Vec<&Visit> = self
            .0
            .iter()
            .filter(|visit| !matches!(visit.end, End::Served(_)) && !may_be(&visit.end))
            .collect();
        assert!(
            others.is_empty(),
            "{} visits were to fail by nothing but {what}: {:#?}",
            others.len(),
            &others[..others.len().min(5)]
        );
        self
    }

    /// Green has never seen anybody.
    #[track_caller]
    pub fn expect_no_switch(&self) -> &Self {
        let green = self
            .0
            .iter()
            .find(|visit| by(visit) == Some(Version::Green));
        assert!(green.is_none(), "{green:?}");
        assert!(self.first(Version::Blue).is_some(), "nobody came");
        self
    }

    /// From blue to green, and nobody who came after that was sent back.
    #[track_caller]
    pub fn expect_one_switch(&self) -> &Self {
        assert!(self.first(Version::Blue).is_some(), "blue served nobody");
        let first = self.first(Version::Green).expect("green serves");
        let back: Vec<&Visit> = self
            .0
            .iter()
            .filter(|visit| visit.began > first.ended && by(visit) == Some(Version::Blue))
            .collect();
        assert!(
            back.is_empty(),
            "{} were sent back, after {first:#?}: {:#?}",
            back.len(),
            &back[..back.len().min(5)]
        );
        self
    }
}

/// Who answered.
fn by(visit: &Visit) -> Option<Version> {
    match visit.end {
        End::Served(version) | End::Refused(version, _) => Some(version),
        End::Unserved(_) | End::Lost(_) => None,
    }
}

fn visit(address: SocketAddr, writes: bool) -> Visit {
    let began = SystemTime::now();
    let end = ask(address, writes).unwrap_or_else(|error| End::Lost(error.to_string()));
    Visit {
        began,
        ended: SystemTime::now(),
        end,
    }
}

fn ask(address: SocketAddr, writes: bool) -> io::Result<End> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let method = if writes { "POST" } else { "GET" };
    let request = format!("{method} / HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let Some(answer) = http::parse(&text) else {
        return Ok(End::Lost(text));
    };
    let version = answer.header("x-version").and_then(Version::named);
    Ok(match (version, answer.status) {
        (Some(version), 200) => End::Served(version),
        (Some(version), _) => End::Refused(version, answer.body),
        (None, status) => End::Unserved(status),
    })
}
