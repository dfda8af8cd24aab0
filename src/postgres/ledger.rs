//! The ledger: namespace `segue`, which says what has been applied.
//!
//! Reading and creating are here; what a run writes is in `write`,
//! statements run outside transactions in `intent`. Everything
//! is keyed by project.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use super::{Error, Session, column, ident, literal};
use crate::history::{Deployment, DeploymentState, History, LockKey, Record, State};
use crate::migration::{Kind, Name};

mod adopt;
mod backfill;
mod brought;
mod done;
mod expansion;
mod handed_over;
mod intent;
mod progress;
mod reading;
mod rename;
mod revert;
mod rewrite;
mod snapshot;
mod standing;
mod version;
mod write;

pub use adopt::Adopted;
pub use backfill::{Advance, Cursor, GONE, NewBackfill, Quarantined, Wishes};
pub use brought::Brought;
pub use expansion::Made;
pub use handed_over::Kept;
pub use intent::{Intent, IntentState, NewIntent};
pub use reading::Reading;
pub use revert::{TakenBack, When};
pub use standing::Wish;
pub use write::{Applied, Notice};

/// Each upgrade takes the ledger from the version of its index to the next.
const UPGRADES: [&str; 7] = [
    include_str!("ledger/0001.sql"),
    include_str!("ledger/0002.sql"),
    include_str!("ledger/0003.sql"),
    include_str!("ledger/0004.sql"),
    include_str!("ledger/0005.sql"),
    concat!(
        include_str!("ledger/0006.sql"),
        include_str!("ledger/sync/parts.sql"),
        include_str!("ledger/sync/keep.sql"),
        include_str!("ledger/sync/stop.sql"),
    ),
    concat!(
        include_str!("ledger/0007.sql"),
        include_str!("ledger/version/keep.sql"),
        include_str!("ledger/version/require.sql"),
    ),
];

/// The version that this program writes: one per upgrade.
pub const VERSION: u32 = 7;
const _: () = assert!(UPGRADES.len() == VERSION as usize);

/// Begins a transaction of the ledger's own. A synchronous standby is not
/// waited for: what such a transaction says is never ahead of the block's
/// COMMIT, which waits, and replays before it. A standby that is gone would
/// hang each run at its first row, before anything can be told. Rows that two
/// runs write are no reason to fail, as they would be where a role's default is
/// another isolation level.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;SET LOCAL synchronous_commit = local";

/// Access to one project's part of the ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    project: String,
    owner: Option<String>,
    /// Whether we are a member of the owner, and not the owner.
    is_member: bool,
    version: Option<u32>,
}

impl Ledger {
    /// Looks for the ledger; writes nothing.
    ///
    /// `owner` is the role that owns it, as configured. Without one, the role
    /// that owns namespace `segue` is taken if we are a member of it.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a newer segue has upgraded it.
    pub async fn find(
        session: &Session,
        project: &str,
        owner: Option<&str>,
    ) -> Result<Self, Error> {
        let (mut ledger, has_tables) = Self::located(session, project, owner).await?;
        if has_tables {
            let rows = ledger
                .read(session, "SELECT pg_catalog.max(version) FROM segue.ledger")
                .await?;
            ledger.version = rows.first().and_then(|row| row[0].as_ref()?.parse().ok());
        }
        ledger.refuse_newer()?;
        Ok(ledger)
    }

    /// Who owns it, and whether its tables are there.
    async fn located(
        session: &Session,
        project: &str,
        owner: Option<&str>,
    ) -> Result<(Self, bool), Error> {
        // A member may lack the right to SET ROLE since 16.
        let may_set_role = if session.server_version() >= 160_000 {
            "'SET'"
        } else {
            "'MEMBER'"
        };
        let sql = include_str!("ledger/find.sql").replace(":may_set_role", may_set_role);
        let rows = session.query(&sql).await?;
        let row = rows.first();
        let has_tables = row.is_some_and(|row| row[2].as_deref() == Some("t"));
        let found = row.and_then(|row| {
            (row[1].as_deref() == Some("t"))
                .then(|| row[0].clone())
                .flatten()
        });
        let ledger = Self {
            project: project.to_owned(),
            is_member: found.is_some(),
            owner: owner.map(ToOwned::to_owned).or(found),
            version: None,
        };
        Ok((ledger, has_tables))
    }

