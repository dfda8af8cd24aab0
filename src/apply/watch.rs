//! Follows where a project stands in a database, over lost connections and
//! restarts: one connection that listens where it can and reads in any case.
//!
//! What is seen is judged elsewhere, by [`crate::readiness`] and
//! [`crate::status`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::up::bootstrap;
use crate::backfill::Standing;
use crate::history::{Deployment, History, ProgressRow};
use crate::migration::{Migration, Name};
use crate::postgres::standby::Standby;
use crate::postgres::{Error, Failure, Session, Target};
use crate::status::Status;

mod link;

use link::{Extent, Link};

/// What is followed.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The database.
    pub target: Target,
    /// Whose migrations.
    pub project: String,
    /// Role that owns the ledger, as configured.
    pub owner: Option<String>,
    /// The folder's, by name. Migrations that the ledger has under another name
    /// are taken for theirs.
    pub migrations: Arc<[Migration]>,
}

/// One look at the database.
#[derive(Debug)]
pub enum Look {
    /// It answered.
    Seen(Box<Seen>),
    /// It did not; the next look begins from the start, after a pause.
    Away(Away),
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Ledger and locks.
    pub history: History,
    /// How far the concurrent migrations are that somebody works on, or did
    /// when it died.
    pub progress: BTreeMap<Name, ProgressRow>,
    /// How far the backfills are that have begun, if [`Watch::with_backfills`]
    /// asks for it and one may not be done.
    pub backfills: BTreeMap<Name, Standing>,
    /// The newest deployments, as many as [`Watch::with_past`] asks for,
    /// whatever became of them, newest first.
    pub past: Vec<Deployment>,
    /// Set if the server is a standby: what is seen there has been replayed
    /// there, and the locks are its own.
    pub standby: Option<Standby>,
    /// The server that answered: `` `db1` (10.0.0.3), port 5432 ``.
    pub host: String,
}

impl Seen {
    /// Whether the server is a standby.
    #[must_use]
    pub fn is_standby(&self) -> bool {
        self.standby.is_some()
    }
}

/// Why there was nothing to see.
#[derive(Debug)]
pub struct Away {
    /// What went wrong.
    pub error: Error,
    /// Whether it may pass by itself, as a restart does; a wrong password does
    /// not.
    pub is_passing: bool,
}

/// Follows a database; see [`Watch::next`].
#[derive(Debug)]
pub struct Watch {
    watched: Watched,
    /// How many deployments to read beside those that matter.
    past_max: usize,
    /// Whether to read how far backfills are.
    has_backfills: bool,
    link: Option<Link>,
    /// When something was seen last.
    seen_at: Option<Instant>,
    /// When to connect anew at the earliest.
    not_before: Option<Instant>,
    /// Looks that have failed in a row.
    failures: u32,
}

/// Longest pause that makes sense: a notification may be lost, and none comes
/// through a pooler or on a standby.
pub const PAUSE: Duration = Duration::from_secs(2);

/// Between two looks, however many notifications there are: any role may send
/// them, and a thousand may wait.
const BETWEEN: Duration = Duration::from_millis(20);

/// Pause between the first tries to connect, and the longest.
const CONNECT_PAUSE: Duration = Duration::from_millis(250);
const CONNECT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// An address that does not let us in for so long is given up, for the next
/// one, if the connection string does not say when.
const ADDRESS_MAX: Duration = Duration::from_secs(5);

/// A server that does not answer for so long is as good as gone.
const ANSWER_MAX: Duration = Duration::from_secs(10);

impl Watch {
    /// Has seen nothing yet, and connects with the first look.
    #[must_use]
    pub fn new(watched: Watched) -> Self {
        Self {
            watched,
            past_max: 0,
            has_backfills: false,
            link: None,
            seen_at: None,
            not_before: None,
            failures: 0,
        }
    }

    /// As [`Watch::new`], with a connection that is there already.
    #[must_use]
    pub fn begun(watched: Watched, session: Session) -> Self {
        Self {
            link: Some(Link::new(session)),
            ..Self::new(watched)
        }
    }

    /// Reads the newest deployments too, `max` at most.
    #[must_use]
    pub fn with_past(self, max: usize) -> Self {
        Self {
            past_max: max,
            ..self
        }
    }

