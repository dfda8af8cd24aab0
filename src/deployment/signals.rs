//! For what backfills wait.

use std::path::PathBuf;
use std::time::Duration;

use crate::backfill::throttle::{Limits, Vacuums};

/// For what the backfills of a tail wait: what `[backfill]` says in
/// `segue.toml`. Any signal is enough to wait; [`Event::Noted`](super::Event::Noted)
/// tells which.
///
/// ```
/// use std::time::Duration;
/// use segue::BackfillSignals;
///
/// let signals = BackfillSignals::new()
///     .replication_lag(Duration::from_secs(30))
///     .running_queries(200)
///     .lock_waiters(None)
///     .query("SELECT count(*) > 1000 FROM job");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillSignals(pub(super) Limits);

impl Default for BackfillSignals {
    fn default() -> Self {
        Self::new()
    }
}

impl BackfillSignals {
    /// As a `segue.toml` that says nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(Limits::default())
    }

    /// No signal at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Limits::none())
    }

    /// How often to look, between 100 ms and a minute; otherwise each second.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.0.every = every.clamp(Duration::from_millis(100), Duration::from_mins(1));
        self
    }

    /// How long to wait for signals in one stretch before the backfill fails;
    /// otherwise, and with `None`, as long as they last.
    #[must_use]
    pub fn wait(mut self, longest: impl Into<Option<Duration>>) -> Self {
        self.0.longest = longest.into();
        self
    }

    /// How far a standby or subscriber may be behind; otherwise 10 seconds.
    #[must_use]
    pub fn replication_lag(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.replication_lag = limit.into();
        self
    }

    /// `application_name` of the standbys that may be behind as far as they
    /// like.
    #[must_use]
    pub fn ignore_standbys(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.ignore_standbys = names.into_iter().map(Into::into).collect();
        self
    }

    /// How many files of WAL may wait for the archive; otherwise 64. With
    /// `None`, an archive that fails does not count either.
    #[must_use]
    pub fn archive_backlog(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.0.archive_backlog = limit.into();
        self
    }

    /// How many bytes of WAL the whole server may write in a second; otherwise
    /// as many as it likes.
    #[must_use]
    pub fn wal_rate(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.0.wal_rate = limit.into();
        self
    }

    /// How many sessions of the database may wait for locks of others;
    /// otherwise 10. One that waits for the backfill itself counts at once, but
    /// not with `None`.
    #[must_use]
    pub fn lock_waiters(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.0.lock_waiters = limit.into();
        self
    }

    /// Which vacuums of the table count; otherwise each.
    #[must_use]
    pub fn vacuums(mut self, which: Vacuums) -> Self {
        self.0.vacuum = which;
        self
    }

    /// How many statements of clients may run in the server; otherwise as many
    /// as they like.
    #[must_use]
    pub fn running_queries(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.0.running_queries = limit.into();
        self
    }

    /// A query whose one value says whether to wait: NULL, false, zero and the
    /// empty text are a no, other text is the reason. It runs read-only and for
    /// a second at most; an error is a reason to wait.
    #[must_use]
    pub fn query(mut self, sql: impl Into<String>) -> Self {
        self.0.query = Some(sql.into());
        self
    }

    /// A file that holds backfills up while it is there; its first line is the
    /// reason.
    #[must_use]
    pub fn flag_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.flag_file = Some(path.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_sets_what_its_key_in_the_file_does() {
        let signals = BackfillSignals::new()
            .every(Duration::ZERO)
            .wait(Duration::from_hours(1))
            .replication_lag(Duration::from_secs(30))
            .ignore_standbys(["delayed"])
            .archive_backlog(8)
            .wal_rate(32 << 20)
            .lock_waiters(3)
            .vacuums(Vacuums::Wraparound)
            .running_queries(50)
            .query("SELECT false")
            .flag_file("/run/stop");
        let expected = Limits {
            every: Duration::from_millis(100),
            longest: Some(Duration::from_hours(1)),
            replication_lag: Some(Duration::from_secs(30)),
            ignore_standbys: vec!["delayed".to_owned()],
            archive_backlog: Some(8),
            wal_rate: Some(32 << 20),
            lock_waiters: Some(3),
            vacuum: Vacuums::Wraparound,
            running_queries: Some(50),
            query: Some("SELECT false".to_owned()),
            flag_file: Some("/run/stop".into()),
        };
        assert_eq!(signals.0, expected);
        let off = BackfillSignals::new()
            .replication_lag(None)
            .archive_backlog(None)
            .lock_waiters(None)
            .vacuums(Vacuums::Never);
        assert_eq!(off, BackfillSignals::none());
    }
}
