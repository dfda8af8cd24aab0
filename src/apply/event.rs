//! What happens during a run, as values; `cli::report` turns them into text
//! or JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::backfill::News;
use super::check::{Mismatch, Stage};
use crate::diagnostic::Diagnostic;
use crate::migration::{Kind, Name};
use crate::plan::{Cut, OnConflict, Plan};
use crate::postgres::ServerError;
use crate::postgres::activity::Blocker;
use crate::readiness::Goal;
use crate::reversal::Reversal;
use crate::schema::{Diff, ObjectId};
use crate::verify::Blind;
use crate::version::Version;

/// Something has happened, or goes on.
#[derive(Clone, Debug)]
pub enum Event {
    /// This is what will be done. Comes again when the plan was made again.
    Planned(Box<Plan>),
    /// This is what will be taken back. Comes again when that has changed.
    ReversalPlanned {
        /// What, and how.
        reversal: Box<Reversal>,
        /// Whether the schema would be verified if it were known what it has to
        /// be.
        is_unverified: bool,
    },
    /// Migrations that were not done, or given up, are none any more; nothing
    /// had to run for that but what removes leftovers.
    RowsReverted {
        /// Which, by name.
        names: Vec<Name>,
    },
    /// The ledger was made, in namespace `segue`.
    LedgerCreated,
    /// A migration has brought a record of what has been applied, segue's own
    /// tables or codd's, and it was taken over.
    LedgerBrought {
        /// The migration.
        name: Name,
        /// How many migrations they say are applied.
        applied: usize,
    },
    /// Another run is in its batch.
    WaitingForBatch {
        /// Who.
        holder: Blocker,
    },
    /// The deployment has its row.
    DeploymentBegan {
        /// Its number.
        deployment: i64,
    },
    /// A block begins.
    BlockBegan {
        /// Number of its migrations.
        migrations: usize,
        /// From 1.
        attempt: usize,
    },
    /// A migration's statements have all succeeded; in a block they are not
    /// committed yet.
    MigrationRan {
        /// Which.
        name: Name,
        /// Where.
        kind: Kind,
        /// How many statements.
        statements: usize,
        /// How long.
        duration: Duration,
    },
    /// A role that a migration names was missing and has been made.
    RoleMade {
        /// Its name.
        role: String,
    },
    /// A lock is waited for, or the sessions that hold it are waited out.
    WaitingForLock {
        /// Which relation, for people; `None` if it is no relation.
        relation: Option<String>,
        /// What kind of lock, in PostgreSQL's word: `relation`,
        /// `transactionid`…; `None` if that is not known.
        lock: Option<String>,
        /// Who holds it.
        blockers: Vec<Blocker>,
    },
    /// A session was ended that held a lock which this run needs, and has done
    /// nothing for long: its runner is stopped or cut off.
    StalledEnded {
        /// The session.
        holder: Blocker,
        /// For how long it had been idle.
        idle: Duration,
    },
    /// The block was rolled back: it needs a lock that a concurrent migration
    /// holds.
    Conflict {
        /// The concurrent migration.
        name: Name,
        /// Whose it is.
        project: String,
        /// On what the lock is, for people.
        relation: Option<String>,
        /// The migration of the batch that needs it.
        needed_by: Option<Name>,
        /// Who runs it.
        holder: Blocker,
        /// What is done about it; not [`OnConflict::Fail`], which is an error.
        action: OnConflict,
    },
    /// A concurrent migration of this run was cancelled by another run, whose
    /// batch needs its locks; it runs again after that.
    Preempted {
        /// Which.
        name: Name,
        /// That run; `None` when it has just ended.
        by: Option<Blocker>,
    },
    /// The block was rolled back and will be tried again.
    BlockRetried {
        /// The try that failed, from 1.
        attempt: usize,
        /// The migration that failed.
        name: Option<Name>,
        /// The server's words.
        cause: String,
        /// How long until the next try.
        pause: Duration,
    },
    /// A statement outside of a block failed, and will be tried again.
    StatementRetried {
        /// Of which migration.
        name: Name,
        /// From 1.
        number: usize,
        /// The try that failed, from 1.
        attempt: usize,
        /// The server's words.
        cause: String,
        /// How long until the next try, at least.
        pause: Duration,
    },
    /// The block was rolled back and will be run in two.
    BlockCut {
        /// Where and why.
        cut: Cut,
    },
    /// The block was rolled back; a concurrent migration that was folded into
    /// it runs by itself.
    Unfolded {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
    },
    /// The connection was lost; history is read again before anything runs.
    ConnectionLost {
        /// Why, as far as known.
        reason: String,
    },
    /// COMMIT was sent and is not answered for a while.
    CommitWaits {
        /// The backend that commits.
        pid: i32,
        /// Its wait event, `IPC/SyncRep` for example.
        wait_event: Option<String>,
    },
    /// The connection was lost at COMMIT, and now it is known.
    CommitResolved {
        /// Whether the transaction is committed.
        committed: bool,
    },
    /// A block is committed.
    BlockCommitted {
        /// Number of its migrations.
        migrations: usize,
        /// From its BEGIN, last try.
        duration: Duration,
    },
    /// The deployment is ready.
    Ready {
        /// Its number.
        deployment: i64,
        /// Since the run began.
        after: Duration,
        /// Whether it was so before and is only told again.
        again: bool,
        /// The version of the schema, if a migration has brought one.
        schema_version: Option<Version>,
    },
    /// The tail begins.
    TailBegan {
        /// Its members.
        names: Vec<Name>,
    },
    /// A standalone or concurrent migration begins.
    MigrationBegan {
        /// Which.
        name: Name,
        /// Which of both.
        kind: Kind,
        /// The backend that runs it.
        pid: i32,
    },
    /// A statement outside a transaction begins.
    StatementBegan {
        /// Of which migration.
        name: Name,
        /// From 1.
        number: usize,
        /// Of how many.
        of: usize,
        /// Its first line.
        sql: String,
    },
    /// An earlier run had done this statement already.
    StatementSkipped {
        /// Of which migration.
        name: Name,
        /// From 1.
        number: usize,
        /// Why it counts as done.
        reason: String,
    },
    /// The index of one partition begins to be built, for a statement on the
    /// whole table.
    PartitionBegan {
        /// Of which migration.
        name: Name,
        /// Qualified and quoted where needed.
        partition: String,
        /// From 1; those that have their index already are counted too.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// Something half-way was repaired.
    Repaired {
        /// Of which migration.
        name: Name,
        /// What was done, for people.
        what: String,
    },
    /// A migration runs in a session that is not ours; we wait for it.
    RunsElsewhere {
        /// Which.
        name: Name,
        /// Who.
        holder: Blocker,
    },
    /// How far a concurrent migration is.
    Progress {
        /// Which.
        name: Name,
        /// In PostgreSQL's words.
        phase: String,
        /// Units done.
        done: Option<u64>,
        /// Units in all.
        total: Option<u64>,
    },
    /// Something about a backfill.
    Backfill {
        /// Which migration.
        name: Name,
        /// What.
        news: News,
    },
    /// A build waits for other sessions.
    BuildWaits {
        /// Which migration.
        name: Name,
        /// For whom.
        blockers: Vec<Blocker>,
        /// For how long already.
        since: Duration,
    },
    /// A concurrent migration is done.
    MigrationDone {
        /// Which.
        name: Name,
        /// How long.
        duration: Duration,
    },
    /// A concurrent migration failed; independent others go on.
    MigrationFailed {
        /// Which.
        name: Name,
        /// What, where, and the server's words.
        diagnostic: Box<Diagnostic>,
    },
    /// The run ends, the builds go on in the server.
    Detached {
        /// Which, with the backends that run them.
        builds: Vec<(Name, i32)>,
    },
    /// The tail is done.
    Settled {
        /// The deployment.
        deployment: i64,
        /// Since the run began.
        after: Duration,
    },
    /// The folder is ready, or settled, by the ledger: because of this run, or
    /// before it. At most once for each of both in a run.
    Reached {
        /// Which of both.
        goal: Goal,
        /// Whose migrations.
        project: String,
        /// The deployment that stands for it; `None` of a folder without
        /// migrations, on a database that has never seen any.
        deployment: Option<i64>,
        /// The folder's last migration.
        migration: Option<Name>,
        /// Fingerprint of the folder's batch migrations, `sha256:…`.
        fingerprint: String,
        /// The version of the schema, if a migration has brought one.
        schema_version: Option<Version>,
    },
    /// The schema was not as the last settled deployment had left it before
    /// this run changed anything.
    DriftFound {
        /// That deployment.
        since: i64,
        /// From what it was to what it is.
        difference: Diff,
    },
    /// The schema is as expected. In a block it is not committed yet.
    Verified {
        /// At which moment.
        stage: Stage,
        /// How long it took.
        duration: Duration,
        /// What concurrent migrations have left half-way, which is legal.
        half_way: BTreeMap<Name, BTreeSet<ObjectId>>,
        /// What could not be judged.
        blind: Vec<Blind>,
        /// Rules of `[schema]` that matched nothing.
        unused_rules: Vec<String>,
    },
    /// Somebody with a newer folder has applied more meanwhile: the schema
    /// cannot be verified, and whoever has that folder settles.
    Overtaken {
        /// What this folder lacks.
        names: Vec<Name>,
    },
    /// The schema is not as expected.
    Mismatched {
        /// What is not.
        mismatch: Box<Mismatch>,
        /// Whether the run goes on all the same, as asked.
        goes_on: bool,
    },
    /// A service that runs tails cannot do so now; it waits.
    ServiceWaits {
        /// Why, for people.
        reason: String,
    },
    /// A tail that a service has run is not done; it is run again.
    ServiceRetries {
        /// Why, for people.
        reason: String,
        /// When, from now, if nothing changes before.
        pause: Duration,
    },
    /// Deployments have left concurrent migrations that the service's folder
    /// lacks; they are not its to run.
    ServiceLacks {
        /// Which.
        names: Vec<Name>,
    },
    /// A message of the server: RAISE NOTICE, a warning.
    Notice {
        /// During which migration, as far as known.
        name: Option<Name>,
        /// The message.
        notice: ServerError,
    },
}

/// For whom an event is, from the one who has everything told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// What is planned, and what it comes to.
    Outcome,
    /// What goes on, for one who waits.
    Course,
    /// What is in the way, tried again or made beside.
    Trouble,
}

