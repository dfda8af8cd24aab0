//! How far a backfill is: what its row in the ledger says, as a value and in
//! words.
//!
//! Whether somebody runs it is told by its lock and not by its row; who shows a
//! [`Standing`] says which it is. Reading is left to `postgres`.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::text::{count, thousands};

/// What the ledger has of one backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The table, as the ledger has it.
    pub relation: String,
    /// Names of the key's columns; `ctid` alone is the physical place.
    pub key: Vec<String>,
    /// The last key that is done, as text; `None`: nothing is.
    pub cursor: Option<Vec<String>>,
    /// Batches that are committed.
    pub batches: u64,
    /// Rows in the ranges that are done.
    pub rows: u64,
    /// Rows that the statement has touched.
    pub changed: u64,
    /// About how many rows there are in all, once that is known.
    pub total: Option<u64>,
    /// Rows of the next batch.
    pub batch_rows: Option<u64>,
    /// Between two batches.
    pub pause: Option<Duration>,
    /// What keeps it from going on now, or did when it was last run.
    pub throttled: Option<Throttled>,
    /// Set while somebody wants it to wait.
    pub paused: Option<Paused>,
    /// At most so many rows a second, if somebody wants that.
    pub rate: Option<u64>,
    /// In which time it is to end, counted from `began_at`.
    pub within: Option<Duration>,
    /// When the row was written, before the first batch.
    pub began_at: Timestamp,
    /// When its last batch was committed.
    pub finished_at: Option<Timestamp>,
    /// When it will end, by its runner's prediction.
    pub ends: Option<Ends>,
    /// Why its time does not suffice, for people.
    pub impossible: Option<String>,
    /// Rows that are set aside.
    pub quarantined: u64,
    /// When its runner wrote last.
    pub updated_at: Timestamp,
}

/// What is in the way of a backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Each signal, for people; never empty.
    pub by: Vec<String>,
    /// Since when there has been one.
    pub since: Option<Timestamp>,
}

/// Somebody's wish that it wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Whose: `alice@laptop as deploy`.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// When it will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Not before.
    pub earliest: Timestamp,
    /// Probably.
    pub likely: Timestamp,
    /// Not after.
    pub latest: Timestamp,
}

/// A row that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its key, as text.
    pub key: Vec<String>,
    /// The server's code.
    pub sqlstate: String,
    /// The server's words.
    pub error: String,
    /// How often it was tried.
    pub tries: u64,
    /// When it was tried last.
    pub at: Timestamp,
}

impl Standing {
    /// Hundredths of the rows that are done; 100 only when it is finished.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        if self.finished_at.is_some() {
            return Some(100);
        }
        // The total is an estimate, and may be too low.
        let total = self.total.filter(|total| *total > 0)?;
        let percent = u128::from(self.rows) * 100 / u128::from(total);
        Some(u64::try_from(percent).unwrap_or(u64::MAX).min(99))
    }

    /// `6.2 of about 10 million rows`
    #[must_use]
    pub fn counts(&self) -> String {
        let done = usize::try_from(self.rows).unwrap_or(usize::MAX);
        match self.total {
            Some(total) if self.finished_at.is_none() && self.rows <= total => {
                let unit = unit(total);
                let name = unit.name;
                format!(
                    "{} of about {}{name} rows",
                    unit.of(self.rows),
                    unit.of(total)
                )
            }
            _ => count(done, "row"),
        }
    }

    /// Rows in a second that its prediction counts on, pauses included.
    #[must_use]
    pub fn expected_rate(&self) -> Option<u64> {
        let ends = self.ends.filter(|_| self.finished_at.is_none())?;
        let left = self.total?.checked_sub(self.rows)?;
        let time = ends.likely.duration_since(self.updated_at).as_millis();
        let milliseconds = u64::try_from(time).ok().filter(|time| *time > 0)?;
        Some(left.saturating_mul(1000) / milliseconds).filter(|rate| *rate > 0)
    }

    /// When it has to be done, if somebody says so.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.began_at.checked_add(self.within?).ok()
    }

    /// Whether its deadline will be met, by what is known; `None` without a
    /// deadline or a prediction.
    #[must_use]
    pub fn is_in_time(&self) -> Option<bool> {
        let deadline = self.deadline()?;
        match (self.finished_at, self.ends) {
            (Some(finished), _) => Some(finished <= deadline),
            (None, Some(ends)) => Some(self.impossible.is_none() && ends.latest <= deadline),
            (None, None) => self.impossible.as_ref().map(|_| false),
        }
    }

    /// `62% · 6.2 of about 10 million rows · 41,000 rows/s · ends 2026-11-22
    /// 14:20 to 14:35 UTC`; nobody's rate and end without `is_running`.
    #[must_use]
    pub fn line(&self, is_running: bool) -> String {
        let percent = self.percent().map(|percent| format!("{percent}%"));
        let is_going = is_running && self.paused.is_none();
        let rate = self.expected_rate().filter(|_| is_going);
        let ends = self.ends.filter(|_| is_going && self.finished_at.is_none());
        let facts = [
            percent,
            Some(self.counts()),
            rate.map(|rate| format!("{} rows/s", thousands(rate))),
            ends.map(|ends| format!("ends {}", span(ends.earliest, ends.latest))),
        ];
        facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// What is in its way and what somebody should know, a clause each.
    #[must_use]
    pub fn troubles(&self, is_running: bool) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.finished_at.is_none() {
            troubles.extend(self.paused.as_ref().map(Paused::to_string));
            if let Some(throttled) = self.throttled.as_ref().filter(|_| is_running) {
                troubles.push(throttled.to_string());
            }
            troubles.extend(self.impossible.clone());
        }
        if self.quarantined > 0 {
            troubles.push(self.aside());
        }
        troubles
    }

    /// `3 rows in quarantine`
    #[must_use]
    pub fn aside(&self) -> String {
        let rows = usize::try_from(self.quarantined).unwrap_or(usize::MAX);
        format!("{} in quarantine", count(rows, "row"))
    }

    /// By `#/$defs/backfill` of `docs/json/status.schema.json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let seconds = |time: &Option<Duration>| time.map(|time| time.as_secs_f64());
        let at = |time: &Option<Timestamp>| time.map(|time| time.to_string());
        json!({
            "table": self.relation,
            "key": self.key,
            "cursor": self.cursor,
            "batches": self.batches,
            "rows": self.rows,
            "changed": self.changed,
            "total": self.total,
            "percent": self.percent(),
            "batch_rows": self.batch_rows,
            "pause_seconds": seconds(&self.pause),
            "rows_per_second": self.expected_rate(),
            "throttled": self.throttled.as_ref().map(|throttled| json!({
                "by": throttled.by,
                "since": at(&throttled.since),
            })),
            "paused": self.paused.as_ref().map(|paused| json!({
                "by": paused.by,
                "since": paused.at.to_string(),
                "reason": paused.reason,
            })),
            "rate": self.rate,
            "within_seconds": seconds(&self.within),
            "deadline": at(&self.deadline()),
            "in_time": self.is_in_time(),
            "impossible": self.impossible,
            "began_at": self.began_at.to_string(),
            "finished_at": at(&self.finished_at),
            "ends": self.ends.map(|ends| json!({
                "earliest": ends.earliest.to_string(),
                "likely": ends.likely.to_string(),
                "latest": ends.latest.to_string(),
            })),
            "quarantined": self.quarantined,
            "updated_at": self.updated_at.to_string(),
        })
    }
}

