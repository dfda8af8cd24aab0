//! What a run writes: migrations applied, deployments and their states, and
//! the notification that goes with a change of state.
//!
//! Functions that return SQL are for the caller's own transaction, so that the
//! row, the notification and the work are one COMMIT.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Ledger, TakenBack, version};
use crate::history::{DeploymentState, ProgressRow};
use crate::migration::{Checksum, Kind, Name};
use crate::postgres::listen::CHANNEL;
use crate::postgres::{Error, Session, ident, literal};
use crate::schema::Diff;
use crate::version::Version;

/// A migration that has just been applied, or given up.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Which.
    pub name: Name,
    /// Of the text that ran.
    pub checksum: Checksum,
    /// How it ran.
    pub kind: Kind,
    /// Number of its statements.
    pub statements: usize,
    /// How long it took.
    pub duration: Duration,
    /// The schema diff that is stored in it, for each major version.
    pub schema_diff: Option<Arc<BTreeMap<u32, Diff>>>,
    /// The version of the schema that the database has reached with it.
    pub schema_version: Option<Version>,
}

/// A change of state, as told on channel `segue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Version of this format.
    pub version: u32,
    /// Whose migrations.
    pub project: String,
    /// `ready`, `settled` or `failed`.
    pub event: &'static str,
    /// The deployment.
    pub deployment: i64,
    /// Name of the last migration of its folder.
    pub migration: Option<String>,
    /// Filled in by the server, which knows the version of the schema once all
    /// of the transaction's rows are written.
    schema_version: (),
    /// Fingerprint of the folder's batch migrations.
    pub fingerprint: String,
    /// Whether the ledger knows versions.
    #[serde(skip)]
    has_versions: bool,
}

impl Notice {
    /// The statement that tells it when its transaction commits.
    pub(super) fn sql(&self) -> String {
        // Quotes of a string's own would be escaped, so this is no part of one.
        const BLANK: &str = "\"schema_version\":null";
        let payload = serde_json::to_string(self).expect("strings and numbers only");
        let payload = match payload.split_once(BLANK) {
            Some((before, after)) if self.has_versions => format!(
                "{} || '\"schema_version\":' || {} || {}",
                literal(before),
                version::json_sql(&literal(&self.project)),
                literal(after),
            ),
            _ => literal(&payload),
        };
        format!(
            "SELECT pg_catalog.pg_notify({}, {payload})",
            literal(CHANNEL)
        )
    }
}

pub(super) fn name_or_null(name: Option<&str>) -> String {
    name.map_or_else(|| "NULL".to_owned(), literal)
}

/// Its stored schema diff as a literal.
fn schema_diff(one: &Applied) -> String {
    parts(one.schema_diff.as_deref())
}

/// The parts of a schema diff as a literal.
pub(super) fn parts(parts: Option<&BTreeMap<u32, Diff>>) -> String {
    let json =
        parts.map(|parts| serde_json::to_string(parts).expect("numbers as keys, JSON as values"));
    name_or_null(json.as_deref())
}

pub(super) fn text_array<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .map(|name| literal(name.as_str()))
        .collect();
    format!("ARRAY[{}]::pg_catalog.text[]", names.join(", "))
}

/// What files take back that have run; `None` if they are migrations. A block
/// is of one sort.
pub(super) fn taken_back(ran: &[Applied]) -> Option<Vec<TakenBack>> {
    let taken: Vec<TakenBack> = ran
        .iter()
        .filter_map(|one| {
            Some(TakenBack {
                name: one.name.reverted()?,
                by: Some(one.checksum),
            })
        })
        .collect();
    (!taken.is_empty()).then_some(taken)
}

/// Rows of one INSERT: few enough that the statement stays small.
const ROWS_MAX: usize = 500;

