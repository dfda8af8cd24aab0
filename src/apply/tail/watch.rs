//! Looks at running builds, ours and others': tells how far each is and whom
//! it waits for, and writes down how far ours are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pace::{Pace, Sight, Told};
use crate::apply::crew::Crew;
use crate::apply::{Event, Run};
use crate::history::ProgressRow;
use crate::migration::Name;
use crate::postgres::activity::{self, Blocker};
use crate::postgres::ledger::Ledger;
use crate::postgres::progress::{self, Progress};
use crate::postgres::{self, Session};

/// Pause between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Pause while a build waits for others: it is told at the second look, and
/// that within two seconds.
const LOOK_AT_WAIT: Duration = Duration::from_millis(500);

/// In whose session a build runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// In one of this run, which writes its progress into the ledger.
    Ours,
    /// In another one, which may write its own.
    Elsewhere,
}

#[derive(Debug)]
struct Entry {
    pid: i32,
    whose: Whose,
    pace: Pace,
    /// Whether it is a backfill, which the ledger knows more of than the server.
    counts_rows: bool,
    /// Those who work beside it, and what was told of each.
    helpers: Option<Arc<Crew>>,
    beside: BTreeMap<i32, Pace>,
}

impl Entry {
    /// What these looks add to what was told, one for each.
    fn look(&mut self, sights: &[(i32, Sight)]) -> Vec<Told> {
        let now = Instant::now();
        self.beside
            .retain(|pid, _| sights.iter().any(|(seen, _)| seen == pid));
        let mut told = Vec::with_capacity(sights.len());
        for (pid, sight) in sights {
            let pace = if *pid == self.pid {
                &mut self.pace
            } else {
                self.beside.entry(*pid).or_insert_with(|| Pace::new(now))
            };
            told.push(pace.look(now, sight));
        }
        told
    }
}

/// What is looked at, at one time.
#[derive(Debug)]
struct Watched {
    name: Name,
    /// The session with the migration's lock first.
    pids: Vec<i32>,
    whose: Whose,
    counts_rows: bool,
    partitions: Option<(u64, u64)>,
}

impl Watched {
    fn of((name, entry): (&Name, &Entry)) -> Self {
        let helpers = entry.helpers.as_ref();
        let sessions = helpers.map_or_else(Vec::new, |helpers| helpers.sessions());
        let mut pids = vec![entry.pid];
        pids.extend(sessions.iter().map(|session| session.backend().pid));
        Self {
            name: name.clone(),
            pids,
            whose: entry.whose,
            counts_rows: entry.counts_rows,
            partitions: helpers.and_then(|helpers| helpers.partitions()),
        }
    }
}

