//! What is not as the last settled deployment has left it, asked from outside
//! of any run.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ApplyError;
use super::check::read;
use super::watch::Watched;
use crate::postgres::Session;
use crate::postgres::ledger::Ledger;
use crate::schema::{Diff, Rules};

/// How much differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The deployment that settled the schema.
    pub deployment: i64,
    /// Objects that it has left otherwise, or not at all.
    pub objects: usize,
}

/// Longest wait for a lock at a time, and how long in all, while somebody
/// changes what is read.
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);

/// Compares the live schema with the one that the last settled deployment has
/// kept, on a connection of its own that is closed again. `None` if none has
/// kept it, or something is or was at work since: what it did is no drift.
///
/// # Errors
/// [`ApplyError::Postgres`], [`ApplyError::TimedOut`].
pub async fn measure(watched: &Watched, rules: &Rules) -> Result<Option<Drift>, ApplyError> {
    let session = Session::connect(&watched.target, Duration::ZERO).await?;
    let measured = compare(&session, watched, rules).await;
    session.close().await;
    measured
}

async fn compare(
    session: &Session,
    watched: &Watched,
    rules: &Rules,
) -> Result<Option<Drift>, ApplyError> {
    let owner = watched.owner.as_deref();
    let ledger = Ledger::find(session, &watched.project, owner).await?;
    let major = session.server_version() / 10_000;
    let Some((deployment, mut settled)) = ledger.snapshot(session, major).await? else {
        return Ok(None);
    };
    let mut live = read(session, LOCK_TIMEOUT, PATIENCE).await?.snapshot;
    // After the schema: whatever could have changed it has begun by now.
    let history = ledger.history(session).await?;
    let newest = history.deployments.first().map(|newest| newest.id);
    let records = history.records.values().map(|record| record.deployment);
    if records.chain([newest]).any(|one| one > Some(deployment)) {
        return Ok(None);
    }
    rules.apply(&mut settled);
    rules.apply(&mut live);
    let difference = Diff::between(&settled, &live);
    let objects: BTreeSet<_> = difference.changes().iter().map(|one| &one.object).collect();
    Ok(Some(Drift {
        deployment,
        objects: objects.len(),
    }))
}
