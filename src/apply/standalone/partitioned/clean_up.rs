//! What an expansion has left that will not go on.

use std::sync::Arc;

use super::super::StandaloneError;
use super::super::clean_up::{CLEAN_UP_MARK, drop_index_since};
use super::super::look::Try;
use super::super::watch::Watch;
use super::look;
use crate::apply::{Event, Run};
use crate::diagnostic::{Diagnostic, code};
use crate::migration::Name;
use crate::postgres::{Error, Session, settings, timeouts};
use crate::procedure::partitioned_index::{self, Next};
use crate::text::Source;

/// How much is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::apply::standalone) enum Extent {
    /// What is half-way; what is built stays for the next run.
    Half,
    /// All that was made.
    All,
}

/// Removes what the tries by this intent have left.
pub(in crate::apply::standalone) async fn clean_up(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    source: Option<&Arc<Source>>,
    last: &Try,
    extent: Extent,
) -> Result<(), StandaloneError> {
    let Some(table) = last.relation else {
        return Ok(());
    };
    let mut last = last.clone();
    loop {
        let facts = look(
            session,
            (&run.project, migration),
            table,
            Some(&last),
            |_| None,
        )
        .await?;
        let next = match extent {
            Extent::Half => partitioned_index::settle(&facts),
            Extent::All => partitioned_index::clean_up(&facts),
        };
        match next {
            // Only remembered: whoever finds us dead here settles it again.
            Next::NoteBuilt { partition, built } => {
                let building = &mut last.notes.building;
                building.retain(|building| building.partition != partition);
                last.notes.made.extend(built);
            }
            Next::WaitFor { table, pids } => watch.wait_for(session, &table, &pids).await?,
            Next::Drop { index, was_built } => {
                let why = if was_built {
                    "which is one partition's and not wanted without the others"
                } else {
                    "which a try that did not end well had left invalid"
                };
                let dropped = drop_index_since(run, session, watch, migration, &index, why);
                if let Err(why) = dropped.await? {
                    let how = format!("DROP INDEX CONCURRENTLY {index}");
                    return Err(failed(source, &index, &how, why));
                }
            }
            Next::DropWhole { index, .. } => {
                if let Err(why) = drop_whole(run, session, watch, migration, &index).await? {
                    let how = format!("DROP INDEX {index}");
                    return Err(failed(source, &index, &how, why));
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
            // No other step removes anything.
            _ => return Ok(()),
        }
    }
}

/// Drops an index of a partitioned table, or pauses because its lock could not
/// be had in time: look again then. It takes ACCESS EXCLUSIVE on the table and
/// on the partitions whose indexes are attached, so it never queues for long.
async fn drop_whole(
    run: &Run,
    session: &Session,
    watch: &mut Watch<'_>,
    migration: &Name,
    index: &str,
) -> Result<Result<(), String>, StandaloneError> {
    let lock_timeout = run
        .settings
        .lock_timeout
        .min(settings::lock_wait_max(session).await?);
    let before = timeouts::replace(session, Some(lock_timeout)).await?;
    let sql = format!("{CLEAN_UP_MARK} DROP INDEX IF EXISTS {index}");
    let result = watch.guard(session, session.execute(&sql)).await?;
    if session.is_lost() {
        return result.map(Ok).map_err(StandaloneError::from);
    }
    before.restore(session).await?;
    match result {
        Ok(()) => {
            run.events.tell(Event::Repaired {
                name: migration.clone(),
                what: format!("dropped `{index}`, which was not complete"),
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

fn failed(source: Option<&Arc<Source>>, index: &str, how: &str, why: String) -> StandaloneError {
    let diagnostic = Diagnostic::new(
        code::HALF_WAY,
        format!("`{index}`, which an earlier try has left, could not be dropped"),
    )
    .note(why)
    .help(format!("`{how};`, then run segue again"));
    let diagnostic = match source {
        Some(source) => diagnostic.source(source),
        None => diagnostic,
    };
    StandaloneError::Failed(Box::new(diagnostic))
}