    fn refuse_newer(&self) -> Result<(), Error> {
        match self.version {
            Some(version) if version > VERSION => Err(Error::Protocol(format!(
                "the ledger in namespace segue has version {version}, this segue knows {VERSION}: a newer segue has upgraded it, use that one",
            ))),
            _ => Ok(()),
        }
    }

    /// Whose part.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Version found; `None` if there is no ledger.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// Creates or upgrades the ledger if that is needed, in one transaction;
    /// whether it was. Two that come at once both end well.
    ///
    /// # Errors
    /// [`Error::Server`] with 42501 if the role may not.
    pub async fn prepare(&mut self, session: &Session) -> Result<bool, Error> {
        if self.version == Some(VERSION) {
            return Ok(false);
        }
        let key = LockKey::ledger();
        // Creation takes milliseconds, so whoever holds this lock is soon done.
        while !super::lock::try_lock(session, key).await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let result = self.upgrade(session).await;
        if result.is_err() && !session.is_lost() {
            session.execute("ROLLBACK").await?;
        }
        super::lock::unlock(session, key).await?;
        result
    }

    async fn upgrade(&mut self, session: &Session) -> Result<bool, Error> {
        // Somebody else may have done it while we waited for the lock.
        *self = Self::find(session, &self.project, self.owner.as_deref()).await?;
        let from = self.version.unwrap_or(0);
        if from == VERSION {
            return Ok(false);
        }
        session.execute(BEGIN).await?;
        self.become_owner(session).await?;
        // Looked up first: CREATE SCHEMA IF NOT EXISTS fails without the right
        // to create even where it exists.
        let exists = session
            .value("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'segue'")
            .await?;
        if exists.is_none() {
            session.execute("CREATE SCHEMA segue").await?;
        }
        let first = usize::try_from(from).expect("few upgrades");
        for upgrade in &UPGRADES[first..] {
            session.execute(upgrade).await?;
        }
        session.execute("COMMIT").await?;
        self.version = Some(VERSION);
        Ok(true)
    }

    /// `SET LOCAL ROLE` to the owner, inside a transaction block.
    async fn become_owner(&self, session: &Session) -> Result<(), Error> {
        match self.owner_sql() {
            Some(sql) => session.execute(&sql).await,
            None => Ok(()),
        }
    }

    fn owner_sql(&self) -> Option<String> {
        self.owner
            .as_ref()
            .map(|owner| format!("SET LOCAL ROLE {}", ident(owner)))
    }

    /// Runs `statements` in one transaction of their own, as the owner; the
    /// rows of the last one.
    async fn transact(
        &self,
        session: &Session,
        statements: &[String],
    ) -> Result<Vec<super::TextRow>, Error> {
        let mut sql = format!("{BEGIN};\n");
        if let Some(owner) = self.owner_sql() {
            sql.push_str(&owner);
            sql.push_str(";\n");
        }
        for statement in statements {
            sql.push_str(statement);
            sql.push_str(";\n");
        }
        // One message, one round trip; its own BEGIN makes the COMMIT
        // explicit, and a failing statement leaves the block open.
        sql.push_str("COMMIT");
        let result = session.query(&sql).await;
        if result.is_err() && !session.is_lost() {
            session.execute("ROLLBACK").await?;
        }
        result
    }

    /// Rows of one query. A member of the owner that does not inherit its
    /// rights reads as the owner.
    async fn read(&self, session: &Session, sql: &str) -> Result<Vec<super::TextRow>, Error> {
        let Some(owner) = self.owner_sql().filter(|_| self.is_member) else {
            return session.query(sql).await;
        };
        let sql = format!("BEGIN READ ONLY;{owner};{sql};COMMIT");
        let result = session.query(&sql).await;
        if result.is_err() && !session.is_lost() {
            session.execute("ROLLBACK").await?;
        }
        result
    }

    /// As `read`, but no rows where there is no ledger.
    async fn read_if_there(
        &self,
        session: &Session,
        sql: &str,
    ) -> Result<Vec<super::TextRow>, Error> {
        if self.version.is_none() {
            return Ok(Vec::new());
        }
        self.read(session, sql).await
    }

