//! What another tool's ledger says, recorded as if segue had run it.

use std::time::Duration;

use super::{Applied, Ledger, NewIntent, version};
use crate::history::DeploymentState;
use crate::migration::Name;
use crate::postgres::{Error, Session, literal};

/// How long those may go on who rely on the version that there is.
const FENCE_WAIT: Duration = Duration::from_secs(10);

/// A migration that another tool has run.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What is known of it.
    pub applied: Applied,
    /// RFC 3339 time at which it ended, UTC; `None`: not known, so now.
    pub at: Option<String>,
    /// Why it stopped, if it is not done.
    pub error: Option<String>,
}

impl Ledger {
    /// Statements that record migrations of another tool, for a transaction of
    /// the ledger's owner. One that has a row already fails.
    #[must_use]
    pub fn adopted_sql(&self, deployment: i64, adopted: &[Adopted]) -> Vec<String> {
        const ROWS_MAX: usize = 500;
        let row = |one: &Adopted| {
            let ended = one.at.as_deref().map_or_else(
                || "pg_catalog.clock_timestamp()".to_owned(),
                |at| format!("{}::timestamptz", literal(at)),
            );
            let micros = one.applied.duration.as_micros();
            format!(
                "({}, {}, '{}', '{}', '{}', {deployment}, {}, {ended} - {micros} * interval '1 us', {ended}, {micros} * interval '1 us', {}, {}, {})",
                literal(&self.project),
                literal(one.applied.name.as_str()),
                one.applied.checksum,
                one.applied.kind.as_str(),
                if one.error.is_some() {
                    "failed"
                } else {
                    "applied"
                },
                one.applied.statements,
                super::write::name_or_null(one.error.as_deref()),
                super::write::parts(one.applied.schema_diff.as_deref()),
                version::literal(one.applied.schema_version),
            )
        };
        adopted
            .chunks(ROWS_MAX)
            .map(|chunk| {
                let rows: Vec<String> = chunk.iter().map(row).collect();
                format!(
                    "INSERT INTO segue.migration (project, file, checksum, kind, state, deployment, statements, began_at, ended_at, duration, error, schema_diff, schema_version) VALUES {}",
                    rows.join(",\n")
                )
            })
            .collect()
    }

    /// Records migrations of another tool in one transaction, as a deployment
    /// of their own that is settled; its id. `done` are statements of those that
    /// are not done as a whole.
    ///
    /// # Errors
    /// As [`Session::execute`]; nothing is recorded then.
    pub async fn adopt(
        &self,
        session: &Session,
        from: &str,
        last: Option<&Name>,
        fingerprint: &str,
        adopted: &[Adopted],
        done: &[NewIntent<'_>],
    ) -> Result<i64, Error> {
        let recording = self.record(session, from, last, fingerprint, adopted, done);
        match recording.await {
            Ok(id) => Ok(id),
            Err(error) => {
                if !session.is_lost() {
                    session.execute("ROLLBACK").await?;
                }
                Err(error)
            }
        }
    }

    async fn record(
        &self,
        session: &Session,
        from: &str,
        last: Option<&Name>,
        fingerprint: &str,
        adopted: &[Adopted],
        done: &[NewIntent<'_>],
    ) -> Result<i64, Error> {
        // A synchronous standby is waited for: a fail-over must not forget what
        // somebody was told is recorded.
        session
            .execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            .await?;
        self.become_owner(session).await?;
        if adopted
            .iter()
            .any(|one| one.applied.schema_version.is_some())
        {
            for sql in self.fence_within_sql(FENCE_WAIT) {
                session.execute(&sql).await?;
            }
        }
        let sql = format!(
            "INSERT INTO segue.deployment (project, state, migration, fingerprint, ready_at, settled_at, runner) VALUES ({}, 'settled', {}, {}, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), {}) RETURNING id",
            literal(&self.project),
            super::write::name_or_null(last.map(Name::as_str)),
            literal(fingerprint),
            literal(&format!(
                "pid {} since {}, adopted from {from}",
                session.backend().pid,
                session.backend().start
            )),
        );
        let rows = session.query(&sql).await?;
        let row = rows
            .last()
            .ok_or_else(|| Error::protocol("no id for the deployment"))?;
        let id = super::column(row, 0)?;
        let mut statements = self.adopted_sql(id, adopted);
        let done: Vec<NewIntent<'_>> = done
            .iter()
            .map(|one| NewIntent {
                deployment: Some(id),
                ..one.clone()
            })
            .collect();
        if !done.is_empty() {
            statements.extend(self.done_sql(session, &done));
        }
        let notice = self.notice(DeploymentState::Settled, id, last, fingerprint);
        statements.push(notice.sql());
        for statement in &statements {
            session.execute(statement).await?;
        }
        session.execute("COMMIT").await?;
        Ok(id)
    }
}
