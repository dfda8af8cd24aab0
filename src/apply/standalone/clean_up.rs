//! What tries have left that will not run again: dropped, if it is ours and
//! of no use.

use std::sync::Arc;
use std::time::Duration;

use super::look::{By, Subject, Try};
use super::outside::not_finalized;
use super::partitioned::Extent;
use super::watch::Watch;
use super::{StandaloneError, partitioned};
use crate::apply::{Event, Run};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::{Migration, Name};
use crate::postgres::ledger::{Intent, IntentState, Ledger};
use crate::postgres::{Error, Failure, Session, settings, timeouts};
use crate::procedure::{Nature, Next, Work};
use crate::statement::{Digest, digest};
use crate::text::Source;

/// Drops an index without holding up anybody.
pub(super) async fn drop_index(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    name: &str,
) -> Result<Result<(), String>, StandaloneError> {
    let why = "which a try that did not end well had left invalid";
    drop_index_since(run, session, watch, migration, name, why).await
}

/// As [`drop_index`], for another reason.
pub(super) async fn drop_index_since(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    name: &str,
    why: &str,
) -> Result<Result<(), String>, StandaloneError> {
    let before = timeouts::replace(session, None).await?;
    let sql = format!("{CLEAN_UP_MARK} DROP INDEX CONCURRENTLY {name}");
    let result = watch.guard(session, session.execute(&sql)).await?;
    let result = match result {
        Ok(()) => Ok(()),
        // Somebody else was quicker; looking again tells.
        Err(Error::Server(error)) if error.failure() == Failure::Undefined => Ok(()),
        Err(Error::Server(error)) if !error.failure().is_connection_lost() => {
            Err(error.to_string())
        }
        Err(error) => return Err(error.into()),
    };
    before.restore(session).await?;
    if result.is_ok() {
        run.events.tell(Event::Repaired {
            name: migration.clone(),
            what: format!("dropped `{name}`, {why}"),
        });
    }
    Ok(result)
}

/// Brings a half-done `DETACH PARTITION CONCURRENTLY` to its end, or pauses
/// because the lock could not be had in time: look again then. It takes ACCESS
/// EXCLUSIVE on the partition, so it never queues for long.
pub(super) async fn finalize(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    lock_timeout: Duration,
    (parent, partition): (&str, &str),
) -> Result<Result<(), String>, StandaloneError> {
    let before = timeouts::replace(session, Some(lock_timeout)).await?;
    let sql = format!("{CLEAN_UP_MARK} ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE");
    let result = watch.guard(session, session.execute(&sql)).await?;
    if session.is_lost() {
        return result.map(Ok).map_err(StandaloneError::from);
    }
    before.restore(session).await?;
    match result {
        Ok(()) => {
            run.events.tell(Event::Repaired {
                name: migration.clone(),
                what: format!(
                    "detached `{partition}` from `{parent}` for good, which an earlier try had left half done"
                ),
            });
            Ok(Ok(()))
        }
        Err(Error::Server(error)) if error.failure().is_transient() => {
            watch.pause(session, &error.to_string()).await?;
            Ok(Ok(()))
        }
        Err(Error::Server(error)) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Tells others who look at `pg_stat_activity` that this is not worth a cancel.
pub(in crate::apply) const CLEAN_UP_MARK: &str = "/* segue cleans up */";

/// Removes what all tries of a migration have left, by their intents: only
/// what was not there before them and is still invalid, after waiting for
/// whoever may be working on it. `session` holds the migration's lock.
///
/// # Errors
/// [`StandaloneError`]
pub(in crate::apply) async fn clean_up(
    run: &Run,
    ledger: &Ledger,
    session: &mut Session,
    migration: &Migration,
) -> Result<(), StandaloneError> {
    clean_up_by_name(run, ledger, session, &migration.name, Some(migration)).await
}

/// As [`clean_up`], where the file may be gone.
///
/// # Errors
/// [`StandaloneError`]
pub(in crate::apply) async fn clean_up_by_name(
    run: &Run,
    ledger: &Ledger,
    session: &mut Session,
    name: &Name,
    migration: Option<&Migration>,
) -> Result<(), StandaloneError> {
    let source = migration.map(|migration| &migration.source);
    let variables = migration.map(|migration| migration.variables.clone());
    let variables = variables.unwrap_or_default();
    // The file may have left it with another role and another search_path.
    let clean = settings::clean_builder(session.server_version());
    session.execute(&clean).await?;
    let mut watch = Watch::new(run, session, false);
    for intent in ledger.intents(session, name).await? {
        if matches!(intent.state, IntentState::Begun | IntentState::Failed(_)) {
            let intent = intent.fill(&variables);
            watch.begin(name, intent.statement + 1);
            clean_up_one(run, ledger, session, &mut watch, name, source, &intent).await?;
            watch.forget();
        }
    }
    Ok(())
}

/// Removes what the last try of a migration has left half-way; what is built
/// stays, and whoever takes it up goes on from there. `session` holds the
/// migration's lock, for the batch that has claimed it.
///
/// # Errors
/// [`StandaloneError`]
pub(in crate::apply) async fn settle_half_way(
    run: &Run,
    ledger: &Ledger,
    session: &Session,
    migration: &Migration,
) -> Result<(), StandaloneError> {
    let clean = settings::clean_builder(session.server_version());
    session.execute(&clean).await?;
    let name = &migration.name;
    let source = Some(&migration.source);
    let mut watch = Watch::new(run, session, true).for_claimant();
    for intent in ledger.intents(session, name).await? {
        if matches!(intent.state, IntentState::Begun | IntentState::Failed(_)) {
            let intent = intent.fill(&migration.variables);
            watch.begin(name, intent.statement + 1);
            let digest = digest(&intent.sql);
            let subject = subject(&intent, digest.as_ref());
            let extent = Extent::Half;
            clean_up_subject(run, session, &mut watch, name, source, &subject, extent).await?;
            watch.forget();
        }
    }
    Ok(())
}

/// Whether a statement that was cancelled half-way can be run again by whoever
/// comes next.
pub(in crate::apply) fn is_repeatable(sql: &str, is_rerunnable: bool) -> bool {
    let work = Work::of(digest(sql).as_ref(), sql, is_rerunnable);
    work != Work::Other(Nature::Commits)
}

/// Whether nobody can tell by looking what the statement of an intent has done,
/// though it is not said to be done.
pub(in crate::apply) fn is_unknown(intent: &Intent) -> bool {
    let work = Work::of(digest(&intent.sql).as_ref(), &intent.sql, false);
    match intent.state {
        IntentState::Done => false,
        // It may have committed inside itself before that.
        IntentState::Failed(_) | IntentState::GivenUp => work == Work::Other(Nature::Commits),
        IntentState::Begun => matches!(
            work,
            Work::DropIndex | Work::Object(_) | Work::Other(Nature::Commits | Nature::Once)
        ),
    }
}

/// Whether nothing at all has come of these tries: the most that they did was to
/// drop an index that is not there, or to leave what has been removed.
pub(super) fn is_nothing(intents: &[Intent]) -> bool {
    intents.iter().all(|intent| match intent.state {
        IntentState::Begun | IntentState::Done => false,
        IntentState::GivenUp => !is_unknown(intent),
        IntentState::Failed(_) => {
            let work = Work::of(digest(&intent.sql).as_ref(), &intent.sql, false);
            work == Work::DropIndex && intent.target.is_none()
        }
    })
}

fn subject<'a>(intent: &Intent, digest: Option<&'a Digest>) -> Subject<'a> {
    Subject {
        work: Work::of(digest, &intent.sql, false),
        digest,
        last: Some(Try::from(intent)),
        was_interrupted: intent.state == IntentState::Begun,
    }
}

