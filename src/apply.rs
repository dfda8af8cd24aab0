//! Runs a plan and tells what happens, as [`Event`]s; decides nothing about
//! what to run.
//!
//! [`up`](up::up) is the whole run; its parts are the `batch` before
//! readiness, [`standalone`] migrations outside transactions, and the [`tail`]
//! afterwards.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{self, mpsc};

use crate::backfill::throttle::Limits;
use crate::diagnostic::Diagnostic;
use crate::files::embedded::EmbeddedFile;
use crate::files::expected;
use crate::migration::{Connection, Name};
use crate::plan::OnConflict;
use crate::postgres::target::Environment;
use crate::postgres::{self, Target};
use crate::schema::{Rules, Snapshot};

pub mod abandon;
pub mod add;
pub mod adopt;
pub mod answer;
pub mod backfill;
mod batch;
pub mod blocker;
pub mod check;
pub mod connections;
mod crew;
pub mod drift;
pub mod event;
mod eviction;
mod failure;
mod feed;
pub mod forecast;
mod isolation;
mod pause;
pub mod rehearse;
mod role;
pub mod script;
pub mod service;
mod slots;
mod stalled;
pub mod standalone;
pub mod survey;
pub mod tail;
pub mod up;
pub mod watch;

pub use answer::{Answer, Answers, Verdict};
pub use check::Mismatch;
pub use event::Event;
use event::Weight;
pub use isolation::Isolation;
pub use pause::GaveUp;

/// How far `segue up` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Return when the batch is committed; somebody else runs the tail.
    Ready,
    /// Run the tail too.
    Settled,
}

/// Bounds and choices of a run, from the command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How far to go.
    pub until: Until,
    /// Concurrent migrations side by side, at least 1.
    pub jobs: usize,
    /// Longest wait in the server's lock queue.
    pub lock_timeout: Duration,
    /// How long failures that a retry may cure are retried.
    pub retry_for: Duration,
    /// How long to wait for a concurrent migration that runs elsewhere.
    pub concurrent_wait: Duration,
    /// How long to wait for the answer to a COMMIT.
    pub commit_wait: Duration,
    /// Isolation level of transactions with migrations in them; `None`: the
    /// database's own.
    pub isolation: Option<Isolation>,
    /// How long a session may be idle that holds a lock which this run waits
    /// for, before its runner counts as stopped or cut off.
    pub stalled_after: Duration,
    /// What to do when the batch needs a lock that a concurrent migration
    /// holds.
    pub on_conflict: OnConflict,
    /// Refuse what is told otherwise.
    pub strict: bool,
    /// Run concurrent migrations inside the batch's transaction where nobody is
    /// held up by it.
    pub fold: bool,
    /// Most rows that a backfill takes at once, for who looks at batches; `None`:
    /// as its schedule says.
    pub batch_rows_max: Option<u64>,
    /// Let rows go that a backfill has set aside and whose key no row has any
    /// more: somebody has seen to them.
    pub let_go: bool,
    /// What the user says of statements whose outcome cannot be known.
    pub answers: Answers,
    /// For what backfills wait.
    pub backfill: Limits,
}

impl Default for Settings {
    /// What `segue up` does where nobody says otherwise.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            until: Until::Settled,
            jobs: 2,
            lock_timeout: Duration::from_millis(50),
            retry_for: minutes(5),
            concurrent_wait: minutes(10),
            commit_wait: minutes(10),
            isolation: None,
            // Far longer than a runner that lives is silent, with a lock that
            // others may need.
            stalled_after: Duration::from_secs(30),
            on_conflict: OnConflict::default(),
            strict: false,
            fold: true,
            batch_rows_max: None,
            let_go: false,
            answers: Answers::default(),
            backfill: Limits::default(),
        }
    }
}

impl Settings {
    /// A pause before the next try: so many times the lock timeout that whoever
    /// queued behind us gets through in between, with jitter.
    #[must_use]
    pub fn pause(&self) -> Duration {
        const SPACING: u32 = 20;
        let spacing = (self.lock_timeout * SPACING).max(PAUSE_MIN);
        spacing * fastrand::u32(100..=150) / 100
    }
}

/// Shortest pause between two tries of anything.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Said of an error that another try might have cured.
const NOT_RETRIED: &str = "not tried again, as `--retry-for 0s` says";