    /// Reads how far backfills are, too: a round trip more while a concurrent
    /// migration has begun and is not done.
    #[must_use]
    pub fn with_backfills(self) -> Self {
        Self {
            has_backfills: true,
            ..self
        }
    }

    /// What is followed.
    #[must_use]
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Looks at the database: at once the first time, then as soon as a
    /// notification has come, and at the latest `longest` after the last look.
    /// After [`Look::Away`] it connects anew.
    ///
    /// The first look takes nothing but a connection and a reading. Before the
    /// first wait, it listens and looks again: what changed in between is seen.
    ///
    /// May be dropped at any time, and called again; a look that was under way
    /// is then begun anew.
    pub async fn next(&mut self, longest: Duration) -> Look {
        match self.look(longest).await {
            Ok(seen) => {
                self.failures = 0;
                Look::Seen(Box::new(seen))
            }
            Err(error) => {
                // The connection may still be there, but not of use.
                self.link = None;
                self.seen_at = None;
                let doublings = self.failures.min(8);
                let pause = (CONNECT_PAUSE * 2_u32.pow(doublings)).min(CONNECT_PAUSE_MAX);
                // A thousand waiters are not to come back at the same moment.
                self.not_before = Some(Instant::now() + pause * fastrand::u32(75..=125) / 100);
                self.failures += 1;
                let is_passing = self.is_passing(&error);
                Look::Away(Away { error, is_passing })
            }
        }
    }

    /// Where the project stands by what was seen.
    #[must_use]
    pub fn status(&self, seen: &Seen) -> Status {
        let Watched {
            project,
            migrations,
            ..
        } = &self.watched;
        Status::new(
            project,
            migrations,
            &seen.history,
            &seen.progress,
            seen.is_standby(),
        )
        .with_backfills(&seen.backfills)
    }

    /// Ends the connection in good order.
    pub async fn close(self) {
        if let Some(link) = self.link {
            link.close().await;
        }
    }

    async fn look(&mut self, longest: Duration) -> Result<Seen, Error> {
        if let Some(link) = self.link.as_mut().filter(|link| link.is_usable()) {
            if let Some(at) = self.seen_at {
                // Before it is heard, so that none is lost if this is dropped.
                tokio::time::sleep(left_until(at + BETWEEN)).await;
                link.wait(left_until(at + longest)).await?;
            }
        } else {
            // Also one whose look was dropped half-way.
            self.link = None;
            if let Some(at) = self.not_before {
                tokio::time::sleep(left_until(at)).await;
            }
            // Bounded for each address, not as a whole: the first one may
            // swallow everything, and the next be the new primary.
            let target = self.watched.target.clone().or_connect_timeout(ADDRESS_MAX);
            let session = Box::pin(Session::connect(&target, Duration::ZERO)).await?;
            self.link = Some(Link::new(session));
        }
        let link = self.link.as_mut().expect("there is one by now");
        let extent = Extent {
            past_max: self.past_max,
            has_backfills: self.has_backfills,
        };
        let seen = link.read(&self.watched, extent).await?;
        self.seen_at = Some(Instant::now());
        self.not_before = None;
        Ok(seen)
    }

    /// Whether a later try may go better.
    fn is_passing(&self, error: &Error) -> bool {
        match error {
            // The role that connects may be made by the same migrations.
            Error::Connect(error)
                if bootstrap::makes_database(&self.watched.migrations)
                    && bootstrap::is_absence(error) =>
            {
                true
            }
            Error::Connect(error) => error.is_passing(),
            Error::Lost(_) => true,
            // On a standby, what is replayed may be in the way of a look.
            error => matches!(
                error.failure(),
                Failure::ConnectionLost
                    | Failure::Serialization
                    | Failure::Deadlock
                    | Failure::Cancelled
                    | Failure::LockTimeout
            ),
        }
    }
}

fn left_until(due: Instant) -> Duration {
    due.saturating_duration_since(Instant::now())
}

/// An answer of the server, unless it takes too long.
async fn answer<T>(asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(ANSWER_MAX, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Lost(format!(
            "the server does not answer within {} s",
            ANSWER_MAX.as_secs()
        ))),
    }
}