/// Removes what the statement of an intent has left, and marks it given up.
pub(super) async fn clean_up_one(
    run: &Run,
    ledger: &Ledger,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    source: Option<&Arc<Source>>,
    intent: &Intent,
) -> Result<(), StandaloneError> {
    let digest = digest(&intent.sql);
    let subject = subject(intent, digest.as_ref());
    let extent = Extent::All;
    clean_up_subject(run, session, watch, migration, source, &subject, extent).await?;
    Ok(ledger
        .end_intent(session, intent.id, &IntentState::GivenUp)
        .await?)
}

/// Removes what the last try of a statement has left.
pub(super) async fn clean_up_subject(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    source: Option<&Arc<Source>>,
    subject: &Subject<'_>,
    extent: Extent,
) -> Result<(), StandaloneError> {
    loop {
        let looked = subject.look(session, By::Intent, None).await?;
        match subject.work.clean_up(&looked) {
            Next::WaitFor { pids } => {
                let table = looked.table.as_ref();
                let name = table.map_or("the table", |table| table.name.as_str());
                watch.wait_for(session, name, &pids).await?;
            }
            Next::Drop { name, .. } => {
                let dropped = drop_index(run, session, watch, migration, &name).await?;
                if let Err(why) = dropped {
                    let diagnostic = Diagnostic::new(
                        code::HALF_WAY,
                        format!(
                            "`{name}`, which an earlier try has left invalid, could not be dropped"
                        ),
                    )
                    .note(why)
                    .help(format!(
                        "`DROP INDEX CONCURRENTLY {name};`, then run segue again"
                    ));
                    let diagnostic = match source {
                        Some(source) => diagnostic.source(source),
                        None => diagnostic,
                    };
                    return Err(StandaloneError::Failed(Box::new(diagnostic)));
                }
            }
            Next::Done { reason } => {
                if let Some(what) = reason {
                    run.events.tell(Event::Repaired {
                        name: migration.clone(),
                        what,
                    });
                }
                return Ok(());
            }
            Next::Finalize { parent, partition } => {
                let lock_timeout = run
                    .settings
                    .lock_timeout
                    .min(settings::lock_wait_max(session).await?);
                let names = (parent.as_str(), partition.as_str());
                let finalized = finalize(run, session, watch, migration, lock_timeout, names);
                if let Err(why) = finalized.await? {
                    let diagnostic = not_finalized(&parent, &partition, why);
                    let diagnostic = match source {
                        Some(source) => diagnostic.source(source),
                        None => diagnostic,
                    };
                    return Err(StandaloneError::Failed(Box::new(diagnostic)));
                }
            }
            Next::Expand => {
                let Some(last) = &subject.last else {
                    return Ok(());
                };
                return Box::pin(partitioned::clean_up(
                    run, session, watch, migration, source, last, extent,
                ))
                .await;
            }
            Next::Run | Next::Fail | Next::Refuse(_) | Next::Ask(_) => return Ok(()),
        }
    }
}