/// What to do when the schema is not as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// Roll back where that is possible, and end with an error.
    #[default]
    Fail,
    /// Tell, and go on.
    Warn,
}

/// What the schema is verified against.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Folder of the expected schema; where it does not exist, nothing is
    /// verified.
    pub folder: PathBuf,
    /// The files of that folder, if they are a part of the program: then
    /// `folder` is only what it is called.
    pub embedded: Option<&'static [EmbeddedFile]>,
    /// Which part of the database's schema is the project's.
    pub rules: Rules,
    /// What to do when the schema is not as expected.
    pub on_mismatch: OnMismatch,
}

impl Verification {
    /// The majors that there is an expected schema for, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn majors(&self) -> Result<Vec<u32>, expected::Error> {
        match self.embedded {
            Some(files) => Ok(expected::majors_in(files)),
            None => expected::majors(&self.folder),
        }
    }

    /// The expected schema for `major`; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(&self, major: u32) -> Result<Option<Snapshot>, expected::Error> {
        match self.embedded {
            Some(files) => expected::read_in(files, major),
            None => expected::read(&self.folder, major),
        }
    }
}

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Run {
    /// The database.
    pub target: Target,
    /// How long to wait for a server that is starting.
    pub connect_wait: Duration,
    /// The surroundings in which migrations' own connection strings are read.
    pub environment: Environment,
    /// Whose migrations.
    pub project: String,
    /// Role that owns the ledger, as configured.
    pub owner: Option<String>,
    /// What the schema is verified against; `None`: it is not.
    pub verification: Option<Verification>,
    /// Bounds and choices.
    pub settings: Settings,
    /// Where events go.
    pub events: Events,
    /// Signals of the user.
    pub interrupt: Interrupt,
}

impl Run {
    /// Where a migration's own connection leads. On a server or in a database
    /// of segue's own all of them lead to the database at hand.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] if the string cannot be understood.
    fn place(&self, connection: &Connection) -> Result<Target, ApplyError> {
        if self.target.is_own() {
            return Ok(self.target.clone());
        }
        Target::resolve(Some(&connection.string), &self.environment).map_err(|error| {
            ApplyError::Refused {
                reason: error.to_string(),
                help: "correct the migration's `connection`".to_owned(),
            }
        })
    }
}

/// Where events go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::UnboundedSender<Event>,
    /// What weighs less is not told.
    least: Weight,
}

impl Events {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let events = Self {
            sender,
            least: Weight::Outcome,
        };
        (events, receiver)
    }

    /// The same, for a run that is a part of something else, which tells
    /// itself what was planned and what became of it.
    #[must_use]
    pub fn sparing(&self) -> Self {
        self.at_least(Weight::Course)
    }

    /// The same, for a run that is of interest only if it is in trouble.
    #[must_use]
    pub fn quiet(&self) -> Self {
        self.at_least(Weight::Trouble)
    }

    fn at_least(&self, least: Weight) -> Self {
        Self {
            least: self.least.max(least),
            ..self.clone()
        }
    }

    /// Tells. That nobody listens any more is no reason to stop a migration.
    pub fn tell(&self, event: Event) {
        if event.weight() >= self.least {
            let _ = self.sender.send(event);
        }
    }
}

/// A signal that asks a run to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: exit status 130.
    Interrupt,
    /// SIGTERM: exit status 143.
    Terminate,
}

/// The signals that have come so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// The first one.
    pub first: Option<Signal>,
    /// How many SIGINT have come.
    pub interrupts: usize,
    /// The second one, of whatever kind.
    pub second: Option<Signal>,
}

/// Signals of the user, to be awaited; cheap to clone.
#[derive(Clone, Debug)]
pub struct Interrupt(sync::watch::Receiver<Signals>);

impl Interrupt {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (sync::watch::Sender<Signals>, Self) {
        let (sender, receiver) = sync::watch::channel(Signals::default());
        (sender, Self(receiver))
    }

    /// The signals so far.
    #[must_use]
    pub fn signals(&self) -> Signals {
        *self.0.borrow()
    }

    /// Waits for the first signal.
    pub async fn first(&self) -> Signal {
        self.until(|signals| signals.first).await
    }

    /// Waits for the second signal, of whatever kind.
    pub async fn second(&self) -> Signal {
        self.until(|signals| signals.second).await
    }

