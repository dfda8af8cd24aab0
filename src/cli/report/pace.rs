//! How fast a concurrent migration goes, and when that is worth a line.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::migration::Name;
use crate::status::{Pace as Estimate, Reading};

#[derive(Debug)]
struct Told {
    phase: String,
    at: Duration,
    percent: u64,
}

/// Progress seen and told so far, by migration.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    estimate: Estimate,
    told: BTreeMap<Name, Told>,
}

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
        self.estimate.read(name, phase, done, total, at)
    }

    /// Whether a line is due where there is no bar; if so, it counts as told.
    pub(crate) fn is_due(
        &mut self,
        name: &Name,
        phase: &str,
        reading: &Reading,
        at: Duration,
    ) -> bool {
        let percent = reading.percent.unwrap_or(0);
        let told = self.told.get(name).filter(|told| told.phase == phase);
        let is_due = told.is_none_or(|told| {
            let since = at.saturating_sub(told.at);
            let step = percent.saturating_sub(told.percent);
            since >= PAUSE_MAX || since >= PAUSE_MIN && step >= STEP_PERCENT
        });
        if is_due {
            let phase = phase.to_owned();
            self.told.insert(name.clone(), Told { phase, at, percent });
        }
        is_due
    }

    /// Forgets a migration that has ended.
    pub(crate) fn end(&mut self, name: &Name) {
        self.estimate.end(name);
        self.told.remove(name);
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
                pace.is_due(&name, phase, &reading, at).then(|| {
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
}
