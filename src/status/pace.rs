//! How fast a concurrent migration goes, and how long it will still take, from
//! one look at it after the other. Pure: the clock comes in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::migration::Name;

/// What several looks say that one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// 0 to 100, if the phase counts.
    pub percent: Option<u64>,
    /// Units in a second, if the phase has gone on long enough to tell.
    pub rate: Option<u64>,
    /// Of this phase.
    pub left: Option<Duration>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    began: Duration,
    done_first: u64,
}

/// Progress seen so far, by migration.
#[derive(Debug, Default)]
pub struct Pace(BTreeMap<Name, Phase>);

impl Pace {
    /// Takes in one look, `at` after some beginning, the same for all looks.
    pub fn read(
        &mut self,
        name: &Name,
        phase: &str,
        done: Option<u64>,
        total: Option<u64>,
        at: Duration,
    ) -> Reading {
        let known = self.0.get(name);
        // A build that begins anew goes back in the same phase.
        let is_known = known.is_some_and(|known| {
            known.name == phase && done.is_none_or(|done| done >= known.done_first)
        });
        if !is_known {
            self.0.insert(
                name.clone(),
                Phase {
                    name: phase.to_owned(),
                    began: at,
                    done_first: done.unwrap_or(0),
                },
            );
        }
        let known = &self.0[name];
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
        Reading {
            percent,
            rate,
            left,
        }
    }

    /// Forgets a migration that has ended.
    pub fn end(&mut self, name: &Name) {
        self.0.remove(name);
    }

    /// Forgets all migrations but those that `runs` says still run.
    pub fn keep(&mut self, mut runs: impl FnMut(&Name) -> bool) {
        self.0.retain(|name, _| runs(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports `(milliseconds, phase, done)` of 1000, and what is read of each.
    #[track_caller]
    fn check(reports: &[(u64, &str, u64)], expected: &[&str]) {
        let mut pace = Pace::default();
        let name = Name::new("c.sql");
        let read = |(at, phase, done): &(u64, &str, u64)| {
            let at = Duration::from_millis(*at);
            let reading = pace.read(&name, phase, Some(*done), Some(1000), at);
            format!(
                "{}% {:?}/s {:?}",
                reading.percent.unwrap_or(0),
                reading.rate.unwrap_or(0),
                reading.left.unwrap_or_default()
            )
        };
        let readings: Vec<String> = reports.iter().map(read).collect();
        assert_eq!(readings, expected);
    }

    #[test]
    fn a_rate_takes_half_a_second_and_begins_with_each_phase() {
        check(
            &[
                (0, "scan", 0),
                (200, "scan", 200),
                (1000, "scan", 300),
                (2000, "sort", 0),
                (12_000, "sort", 20),
            ],
            &[
                "0% 0/s 0ns",
                "20% 0/s 0ns",
                "30% 300/s 2s",
                "0% 0/s 0ns",
                "2% 2/s 490s",
            ],
        );
    }

    #[test]
    fn a_build_that_begins_anew_has_no_rate_yet() {
        check(
            &[(0, "scan", 500), (1000, "scan", 800), (2000, "scan", 100)],
            &["50% 0/s 0ns", "80% 300/s 0ns", "10% 0/s 0ns"],
        );
    }

    #[test]
    fn a_phase_that_does_not_count_has_no_percentage() {
        let mut pace = Pace::default();
        let name = Name::new("c.sql");
        let reading = pace.read(&name, "waiting", None, Some(0), Duration::ZERO);
        assert_eq!(reading, Reading::default());
    }

    #[test]
    fn who_does_not_run_is_forgotten() {
        let mut pace = Pace::default();
        let name = Name::new("c.sql");
        let second = Duration::from_secs(1);
        pace.read(&name, "scan", Some(0), Some(10), Duration::ZERO);
        pace.keep(|_| false);
        assert_eq!(
            pace.read(&name, "scan", Some(5), Some(10), second).rate,
            None
        );
    }
}