impl std::fmt::Display for Paused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "paused by {} since {}", self.by, minute(self.at))?;
        match &self.reason {
            Some(reason) => write!(formatter, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Throttled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("held back")?;
        if let Some(since) = self.since {
            write!(formatter, " since {}", minute(since))?;
        }
        write!(formatter, ": {}", self.by.join("; "))
    }
}

impl SetAside {
    /// `id 17: 22012: division by zero`, for a key of these columns.
    #[must_use]
    pub fn line(&self, key: &[String]) -> String {
        let error = self.error.lines().next().unwrap_or_default();
        format!("{}: {}: {error}", key_text(key, &self.key), self.sqlstate)
    }

    /// By `docs/json/backfill.schema.json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "key": self.key,
            "sqlstate": self.sqlstate,
            "error": self.error,
            "tries": self.tries,
            "at": self.at.to_string(),
        })
    }
}

/// `tenant 4, id 17`
#[must_use]
pub fn key_text(names: &[String], values: &[String]) -> String {
    let pairs = names.iter().zip(values);
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    pairs.join(", ")
}

/// `2026-11-22 14:02 UTC`
#[must_use]
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-11-22 14:20 to 14:35 UTC`, with the second day where it is another.
#[must_use]
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let (text, end) = (minute(from), minute(to));
    if text == end {
        return format!("about {text}");
    }
    let form = if day(from) == day(to) {
        "%H:%M UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    };
    let start = text.trim_end_matches(" UTC");
    format!("{start} to {}", to.strftime(form))
}

/// In what large numbers are counted.
#[derive(Clone, Copy)]
struct Unit {
    size: u64,
    name: &'static str,
}

fn unit(largest: u64) -> Unit {
    match largest {
        0..1_000_000 => Unit { size: 1, name: "" },
        1_000_000..1_000_000_000 => Unit {
            size: 1_000_000,
            name: " million",
        },
        _ => Unit {
            size: 1_000_000_000,
            name: " billion",
        },
    }
}

impl Unit {
    /// With one decimal, rounded down, unless that is 0; what is less than one
    /// in full.
    fn of(self, number: u64) -> String {
        if number < self.size || self.size == 1 {
            return thousands(number);
        }
        let (whole, tenth) = (number / self.size, number % self.size / (self.size / 10));
        match tenth {
            0 => thousands(whole),
            tenth => format!("{}.{tenth}", thousands(whole)),
        }
    }
}

#[cfg(test)]
impl Paused {
    /// A while after [`Standing::example`] has begun.
    pub(crate) fn example(reason: Option<&str>) -> Self {
        Self {
            by: "alice@laptop as deploy".to_owned(),
            at: "2026-11-22T13:59:12Z".parse().expect("a time"),
            reason: reason.map(str::to_owned),
        }
    }
}

#[cfg(test)]
impl Standing {
    /// Ten million rows, of which 6.2 million are done.
    pub(crate) fn example() -> Self {
        let at = |text: &str| text.parse().expect("a time");
        Self {
            relation: "person".to_owned(),
            key: vec!["id".to_owned()],
            cursor: Some(vec!["6200000".to_owned()]),
            batches: 620,
            rows: 6_200_000,
            changed: 6_100_000,
            total: Some(10_000_000),
            batch_rows: Some(10_000),
            pause: Some(Duration::from_millis(50)),
            throttled: None,
            paused: None,
            rate: None,
            within: Some(Duration::from_hours(24)),
            began_at: at("2026-11-22T12:00:00Z"),
            finished_at: None,
            ends: Some(Ends {
                earliest: at("2026-11-22T14:20:00Z"),
                likely: at("2026-11-22T14:30:00Z"),
                latest: at("2026-11-22T14:35:00Z"),
            }),
            impossible: None,
            quarantined: 0,
            updated_at: at("2026-11-22T14:00:00Z"),
        }
    }
}

#[cfg(test)]
mod tests;
