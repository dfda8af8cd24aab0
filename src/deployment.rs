//! segue for programs that migrate at start: one value to set up, `up` until
//! ready, the tail in the background.
//!
//! What runs is what `segue up` and `segue settle` run, [`crate::apply::up`];
//! here it gets an interface that keeps its promises from one version to the
//! next. Nothing is printed, no signal is heard, and no environment read.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::apply::{Interrupt, Outcome, Settings};
use crate::postgres::target::Environment;

mod embedded;
mod error;
mod event;
mod problem;
mod ready;
mod rules;
mod run;
mod signals;
mod source;
mod stop;
mod wait;

pub use embedded::Embedded;
pub use error::{Committed, Error, Partly, Unsettled};
pub use event::{Event, Events};
pub use problem::Problem;
pub use ready::{Ready, Settled, Tail};
pub use rules::{InvalidPattern, SchemaRules};
pub use signals::BackfillSignals;
pub use source::Migrations;
pub use stop::Stopper;

pub use crate::apply::OnMismatch;
pub use crate::backfill::throttle::Vacuums;
pub use crate::files::embedded::EmbeddedFile;
pub use crate::plan::OnConflict;

/// As good as for ever: a time from now that can still be told.
const LONGEST: Duration = Duration::from_hours(24 * 36_500);

use run::Work;

/// Migrations, and the database that they are for.
///
/// Set up once and used as often as one likes: each call makes connections of
/// its own and ends them. Cheap to clone, but for the names of variables.
///
/// Every future can be dropped at any time, by a timeout for example, and
/// leaves at most what `kill -9` leaves of `segue up`: an open transaction is
/// rolled back, a build that refuses a transaction goes on in the server, no
/// lock stays, and the next run goes on from there. Connections are ended by the
/// runtime: on one with a single thread, as soon as that runs again.
///
/// ```no_run
/// # static MIGRATIONS: segue::Embedded = segue::Embedded::new(&[]);
/// # async fn start(url: &str) -> Result<(), segue::Error> {
/// let ready = segue::Deployment::new(&MIGRATIONS).database(url).up().await?;
/// let tail = tokio::spawn(ready.settle());
/// // … serve …
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Deployment {
    migrations: Migrations,
    database: Option<String>,
    environment: Option<Environment>,
    variables: BTreeMap<String, String>,
    project: String,
    owner: Option<String>,
    connect_wait: Duration,
    timeout: Option<Duration>,
    settings: Settings,
    rules: SchemaRules,
    on_mismatch: OnMismatch,
    events: broadcast::Sender<Event>,
    stopper: Stopper,
    interrupt: Interrupt,
}

impl fmt::Debug for Deployment {
    /// Without the connection string, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Deployment")
            .field("project", &self.project)
            .field("migrations", &self.migrations)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// How long to wait for a server that is starting.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

impl Deployment {
    /// These migrations, of project `main`, with the bounds that `segue up`
    /// has.
    #[must_use]
    pub fn new(migrations: impl Into<Migrations>) -> Self {
        let (stopper, interrupt) = Stopper::channel();
        Self {
            migrations: migrations.into(),
            database: None,
            environment: None,
            variables: BTreeMap::new(),
            project: "main".to_owned(),
            owner: None,
            connect_wait: CONNECT_WAIT,
            timeout: None,
            settings: Settings::default(),
            rules: SchemaRules::default(),
            on_mismatch: OnMismatch::default(),
            events: Event::channel(),
            stopper,
            interrupt,
        }
    }

    /// The database, as libpq reads it: a URI,
    /// `postgres://app@db/app?sslmode=verify-full`, or keyword=value.
    #[must_use]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    /// The variables that libpq takes what a connection string does not say
    /// from, `PGHOST` or `PGPASSWORD` for example, and that migrations with
    /// `env-vars` may take; with `HOME`, the password file is read. Usually
    /// `std::env::vars()`: of itself, segue reads none, but for `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` where the system's certificates are used.
    #[must_use]
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let variables: BTreeMap<String, String> = variables.collect();
        let home = variables.get("HOME").map(Into::into);
        self.variables.extend(variables.clone());
        self.environment = Some(Environment::new(variables, home));
        self
    }

