//! What has been told of one build so far, and what is worth telling now.
//! Pure: looks and times in, what to tell out.

use std::time::{Duration, Instant};

use crate::postgres::activity::Blocker;
use crate::postgres::progress::Progress;

/// Whom it waits for is told again after this time.
const WAITS_AGAIN: Duration = Duration::from_secs(30);
/// A wait that has lasted this long is told at first sight; builds wait
/// briefly for every transaction that happens to be open.
const WAITS_AT_ONCE: Duration = Duration::from_secs(1);
/// The ledger's row is written at most this often, unless the phase changes.
const WRITE_AFTER: Duration = Duration::from_secs(2);

/// One look at a build.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    /// How far it is, where PostgreSQL tells.
    pub(super) progress: Option<Progress>,
    /// Whom it waits for; empty if for nobody.
    pub(super) blockers: Vec<Blocker>,
    /// For how long already, as far as the server tells.
    pub(super) waiting: Duration,
}

/// What is worth telling after a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// It got on.
    pub(super) progress: bool,
    /// It waits, for so long already.
    pub(super) waits: Option<Duration>,
    /// The ledger's row is due.
    pub(super) write: bool,
}

/// What was told of one build.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    progress: Option<Progress>,
    changed: Instant,
    wait: Option<Wait>,
    written: Option<(Instant, Option<String>)>,
}

/// A wait that goes on.
#[derive(Clone, Debug)]
struct Wait {
    since: Instant,
    /// Those seen at the last look.
    seen: Vec<Identity>,
    told: Option<(Instant, Vec<Identity>)>,
}

/// Who a blocker is, ages apart.
type Identity = (i32, Option<String>);

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            progress: None,
            changed: now,
            wait: None,
            written: None,
        }
    }

    /// Since when it has made no visible progress.
    pub(super) fn changed(&self) -> Instant {
        self.changed
    }

    /// Whether it waited for somebody at the last look.
    pub(super) fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// What this look adds to what was told.
    pub(super) fn look(&mut self, now: Instant, sight: &Sight) -> Told {
        // The end of a phase without a view is no news, its change is.
        let progress = sight.progress.is_some() && sight.progress != self.progress;
        if sight.progress != self.progress {
            self.changed = now;
            self.progress.clone_from(&sight.progress);
        }
        let waits = self.look_at_wait(now, sight);
        let phase = sight.progress.as_ref().map(|one| one.phase.clone());
        let write = match &self.written {
            None => true,
            Some((at, of)) => *of != phase || now.duration_since(*at) >= WRITE_AFTER,
        } || waits.is_some();
        if write {
            self.written = Some((now, phase));
        }
        Told {
            progress,
            waits,
            write,
        }
    }

    fn look_at_wait(&mut self, now: Instant, sight: &Sight) -> Option<Duration> {
        if sight.blockers.is_empty() {
            self.wait = None;
            return None;
        }
        let blockers: Vec<Identity> = sight
            .blockers
            .iter()
            .map(|blocker| (blocker.pid, blocker.prepared.clone()))
            .collect();
        let wait = self.wait.get_or_insert_with(|| Wait {
            since: now.checked_sub(sight.waiting).unwrap_or(now),
            seen: Vec::new(),
            told: None,
        });
        let is_lasting = wait.seen == blockers || sight.waiting >= WAITS_AT_ONCE;
        let is_news = match &wait.told {
            None => true,
            Some((at, of)) => *of != blockers || now.duration_since(*at) >= WAITS_AGAIN,
        };
        wait.seen.clone_from(&blockers);
        (is_lasting && is_news).then(|| {
            wait.told = Some((now, blockers));
            now.duration_since(wait.since)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks, one per word: `at/phase=done/pids/waiting`, times in
    /// milliseconds and seconds; parts may be empty from the right.
    #[track_caller]
    fn check(looks: &str, expected: &[&str]) {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let lines: Vec<String> = looks
            .split_whitespace()
            .map(|look| {
                let mut parts = look.split('/');
                let at = parts.next().expect("a time").parse().expect("milliseconds");
                let progress =
                    parts
                        .next()
                        .and_then(|part| part.split_once('='))
                        .map(|(phase, done)| Progress {
                            phase: phase.to_owned(),
                            done: done.parse().ok(),
                            total: None,
                            locker: None,
                        });
                let blockers = parts
                    .next()
                    .unwrap_or_default()
                    .split_terminator(',')
                    .map(|pid| Blocker {
                        pid: pid.parse().expect("a pid"),
                        ..Blocker::default()
                    })
                    .collect();
                let waiting = parts.next().map_or(Duration::ZERO, |part| {
                    Duration::from_secs(part.parse().expect("seconds"))
                });
                let told = pace.look(
                    start + Duration::from_millis(at),
                    &Sight {
                        progress,
                        blockers,
                        waiting,
                    },
                );
                let mut words = Vec::new();
                words.extend(told.progress.then(|| "progress".to_owned()));
                words.extend(
                    told.waits
                        .map(|since| format!("waits {}ms", since.as_millis())),
                );
                words.extend(told.write.then(|| "write".to_owned()));
                words.join(" ")
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn progress_is_told_when_it_changes_and_written_every_two_seconds() {
        check(
            "0/scan=1 1000/scan=2 2000/scan=2 2100/sort=0 3000/sort=1 4200/sort=1",
            &[
                "progress write",
                "progress",
                "write",
                "progress write",
                "progress",
                "write",
            ],
        );
    }

    #[test]
    fn a_brief_wait_is_not_told() {
        check("0//7 500//8 1000 1500//7", &["write", "", "", ""]);
    }

    #[test]
    fn a_wait_is_told_at_the_second_look_then_every_thirty_seconds() {
        check(
            "0//7 500//7 1000//7 30500//7",
            &["write", "waits 500ms write", "", "waits 30500ms write"],
        );
    }

    #[test]
    fn a_wait_that_is_old_at_first_sight_is_told_at_once() {
        check("0//7/5", &["waits 5000ms write"]);
    }

    #[test]
    fn a_change_of_those_waited_for_is_told() {
        check(
            "0//7 500//7 1000//7,8 1500//7,8 2000//7,8",
            &["write", "waits 500ms write", "", "waits 1500ms write", ""],
        );
    }
}
