//! Rows of migrations that ran in another database, on a connection of their
//! own: kept in that one until they are in the ledger where they belong.

use super::Ledger;
use crate::migration::Name;
use crate::postgres::{Error, Session, TextRow, column, ident, literal};

/// A migration that is applied, as another ledger or this run says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub name: Name,
    /// Of the text that ran.
    pub checksum: String,
    /// As stored: `batch` or `standalone`.
    pub kind: String,
    /// Number of its statements.
    pub statements: usize,
    /// RFC 3339, UTC.
    pub began_at: String,
    /// RFC 3339, UTC.
    pub ended_at: String,
    /// How long it took.
    pub micros: u64,
}

impl Ledger {
    /// The project under which another database keeps the rows of `project`
    /// for the ledger of `database`: several databases of a server may be made
    /// from the same files.
    #[must_use]
    pub fn project_elsewhere(project: &str, database: &str) -> String {
        // No project has a space in its name.
        format!("{project} of {database}")
    }

    /// All migrations that are applied, in their order.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn kept(&self, session: &Session) -> Result<Vec<Kept>, Error> {
        let sql = include_str!("kept.sql").replace(":project", &literal(&self.project));
        let rows = self.read_if_there(session, &sql).await?;
        rows.iter().map(read).collect()
    }

    /// The same ledger, where it says something of another project.
    #[must_use]
    pub fn for_project(&self, project: &str) -> Self {
        Self {
            project: project.to_owned(),
            ..self.clone()
        }
    }

    /// Gives the ledger to another role, if it says nothing yet but what this
    /// project has written.
    ///
    /// # Errors
    /// [`Error::Server`] with 42501 if the role of `session` may not.
    pub async fn give_to(&self, session: &Session, owner: &str) -> Result<(), Error> {
        let is_ours = format!(
            "SELECT NOT EXISTS (SELECT FROM segue.deployment) AND NOT EXISTS (SELECT FROM segue.migration WHERE project <> {})",
            literal(&self.project)
        );
        if session.value(&is_ours).await?.as_deref() != Some("t") {
            return Ok(());
        }
        let tables = session
            .query("SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'segue'::pg_catalog.regnamespace AND relkind = 'r' ORDER BY 1")
            .await?;
        let owner = ident(owner);
        let mut statements = vec![format!("ALTER SCHEMA segue OWNER TO {owner}")];
        for table in &tables {
            let name: String = column(table, 0)?;
            let table = ident(&name);
            statements.push(format!("ALTER TABLE segue.{table} OWNER TO {owner}"));
        }
        let routines = session
            .query("SELECT oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc WHERE pronamespace = 'segue'::pg_catalog.regnamespace ORDER BY 1")
            .await?;
        for routine in &routines {
            let routine: String = column(routine, 0)?;
            statements.push(format!("ALTER ROUTINE {routine} OWNER TO {owner}"));
        }
        self.transact(session, &statements).await?;
        Ok(())
    }

    /// Whether there is a ledger, and the session's role may not even look into
    /// its namespace.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn is_closed_to(session: &Session) -> Result<bool, Error> {
        let sql = "SELECT NOT pg_catalog.has_schema_privilege(oid, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = 'segue'";
        Ok(session.value(sql).await?.as_deref() == Some("t"))
    }

    /// Records migrations that ran elsewhere, with the times that they had
    /// there; what is applied or abandoned here already stays as it is.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn receive(
        &self,
        session: &Session,
        kept: &[Kept],
        deployment: Option<i64>,
    ) -> Result<(), Error> {
        let deployment = deployment.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        let statements: Vec<String> = kept
            .iter()
            .map(|one| {
                format!(
                    "INSERT INTO segue.migration AS m (project, file, checksum, kind, state, deployment, statements, began_at, ended_at, duration) VALUES ({}, {}, {}, {}, 'applied', {deployment}, {}, {}, {}, {} * interval '1 us') ON CONFLICT (project, file) DO UPDATE SET checksum = excluded.checksum, kind = excluded.kind, state = 'applied', deployment = coalesce(excluded.deployment, m.deployment), statements = excluded.statements, began_at = excluded.began_at, ended_at = excluded.ended_at, duration = excluded.duration, error = NULL WHERE m.state NOT IN ('applied', 'abandoned')",
                    literal(&self.project),
                    literal(one.name.as_str()),
                    literal(&one.checksum),
                    literal(&one.kind),
                    one.statements,
                    literal(&one.began_at),
                    literal(&one.ended_at),
                    one.micros,
                )
            })
            .collect();
        if !statements.is_empty() {
            self.transact(session, &statements).await?;
        }
        Ok(())
    }

    /// Forgets migrations whose rows are in the ledger where they belong.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn handed_over(&self, session: &Session, kept: &[Kept]) -> Result<(), Error> {
        if kept.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = kept.iter().map(|one| literal(one.name.as_str())).collect();
        let these = format!(
            "project = {} AND file IN ({})",
            literal(&self.project),
            names.join(", ")
        );
        let tables = ["progress", "intent", "migration"];
        let statements = tables.map(|table| format!("DELETE FROM segue.{table} WHERE {these}"));
        self.transact(session, &statements).await?;
        Ok(())
    }

    /// Whether the role may write the ledger that is there.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn may_write(&self, session: &Session) -> Result<bool, Error> {
        let role = match &self.owner {
            Some(owner) if self.is_member => literal(owner),
            _ => "current_user".to_owned(),
        };
        let sql = format!(
            "SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege({role}, c.oid, 'INSERT, UPDATE')) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'segue' AND c.relname IN ('migration', 'intent') AND pg_catalog.has_schema_privilege({role}, n.oid, 'USAGE')"
        );
        Ok(session.value(&sql).await?.as_deref() == Some("t"))
    }
}

fn read(row: &TextRow) -> Result<Kept, Error> {
    Ok(Kept {
        name: Name::new(&column::<String>(row, 0)?),
        checksum: column(row, 1)?,
        kind: column(row, 2)?,
        statements: column(row, 3)?,
        began_at: column(row, 4)?,
        ended_at: column(row, 5)?,
        micros: column(row, 6)?,
    })
}
