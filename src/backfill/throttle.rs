//! When a backfill waits for others: [`Limits`] and one [`Reading`] after the
//! other → [`Signal`]s.
//!
//! Any signal is enough to wait. One begins as soon as its limit is passed, and
//! ends when two looks in a row have found it at 80 % of the limit or less, or
//! gone: otherwise a backfill would begin and end with every look. What cannot
//! be looked at is a signal too, from the second time in a row: who does not
//! see whom he harms waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

mod limits;
mod reading;
mod signal;

pub use limits::{Limits, Vacuums};
pub use reading::{Answer, Archive, Reading, Standby, Unseen, Vacuum, brief};
pub use signal::Signal;

use signal::Key;

/// Looks in a row that have to find a signal gone before it has ended.
const QUIET_LOOKS: u32 = 2;

/// Looks in a row that may fail before that is a signal.
const MISSES_MAX: u32 = 2;

/// How long an archive may fail: its tries are a minute apart.
const ARCHIVE_FAILS_MAX: Duration = Duration::from_mins(1);

/// How often a wait that lasts is told.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// How long a wait lasts before it is told where another one has been told
/// within [`TELL_EVERY`].
const TELL_AFTER: Duration = Duration::from_secs(10);

/// What has been seen so far, and what follows from it now.
///
/// Durations in, values out: whoever looks measures the time between two
/// looks by a clock that is never set.
#[derive(Clone, Debug)]
pub struct Throttle {
    limits: Limits,
    /// Since the first look.
    now: Duration,
    /// Where the server's WAL was, and when.
    positions: Positions,
    /// When the archive was found failing.
    archive_fails_since: Option<Duration>,
    active: BTreeMap<Key, Active>,
    /// Looks in a row that have failed.
    misses: u32,
    /// When the wait that lasts began.
    since: Option<Duration>,
    /// Time of all waits that have ended.
    waited: Duration,
    telling: Telling,
    unseen: BTreeSet<Unseen>,
}

#[derive(Clone, Debug)]
struct Active {
    signal: Signal,
    /// Looks in a row that found it gone.
    quiet_looks: u32,
}

#[derive(Clone, Debug, Default)]
struct Telling {
    /// When somebody was told last that it waits.
    last: Option<Duration>,
    /// The signals that were told in this wait; `None`: nothing was.
    keys: Option<BTreeSet<Key>>,
    /// A wait that has ended and of which that is not told yet.
    ended: Option<Duration>,
}

/// Where a measure is, seen from its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// Beyond it.
    Above,
    /// Not beyond it, and not far below either.
    Near,
    /// At 80 % of it or less.
    Below,
}

impl Grade {
    fn of(measure: u128, limit: u128) -> Self {
        if measure > limit {
            Self::Above
        } else if measure.saturating_mul(5) <= limit.saturating_mul(4) {
            Self::Below
        } else {
            Self::Near
        }
    }

    fn of_count(measure: u64, limit: u64) -> Self {
        Self::of(measure.into(), limit.into())
    }

    fn of_time(measure: Duration, limit: Duration) -> Self {
        Self::of(measure.as_micros(), limit.as_micros())
    }
}

/// Something to tell the user.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The backfill waits, has begun to or still does.
    Waits {
        /// For what; not empty.
        signals: Vec<Signal>,
        /// For how long already.
        lasts: Duration,
    },
    /// It goes on.
    GoesOn {
        /// How long it has waited.
        waited: Duration,
    },
}

