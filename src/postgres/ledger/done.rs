//! What is recorded outside the batch: statements that are done, and the
//! migration that they make up.
//!
//! The session is the one that runs the user's statements, and a `SET ROLE`
//! among them must not keep us from the ledger.

use super::write::taken_back;
use super::{Applied, Ledger, NewIntent, version};
use crate::postgres::{Error, Session, TextRow, literal};

/// Begins a transaction of the ledger's own, in a session that a file has set
/// to something else.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;SET LOCAL client_encoding = 'UTF8'";

/// Rows of one INSERT.
const ROWS_MAX: usize = 500;

impl Ledger {
    /// Statements that record others as done, for the transaction that ran
    /// them: the role is ours from here to its end.
    #[must_use]
    pub fn done_sql(&self, session: &Session, done: &[NewIntent<'_>]) -> Vec<String> {
        let mut statements = self.ourselves_sql();
        let backend = session.backend();
        for chunk in done.chunks(ROWS_MAX) {
            let rows: Vec<String> = chunk
                .iter()
                .map(|one| {
                    format!(
                        "({}, {}, '{}', {}, '{}', {}, 'done', {}, {}, {}, pg_catalog.clock_timestamp())",
                        literal(&self.project),
                        literal(one.name.as_str()),
                        one.checksum,
                        one.statement,
                        one.fingerprint,
                        literal(&start_of(one.sql)),
                        backend.pid,
                        literal(&backend.start),
                        one.deployment
                            .map_or_else(|| "NULL".to_owned(), |id| id.to_string()),
                    )
                })
                .collect();
            statements.push(format!(
                "INSERT INTO segue.intent (project, file, checksum, statement, fingerprint, sql, state, pid, backend_start, deployment, ended_at) VALUES {}",
                rows.join(", ")
            ));
        }
        statements
    }

    /// Statements that record a begun migration as applied, or, of a file that
    /// takes one back, that it is none any more; for a transaction that has
    /// become ours by [`Ledger::done_sql`] or
    /// [`Ledger::transact_as_ourselves`].
    #[must_use]
    pub fn end_begun_sql(&self, applied: &Applied) -> Vec<String> {
        let (project, file) = (literal(&self.project), literal(applied.name.as_str()));
        if let Some(taken) = taken_back(std::slice::from_ref(applied)) {
            let deployment = format!(
                "(SELECT deployment FROM segue.migration WHERE project = {project} AND file = {file})"
            );
            return self.unapply_sql(&deployment, &taken);
        }
        vec![
            format!(
                "UPDATE segue.migration SET state = 'applied', checksum = '{}', statements = {}, schema_version = {}, ended_at = pg_catalog.clock_timestamp(), duration = pg_catalog.clock_timestamp() - began_at, error = NULL WHERE project = {project} AND file = {file} AND state NOT IN ('applied', 'abandoned')",
                applied.checksum,
                applied.statements,
                version::literal(applied.schema_version),
            ),
            format!("DELETE FROM segue.progress WHERE project = {project} AND file = {file}"),
            // What is applied is never resumed. Of what is given up they stay:
            // they are the list of what it has done.
            format!("DELETE FROM segue.intent WHERE project = {project} AND file = {file}"),
        ]
    }

    /// Runs `statements` in a transaction of their own, whatever role the
    /// session has taken on meanwhile; the rows of all of them.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn transact_as_ourselves(
        &self,
        session: &Session,
        statements: &[String],
    ) -> Result<Vec<TextRow>, Error> {
        let mut sql = String::new();
        for statement in self.ourselves_sql().iter().chain(statements) {
            sql.push_str(statement);
            sql.push_str(";\n");
        }
        sql.push_str("COMMIT");
        // The server reads all of a message in one encoding, so that of a file
        // has to go first.
        let result = match session.execute(BEGIN).await {
            Ok(()) => session.query(&sql).await,
            Err(error) => Err(error),
        };
        if result.is_err() && !session.is_lost() {
            session.execute("ROLLBACK").await?;
        }
        result
    }

    /// Back to the role that connected, or the ledger's owner, until the
    /// transaction ends; what the session has set comes back then.
    pub(super) fn ourselves_sql(&self) -> Vec<String> {
        let mut statements = vec![
            "SET LOCAL SESSION AUTHORIZATION DEFAULT".to_owned(),
            "SET LOCAL role TO DEFAULT".to_owned(),
        ];
        statements.extend(self.owner_sql());
        statements
    }
}

/// Of what is done, only people want to see the text.
fn start_of(sql: &str) -> String {
    const CHARS_MAX: usize = 200;
    sql.chars().take(CHARS_MAX).collect()
}
