//! Runs tails whenever there are any, until it is told to end: what a sidecar
//! or a unit of the system does with [`settle`](super::up::settle).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::watch::{Look, PAUSE, Watch, Watched};
use super::{ApplyError, Event, Outcome, Run, survey, up};
use crate::backoff::Backoff;
use crate::duty::Duty;
use crate::history::History;
use crate::migration::Migration;
use crate::readiness::Goal;

/// First pause after a tail that failed, and the longest.
const FAILED_PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(10));

/// A failed try that took long is not repeated sooner than after as long a
/// pause, up to this: at most half of the time goes into what fails.
const TRY_MAX: Duration = Duration::from_hours(1);

/// How often the folder is read again while nothing happens; one that takes
/// long to read, less often: at most a twentieth of the time goes into it.
const FOLDER_PAUSE: Duration = Duration::from_secs(10);
const FOLDER_SHARE: u32 = 20;

/// Pause after an error that does not pass by itself, a wrong password for
/// example: accounts are locked for less.
const REFUSED_PAUSE: Duration = Duration::from_secs(15);

/// Runs tails until the first signal. `read` reads the folder: its migrations,
/// or why they cannot be used now, one line.
///
/// Nothing that servers, files and other runs do ends it: each trouble is told
/// once and waited out.
pub async fn serve(run: &Run, read: impl FnMut() -> Result<Vec<Migration>, String>) {
    let mut service = Service {
        run,
        read,
        migrations: None,
        read_at: None,
        folder_pause: FOLDER_PAUSE,
        watch: None,
        trouble: None,
        seen: Duty::default(),
        tried: None,
        not_before: Instant::now(),
        backoff: Backoff::new(FAILED_PAUSE.0, FAILED_PAUSE.1),
    };
    tokio::select! {
        biased;
        _ = run.interrupt.first() => {}
        () = service.wait() => {}
    }
    while run.interrupt.signals().first.is_none() {
        // The tail hears signals itself, and leaves its builds to the server.
        Box::pin(service.round()).await;
        tokio::select! {
            biased;
            _ = run.interrupt.first() => {}
            () = service.wait() => {}
        }
    }
    if let Some(watch) = service.watch.take() {
        watch.close().await;
    }
}

struct Service<'a, R> {
    run: &'a Run,
    read: R,
    /// The folder, when it could be used last.
    migrations: Option<Arc<[Migration]>>,
    /// When it was read last.
    read_at: Option<Instant>,
    /// When it is read again, from then.
    folder_pause: Duration,
    watch: Option<Watch>,
    /// The trouble that was told last, while it lasts.
    trouble: Option<String>,
    /// What was seen last.
    seen: Duty,
    /// What there was to do at the last try.
    tried: Option<Duty>,
    /// When the same is tried again at the earliest.
    not_before: Instant,
    backoff: Backoff,
}

