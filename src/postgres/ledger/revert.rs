//! What a run takes back: rows of migrations that are none any more, and the
//! schemas that such a run is verified against.

use std::collections::BTreeSet;

use super::Ledger;
use super::snapshot::{from_text, to_text};
use super::write::{name_or_null, text_array};
use crate::migration::{Checksum, Name};
use crate::postgres::{Error, Session, TextRow, literal};
use crate::schema::Snapshot;

/// The ledger's version that brought the tables.
const SINCE: u32 = 7;

/// A migration that is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Which migration.
    pub name: Name,
    /// Of the file that has taken it back; `None` if none had to.
    pub by: Option<Checksum>,
}

impl Ledger {
    /// Statements that take the rows of migrations back, for the transaction
    /// that takes back what they did; `deployment` is the run, as an SQL
    /// expression. The role has to be the ledger's owner already.
    ///
    /// A row that is gone already violates a NOT NULL constraint on purpose:
    /// whatever let two runners come so far, the second one's transaction
    /// cannot commit.
    pub(super) fn unapply_sql(&self, deployment: &str, taken: &[TakenBack]) -> Vec<String> {
        let project = literal(&self.project);
        let wanted: Vec<String> = taken
            .iter()
            .map(|one| {
                let by = one.by.map(|by| by.to_string());
                format!(
                    "({}::pg_catalog.text, {}::pg_catalog.text)",
                    literal(one.name.as_str()),
                    name_or_null(by.as_deref())
                )
            })
            .collect();
        let names: Vec<Name> = taken.iter().map(|one| one.name.clone()).collect();
        let reverts: Vec<Name> = names.iter().map(Name::revert_file).collect();
        let (names, both) = (text_array(&names), text_array(names.iter().chain(&reverts)));
        vec![
            include_str!("revert.sql")
                .replace(":project", &project)
                .replace(":deployment", deployment)
                .replace(":wanted", &wanted.join(", ")),
            format!(
                "DELETE FROM segue.migration WHERE project = {project} AND file = ANY ({both})"
            ),
            format!("DELETE FROM segue.intent WHERE project = {project} AND file = ANY ({both})"),
            format!("DELETE FROM segue.progress WHERE project = {project} AND file = ANY ({both})"),
            // Where a backfill has come is not where it begins the next time.
            format!(
                "DELETE FROM segue.backfill WHERE project = {project} AND file = ANY ({names})"
            ),
            format!(
                "DELETE FROM segue.quarantine WHERE project = {project} AND file = ANY ({names})"
            ),
            // Nobody settles what is none of theirs any more.
            format!(
                "UPDATE segue.deployment d SET tail = ARRAY(SELECT t.file FROM pg_catalog.unnest(d.tail) WITH ORDINALITY AS t (file, place) WHERE t.file <> ALL ({names}) ORDER BY t.place) WHERE d.project = {project} AND d.state = 'ready' AND d.tail && {names}"
            ),
            // Compared with it, what is taken back would look like drift.
            format!("DELETE FROM segue.snapshot WHERE project = {project}"),
        ]
    }

    /// Statements that forget what has begun and has done nothing.
    #[must_use]
    pub fn forget_sql(&self, name: &Name) -> [String; 2] {
        let (project, file) = (literal(&self.project), literal(name.as_str()));
        ["migration", "intent"].map(|table| {
            format!("DELETE FROM segue.{table} WHERE project = {project} AND file = {file}")
        })
    }

    /// As [`Ledger::unapply_sql`], for the transaction of a block.
    #[must_use]
    pub fn reverted_sql(&self, deployment: Option<i64>, taken: &[TakenBack]) -> Vec<String> {
        let deployment = deployment.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        let mut statements: Vec<String> = self.owner_sql().into_iter().collect();
        statements.extend(self.unapply_sql(&deployment, taken));
        statements
    }

