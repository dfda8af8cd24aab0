//! A connection on which nothing can be recorded: what runs there must be such
//! that a second run does no harm, or sees that it is done.

use std::time::{Duration, Instant};

use super::{Elsewhere, Ran};
use crate::apply::failure::{Placed, failure};
use crate::apply::feed::{Feed, feed};
use crate::apply::{ApplyError, Event, Run};
use crate::migration::{Item, Kind as MigrationKind, Migration};
use crate::postgres::ledger::Kept;
use crate::postgres::{Error, surroundings};
use crate::statement::{Kind, OwnedPiece};

/// A row of a migration that was recorded nowhere yet.
pub(super) fn kept(
    migration: &Migration,
    began_at: &str,
    ended_at: &str,
    duration: Duration,
) -> Kept {
    let kind = match migration.kind {
        MigrationKind::Standalone => "standalone",
        MigrationKind::Batch | MigrationKind::Concurrent => "batch",
    };
    Kept {
        name: migration.name.clone(),
        checksum: migration.checksum.to_string(),
        kind: kind.to_owned(),
        statements: migration.outline.as_ref().map_or(0, |one| one.statements),
        began_at: began_at.to_owned(),
        ended_at: ended_at.to_owned(),
        micros: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
    }
}

/// The database that a statement makes.
fn made(item: &Item) -> Option<&str> {
    match &item.digest.as_ref()?.kind {
        Kind::CreateDatabase { name } => Some(name),
        _ => None,
    }
}

impl Elsewhere {
    /// Refuses what could not be known to have run.
    pub(super) fn refuse_unrecorded(&self, migrations: &[&Migration]) -> Result<(), ApplyError> {
        let is_known = |migration: &&&Migration| {
            let items = migration.outline.as_ref().map(|outline| &outline.items);
            migration.rerunnable
                || migration.kind == MigrationKind::Standalone
                    && items.is_some_and(|items| items.iter().all(|item| made(item).is_some()))
        };
        let Some(migration) = migrations.iter().find(|one| !is_known(one)) else {
            return Ok(());
        };
        Err(ApplyError::Refused {
            reason: format!(
                "`{}` runs in {}, where segue cannot keep its ledger: after a crash nobody could tell whether it has run",
                migration.name, self.place
            ),
            help: format!(
                "let that role create namespaces there (`GRANT CREATE ON DATABASE {} TO {}`), or write `-- segue: rerunnable` into the file if it may run twice; a file of nothing but `CREATE DATABASE` needs neither",
                self.session.target().database(),
                self.session.target().user(),
            ),
        })
    }

    /// Runs a migration statement by statement; databases that are there are
    /// not made again.
    pub(super) async fn unrecorded(
        &self,
        run: &Run,
        migration: &Migration,
    ) -> Result<Ran, ApplyError> {
        let session = &self.session;
        session.conceal(&migration.variables);
        let began_at = surroundings::clock(session).await?;
        let began = Instant::now();
        run.events.tell(Event::MigrationBegan {
            name: migration.name.clone(),
            kind: migration.kind,
            pid: session.backend().pid,
        });
        let items = migration.outline.as_ref().map(|outline| &outline.items);
        let items = items.map_or(&[][..], Vec::as_slice);
        let mut feed = feed(vec![migration.clone()]);
        let mut number = 0;
        while let Some(next) = feed.recv().await {
            let statement = match next {
                Feed::Piece(OwnedPiece::Statement(statement)) => statement,
                Feed::Failed(diagnostic) => return Err(super::failed(*diagnostic)),
                _ => continue,
            };
            let item = items.get(number);
            number += 1;
            if let Some(name) = item.and_then(made)
                && surroundings::has_database(session, name).await?
            {
                run.events.tell(Event::StatementSkipped {
                    name: migration.name.clone(),
                    number,
                    reason: format!("database `{name}` is there"),
                });
                continue;
            }
            let placed = Placed::new(statement, &migration.variables);
            let executing = session.execute(&placed.text);
            let executed = tokio::select! {
                executed = executing => executed,
                signal = run.interrupt.first() => {
                    // What cannot be cancelled ends with the connection.
                    let _ = session.cancel().await;
                    return Err(ApplyError::Interrupted { signal, committed: Vec::new() });
                }
            };
            match executed {
                Ok(()) => {}
                Err(Error::Server(error)) if !error.failure().is_connection_lost() => {
                    return Err(super::failed(failure(migration, &placed, &error)));
                }
                Err(error) => return Ok(Ran::Lost(error.to_string())),
            }
        }
        let ended_at = surroundings::clock(session).await?;
        let row = kept(migration, &began_at, &ended_at, began.elapsed());
        Ok(Ran::Done(vec![row]))
    }
}