    /// Reads all that a plan needs. Writes nothing.
    ///
    /// # Errors
    /// [`Error::Server`] if the role may not read it.
    pub async fn history(&self, session: &Session) -> Result<History, Error> {
        let project = literal(&self.project);
        let migrations = include_str!("ledger/migrations.sql")
            .replace(":project", &project)
            .replace(":schema_version", self.schema_version_column());
        let deployments = include_str!("ledger/deployments.sql").replace(":project", &project);
        // Sent one behind the other before the first answer has come, in this
        // order: locks first, so that a migration that ends meanwhile is seen
        // as applied and not as interrupted.
        let (relation, locks, migrations, deployments, unready) = future::try_join5(
            session.value(include_str!("ledger/user_relations.sql")),
            super::lock::held(session),
            self.read_if_there(session, &migrations),
            self.read_if_there(session, &deployments),
            self.unready_reversal(session),
        )
        .await?;
        let mut history = History {
            ledger: self.version,
            locks,
            has_user_relations: relation.is_some(),
            unready_reversal: unready,
            ..History::default()
        };
        for row in migrations {
            let name = Name::new(&column::<String>(&row, 0)?);
            // One that is applied, an older segue took for a migration.
            let is_begun = matches!(row[3].as_deref(), Some("begun" | "failed"));
            let (records, name) = match name.reverted().filter(|_| is_begun) {
                Some(reverted) => (&mut history.reverting, reverted),
                None => (&mut history.records, name),
            };
            records.insert(
                name,
                Record {
                    checksum: column::<String>(&row, 1)?
                        .parse()
                        .map_err(|()| Error::protocol("a checksum in the ledger is malformed"))?,
                    kind: match row[2].as_deref() {
                        Some("concurrent") => Kind::Concurrent,
                        Some("standalone") => Kind::Standalone,
                        _ => Kind::Batch,
                    },
                    state: match row[3].as_deref() {
                        Some("applied") => State::Applied,
                        Some("abandoned") => State::Abandoned,
                        Some("failed") => State::Failed(row[6].clone().unwrap_or_default()),
                        _ => State::Begun,
                    },
                    deployment: row[4].as_deref().and_then(|id| id.parse().ok()),
                    at: column(&row, 5)?,
                    // One that an older segue has written in another form says
                    // nothing.
                    schema_diff: row[7]
                        .as_deref()
                        .and_then(|text| serde_json::from_str(text).ok())
                        .map(Arc::new),
                    schema_version: version::parse(row[8].as_deref())?,
                },
            );
        }
        for row in deployments {
            let deployment = self.deployment(&row, &history.locks)?;
            history.deployments.push(deployment);
        }
        Ok(history)
    }

    /// The newest deployments, `max` at most, whatever became of them, newest
    /// first. Who holds their locks is told by [`Ledger::history`].
    ///
    /// # Errors
    /// As [`Ledger::history`].
    pub async fn past(&self, session: &Session, max: usize) -> Result<Vec<Deployment>, Error> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let sql = include_str!("ledger/past.sql")
            .replace(":project", &literal(&self.project))
            .replace(":max", &max.to_string());
        let rows = self.read_if_there(session, &sql).await?;
        rows.iter()
            .map(|row| self.deployment(row, &BTreeMap::new()))
            .collect()
    }

    fn deployment(
        &self,
        row: &super::TextRow,
        locks: &BTreeMap<LockKey, i32>,
    ) -> Result<Deployment, Error> {
        let id = column(row, 0)?;
        let tail: Vec<String> = serde_json::from_str(&column::<String>(row, 4)?)
            .map_err(|_| Error::protocol("the tail of a deployment is malformed"))?;
        Ok(Deployment {
            id,
            state: match row[1].as_deref() {
                Some("ready") => DeploymentState::Ready,
                Some("settled") => DeploymentState::Settled,
                Some("failed") => DeploymentState::Failed,
                _ => DeploymentState::Running,
            },
            migration: row[2].as_deref().map(Name::new),
            fingerprint: column(row, 3)?,
            tail: tail.iter().map(|name| Name::new(name)).collect(),
            started_at: column(row, 5)?,
            ready_at: row[6].clone(),
            settled_at: row[7].clone(),
            error: row[8].clone(),
            is_held: locks.contains_key(&LockKey::deployment(&self.project, id)),
        })
    }
}
