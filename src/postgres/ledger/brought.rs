//! A ledger that the dump of another database has brought, taken over in the
//! transaction that brought it.

use super::{Ledger, UPGRADES, VERSION};
use crate::migration::Name;
use crate::postgres::{Error, Session, column, literal};

/// What came with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The deployment that begins here.
    pub deployment: i64,
    /// How many migrations of this project it says are applied.
    pub applied: usize,
}

impl Ledger {
    /// Takes over what is in namespace `segue` and begins a deployment, inside
    /// the transaction that is open on `session`; `runner` is the session whose
    /// lock will say that the deployment has a living runner. Whatever the
    /// ledger says of `ours`, which that transaction applies, is forgotten: a
    /// dump may be older than its file.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it has no version, or that of a newer segue.
    pub async fn take_over(
        &self,
        session: &Session,
        runner: &Session,
        ours: &[Name],
        last: Option<&Name>,
        fingerprint: &str,
    ) -> Result<(Self, Brought), Error> {
        let mut ledger = Self::located(session, &self.project, self.owner.as_deref())
            .await?
            .0;
        ledger.become_owner(session).await?;
        let version = session
            .value("SELECT pg_catalog.max(version) FROM segue.ledger")
            .await?
            .ok_or_else(|| {
                Error::protocol("the dump holds segue's own tables without their rows")
            })?;
        ledger.version = version.parse().ok();
        ledger.refuse_newer()?;
        // A usize has room for any u32 where segue runs.
        let done = ledger.version.unwrap_or_default() as usize;
        for upgrade in UPGRADES.iter().skip(done) {
            session.execute(upgrade).await?;
        }
        ledger.version = Some(VERSION);
        session.execute(include_str!("brought.sql")).await?;
        let project = literal(&self.project);
        for name in ours {
            let file = literal(name.as_str());
            let sql = format!(
                "DELETE FROM segue.intent WHERE project = {project} AND file = {file};DELETE FROM segue.migration WHERE project = {project} AND file = {file}"
            );
            session.execute(&sql).await?;
        }
        let applied = session
            .value(&format!(
                "SELECT pg_catalog.count(*) FROM segue.migration WHERE project = {project} AND state = 'applied'"
            ))
            .await?;
        let rows = session
            .query(&ledger.deployment_sql(runner, last, fingerprint))
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::protocol("no id for the deployment"))?;
        let brought = Brought {
            deployment: column(row, 0)?,
            applied: applied.and_then(|count| count.parse().ok()).unwrap_or(0),
        };
        Ok((ledger, brought))
    }
}
