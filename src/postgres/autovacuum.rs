//! Autovacuum workers in the way: they give way to whoever waits for longer
//! than `deadlock_timeout`, which our short tries never do.

use std::time::Duration;

use super::activity::{Blocker, LockWait};
use super::{Error, Session, settings};

impl Blocker {
    /// Whether it is an autovacuum worker: no client, no parallel worker and no
    /// replication worker is without a user.
    #[must_use]
    pub fn is_autovacuum(&self) -> bool {
        self.pid != 0 && self.user.is_none() && self.prepared.is_none()
    }
}

/// Asks autovacuum workers for a table, if nobody else is in the way of `wait`;
/// whether they have gone.
///
/// SHARE UPDATE EXCLUSIVE is waited for: reads and writes do not queue behind
/// it, so a wait that is long enough harms nobody. The exception are concurrent
/// builds, beside which nothing is done. A vacuum against wraparound does not
/// give way, and a role that may not lock the table cannot ask.
///
/// # Errors
/// [`Error::Lost`]; what the server refuses is a "no".
pub async fn make_way(session: &Session, wait: &LockWait) -> Result<bool, Error> {
    let is_only_autovacuum =
        !wait.blockers.is_empty() && wait.blockers.iter().all(Blocker::is_autovacuum);
    let Some(relation) = wait.relation.filter(|_| is_only_autovacuum) else {
        return Ok(false);
    };
    if settings::is_building(session).await? {
        return Ok(false);
    }
    let name = include_str!("autovacuum/table.sql").replace(":relation", &relation.to_string());
    let Some(name) = session.value(&name).await? else {
        return Ok(false);
    };
    let patience = settings::lock_wait_max(session).await? * 2 + Duration::from_millis(500);
    let sql = format!(
        "BEGIN;SET LOCAL lock_timeout = {};LOCK TABLE ONLY {name} IN SHARE UPDATE EXCLUSIVE MODE;ROLLBACK",
        patience.as_millis()
    );
    match session.execute(&sql).await {
        Ok(()) => Ok(true),
        Err(Error::Server(error)) => {
            tracing::debug!(%error, "autovacuum does not give way");
            session.execute("ROLLBACK").await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