impl<R: FnMut() -> Result<Vec<Migration>, String>> Service<'_, R> {
    /// Follows the database until there is something to do.
    async fn wait(&mut self) {
        loop {
            if self
                .read_at
                .is_none_or(|at| at.elapsed() >= self.folder_pause)
                && !self.reread()
            {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let longest = self.not_before.saturating_duration_since(Instant::now());
            let longest = if longest.is_zero() {
                PAUSE
            } else {
                longest.min(PAUSE)
            };
            let Some(history) = self.look(longest).await else {
                continue;
            };
            let migrations = self.migrations.clone().unwrap_or_default();
            let seen = Duty::new(&self.run.project, &migrations, &history);
            // The files may have come with the deployment.
            if !seen.lacking.is_empty() && seen.lacking != self.seen.lacking {
                self.reread();
                if self.watch.is_none() {
                    continue;
                }
            }
            self.take_in(seen, &migrations);
            if self.seen.has_work() && self.is_due() && self.reread() {
                return;
            }
        }
    }

    /// Whether what there is to do was not tried yet, or long enough ago.
    fn is_due(&self) -> bool {
        let tried = self.tried.as_ref();
        tried.is_none_or(|tried| self.seen.is_more_than(tried)) || self.not_before <= Instant::now()
    }

    /// Reads the folder again; whether it can be used.
    fn reread(&mut self) -> bool {
        let began = Instant::now();
        let read = (self.read)();
        self.read_at = Some(Instant::now());
        self.folder_pause = FOLDER_PAUSE.max(began.elapsed() * FOLDER_SHARE);
        let migrations = match read {
            Ok(migrations) => migrations,
            Err(reason) => {
                self.read_at = None;
                self.trouble(reason);
                return false;
            }
        };
        let is_same = self.migrations.as_ref().is_some_and(|known| {
            let texts = |migration: &Migration| (migration.name.clone(), migration.checksum);
            known.iter().map(texts).eq(migrations.iter().map(texts))
        });
        if !is_same {
            self.migrations = Some(migrations.into());
            self.watch = None;
        }
        true
    }

    /// Looks once at the primary.
    async fn look(&mut self, longest: Duration) -> Option<History> {
        let run = self.run;
        let migrations = self.migrations.as_ref()?;
        let watch = self.watch.get_or_insert_with(|| {
            Watch::new(Watched {
                target: run.target.clone(),
                project: run.project.clone(),
                owner: run.owner.clone(),
                migrations: Arc::clone(migrations),
            })
        });
        match watch.next(longest).await {
            Look::Seen(seen) if seen.is_standby() => {
                let host = &seen.host;
                self.trouble(format!(
                    "{host} is a standby: nothing can run there before it is promoted"
                ));
                // It may be promoted, or the name lead elsewhere by then.
                self.watch = None;
                tokio::time::sleep(PAUSE).await;
                None
            }
            Look::Seen(seen) => {
                self.trouble = None;
                Some(seen.history)
            }
            Look::Away(away) => {
                self.trouble(away.error.to_string());
                if !away.is_passing {
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
                None
            }
        }
    }

    /// Takes in what was seen, and tells what is new in it.
    fn take_in(&mut self, seen: Duty, migrations: &[Migration]) {
        let reached = |before: Option<i64>, now: Option<i64>, goal| {
            if let Some(deployment) = now.filter(|_| before != now) {
                self.run.events.tell(Event::Reached {
                    goal,
                    project: self.run.project.clone(),
                    deployment: Some(deployment),
                    migration: migrations.last().map(|last| last.name.clone()),
                    fingerprint: survey::fingerprint(migrations.iter()),
                    schema_version: seen.schema_version,
                });
            }
        };
        reached(self.seen.ready, seen.ready, Goal::Ready);
        reached(self.seen.settled, seen.settled, Goal::Settled);
        if !seen.lacking.is_empty() && seen.lacking != self.seen.lacking {
            let names = seen.lacking.iter().cloned().collect();
            self.run.events.tell(Event::ServiceLacks { names });
        }
        self.seen = seen;
    }

    /// Runs the tail once.
    async fn round(&mut self) {
        let Some(migrations) = &self.migrations else {
            return;
        };
        let began = Instant::now();
        if self
            .tried
            .as_ref()
            .is_none_or(|tried| self.seen.is_more_than(tried))
        {
            self.backoff.reset();
        }
        self.tried = Some(self.seen.clone());
        let ended = Box::pin(up::settle_announced(self.run, migrations.to_vec())).await;
        if self.run.interrupt.signals().first.is_some() {
            return;
        }
        let reason = match ended {
            Ok(Outcome::Settled | Outcome::Ready) => {
                // What is left is of deployments whose files are elsewhere.
                self.not_before = Instant::now() + FAILED_PAUSE.1;
                self.backoff.reset();
                return;
            }
            Ok(Outcome::Unsettled(report)) => report.summary(),
            Ok(Outcome::Mismatched(mismatch)) => mismatch.summary(),
            Err(error) => reason(&error),
        };
        let took = began.elapsed().min(TRY_MAX);
        let pause = self.backoff.pause().max(took) * fastrand::u32(90..=110) / 100;
        self.not_before = Instant::now() + pause;
        self.run
            .events
            .tell(Event::ServiceRetries { reason, pause });
    }

    /// Tells what is in the way, once.
    fn trouble(&mut self, reason: String) {
        if self.trouble.as_ref() != Some(&reason) {
            self.run.events.tell(Event::ServiceWaits {
                reason: reason.clone(),
            });
            self.trouble = Some(reason);
        }
    }
}

/// One line, with what is wrong in files.
fn reason(error: &ApplyError) -> String {
    match error {
        ApplyError::Invalid(diagnostics) => match diagnostics.first() {
            Some(first) => format!("{error}: {}", first.summary()),
            None => error.to_string(),
        },
        error => error.to_string(),
    }
}