/// The builds that are watched now.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    run: &'a Run,
    ledger: &'a Ledger,
    entries: Mutex<BTreeMap<Name, Entry>>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(run: &'a Run, ledger: &'a Ledger) -> Self {
        Self {
            run,
            ledger,
            entries: Mutex::default(),
        }
    }

    /// From now on `name` is watched, in the session with this pid. Whether
    /// that is news.
    pub(super) fn begin(&self, name: &Name, pid: i32, whose: Whose) -> bool {
        let mut entries = self.entries();
        if entries.get(name).is_some_and(|entry| entry.pid == pid) {
            return false;
        }
        let entry = Entry {
            pid,
            whose,
            pace: Pace::new(Instant::now()),
            counts_rows: false,
            helpers: None,
            beside: BTreeMap::new(),
        };
        entries.insert(name.clone(), entry);
        true
    }

    /// These may work on `name` beside the session that is watched.
    pub(super) fn help(&self, name: &Name, helpers: &Arc<Crew>) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.helpers = Some(Arc::clone(helpers));
        }
    }

    /// `name` is a backfill.
    pub(super) fn counts_rows(&self, name: &Name) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.counts_rows = true;
        }
    }

    /// `name` is not watched any more.
    pub(super) fn end(&self, name: &Name) {
        self.entries().remove(name);
    }

    /// The pid of the session that runs `name`, if it is watched.
    pub(super) fn pid(&self, name: &Name) -> Option<i32> {
        self.entries().get(name).map(|entry| entry.pid)
    }

    /// For how long `name` has made no visible progress.
    pub(super) fn quiet(&self, name: &Name) -> Duration {
        self.entries().get(name).map_or(Duration::ZERO, |entry| {
            let beside = entry.beside.values().map(Pace::changed);
            let changed = beside.fold(entry.pace.changed(), Instant::max);
            changed.elapsed()
        })
    }

    /// How long to wait before the next look.
    pub(super) fn pause(&self) -> Duration {
        let is_waiting = self
            .entries()
            .values()
            .any(|entry| entry.pace.is_waiting() || entry.beside.values().any(Pace::is_waiting));
        if is_waiting { LOOK_AT_WAIT } else { LOOK }
    }

    /// Looks at each build once.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn look(&self, session: &Session) -> Result<(), postgres::Error> {
        let builds: Vec<Watched> = self.entries().iter().map(Watched::of).collect();
        let pids: Vec<i32> = builds.iter().flat_map(|build| build.pids.clone()).collect();
        let mut shown = progress::of(session, &pids).await?;
        // Another role's progress is hidden from us, unless its runner wrote
        // it down for everyone.
        let is_hidden = builds
            .iter()
            .any(|build| build.whose == Whose::Elsewhere && !shown.contains_key(&build.pids[0]));
        let written = if is_hidden {
            self.ledger.progress(session).await?
        } else {
            BTreeMap::new()
        };
        for build in builds {
            let mut sights = Vec::with_capacity(build.pids.len());
            let counted = if build.counts_rows {
                self.ledger.backfill_progress(session, &build.name).await?
            } else {
                None
            };
            for pid in &build.pids {
                let written = written.get(&build.name).filter(|(row, _)| row.pid == *pid);
                let progress = counted.clone().or_else(|| shown.remove(pid));
                let progress = progress.or_else(|| {
                    written.map(|(row, _)| Progress {
                        phase: row.phase.clone(),
                        done: row.done,
                        total: row.total,
                        locker: None,
                    })
                });
                sights.push((*pid, sight(session, *pid, progress).await?));
            }
            self.tell(session, &build, &sights).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        session: &Session,
        build: &Watched,
        sights: &[(i32, Sight)],
    ) -> Result<(), postgres::Error> {
        let name = &build.name;
        let told = match self.entries().get_mut(name) {
            Some(entry) if entry.pid == build.pids[0] => entry.look(sights),
            // It ended during the look.
            _ => return Ok(()),
        };
        // Of several that get on at once, one is shown: the next by pid takes
        // over when it has ended.
        let leading = sights
            .iter()
            .position(|(_, sight)| sight.progress.is_some());
        let leading = leading.unwrap_or(0);
        let progress = sights[leading].1.progress.as_ref();
        if let (true, Some(progress)) = (told[leading].progress, progress) {
            self.run.events.tell(Event::Progress {
                name: name.clone(),
                phase: progress.phase.clone(),
                done: progress.done,
                total: progress.total,
            });
        }
        for (told, (_, sight)) in told.iter().zip(sights) {
            if let Some(since) = told.waits {
                self.run.events.tell(Event::BuildWaits {
                    name: name.clone(),
                    blockers: sight.blockers.clone(),
                    since,
                });
            }
        }
        if told.iter().any(|told| told.write) && build.whose == Whose::Ours {
            let mut waits_for: Vec<String> = Vec::new();
            let mut ends_wait: Vec<String> = Vec::new();
            for blocker in sights.iter().flat_map(|(_, sight)| &sight.blockers) {
                let text = blocker.to_string();
                if !waits_for.contains(&text) {
                    waits_for.push(text);
                    ends_wait.push(blocker.remedy_of());
                }
            }
            // Which one is meant goes without saying where there is one.
            if let [_] = ends_wait.as_slice() {
                let mut blockers = sights.iter().flat_map(|(_, sight)| &sight.blockers);
                ends_wait = blockers.next().map(Blocker::remedy).into_iter().collect();
            }
            let row = ProgressRow {
                pid: build.pids[0],
                phase: match progress {
                    Some(progress) => progress.phase.clone(),
                    None => "running".to_owned(),
                },
                done: progress.and_then(|progress| progress.done),
                total: progress.and_then(|progress| progress.total),
                waits_for: (!waits_for.is_empty()).then(|| waits_for.join("; ")),
                ends_wait: (!ends_wait.is_empty()).then(|| ends_wait.join("; ")),
                partitions: build.partitions,
            };
            self.ledger.write_progress(session, name, &row).await?;
        }
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Name, Entry>> {
        // Nothing panics while it holds this, and a map is never half-way.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom `pid` waits for. The lock queue knows best; `current_locker_pid` and
/// old snapshots are looked at where it says nothing although the phase is one
/// that waits.
async fn sight(
    session: &Session,
    pid: i32,
    progress: Option<Progress>,
) -> Result<Sight, postgres::Error> {
    let mut sight = Sight {
        progress,
        ..Sight::default()
    };
    if let Some(wait) = activity::lock_wait(session, pid).await? {
        sight.blockers = wait.blockers;
        sight.waiting = wait.age;
    }
    let phase_waits = sight
        .progress
        .as_ref()
        .is_some_and(|progress| progress.phase.starts_with("waiting for "));
    if sight.blockers.is_empty() && phase_waits {
        let locker = sight.progress.as_ref().and_then(|progress| progress.locker);
        if let Some(locker) = locker {
            sight.blockers = activity::backend(session, locker)
                .await?
                .into_iter()
                .collect();
        }
        if sight.blockers.is_empty() {
            sight.blockers = activity::old_snapshots(session, pid).await?;
        }
    }
    // Workers and a session that looks are seen in each other's way now and
    // then; a build does not wait for itself.
    sight
        .blockers
        .retain(|blocker: &Blocker| blocker.pid != pid);
    Ok(sight)
}