    /// Waits for the second SIGINT.
    pub async fn again(&self) {
        self.until(|signals| (signals.interrupts >= 2).then_some(()))
            .await;
    }

    async fn until<T>(&self, found: impl Fn(&Signals) -> Option<T>) -> T {
        let mut receiver = self.0.clone();
        loop {
            if let Some(value) = found(&receiver.borrow_and_update()) {
                return value;
            }
            if receiver.changed().await.is_err() {
                // No sender, no signal: never.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// How a run ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Ready, and the tail is done (or there was none).
    Settled,
    /// Ready; the tail was left to somebody else, as asked.
    Ready,
    /// Ready; the tail is not done: failed, or goes on in the server.
    Unsettled(Box<tail::Report>),
    /// Ready, and the tail is done; the schema is not as expected.
    Mismatched(Box<Mismatch>),
}

/// Why a run ended before it was ready.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Files or history are not such that anything may run.
    #[error("the migrations are not valid")]
    Invalid(Vec<Diagnostic>),
    /// A migration failed; its block was rolled back.
    #[error("{}", .diagnostic.message)]
    Migration {
        /// What, where, and the server's words.
        diagnostic: Box<Diagnostic>,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// The schema is not as expected, so the deployment is not made ready.
    #[error("{}", .mismatch.summary())]
    Mismatch {
        /// What is not.
        mismatch: Box<Mismatch>,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// The batch needs a lock that a concurrent migration holds, and is not to
    /// wait for it, or may not cancel it.
    #[error("{}", .diagnostic.message)]
    Conflict {
        /// Which, where, and what to do.
        diagnostic: Box<Diagnostic>,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// A wait reached its bound.
    #[error("gave up after {} while waiting for {what}; `{option}` sets how long", human(.after))]
    TimedOut {
        /// What for, for people.
        what: String,
        /// How long.
        after: Duration,
        /// The option that bounds it, `--retry-for` for example.
        option: &'static str,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// A try that would have to queue, or failed, was not due again in time.
    #[error("{gave_up}")]
    Blocked {
        /// What for, and who was in the way.
        gave_up: GaveUp,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// Ended inside a migration that runs statement by statement, of which a
    /// part is committed.
    #[error("{error}")]
    Partly {
        /// Which.
        name: Name,
        /// How many of its statements are done, at least one.
        statements: usize,
        /// Why.
        error: Box<Self>,
    },
    /// COMMIT was sent, and whether it happened could not be found out in time.
    #[error("gave up after {} while waiting for the outcome of a COMMIT", human(.after))]
    CommitUnknown {
        /// How long; `--commit-wait` bounds it.
        after: Duration,
        /// Migrations of this run that are committed for certain.
        committed: Vec<Name>,
    },
    /// The user asked to end.
    #[error("interrupted")]
    Interrupted {
        /// By which signal.
        signal: Signal,
        /// Migrations of this run that are committed all the same.
        committed: Vec<Name>,
    },
    /// Not a database that segue can work on.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// What to do instead.
        help: String,
    },
    /// The server or the connection failed outside of any migration.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
}

impl ApplyError {
    /// The error, saying what this run has committed all the same.
    #[must_use]
    fn standing(mut self, names: &[Name]) -> Self {
        if let Self::Migration { committed, .. }
        | Self::Mismatch { committed, .. }
        | Self::Conflict { committed, .. }
        | Self::TimedOut { committed, .. }
        | Self::Blocked { committed, .. }
        | Self::CommitUnknown { committed, .. }
        | Self::Interrupted { committed, .. } = &mut self
            && committed.is_empty()
        {
            names.clone_into(committed);
        }
        if let Self::Partly { error, .. } = &mut self {
            let inner = std::mem::replace(error.as_mut(), Self::Invalid(Vec::new()));
            **error = inner.standing(names);
        }
        self
    }
}

/// A duration as people write it: `50ms`, `1.5s`, `5m`.
#[must_use]
pub fn human(duration: &Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{}ms", duration.as_millis())
    } else if seconds < 10.0 && duration.subsec_millis() >= 50 {
        format!("{seconds:.1}s")
    } else if seconds < 120.0 {
        format!("{seconds:.0}s")
    } else if seconds < 7200.0 {
        format!("{:.0}m", seconds / 60.0)
    } else {
        format!("{:.1}h", seconds / 3600.0)
    }
}
