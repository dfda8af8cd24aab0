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
        for word in self.body().flat_map(str::split_whitespace) {
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

    /// Its lines but for the comments at its beginning.
    fn body(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines();
        lines.skip_while(|line| line.trim().is_empty() || line.trim_start().starts_with("--"))
    }

    /// The beginning of it in one line, for people.
    fn shown(&self) -> String {
        let words: Vec<&str> = self.body().flat_map(str::split_whitespace).collect();
        let text = words.join(" ");
        let mut shown: String = text.chars().take(SHOWN_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
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
    /// Whether it only asks, or changes the session alone: whatever dies there,
    /// nothing is half done.
    #[must_use]
    pub fn only_asks(&self) -> bool {
        const ASKS: [&str; 8] = [
            "", "BEGIN", "RESET", "SET", "SHOW", "START", "TABLE", "VALUES",
        ];
        let word = self.text.split([' ', '(', ';']).next().unwrap_or_default();
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        // segue names catalogs by their namespace; a function of the user's may
        // do anything.
        let is_ours = || {
            let ours = ["_catalog.", "segue."];
            ours.iter().any(|ours| self.text.contains(ours))
        };
        self.kind == RequestKind::Connect
            // What follows BEGIN or SET in one message is of the session too,
            // unless it is about the ledger.
            || ASKS.iter().any(|asks| is(asks)) && !self.text.contains("segue.")
            || (is("SELECT") || is("WITH")) && is_ours()
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

/// One request of a run: the `nth` of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// What it is.
    pub key: Key,
    /// Which of its kind, from 1, over all connections.
    pub nth: usize,
    /// Its beginning as it was in one run, for people.
    pub text: String,
}

impl Spot {
    /// A request, and which of its kind it is.
    #[must_use]
    pub fn new(request: &Request, nth: usize) -> Self {
        Self {
            key: request.key(),
            nth,
            text: request.shown(),
        }
    }

    /// Whether both are the same request of two runs.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.nth == other.nth
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.key.kind {
            RequestKind::Connect => formatter.write_str("a connection")?,
            RequestKind::Statement => write!(formatter, "`{text}`")?,
            RequestKind::Sync => write!(formatter, "the end of `{text}`")?,
            RequestKind::Data => write!(formatter, "data of `{text}`")?,
            RequestKind::DataEnd => write!(formatter, "the end of the data of `{text}`")?,
        }
        if self.nth > 1 {
            write!(formatter, ", number {} of its kind", self.nth)?;
        }
        Ok(())
    }
}

/// The requests of a run, in the order in which they were sent.
#[must_use]
pub fn spots(heard: &[Request]) -> Vec<Spot> {
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    let spots = heard.iter().map(|request| {
        let nth = counts.entry(request.key()).or_default();
        *nth += 1;
        Spot::new(request, *nth)
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

#[cfg(test)]
mod tests;
