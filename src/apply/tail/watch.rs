//! Looks at running builds, ours and others': tells how far each is and whom
//! it waits for, and writes down how far ours are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pace::{Pace, Sight};
use crate::apply::{Event, Run};
use crate::migration::Name;
use crate::postgres::activity::{self, Blocker};
use crate::postgres::ledger::{Ledger, ProgressRow};
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
        };
        entries.insert(name.clone(), entry);
        true
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
        self.entries()
            .get(name)
            .map_or(Duration::ZERO, |entry| entry.pace.changed().elapsed())
    }

    /// How long to wait before the next look.
    pub(super) fn pause(&self) -> Duration {
        if self.entries().values().any(|entry| entry.pace.is_waiting()) {
            LOOK_AT_WAIT
        } else {
            LOOK
        }
    }

    /// Looks at each build once.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn look(&self, session: &Session) -> Result<(), postgres::Error> {
        let builds: Vec<(Name, i32, Whose)> = self
            .entries()
            .iter()
            .map(|(name, entry)| (name.clone(), entry.pid, entry.whose))
            .collect();
        let pids: Vec<i32> = builds.iter().map(|(_, pid, _)| *pid).collect();
        let mut shown = progress::of(session, &pids).await?;
        // Another role's progress is hidden from us, unless its runner wrote
        // it down for everyone.
        let is_hidden = builds
            .iter()
            .any(|(_, pid, whose)| *whose == Whose::Elsewhere && !shown.contains_key(pid));
        let written = if is_hidden {
            self.ledger.progress(session).await?
        } else {
            BTreeMap::new()
        };
        for (name, pid, whose) in builds {
            let written = written.get(&name).filter(|(row, _)| row.pid == pid);
            let progress = shown.remove(&pid).or_else(|| {
                written.map(|(row, _)| Progress {
                    phase: row.phase.clone(),
                    done: row.done,
                    total: row.total,
                    locker: None,
                })
            });
            let sight = sight(session, pid, progress).await?;
            self.tell(session, &name, pid, whose, &sight).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        session: &Session,
        name: &Name,
        pid: i32,
        whose: Whose,
        sight: &Sight,
    ) -> Result<(), postgres::Error> {
        let told = match self.entries().get_mut(name) {
            Some(entry) if entry.pid == pid => entry.pace.look(Instant::now(), sight),
            // It ended during the look.
            _ => return Ok(()),
        };
        if let (true, Some(progress)) = (told.progress, &sight.progress) {
            self.run.events.tell(Event::Progress {
                name: name.clone(),
                phase: progress.phase.clone(),
                done: progress.done,
                total: progress.total,
            });
        }
        if let Some(since) = told.waits {
            self.run.events.tell(Event::BuildWaits {
                name: name.clone(),
                blockers: sight.blockers.clone(),
                since,
            });
        }
        if told.write && whose == Whose::Ours {
            let waits_for: Vec<String> = sight.blockers.iter().map(ToString::to_string).collect();
            let row = ProgressRow {
                pid,
                phase: match &sight.progress {
                    Some(progress) => progress.phase.clone(),
                    None => "running".to_owned(),
                },
                done: sight.progress.as_ref().and_then(|progress| progress.done),
                total: sight.progress.as_ref().and_then(|progress| progress.total),
                waits_for: (!waits_for.is_empty()).then(|| waits_for.join("; ")),
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