impl Ledger {
    /// Statements that record migrations as applied, for the transaction that
    /// applied them. `SET LOCAL ROLE` of the owner comes first.
    ///
    /// A row that is applied or abandoned already violates a NOT NULL
    /// constraint on purpose: whatever let two runners come so far, the second
    /// one's transaction cannot commit.
    #[must_use]
    pub fn applied_sql(&self, deployment: Option<i64>, applied: &[Applied]) -> Vec<String> {
        if let Some(taken) = taken_back(applied) {
            return self.reverted_sql(deployment, &taken);
        }
        let deployment = deployment.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        let mut statements: Vec<String> = self.owner_sql().into_iter().collect();
        for chunk in applied.chunks(ROWS_MAX) {
            let rows: Vec<String> = chunk
                .iter()
                .map(|one| {
                    format!(
                        "({}, {}, '{}', '{}', 'applied', {deployment}, {}, pg_catalog.clock_timestamp() - {micros} * interval '1 us', pg_catalog.clock_timestamp(), {micros} * interval '1 us', {}, {})",
                        literal(&self.project),
                        literal(one.name.as_str()),
                        one.checksum,
                        one.kind.as_str(),
                        one.statements,
                        schema_diff(one),
                        version::literal(one.schema_version),
                        micros = one.duration.as_micros(),
                    )
                })
                .collect();
            statements.push(format!(
                "INSERT INTO segue.migration AS m (project, file, checksum, kind, state, deployment, statements, began_at, ended_at, duration, schema_diff, schema_version)\nVALUES {}\nON CONFLICT (project, file) DO UPDATE SET checksum = excluded.checksum, kind = excluded.kind, state = CASE WHEN m.state IN ('applied', 'abandoned') THEN NULL ELSE excluded.state END, deployment = excluded.deployment, statements = excluded.statements, ended_at = excluded.ended_at, duration = excluded.ended_at - m.began_at, schema_diff = excluded.schema_diff, schema_version = excluded.schema_version, error = NULL",
                rows.join(",\n")
            ));
        }
        statements
    }

    /// Statements that mark the deployment ready and tell it.
    #[must_use]
    pub fn ready_sql(&self, notice: &Notice, tail: &[Name]) -> Vec<String> {
        let mut statements: Vec<String> = self.owner_sql().into_iter().collect();
        statements.push(format!(
            "UPDATE segue.deployment SET state = 'ready', ready_at = pg_catalog.clock_timestamp(), fingerprint = {}, tail = {} WHERE id = {} AND project = {}",
            literal(&notice.fingerprint),
            text_array(tail),
            notice.deployment,
            literal(&self.project),
        ));
        // The ledger may have come with this very transaction.
        let notice = Notice {
            has_versions: self.has_versions(),
            ..notice.clone()
        };
        statements.push(notice.sql());
        statements
    }

    /// A change of state of this project, ready to be told.
    #[must_use]
    pub fn notice(
        &self,
        state: DeploymentState,
        deployment: i64,
        migration: Option<&Name>,
        fingerprint: &str,
    ) -> Notice {
        Notice {
            version: 1,
            project: self.project.clone(),
            event: state.as_str(),
            deployment,
            migration: migration.map(ToString::to_string),
            schema_version: (),
            fingerprint: fingerprint.to_owned(),
            has_versions: self.has_versions(),
        }
    }