    /// Takes back the rows of migrations of which nothing is left, in a
    /// transaction of its own.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn take_back(
        &self,
        session: &Session,
        deployment: Option<i64>,
        taken: &[TakenBack],
    ) -> Result<(), Error> {
        let deployment = deployment.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        self.transact(session, &self.unapply_sql(&deployment, taken))
            .await?;
        Ok(())
    }

    /// Adds the row of a deployment that takes migrations back, newest first;
    /// its id. Those in `dead` are marked failed, as by
    /// [`Ledger::begin_deployment`].
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn begin_reversal(
        &self,
        session: &Session,
        (migration, fingerprint): (Option<&Name>, &str),
        reverts: &[Name],
        dead: &[i64],
    ) -> Result<i64, Error> {
        let mut statements: Vec<String> = self.dead_sql(dead).into_iter().collect();
        statements.push(self.deployment_sql(session, migration, fingerprint));
        statements.push(format!(
            "UPDATE segue.deployment SET reverts = {} WHERE id = pg_catalog.lastval() RETURNING id",
            text_array(reverts)
        ));
        let rows = self.transact(session, &statements).await?;
        let row = rows
            .last()
            .ok_or_else(|| Error::protocol("no id for the deployment"))?;
        crate::postgres::column(row, 0)
    }

    /// What the run of this deployment has taken back so far.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn reverted_by(
        &self,
        session: &Session,
        deployment: i64,
    ) -> Result<BTreeSet<Name>, Error> {
        let sql = format!("SELECT file FROM segue.reverted WHERE reverted_by = {deployment}");
        let rows = self.read(session, &sql).await?;
        Ok(names(&rows))
    }

    /// The newest deployment that has taken migrations back and has not become
    /// ready.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(super) async fn unready_reversal(&self, session: &Session) -> Result<Option<i64>, Error> {
        if self.version < Some(SINCE) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT pg_catalog.max(d.id) FROM segue.deployment d WHERE d.project = {} AND d.reverts IS NOT NULL AND d.ready_at IS NULL AND EXISTS (SELECT FROM segue.reverted r WHERE r.reverted_by = d.id)",
            literal(&self.project)
        );
        let rows = self.read(session, &sql).await?;
        let id = rows.first().and_then(|row| row[0].as_deref());
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// Whether the newest deployment has taken migrations back, or was to.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn is_newest_a_reversal(&self, session: &Session) -> Result<bool, Error> {
        if self.version < Some(SINCE) {
            return Ok(false);
        }
        let sql = format!(
            "SELECT reverts IS NOT NULL FROM segue.deployment WHERE project = {} ORDER BY id DESC LIMIT 1",
            literal(&self.project)
        );
        let rows = self.read(session, &sql).await?;
        let first = rows.first().and_then(|row| row[0].as_deref());
        Ok(first == Some("t"))
    }

    /// The schema as a deployment has left or found it when the texts were
    /// applied that are now, but for those of `without`; `None` if that is not
    /// known.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn past_without(
        &self,
        session: &Session,
        major: u32,
        without: &[Name],
    ) -> Result<Option<Snapshot>, Error> {
        if self.version < Some(SINCE) {
            return Ok(None);
        }
        let sql = include_str!("past_schema.sql")
            .replace(":project", &literal(&self.project))
            .replace(":major", &major.to_string())
            .replace(":without", &text_array(without));
        let rows = self.read(session, &sql).await?;
        let text = rows.first().and_then(|row| row[0].as_deref());
        Ok(text.and_then(from_text))
    }

    /// What deployments other than this one have applied, as a hash of the
    /// texts; with `None`, all that is applied.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn applied_by_others(
        &self,
        session: &Session,
        deployment: Option<i64>,
    ) -> Result<String, Error> {
        // SHA-256 of nothing.
        const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        if self.version < Some(SINCE) {
            return Ok(NOTHING.to_owned());
        }
        let rows = self.read(session, &self.others_sql(deployment)).await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::protocol("no hash of what is applied"))?;
        crate::postgres::column(row, 0)
    }

    fn others_sql(&self, deployment: Option<i64>) -> String {
        // No deployment has this number.
        let deployment = deployment.unwrap_or(-1);
        include_str!("others.sql")
            .replace(":project", &literal(&self.project))
            .replace(":deployment", &deployment.to_string())
    }

    /// Keeps a schema, by what was applied then, unless others have applied
    /// more since `known` was read, which was before the schema was. What a
    /// settled deployment has left replaces what another one has found.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn keep_past(
        &self,
        session: &Session,
        (major, deployment): (u32, i64),
        when: When,
        (known, snapshot): (&str, &Snapshot),
    ) -> Result<(), Error> {
        if self.version < Some(SINCE) {
            return Ok(());
        }
        let project = literal(&self.project);
        let major = major.to_string();
        let (which, conflict) = match when {
            When::After => (
                "true".to_owned(),
                "DO UPDATE SET deployment = excluded.deployment, taken_at = excluded.taken_at, snapshot = excluded.snapshot",
            ),
            When::Before => (
                format!("m.deployment IS DISTINCT FROM {deployment}"),
                "DO NOTHING",
            ),
        };
        let keep = include_str!("keep_past.sql")
            .replace(":project", &project)
            .replace(":major", &major)
            .replace(":deployment", &deployment.to_string())
            .replace(":which", &which)
            .replace(":others", &self.others_sql(Some(deployment)))
            .replace(":known", &literal(known))
            .replace(":conflict", conflict)
            .replace(":snapshot", &literal(&to_text(snapshot)));
        let forget = include_str!("forget_past.sql")
            .replace(":project", &project)
            .replace(":major", &major);
        self.transact(session, &[keep, forget]).await?;
        Ok(())
    }
}

/// Of which moment a schema is that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the deployment: without what it has applied.
    Before,
    /// When it was settled.
    After,
}

fn names(rows: &[TextRow]) -> BTreeSet<Name> {
    let names = rows.iter().filter_map(|row| row[0].as_deref());
    names.map(Name::new).collect()
}
