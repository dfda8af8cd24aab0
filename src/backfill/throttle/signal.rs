//! Why a backfill waits for others.

use std::fmt;
use std::time::Duration;

use super::reading::{Answer, Vacuum};
use crate::text::count;

/// One reason to wait, for people by [`fmt::Display`]: a phrase without a
/// capital and without a period.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A standby or subscriber is behind.
    ReplicationLag {
        /// Which.
        standby: String,
        /// How far.
        lag: Duration,
        /// How far it may be.
        limit: Duration,
    },
    /// Files of WAL wait for the archive.
    ArchiveBacklog {
        /// How many.
        files: u64,
        /// How many may.
        limit: u64,
    },
    /// The archive takes nothing.
    ArchiveFailing {
        /// The file that it does not take.
        file: String,
        /// For how long.
        lasts: Duration,
    },
    /// The server writes much WAL.
    WalRate {
        /// Bytes in a second.
        bytes: u64,
        /// How many it may.
        limit: u64,
    },
    /// Sessions wait for a lock of the backfill.
    Blocking {
        /// How many.
        sessions: u64,
    },
    /// Sessions wait for locks of others.
    LockWaiters {
        /// How many.
        sessions: u64,
        /// How many may.
        limit: u64,
    },
    /// The table is being vacuumed.
    Vacuum(Vacuum),
    /// Many statements run.
    RunningQueries {
        /// How many.
        statements: u64,
        /// How many may.
        limit: u64,
    },
    /// The user's query says so, or cannot be asked.
    Query(Answer),
    /// The flag file says so, or cannot be looked for.
    FlagFile {
        /// Its path.
        path: String,
        /// What is in it.
        answer: Answer,
    },
    /// Nothing can be seen.
    Blind {
        /// Why.
        reason: String,
    },
}

/// What a signal is about: two of one key are the same at different times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    kind: &'static str,
    of: String,
}

impl Signal {
    /// Its key in `[backfill]`, or what stands for it in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReplicationLag { .. } => "replication-lag",
            Self::ArchiveBacklog { .. } => "archive-backlog",
            Self::ArchiveFailing { .. } => "archive-failing",
            Self::WalRate { .. } => "wal-rate",
            Self::Blocking { .. } => "blocking",
            Self::LockWaiters { .. } => "lock-waiters",
            Self::Vacuum(_) => "autovacuum",
            Self::RunningQueries { .. } => "running-queries",
            Self::Query(_) => "query",
            Self::FlagFile { .. } => "flag-file",
            Self::Blind { .. } => "blind",
        }
    }

    /// The same without numbers, which stays as it is while it lasts: what a
    /// backfill waited because of.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::ReplicationLag { standby, .. } => format!("`{standby}` is behind"),
            Self::ArchiveBacklog { .. } => "WAL waits for the archive".to_owned(),
            Self::ArchiveFailing { .. } => "the archive fails".to_owned(),
            Self::WalRate { .. } => "the server writes much WAL".to_owned(),
            Self::Blocking { .. } => "sessions wait for its locks".to_owned(),
            Self::LockWaiters { .. } => "sessions wait for locks".to_owned(),
            Self::Vacuum(vacuum) => format!("`{}` is being vacuumed", vacuum.relation),
            Self::RunningQueries { .. } => "many statements run".to_owned(),
            Self::Query(_) => "`query` says so".to_owned(),
            Self::FlagFile { path, .. } => format!("the file `{path}` is there"),
            Self::Blind { .. } => "the signals cannot be read".to_owned(),
        }
    }

    pub(super) fn key(&self) -> Key {
        let of = match self {
            Self::ReplicationLag { standby, .. } => standby.clone(),
            Self::Vacuum(vacuum) => vacuum.relation.clone(),
            _ => String::new(),
        };
        Key {
            kind: self.kind(),
            of,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReplicationLag {
                standby,
                lag,
                limit,
            } => write!(
                formatter,
                "`{standby}` is {} behind (limit {})",
                seconds(*lag),
                seconds(*limit)
            ),
            Self::ArchiveBacklog { files, limit } => {
                let (files, wait) = counted(*files, "WAL file", ["waits", "wait"]);
                write!(formatter, "{files} {wait} for the archive (limit {limit})")
            }
            Self::ArchiveFailing { file, lasts } => write!(
                formatter,
                "the archive has not taken `{file}` for {}",
                seconds(*lasts)
            ),
            Self::WalRate { bytes, limit } => write!(
                formatter,
                "the server writes {} of WAL per second (limit {})",
                size(*bytes),
                size(*limit)
            ),
            Self::Blocking { sessions } => {
                let (sessions, wait) = counted(*sessions, "session", ["waits", "wait"]);
                write!(formatter, "{sessions} {wait} for a lock of the backfill")
            }
            Self::LockWaiters { sessions, limit } => {
                let (sessions, wait) = counted(*sessions, "session", ["waits", "wait"]);
                write!(formatter, "{sessions} {wait} for locks (limit {limit})")
            }
            Self::Vacuum(vacuum) => {
                write!(formatter, "`{}` is being vacuumed", vacuum.relation)?;
                if vacuum.is_to_prevent_wraparound {
                    formatter.write_str(" to prevent wraparound")?;
                }
                Ok(())
            }
            Self::RunningQueries { statements, limit } => {
                let (statements, run) = counted(*statements, "statement", ["runs", "run"]);
                write!(formatter, "{statements} {run} (limit {limit})")
            }
            Self::Query(answer) => match answer {
                Answer::Yes(reason) if !reason.is_empty() => {
                    write!(formatter, "`query` says: {reason}")
                }
                Answer::Failed(reason) => write!(formatter, "`query` failed: {reason}"),
                Answer::Yes(_) | Answer::No => formatter.write_str("`query` says so"),
            },
            Self::FlagFile { path, answer } => match answer {
                Answer::Yes(text) if !text.is_empty() => {
                    write!(formatter, "the file `{path}` says: {text}")
                }
                Answer::Failed(reason) => {
                    write!(
                        formatter,
                        "the file `{path}` cannot be looked for: {reason}"
                    )
                }
                Answer::Yes(_) | Answer::No => write!(formatter, "the file `{path}` is there"),
            },
            Self::Blind { reason } => write!(formatter, "the signals cannot be read: {reason}"),
        }
    }
}

fn counted(number: u64, noun: &str, verbs: [&'static str; 2]) -> (String, &'static str) {
    let verb = verbs[usize::from(number != 1)];
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    (count(number, noun), verb)
}

/// `400 ms`, `14 s`, `3 min`, `2.5 h`.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", duration.as_millis())
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

/// `512 bytes`, `32 MB`, in PostgreSQL's units of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TB", 1 << 40),
        ("GB", 1 << 30),
        ("MB", 1 << 20),
        ("kB", 1 << 10),
    ];
    let Some((unit, one)) = UNITS.into_iter().find(|(_, one)| bytes >= *one) else {
        return format!("{bytes} bytes");
    };
    let (whole, tenth) = (bytes / one, bytes % one * 10 / one);
    if tenth == 0 || whole >= 100 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{tenth} {unit}")
    }
}