    /// A variable that migrations with `env-vars` may take.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Whose migrations these are, where several projects share a database;
    /// otherwise `main`.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = name.into();
        self
    }

    /// The role that owns segue's own tables: `[ledger] owner` in
    /// `segue.toml`.
    #[must_use]
    pub fn ledger_owner(mut self, role: impl Into<String>) -> Self {
        self.owner = Some(role.into());
        self
    }

    /// How long to wait for a server that is starting; otherwise 5 seconds.
    #[must_use]
    pub fn connect_wait(mut self, longest: Duration) -> Self {
        self.connect_wait = longest;
        self
    }

    /// The longest that [`up`](Self::up), [`wait_ready`](Self::wait_ready) and
    /// [`wait_settled`](Self::wait_settled) take, after which they end in good
    /// order. Otherwise `up` has only the bounds of its parts, and waiting ends
    /// after 10 minutes.
    #[must_use]
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.timeout = Some(longest);
        self
    }

    /// Longest wait in the server's lock queue, where others wait behind us;
    /// otherwise 50 ms.
    #[must_use]
    pub fn lock_timeout(mut self, longest: Duration) -> Self {
        self.settings.lock_timeout = longest.min(LONGEST);
        self
    }

    /// How long to try again after a lock timeout, deadlock or serialization
    /// failure; otherwise 5 minutes.
    #[must_use]
    pub fn retry_for(mut self, longest: Duration) -> Self {
        self.settings.retry_for = longest.min(LONGEST);
        self
    }

    /// How long to wait for another process's run, or a concurrent migration
    /// that it runs; otherwise 10 minutes.
    #[must_use]
    pub fn concurrent_wait(mut self, longest: Duration) -> Self {
        self.settings.concurrent_wait = longest;
        self
    }

    /// How long to wait for the answer to a COMMIT; otherwise 10 minutes.
    #[must_use]
    pub fn commit_wait(mut self, longest: Duration) -> Self {
        self.settings.commit_wait = longest.min(LONGEST);
        self
    }

    /// Concurrent migrations side by side; otherwise 2. 0 counts as 1.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.settings.jobs = jobs.max(1);
        self
    }

    /// What to do when the batch needs a lock that a concurrent migration
    /// holds; otherwise wait.
    #[must_use]
    pub fn on_conflict(mut self, action: OnConflict) -> Self {
        self.settings.on_conflict = action;
        self
    }

    /// What to do when the schema is not as expected; otherwise fail.
    #[must_use]
    pub fn on_mismatch(mut self, action: OnMismatch) -> Self {
        self.on_mismatch = action;
        self
    }

    /// Which part of the schema is the project's, where one is expected.
    #[must_use]
    pub fn schema_rules(mut self, rules: SchemaRules) -> Self {
        self.rules = rules;
        self
    }

    /// Whether to refuse pending migrations older than applied ones, and
    /// applied ones that were changed or are gone; otherwise not.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.settings.strict = strict;
        self
    }

    /// Whether concurrent migrations run inside the batch's transaction where
    /// nobody is held up by it, on a new database for example; otherwise so.
    #[must_use]
    pub fn fold(mut self, fold: bool) -> Self {
        self.settings.fold = fold;
        self
    }

    /// For what the backfills of the tail wait; otherwise as a `segue.toml`
    /// that says nothing has it.
    #[must_use]
    pub fn backfill_signals(mut self, signals: BackfillSignals) -> Self {
        self.settings.backfill = signals.0;
        self
    }

    /// Events of all runs from now on. At most 1,024 are kept for who is slow.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(&self.events)
    }

    /// Asks the runs of this deployment, and of its clones, to end.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Whether `up` would begin to run all these migrations on a database that
    /// holds nothing: reads and plans, without a database. For a unit test of
    /// the program, so that no image is built of what cannot run.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong; [`Error::Refused`] if a
    /// folder or the expected schema cannot be read.
    pub fn check(&self) -> Result<(), Error> {
        self.rehearse_reading()
    }

    /// Applies what is pending and returns when the deployment is ready, or
    /// was already: the batch is committed, verified where a schema is
    /// expected, and announced. Concurrent migrations are left for
    /// [`Ready::settle`].
    ///
    /// Any number of instances may call it at once: one applies, the others
    /// wait for it, and take over if it dies.
    ///
    /// # Errors
    /// See [`Error`]; what is committed all the same is in it, and the next
    /// call goes on from there.
    pub fn up(&self) -> impl Future<Output = Result<Ready, Error>> + Send + use<> {
        let of = self.clone();
        async move {
            let ran = of.run(Work::Batch).await?;
            Ok(Ready {
                of,
                deployment: ran.deployment,
                schema_version: ran.schema_version,
                is_settled: ran.outcome == Outcome::Settled,
                tail: ran.tail,
            })
        }
    }
}
