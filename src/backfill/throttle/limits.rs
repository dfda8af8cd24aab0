//! `[backfill]` of `segue.toml`, as values.

use std::path::PathBuf;
use std::time::Duration;

/// From when on a backfill waits for others; `None` and `false`: never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often to look.
    pub every: Duration,
    /// How long it may wait for signals in one stretch before it fails; `None`:
    /// as long as they last.
    pub longest: Option<Duration>,
    /// How far a standby or subscriber may be behind.
    pub replication_lag: Option<Duration>,
    /// `application_name` of those that may be behind as far as they like.
    pub ignore_standbys: Vec<String>,
    /// How many files of WAL may wait for the archive; with it, whether a
    /// failing archive counts.
    pub archive_backlog: Option<u64>,
    /// How many bytes of WAL the whole server may write in a second.
    pub wal_rate: Option<u64>,
    /// How many sessions of the database may wait for locks of others; with
    /// it, whether those count that wait for the backfill's own.
    pub lock_waiters: Option<u64>,
    /// Which vacuums of the table count.
    pub vacuum: Vacuums,
    /// How many statements of clients may run in the server.
    pub running_queries: Option<u64>,
    /// A query whose one value says whether to wait, or why.
    pub query: Option<String>,
    /// A file that holds it up while it is there.
    pub flag_file: Option<PathBuf>,
}

/// Which vacuums of a table hold up its backfill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vacuums {
    /// Each.
    #[default]
    All,
    /// Only those that keep transaction ids from running out.
    Wraparound,
    /// None.
    Never,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            longest: None,
            replication_lag: Some(Duration::from_secs(10)),
            ignore_standbys: Vec::new(),
            // A gigabyte in segments of the usual size: far beyond what one
            // checkpoint leaves for a moment.
            archive_backlog: Some(64),
            wal_rate: None,
            lock_waiters: Some(10),
            vacuum: Vacuums::default(),
            running_queries: None,
            query: None,
            flag_file: None,
        }
    }
}

impl Limits {
    /// No signal at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            replication_lag: None,
            archive_backlog: None,
            lock_waiters: None,
            vacuum: Vacuums::Never,
            ..Self::default()
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.replication_lag.is_none()
            && self.archive_backlog.is_none()
            && self.wal_rate.is_none()
            && self.lock_waiters.is_none()
            && self.vacuum == Vacuums::Never
            && self.running_queries.is_none()
            && self.query.is_none()
            && self.flag_file.is_none()
    }

    /// Whether a standby may be behind as far as it likes.
    #[must_use]
    pub fn ignores(&self, application: &str) -> bool {
        self.ignore_standbys.iter().any(|name| name == application)
    }
}