impl Throttle {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            now: Duration::ZERO,
            positions: Positions::default(),
            archive_fails_since: None,
            active: BTreeMap::new(),
            misses: 0,
            since: None,
            waited: Duration::ZERO,
            telling: Telling::default(),
            unseen: BTreeSet::new(),
        }
    }

    /// By what it judges.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes up a look, made so long after the last one (zero for the first):
    /// the signals that are there now, in a stable order; none: go on.
    pub fn look(&mut self, reading: &Reading, after: Duration) -> Vec<Signal> {
        self.now += after;
        self.misses = 0;
        let measured = self.measure(reading, after);
        if let Some(bytes) = reading.wal_bytes {
            let limit = self.limits.replication_lag.unwrap_or_default();
            self.positions.add(self.now, bytes, limit);
        }
        for active in self.active.values_mut() {
            active.quiet_looks += 1;
        }
        for (grade, signal) in measured {
            let key = signal.key();
            match (grade, self.active.get_mut(&key)) {
                (Grade::Above, _) => {
                    let active = Active {
                        signal,
                        quiet_looks: 0,
                    };
                    self.active.insert(key, active);
                }
                (Grade::Near, Some(active)) => {
                    active.signal = signal;
                    active.quiet_looks = 0;
                }
                // Told as it is now, also while it is on its way out.
                (Grade::Below, Some(active)) => active.signal = signal,
                (Grade::Near | Grade::Below, None) => {}
            }
        }
        // To see again is enough for this one.
        self.active.retain(|_, active| {
            active.quiet_looks < QUIET_LOOKS && !matches!(active.signal, Signal::Blind { .. })
        });
        self.settle()
    }

    /// A look that failed, so long after the last one: what was there is
    /// there, and from the second one in a row on that is a signal of its own.
    pub fn missed(&mut self, reason: &str, after: Duration) -> Vec<Signal> {
        self.now += after;
        self.misses += 1;
        if self.misses >= MISSES_MAX {
            let signal = Signal::Blind {
                reason: brief(reason),
            };
            let active = Active {
                signal,
                quiet_looks: 0,
            };
            self.active.insert(active.signal.key(), active);
        }
        self.settle()
    }

    /// The signals that are there now.
    #[must_use]
    pub fn signals(&self) -> Vec<Signal> {
        let signals = self.active.values().map(|active| active.signal.clone());
        signals.collect()
    }

    /// For how long it has been waiting without a break; `None`: it does not.
    #[must_use]
    pub fn lasts(&self) -> Option<Duration> {
        Some(self.ago(self.since?))
    }

    /// For how long it has waited in all.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited + self.lasts().unwrap_or_default()
    }

    /// Whether it has been waiting for longer than it may: then it fails.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        matches!((self.lasts(), self.limits.longest), (Some(lasts), Some(longest)) if lasts >= longest)
    }

    /// What is to be told now; to be asked after each look.
    ///
    /// That it waits is told at once, once a minute while it lasts, when
    /// another signal joins, and when it has ended. A wait that begins within
    /// a minute after another one is told when it has lasted for ten seconds.
    pub fn news(&mut self) -> Option<News> {
        if let Some(waited) = self.telling.ended.take() {
            return Some(News::GoesOn { waited });
        }
        let lasts = self.lasts()?;
        let ago = self.telling.last.map(|last| self.ago(last));
        let is_due = match (&self.telling.keys, ago) {
            (_, None) => true,
            (_, Some(ago)) if ago >= TELL_EVERY => true,
            (None, Some(_)) => lasts >= TELL_AFTER,
            (Some(told), Some(ago)) => {
                ago >= TELL_AFTER && self.active.keys().any(|key| !told.contains(key))
            }
        };
        is_due.then(|| {
            self.telling.last = Some(self.now);
            self.telling.keys = Some(self.active.keys().cloned().collect());
            News::Waits {
                signals: self.signals(),
                lasts,
            }
        })
    }

    /// What `reading` could not see and no earlier one has told.
    pub fn unseen(&mut self, reading: &Reading) -> Vec<Unseen> {
        let new = reading.unseen.iter().copied();
        new.filter(|one| self.unseen.insert(*one)).collect()
    }

    /// How long ago a moment was.
    fn ago(&self, at: Duration) -> Duration {
        self.now.saturating_sub(at)
    }

    /// Counts the time, and returns the signals.
    fn settle(&mut self) -> Vec<Signal> {
        match (self.active.is_empty(), self.since) {
            (false, None) => self.since = Some(self.now),
            (true, Some(since)) => {
                let waited = self.ago(since);
                self.since = None;
                self.waited += waited;
                // Who was not told that it began is not told that it ended.
                self.telling.ended = self.telling.keys.take().map(|_| waited);
            }
            _ => {}
        }
        self.signals()
    }

    /// All that has a limit, and where it is.
    fn measure(&mut self, reading: &Reading, after: Duration) -> Vec<(Grade, Signal)> {
        let mut measured = Vec::new();
        self.measure_wal(reading, after, &mut measured);
        self.measure_archive(reading, &mut measured);
        let limits = &self.limits;
        if let Some(limit) = limits.lock_waiters {
            let sessions = reading.blocked;
            let signal = Signal::Blocking { sessions };
            measured.push((Grade::of_count(sessions, 0), signal));
            let sessions = reading.waiters;
            let signal = Signal::LockWaiters { sessions, limit };
            measured.push((Grade::of_count(sessions, limit), signal));
        }
        for vacuum in &reading.vacuums {
            let counts = match limits.vacuum {
                Vacuums::All => true,
                Vacuums::Wraparound => vacuum.is_to_prevent_wraparound,
                Vacuums::Never => false,
            };
            if counts {
                measured.push((Grade::Above, Signal::Vacuum(vacuum.clone())));
            }
        }
        if let Some(limit) = limits.running_queries {
            let statements = reading.running;
            let signal = Signal::RunningQueries { statements, limit };
            measured.push((Grade::of_count(statements, limit), signal));
        }
        if let (Some(_), Some(answer)) = (&limits.query, said(reading.query.as_ref())) {
            measured.push((Grade::Above, Signal::Query(answer)));
        }
        if let (Some(path), Some(answer)) = (&limits.flag_file, said(reading.flag.as_ref())) {
            let path = path.display().to_string();
            measured.push((Grade::Above, Signal::FlagFile { path, answer }));
        }
        measured
    }

    fn measure_wal(&self, reading: &Reading, after: Duration, measured: &mut Vec<(Grade, Signal)>) {
        let Some(bytes) = reading.wal_bytes else {
            return;
        };
        if let Some(limit) = self.limits.replication_lag {
            for standby in &reading.standbys {
                if self.limits.ignores(&standby.application) {
                    continue;
                }
                let lag = self.lag(standby, bytes);
                let signal = Signal::ReplicationLag {
                    standby: standby.name.clone(),
                    lag,
                    limit,
                };
                measured.push((Grade::of_time(lag, limit), signal));
            }
        }
        if let Some(limit) = self.limits.wal_rate
            && let Some(bytes) = self.positions.rate(bytes, after)
        {
            let signal = Signal::WalRate { bytes, limit };
            measured.push((Grade::of_count(bytes, limit), signal));
        }
    }

    /// How far a standby is behind: by its own account, and by our notes of
    /// where the server was when, which count from the first look. Its own
    /// stays as it was for a while once it has caught up, and there is none
    /// where it has not moved since it was connected.
    fn lag(&self, standby: &Standby, bytes: u64) -> Duration {
        match standby.replayed {
            Some(replayed) if replayed >= bytes => Duration::ZERO,
            Some(replayed) => {
                let noted = self.positions.first_beyond(replayed);
                let noted = noted.map_or(Duration::ZERO, |at| self.ago(at));
                standby.lag.unwrap_or_default().max(noted)
            }
            None => Duration::ZERO,
        }
    }

    fn measure_archive(&mut self, reading: &Reading, measured: &mut Vec<(Grade, Signal)>) {
        let (Some(limit), Some(archive)) = (self.limits.archive_backlog, &reading.archive) else {
            self.archive_fails_since = None;
            return;
        };
        if let Some(files) = archive.waiting {
            let signal = Signal::ArchiveBacklog { files, limit };
            measured.push((Grade::of_count(files, limit), signal));
        }
        let Some(file) = &archive.failing else {
            self.archive_fails_since = None;
            return;
        };
        let since = *self.archive_fails_since.get_or_insert(self.now);
        let lasts = archive
            .failing_for
            .unwrap_or(self.now.saturating_sub(since));
        let signal = Signal::ArchiveFailing {
            file: file.clone(),
            lasts,
        };
        // No matter how long: the next file waits as the last one did.
        let grade = match Grade::of_time(lasts, ARCHIVE_FAILS_MAX) {
            Grade::Above => Grade::Above,
            Grade::Near | Grade::Below => Grade::Near,
        };
        measured.push((grade, signal));
    }
}

