//! `segue abandon`: gives a migration up that runs outside a transaction.
//! Cancels it, drops what its intents left, and takes it out of the plan.

use std::time::{Duration, Instant};

use super::check::Expectation;
use super::eviction::{Evicted, Eviction};
use super::up::server;
use super::{ApplyError, Event, Run, standalone};
use crate::history::{LockKey, State};
use crate::migration::{Checksum, Kind, Migration, Name};
use crate::plan::ExpectedSchema;
use crate::postgres::Session;
use crate::postgres::ledger::{Applied, Ledger};

/// What giving a migration up came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It is given up now.
    Now,
    /// It was already.
    Already,
}

/// Gives the migration `name` up. A session that runs it is cancelled, where
/// our rights allow, and waited for in any case.
///
/// # Errors
/// [`ApplyError::Refused`] if it is applied, unknown, or part of a block;
/// [`ApplyError::TimedOut`] after `--concurrent-wait`.
pub async fn abandon(
    run: &Run,
    migrations: &[Migration],
    name: &Name,
) -> Result<Abandoned, ApplyError> {
    let began = Instant::now();
    let mut session = server::reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    let is_verified = is_verified(run, &session)?;
    let migration = migrations.iter().find(|migration| migration.name == *name);
    // The ledger may not have followed its file yet.
    let mut history = ledger.history(&session).await?;
    history.follow(&run.project, migrations);
    let mut renamed = history.renamed.iter();
    let name = renamed
        .find(|one| one.to == *name)
        .map_or(name, |one| &one.from);
    let Some(abandoned) = subject(&session, &ledger, migration, name).await? else {
        return Ok(Abandoned::Already);
    };
    server::beside(run, &session).await?.close().await;
    // A backfill leaves nothing behind, and goes on after a cancelled batch: its
    // runner sees this, and ends.
    let is_backfill = ledger.backfill_cursor(&session, name).await?.is_some();
    if is_backfill {
        ledger.abandon_migration(&session, &abandoned).await?;
    }
    let key = LockKey::migration(&run.project, name);
    take_lock(run, &session, key, name, began).await?;
    // It may have come to its end while the lock was waited for.
    let is_over = subject(&session, &ledger, migration, name).await?.is_none();
    if is_over && !is_backfill {
        return Ok(Abandoned::Already);
    }
    standalone::clean_up_by_name(run, &ledger, &mut session, name, migration)
        .await
        .map_err(|error| error.into_apply_error(&[]))?;
    ledger.abandon_migration(&session, &abandoned).await?;
    // What is verified first is left to the next `up` or `settle`.
    if !is_verified {
        for deployment in ledger.settle(&session).await? {
            run.events.tell(Event::Settled {
                deployment,
                after: began.elapsed(),
            });
        }
    }
    session.close().await;
    Ok(Abandoned::Now)
}

/// Whether there is an expected schema, so that a deployment is settled after a
/// check only.
fn is_verified(run: &Run, session: &Session) -> Result<bool, ApplyError> {
    let Some(verification) = &run.verification else {
        return Ok(false);
    };
    let expectation = Expectation::new(verification, session.server_version())?;
    Ok(!matches!(
        expectation.known(),
        ExpectedSchema::Absent | ExpectedSchema::NotAsked
    ))
}

/// What is to be written of it; `None` if it is given up already.
async fn subject(
    session: &Session,
    ledger: &Ledger,
    migration: Option<&Migration>,
    name: &Name,
) -> Result<Option<Applied>, ApplyError> {
    let refuse = |reason: String, help: &str| {
        Err(ApplyError::Refused {
            reason,
            help: help.to_owned(),
        })
    };
    if ledger.version().is_none() {
        return refuse(
            format!("`{name}` has never been tried: nothing has been applied to this database yet"),
            "delete the file if it is not wanted",
        );
    }
    let history = ledger.history(session).await?;
    let record = history.records.get(name);
    match record.map(|record| &record.state) {
        Some(State::Abandoned) => return Ok(None),
        Some(State::Applied) => {
            return refuse(
                format!("`{name}` is applied"),
                "what it did is undone by a new migration",
            );
        }
        Some(State::Begun | State::Failed(_)) | None => {}
    }
    let (kind, checksum): (Kind, Checksum) = match (record, migration) {
        (Some(record), _) => (record.kind, record.checksum),
        (None, Some(migration)) => (migration.kind, migration.checksum),
        (None, None) => {
            return refuse(
                format!("there is no migration `{name}`, in the folder or in the ledger"),
                "`segue status -v` lists them",
            );
        }
    };
    if kind == Kind::Batch || (kind == Kind::Standalone && record.is_none()) {
        return refuse(
            format!("`{name}` has not begun"),
            "delete the file if it is not wanted; only a concurrent migration, or one that was interrupted, can be abandoned",
        );
    }
    Ok(Some(Applied {
        name: name.clone(),
        checksum,
        kind,
        statements: 0,
        duration: Duration::ZERO,
        schema_diff: migration.and_then(|migration| migration.schema_diff.clone()),
        schema_version: None,
    }))
}

/// Takes the migration's lock, and cancels whoever has it; without the right to
/// cancel, it is only waited for.
async fn take_lock(
    run: &Run,
    session: &Session,
    key: LockKey,
    name: &Name,
    began: Instant,
) -> Result<(), ApplyError> {
    let eviction = Eviction {
        run,
        key,
        name,
        began,
        told: None,
        clean_up_within: Duration::MAX,
    };
    if let Evicted::NoRight { pid } = eviction.of(session).await? {
        tracing::warn!(pid, "no right to cancel the session; it is waited for");
        eviction.wait(session).await?;
    }
    Ok(())
}
