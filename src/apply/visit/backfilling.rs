//! A backfill that has done a part of its rows, on rows that are made for it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::ground::Database;
use super::make::judge;
use super::{VisitError, Visits};
use crate::apply::script;
use crate::apply::{Settings, Until};
use crate::backfill::Backfill;
use crate::migration::Migration;
use crate::postgres::ledger::Ledger;
use crate::postgres::{Session, tables};
use crate::rehearsal::rows;
use crate::visit::{Percent, Visit};

/// Between two looks how far it is.
const POLL: Duration = Duration::from_millis(10);

impl Visits {
    /// In a database in which everything before the backfill's partner is
    /// settled: puts rows into its table, goes on to the backfill, and runs
    /// that until this part of them is done. The roles that were made.
    pub(super) async fn backfill(
        &self,
        database: &Database,
        visit: &Visit,
        index: usize,
        percent: Percent,
    ) -> Result<BTreeSet<String>, VisitError> {
        let migration = &self.states.migrations()[index];
        let Some(backfill) = migration.backfill.as_ref().map(|one| &one.value) else {
            return Ok(BTreeSet::new());
        };
        let first = &self.states.migrations()[..index];
        let settings = self.stage.settings.clone();
        let session = Session::connect(&database.target, self.stage.connect_wait).await?;
        let table = tables::find(&session, &backfill.table).await?;
        session.close().await;
        // Before its partner, as rows are where it is deployed, if the table is
        // there by then.
        let is_there = table.is_some();
        if is_there {
            self.fill(database, visit, migration, backfill).await?;
        }
        let settled = self.deploy(database, &visit.state, first.to_vec(), settings.clone());
        let mut roles = settled.await?;
        if !is_there {
            self.fill(database, visit, migration, backfill).await?;
        }
        let mut all = first.to_vec();
        all.push(migration.clone());
        let settings = Settings {
            until: Until::Settled,
            fold: false,
            ..settings
        };
        match percent.get() {
            0 => {
                let settings = Settings {
                    until: Until::Ready,
                    ..settings
                };
                roles.append(&mut self.deploy(database, &visit.state, all, settings).await?);
            }
            100 => {
                roles.append(&mut self.deploy(database, &visit.state, all, settings).await?);
            }
            _ => {
                let rows = self.count(database, backfill).await?;
                let settings = Settings {
                    backfill_rows_max: Some(percent.of(rows)),
                    ..settings
                };
                self.part(database, visit, migration, all, settings).await?;
            }
        }
        Ok(roles)
    }

    /// Puts rows into the table: those of the file beside the migration, or
    /// made-up ones.
    async fn fill(
        &self,
        database: &Database,
        visit: &Visit,
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<(), VisitError> {
        let wait = self.stage.connect_wait;
        let refused = if let Some(path) = &migration.rows {
            script::run(&database.target, wait, path).await?;
            None
        } else {
            let session = Session::connect(&database.target, wait).await?;
            let refused = match tables::find(&session, &backfill.table).await? {
                Some(table) => {
                    let tables = tables::read(&session, table).await?;
                    tables::fill(&session, &tables, rows::WANTED).await?.refused
                }
                None => Some("it does not exist".to_owned()),
            };
            session.close().await;
            refused
        };
        if self.count(database, backfill).await? > 0 {
            return Ok(());
        }
        let table = &backfill.table;
        Err(VisitError::NoRows {
            state: visit.state.clone(),
            why: match (&migration.rows, refused) {
                (Some(path), _) => format!("`{}` puts no rows into `{table}`", path.display()),
                (None, Some(refused)) => {
                    format!("made-up rows do not go into `{table}`: {refused}")
                }
                (None, None) => format!("made-up rows do not go into `{table}`"),
            },
            file: migration
                .path
                .with_extension("rows.sql")
                .display()
                .to_string(),
        })
    }

    /// Rows of the backfill's table; none of one that is not there.
    async fn count(&self, database: &Database, backfill: &Backfill) -> Result<u64, VisitError> {
        let session = Session::connect(&database.target, self.stage.connect_wait).await?;
        let rows = match tables::find(&session, &backfill.table).await? {
            Some(_) => tables::count(&session, &tables::quoted(&backfill.table)).await?,
            None => 0,
        };
        session.close().await;
        Ok(rows)
    }

    /// Runs the backfill until it has done what it may, and leaves it there as
    /// the end of its process would.
    async fn part(
        &self,
        database: &Database,
        visit: &Visit,
        migration: &Migration,
        all: Vec<Migration>,
        settings: Settings,
    ) -> Result<(), VisitError> {
        let wanted = settings.backfill_rows_max.unwrap_or_default();
        let run = tokio::spawn(self.replay(database, settings).run(all));
        let session = Session::connect(&database.target, self.stage.connect_wait).await?;
        loop {
            let ledger = Ledger::find(&session, self.states.project(), None).await?;
            let cursor = ledger.backfill_cursor(&session, &migration.name).await?;
            if cursor.is_some_and(|cursor| cursor.rows >= wanted) {
                break;
            }
            if run.is_finished() {
                session.close().await;
                let replayed = run
                    .await
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                judge(&visit.state, replayed?)?;
                return Err(VisitError::NoRows {
                    state: visit.state.clone(),
                    why: "its rows were done before there was a part of them".to_owned(),
                    file: migration
                        .path
                        .with_extension("rows.sql")
                        .display()
                        .to_string(),
                });
            }
            sleep(POLL).await;
        }
        session.close().await;
        run.abort();
        // It says that it was ended.
        let _ = run.await;
        Ok(())
    }
}
