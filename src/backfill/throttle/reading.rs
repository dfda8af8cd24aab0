//! What one look at the server and the runner's machine saw.

use std::time::Duration;

/// All of what [`Limits`](super::Limits) ask for; the rest is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// How many bytes of WAL the server has flushed in its life; `None` on a
    /// standby.
    pub wal_bytes: Option<u64>,
    /// Those who receive its WAL and replay it, by name.
    pub standbys: Vec<Standby>,
    /// What is known of the archive; `None` if there is none.
    pub archive: Option<Archive>,
    /// Sessions that wait for a lock of the backfill.
    pub blocked: u64,
    /// Sessions of the database that wait for other locks.
    pub waiters: u64,
    /// Vacuums of the table, its partitions and what is stored beside them.
    pub vacuums: Vec<Vacuum>,
    /// Statements of other clients that run.
    pub running: u64,
    /// What the user's query said.
    pub query: Option<Answer>,
    /// What the flag file said.
    pub flag: Option<Answer>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// One who receives WAL and replays it: a standby or a subscriber.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// `application_name`.
    pub application: String,
    /// The same, with the address where several have it.
    pub name: String,
    /// Up to which byte it has replayed; `None` if it has not said so yet.
    pub replayed: Option<u64>,
    /// By its own account; `None` while it is idle, and sometimes while it is
    /// stuck.
    pub lag: Option<Duration>,
}

/// Where the archiving of WAL is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// How many files wait for it; `None` if that is not known.
    pub waiting: Option<u64>,
    /// The file that it has failed with last, if nothing was archived since.
    pub failing: Option<String>,
    /// For how long that file has waited; `None` if that is not known.
    pub failing_for: Option<Duration>,
}

/// A vacuum that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vacuum {
    /// Its table, as SQL has it.
    pub relation: String,
    /// Whether it keeps transaction ids from running out.
    pub is_to_prevent_wraparound: bool,
}

/// What somebody who was asked whether to wait said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: go on.
    No,
    /// To wait; the reason may be empty.
    Yes(String),
    /// He could not be asked.
    Failed(String),
}

impl Answer {
    /// Of the value of a query: NULL, false, zero and the empty text are a no,
    /// and any other text is the reason.
    #[must_use]
    pub fn of_value(value: Option<&str>) -> Self {
        let text = value.unwrap_or_default().trim();
        match text {
            "" | "f" | "false" => Self::No,
            "t" | "true" => Self::Yes(String::new()),
            text if text.parse() == Ok(0.0) => Self::No,
            text => Self::yes(text),
        }
    }

    /// To wait, for the reason in the first line of `text`.
    #[must_use]
    pub fn yes(text: &str) -> Self {
        Self::Yes(brief(text))
    }

    /// That it could not be asked, for this reason.
    #[must_use]
    pub fn failed(reason: &str) -> Self {
        Self::Failed(brief(reason))
    }
}

/// The first line, of bounded length.
#[must_use]
pub fn brief(text: &str) -> String {
    const LETTERS_MAX: usize = 200;
    let line = text.trim().lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|one| !one.is_control()).collect();
    match line.char_indices().nth(LETTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Something that our role may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// How far standbys are.
    Standbys,
    /// The list of files that wait for the archive.
    Archive,
    /// What other roles' sessions run.
    Sessions,
}

impl Unseen {
    /// For people: what, why, and what to do.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Standbys => {
                "how far standbys are behind is not seen: that needs the rights of role \
                 `pg_monitor` (`replication-lag = false` in `[backfill]` does without)"
            }
            Self::Archive => {
                "whether WAL waits for the archive is seen only by the names of its files: more \
                 needs the rights of role `pg_monitor`"
            }
            Self::Sessions => {
                "what other roles' sessions run is not seen: that needs the rights of role \
                 `pg_monitor` (`running-queries = false` in `[backfill]` does without)"
            }
        }
    }
}