    /// Whether the deployment with this number is there: a fail-over may have
    /// lost it.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn has_deployment(&self, session: &Session, id: i64) -> Result<bool, Error> {
        if self.version.is_none() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT 1 FROM segue.deployment WHERE id = {id} AND project = {}",
            literal(&self.project)
        );
        Ok(session.value(&sql).await?.is_some())
    }

    /// Adds the deployment's row; its id. Deployments that say running
    /// although nobody holds their lock are marked failed.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_deployment(
        &self,
        session: &Session,
        migration: Option<&Name>,
        fingerprint: &str,
        dead: &[i64],
    ) -> Result<i64, Error> {
        let mut statements: Vec<String> = self.dead_sql(dead).into_iter().collect();
        statements.push(self.deployment_sql(session, migration, fingerprint));
        let rows = self.transact(session, &statements).await?;
        let row = rows
            .last()
            .ok_or_else(|| Error::protocol("no id for the deployment"))?;
        super::column(row, 0)
    }

    /// The statement that marks deployments failed whose runners are gone;
    /// `None` without any.
    pub(super) fn dead_sql(&self, dead: &[i64]) -> Option<String> {
        let ids: Vec<String> = dead.iter().map(ToString::to_string).collect();
        (!ids.is_empty()).then(|| {
            format!(
                "UPDATE segue.deployment SET state = 'failed', failed_at = pg_catalog.clock_timestamp(), error = 'its runner died' WHERE state = 'running' AND project = {} AND id IN ({})",
                literal(&self.project),
                ids.join(", ")
            )
        })
    }

    /// The statement that adds the row of a deployment run by `runner`.
    pub(super) fn deployment_sql(
        &self,
        runner: &Session,
        migration: Option<&Name>,
        fingerprint: &str,
    ) -> String {
        let backend = runner.backend();
        format!(
            "INSERT INTO segue.deployment (project, state, migration, fingerprint, runner) VALUES ({}, 'running', {}, {}, {}) RETURNING id",
            literal(&self.project),
            name_or_null(migration.map(Name::as_str)),
            literal(fingerprint),
            literal(&format!("pid {} since {}", backend.pid, backend.start)),
        )
    }

    /// Marks a deployment failed before it was ready, and tells it.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn fail_deployment(
        &self,
        session: &Session,
        notice: &Notice,
        error: &str,
    ) -> Result<(), Error> {
        let update = format!(
            "UPDATE segue.deployment SET state = 'failed', failed_at = pg_catalog.clock_timestamp(), error = {} WHERE id = {} AND state = 'running'",
            literal(error),
            notice.deployment,
        );
        self.transact(session, &[update, notice.sql()]).await?;
        Ok(())
    }

    /// Marks the deployment ready and tells it, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn announce_ready(
        &self,
        session: &Session,
        notice: &Notice,
        tail: &[Name],
    ) -> Result<(), Error> {
        self.transact(session, &self.ready_sql(notice, tail))
            .await?;
        Ok(())
    }

    /// Tells a state again that the table already says.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn tell(&self, session: &Session, notice: &Notice) -> Result<(), Error> {
        // What it tells is read in the ledger; a reader may tell it too.
        self.read(session, &notice.sql()).await.map(drop)
    }

    /// Marks each ready deployment whose tail is done as settled and tells it;
    /// their ids, newest first.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn settle(&self, session: &Session) -> Result<Vec<i64>, Error> {
        let schema_version = if self.has_versions() {
            version::json_sql("project")
        } else {
            "'null'".to_owned()
        };
        let sql = include_str!("settle.sql")
            .replace(":schema_version", &schema_version)
            .replace(":project", &literal(&self.project));
        let rows = self.transact(session, &[sql]).await?;
        rows.iter().map(|row| super::column(row, 0)).collect()
    }

    /// Whether a deployment is settled.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn is_settled(&self, session: &Session, deployment: i64) -> Result<bool, Error> {
        let sql =
            format!("SELECT 1 FROM segue.deployment WHERE id = {deployment} AND state = 'settled'");
        let rows = self.read(session, &sql).await?;
        Ok(!rows.is_empty())
    }

    /// Notes why the tail of a ready deployment is not done; it stays ready.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn fail_tail(
        &self,
        session: &Session,
        notice: &Notice,
        error: &str,
    ) -> Result<(), Error> {
        let update = format!(
            "UPDATE segue.deployment SET error = {} WHERE id = {} AND state = 'ready'",
            literal(error),
            notice.deployment,
        );
        self.transact(session, &[update, notice.sql()]).await?;
        Ok(())
    }

    /// The statement that records that a standalone or concurrent migration
    /// begins. One that is applied or abandoned stays so: no row then, and it
    /// must not run.
    #[must_use]
    pub fn begin_sql(&self, migration: &Applied, deployment: Option<i64>) -> String {
        format!(
            "INSERT INTO segue.migration AS m (project, file, checksum, kind, state, deployment, schema_diff, schema_version) VALUES ({}, {}, '{}', '{}', 'begun', {}, {}, {}) ON CONFLICT (project, file) DO UPDATE SET checksum = excluded.checksum, kind = excluded.kind, state = 'begun', deployment = coalesce(excluded.deployment, m.deployment), schema_diff = excluded.schema_diff, schema_version = excluded.schema_version, error = NULL WHERE m.state NOT IN ('applied', 'abandoned') RETURNING 1",
            literal(&self.project),
            literal(migration.name.as_str()),
            migration.checksum,
            migration.kind.as_str(),
            deployment.map_or_else(|| "NULL".to_owned(), |id| id.to_string()),
            schema_diff(migration),
            version::literal(migration.schema_version),
        )
    }

    /// Records that a standalone or concurrent migration begins, as
    /// [`Ledger::begin_sql`] does; whether it may run.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_migration(
        &self,
        session: &Session,
        migration: &Applied,
        deployment: Option<i64>,
    ) -> Result<bool, Error> {
        let sql = self.begin_sql(migration, deployment);
        Ok(!self.transact(session, &[sql]).await?.is_empty())
    }

    /// Records that a begun migration ended with an error.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn fail_migration(
        &self,
        session: &Session,
        name: &Name,
        error: &str,
    ) -> Result<(), Error> {
        let sql = format!(
            "UPDATE segue.migration SET state = 'failed', ended_at = pg_catalog.clock_timestamp(), error = {} WHERE project = {} AND file = {} AND state = 'begun'",
            literal(error),
            literal(&self.project),
            literal(name.as_str()),
        );
        self.transact(session, &[sql]).await?;
        Ok(())
    }

    /// Records a begun migration as applied, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn finish_migration(
        &self,
        session: &Session,
        applied: &Applied,
        deployment: i64,
    ) -> Result<(), Error> {
        let statements = self.applied_sql(Some(deployment), std::slice::from_ref(applied));
        self.transact(session, &statements).await?;
        self.clear_progress(session, &applied.name).await
    }

    /// Records a concurrent migration as given up.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn abandon_migration(
        &self,
        session: &Session,
        migration: &Applied,
    ) -> Result<(), Error> {
        let project = literal(&self.project);
        let file = literal(migration.name.as_str());
        let sql = format!(
            "INSERT INTO segue.migration AS m (project, file, checksum, kind, state, ended_at, schema_diff) VALUES ({project}, {file}, '{}', '{}', 'abandoned', pg_catalog.clock_timestamp(), {}) ON CONFLICT (project, file) DO UPDATE SET state = 'abandoned', ended_at = excluded.ended_at, error = NULL WHERE m.state <> 'applied'",
            migration.checksum,
            migration.kind.as_str(),
            schema_diff(migration),
        );
        self.transact(session, &[sql]).await?;
        self.clear_progress(session, &migration.name).await
    }

    /// Tells everyone how far a concurrent migration is.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn write_progress(
        &self,
        session: &Session,
        name: &Name,
        progress: &ProgressRow,
    ) -> Result<(), Error> {
        let number =
            |value: Option<u64>| value.map_or_else(|| "NULL".to_owned(), |n| n.to_string());
        let sql = format!(
            "INSERT INTO segue.progress (project, file, pid, phase, done, total, waits_for, ends_wait, partitions_done, partitions_total, updated_at) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, pg_catalog.clock_timestamp()) ON CONFLICT (project, file) DO UPDATE SET pid = excluded.pid, phase = excluded.phase, done = excluded.done, total = excluded.total, waits_for = excluded.waits_for, ends_wait = excluded.ends_wait, partitions_done = excluded.partitions_done, partitions_total = excluded.partitions_total, updated_at = excluded.updated_at",
            literal(&self.project),
            literal(name.as_str()),
            progress.pid,
            literal(&progress.phase),
            number(progress.done),
            number(progress.total),
            name_or_null(progress.waits_for.as_deref()),
            name_or_null(progress.ends_wait.as_deref()),
            number(progress.partitions.map(|(done, _)| done)),
            number(progress.partitions.map(|(_, total)| total)),
        );
        self.transact(session, &[sql]).await?;
        Ok(())
    }

    /// Removes what was told of how far a concurrent migration is.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn clear_progress(&self, session: &Session, name: &Name) -> Result<(), Error> {
        let sql = format!(
            "DELETE FROM segue.progress WHERE project = {} AND file = {}",
            literal(&self.project),
            literal(name.as_str()),
        );
        self.transact(session, &[sql]).await?;
        Ok(())
    }

    /// Statements that make the ledger for a DBA to run, rights included.
    #[must_use]
    pub fn script(owner: Option<&str>, readers: &[String]) -> String {
        let mut script = match owner {
            Some(owner) => format!(
                "CREATE SCHEMA segue AUTHORIZATION {0};\nSET ROLE {0};\n",
                ident(owner)
            ),
            None => "CREATE SCHEMA segue;\n".to_owned(),
        };
        for upgrade in super::UPGRADES {
            script.push_str(upgrade);
        }
        script.push_str(&grants(readers));
        if owner.is_some() {
            script.push_str("RESET ROLE;\n");
        }
        script
    }

    /// Lets `readers` see the ledger.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn grant(&self, session: &Session, readers: &[String]) -> Result<(), Error> {
        let grants = grants(readers);
        let statements: Vec<String> = grants
            .lines()
            .map(|line| line.trim_end_matches(';').to_owned())
            .collect();
        self.transact(session, &statements).await?;
        Ok(())
    }
}

fn grants(readers: &[String]) -> String {
    if readers.is_empty() {
        return String::new();
    }
    let readers: Vec<String> = readers.iter().map(|reader| ident(reader)).collect();
    let readers = readers.join(", ");
    format!(
        "GRANT USAGE ON SCHEMA segue TO {readers};\nGRANT SELECT ON ALL TABLES IN SCHEMA segue TO {readers};\nALTER DEFAULT PRIVILEGES IN SCHEMA segue GRANT SELECT ON TABLES TO {readers};\n"
    )
}
