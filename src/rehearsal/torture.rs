//! Where a run of `segue up` is disturbed, and how: what its server was asked
//! in an undisturbed run → [`Point`]s.
//!
//! Doing it is left to [`crate::apply::rehearse::torture`].

use std::collections::BTreeMap;
use std::fmt;

mod choose;
mod verdict;

pub use choose::{Choice, choose};
pub use verdict::{Complaint, findings, undisturbed};

/// What a message of a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// It begins a session.
    Connect,
    /// A statement, over the simple or the extended protocol.
    Statement,
    /// The end of an extended query: what was executed is committed by it.
    Sync,
    /// Data of a COPY.
    Data,
    /// The end of that data.
    DataEnd,
}

/// One message of a client to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is.
    pub kind: RequestKind,
    /// The statement that it is, or that it belongs to.
    pub text: String,
}

impl Request {
    /// What it has in common with the same message of another run: its text
    /// with `#` for each number, since pids, OIDs and identities differ.
    #[must_use]
    pub fn key(&self) -> Key {
        let mut text = String::new();
        let mut is_number = false;
        for word in self.text.split_whitespace() {
            if !text.is_empty() {
                text.push(' ');
            }
            for character in word.chars() {
                let was_number = std::mem::replace(&mut is_number, character.is_ascii_digit());
                if !is_number {
                    text.push(character);
                } else if !was_number {
                    text.push('#');
                }
            }
            is_number = false;
        }
        Key {
            kind: self.kind,
            text,
        }
    }
}

/// What a request is, whatever run it is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: RequestKind,
    /// Its text with `#` for each number, one space between words.
    pub text: String,
}

impl Key {
    /// Whether it only asks: whatever dies there, nothing is half done.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        let word = self.text.split([' ', '(']).next().unwrap_or_default();
        let asks = ["SELECT", "SHOW", "TABLE", "VALUES", ""];
        self.kind == RequestKind::Connect
            || asks.iter().any(|asks| word.eq_ignore_ascii_case(asks))
            || self.text.starts_with("--")
            || self.text.starts_with("WITH ")
    }

    /// Whether it is a statement that waits for other sessions in several
    /// transactions, one after the other.
    #[must_use]
    pub fn is_concurrent(&self) -> bool {
        let text = self.text.to_ascii_uppercase();
        let is_one = ["CREATE ", "DROP ", "REINDEX", "ALTER TABLE"];
        self.kind == RequestKind::Statement
            && text.contains("CONCURRENTLY")
            && is_one.iter().any(|begins| text.starts_with(begins))
    }
}

/// Longest part of a statement that is shown, in characters.
const SHOWN_MAX: usize = 70;

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: String = self.text.chars().take(SHOWN_MAX).collect();
        if text.len() < self.text.len() {
            text.push('…');
        }
        match self.kind {
            RequestKind::Connect => formatter.write_str("a connection"),
            RequestKind::Statement => write!(formatter, "`{text}`"),
            RequestKind::Sync => write!(formatter, "the end of `{text}`"),
            RequestKind::Data => write!(formatter, "data of `{text}`"),
            RequestKind::DataEnd => write!(formatter, "the end of the data of `{text}`"),
        }
    }
}

/// One request of a run: the `nth` of its key, from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// What it is.
    pub key: Key,
    /// Which of its kind, from 1, over all connections.
    pub nth: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nth {
            1 => write!(formatter, "{}", self.key),
            nth => write!(formatter, "{}, number {nth} of its kind", self.key),
        }
    }
}

/// The requests of a run, each once, in the order in which they were sent.
#[must_use]
pub fn spots(heard: &[Request]) -> Vec<Spot> {
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    let spots = heard.iter().map(|request| {
        let key = request.key();
        let nth = counts.entry(key.clone()).or_default();
        *nth += 1;
        Spot { key, nth: *nth }
    });
    spots.collect()
}

/// When, in the exchange of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before the server has it.
    Before,
    /// While the server works on it; it has it, and nobody is told the answer.
    During,
    /// When the server has answered, and segue has not heard it.
    Answered,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// `kill -9` of segue.
    KillSegue,
    /// The connection breaks.
    Cut,
    /// All connections break.
    CutAll,
    /// `pg_terminate_backend`
    Terminate,
    /// `pg_cancel_backend`
    Cancel,
    /// `kill -9` of the backend: the server ends all sessions, and recovers.
    KillBackend,
    /// Immediate shutdown of the server, which is then started again.
    StopServer,
    /// `kill -9` of all processes of the server, which is then started again.
    KillServer,
    /// The disk is full, as far as the session can see.
    FillDisk,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::KillSegue,
        Self::Cut,
        Self::CutAll,
        Self::Terminate,
        Self::Cancel,
        Self::KillBackend,
        Self::StopServer,
        Self::KillServer,
        Self::FillDisk,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KillSegue => "kill -9 of segue",
            Self::Cut => "connection cut",
            Self::CutAll => "all connections cut",
            Self::Terminate => "backend terminated",
            Self::Cancel => "statement cancelled",
            Self::KillBackend => "kill -9 of the backend",
            Self::StopServer => "immediate shutdown of the server",
            Self::KillServer => "kill -9 of the server",
            Self::FillDisk => "disk full",
        })
    }
}

/// What other sessions hold while a concurrent statement runs, so that it stops
/// in a phase of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// A lock on each table, as of a transaction that has written.
    Writers,
    /// A snapshot, as of a transaction that reads.
    Snapshot,
}

/// A phase in which a concurrent statement waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wait {
    /// What it waits for.
    pub hold: Hold,
    /// Which wait of this kind, from 1.
    pub nth: usize,
    /// In PostgreSQL's words.
    pub phase: String,
}

/// Where a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// At a request.
    Moment(Moment),
    /// In a phase of a concurrent statement.
    Wait(Wait),
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blow {
    /// What happens.
    pub fault: Fault,
    /// At which request.
    pub spot: Spot,
    /// And when.
    pub at: At,
    /// How long the server works on it before that, in milliseconds; for
    /// [`Moment::During`] alone.
    pub delay_ms: u64,
}

impl fmt::Display for Blow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.fault)?;
        match &self.at {
            At::Moment(Moment::Before) => write!(formatter, "before {}", self.spot),
            At::Moment(Moment::During) if self.delay_ms > 0 => {
                write!(formatter, "{} ms into {}", self.delay_ms, self.spot)
            }
            At::Moment(Moment::During) => write!(formatter, "during {}", self.spot),
            At::Moment(Moment::Answered) => write!(formatter, "after {}", self.spot),
            At::Wait(wait) => write!(formatter, "while {} is {}", self.spot, wait.phase),
        }
    }
}

/// One trial: faults that hit one run after the other, the first one the first
/// run. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(pub Vec<Blow>);

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, blow) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("; of the next run, ")?;
            }
            write!(formatter, "{blow}")?;
        }
        Ok(())
    }
}
