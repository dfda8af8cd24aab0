//! How fast a concurrent migration goes, and when that is worth a line.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::migration::Name;

/// What a bar or a line shows of a concurrent migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// 0 to 100, if the phase counts.
    pub percent: Option<u64>,
    /// Units in a second, if the phase has gone on long enough to tell.
    pub rate: Option<u64>,
    /// Of this phase.
    pub left: Option<Duration>,
    /// Whether a line is due where there is no bar.
    pub is_due: bool,
}

#[derive(Debug)]
struct Phase {
    name: String,
    began: Duration,
    done_first: u64,
    told: Duration,
    percent_told: u64,
}

/// Progress seen so far, by migration.
#[derive(Debug, Default)]
pub(crate) struct Pace(BTreeMap<Name, Phase>);

/// Lines come at most this often…
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// …and at least this often, …
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// …and in between whenever this much is done.
const STEP_PERCENT: u64 = 10;

impl Pace {
    /// Takes in one report, `at` after the run began.
    pub(crate) fn read(
        &mut self,
        name: &Name,
        phase: &str,
        done: Option<u64>,
        total: Option<u64>,
        at: Duration,
    ) -> Reading {
        let known = self.0.get(name).filter(|known| known.name == phase);
        let is_new = known.is_none();
        if is_new {
            self.0.insert(
                name.clone(),
                Phase {
                    name: phase.to_owned(),
                    began: at,
                    done_first: done.unwrap_or(0),
                    told: at,
                    percent_told: 0,
                },
            );
        }
        let known = self.0.get_mut(name).expect("inserted if it was missing");
        let total = total.filter(|total| *total > 0);
        let percent = done
            .zip(total)
            .map(|(done, total)| done.min(total).saturating_mul(100) / total);
        let elapsed = at.saturating_sub(known.began);
        let advanced = done.map_or(0, |done| done.saturating_sub(known.done_first));
        // Below half a second a rate would be noise.
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let rate = (milliseconds >= 500 && advanced > 0)
            .then(|| advanced.saturating_mul(1000) / milliseconds)
            .filter(|rate| *rate > 0);
        let left = done
            .zip(total)
            .zip(rate)
            .map(|((done, total), rate)| Duration::from_secs(total.saturating_sub(done) / rate));
        let since = at.saturating_sub(known.told);
        let step = percent.unwrap_or(0).saturating_sub(known.percent_told);
        let is_due = is_new || since >= PAUSE_MAX || since >= PAUSE_MIN && step >= STEP_PERCENT;
        if is_due {
            known.told = at;
            known.percent_told = percent.unwrap_or(0);
        }
        Reading {
            percent,
            rate,
            left,
            is_due,
        }
    }

    /// Forgets a migration that has ended.
    pub(crate) fn end(&mut self, name: &Name) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports `(milliseconds, phase, done)` of 1000; the lines that are due.
    #[track_caller]
    fn check(reports: &[(u64, &str, u64)], expected: &[&str]) {
        let mut pace = Pace::default();
        let name = Name::new("c.sql");
        let lines: Vec<String> = reports
            .iter()
            .filter_map(|(at, phase, done)| {
                let at = Duration::from_millis(*at);
                let reading = pace.read(&name, phase, Some(*done), Some(1000), at);
                reading.is_due.then(|| {
                    format!(
                        "{phase} {}% {:?}/s {:?}",
                        reading.percent.unwrap_or(0),
                        reading.rate.unwrap_or(0),
                        reading.left.unwrap_or_default()
                    )
                })
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn lines_come_by_time_and_by_tenths() {
        check(
            &[
                (0, "scan", 0),
                (200, "scan", 200),
                (1000, "scan", 300),
                (1900, "scan", 900),
                (2000, "sort", 0),
                (11_000, "sort", 10),
                (12_000, "sort", 20),
            ],
            &[
                "scan 0% 0/s 0ns",
                "scan 30% 300/s 2s",
                "sort 0% 0/s 0ns",
                "sort 2% 2/s 490s",
            ],
        );
    }

    #[test]
    fn a_phase_that_does_not_count_has_no_percentage() {
        let mut pace = Pace::default();
        let name = Name::new("c.sql");
        let reading = pace.read(&name, "waiting", None, Some(0), Duration::ZERO);
        assert_eq!(reading.percent, None);
        assert!(reading.is_due);
    }
}