/// An answer that is not a no.
fn said(answer: Option<&Answer>) -> Option<Answer> {
    answer.filter(|answer| **answer != Answer::No).cloned()
}

/// Where the server's WAL was, and when.
#[derive(Clone, Debug, Default)]
struct Positions {
    notes: VecDeque<(Duration, u64)>,
    /// At the last look.
    last: Option<u64>,
}

impl Positions {
    /// Notes within the limit of a lag.
    const PER_LIMIT: u32 = 100;
    /// Ten times the limit: what is behind further is told as that.
    const KEPT_MAX: usize = 1000;

    fn add(&mut self, at: Duration, bytes: u64, limit: Duration) {
        // After a fail-over it may be another server, behind the old one.
        if self.last.is_some_and(|last| last > bytes) {
            self.notes.clear();
        }
        // A server that writes nothing is where it was.
        let is_news = self.notes.back().is_none_or(|(noted_at, noted)| {
            *noted < bytes && at.saturating_sub(*noted_at) >= limit / Self::PER_LIMIT
        });
        if is_news {
            self.notes.push_back((at, bytes));
            if self.notes.len() > Self::KEPT_MAX {
                self.notes.pop_front();
            }
        }
        self.last = Some(bytes);
    }

    /// When the server was first seen beyond `bytes`.
    fn first_beyond(&self, bytes: u64) -> Option<Duration> {
        let place = self.notes.partition_point(|(_, noted)| *noted <= bytes);
        self.notes.get(place).map(|(at, _)| *at)
    }

    /// Bytes in a second since the last look.
    fn rate(&self, bytes: u64, after: Duration) -> Option<u64> {
        let written = u128::from(bytes.saturating_sub(self.last?));
        let rate = (written * 1_000_000).checked_div(after.as_micros())?;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