impl Event {
    /// For whom it is.
    pub(super) fn weight(&self) -> Weight {
        match self {
            Self::Planned(_)
            | Self::ReversalPlanned { .. }
            | Self::RowsReverted { .. }
            | Self::LedgerCreated
            | Self::LedgerBrought { .. }
            | Self::DeploymentBegan { .. }
            | Self::BlockBegan { .. }
            | Self::MigrationRan { .. }
            | Self::BlockCommitted { .. }
            | Self::Ready { .. }
            | Self::Reached { .. }
            | Self::TailBegan { .. }
            | Self::DriftFound { .. }
            | Self::Verified { .. }
            | Self::Overtaken { .. }
            | Self::Mismatched { .. }
            | Self::MigrationFailed { .. }
            | Self::Detached { .. }
            | Self::Settled { .. } => Weight::Outcome,
            Self::Backfill { news, .. } if news.is_trouble() => Weight::Trouble,
            Self::MigrationBegan { .. }
            | Self::MigrationDone { .. }
            | Self::StatementBegan { .. }
            | Self::StatementSkipped { .. }
            | Self::PartitionBegan { .. }
            | Self::Repaired { .. }
            | Self::Progress { .. }
            | Self::Backfill { .. }
            | Self::Notice { .. } => Weight::Course,
            Self::WaitingForBatch { .. }
            | Self::RoleMade { .. }
            | Self::WaitingForLock { .. }
            | Self::StalledEnded { .. }
            | Self::Conflict { .. }
            | Self::Preempted { .. }
            | Self::BlockRetried { .. }
            | Self::StatementRetried { .. }
            | Self::BlockCut { .. }
            | Self::Unfolded { .. }
            | Self::ConnectionLost { .. }
            | Self::CommitWaits { .. }
            | Self::CommitResolved { .. }
            | Self::RunsElsewhere { .. }
            | Self::ServiceWaits { .. }
            | Self::ServiceRetries { .. }
            | Self::ServiceLacks { .. }
            | Self::BuildWaits { .. } => Weight::Trouble,
        }
    }
}
