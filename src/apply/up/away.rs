//! The steps of a run that are on connections of migrations' own, once the
//! database at hand is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::elsewhere::{Elsewhere, Ran, Work};
use super::{Next, Runner};
use crate::apply::ApplyError;
use crate::apply::survey::Survey;
use crate::migration::{Connection, Name};
use crate::plan::Block;
use crate::postgres::Error;

/// One connection per connection string.
pub(super) type Connections = BTreeMap<Arc<str>, Elsewhere>;

/// The connection of its own that a migration runs on.
pub(super) fn connection_of(survey: &Survey, name: &Name) -> Option<Connection> {
    survey.graph.get(name)?.connection.clone()
}

/// What runs on a connection.
enum Step<'a> {
    Block(&'a Block),
    Standalone(&'a Name),
}

impl Runner<'_> {
    pub(super) async fn block_away(
        &mut self,
        survey: &Survey,
        block: &Block,
        connection: &Connection,
    ) -> Result<Next, ApplyError> {
        let step = Step::Block(block);
        self.away(survey, &block.migrations, connection, step).await
    }

    pub(super) async fn standalone_away(
        &mut self,
        survey: &Survey,
        name: &Name,
        connection: &Connection,
    ) -> Result<Next, ApplyError> {
        let names = std::slice::from_ref(name);
        self.away(survey, names, connection, Step::Standalone(name))
            .await
    }

    async fn away(
        &mut self,
        survey: &Survey,
        names: &[Name],
        connection: &Connection,
        step: Step<'_>,
    ) -> Result<Next, ApplyError> {
        let mut there = self.take(connection).await?;
        self.work_elsewhere().await;
        there.lock(self.run).await?;
        self.control_again().await?;
        // The lock may have been that of a COMMIT whose answer was lost: what
        // was read before it was had may be older than that.
        let history = self.ledger.history(&self.control).await?;
        if names.iter().any(|name| history.is_closed(name)) {
            return Ok(Next::PlanAgain);
        }
        // Another run may have died between its COMMIT there and the rows here.
        there
            .follow_renamed(self.run, &self.migrations, &history)
            .await?;
        let kept = there.kept().await?;
        if !kept.is_empty() {
            self.ledger
                .receive(&self.control, &kept, self.deployment)
                .await?;
            there.hand_over(&kept).await?;
            return Ok(Next::PlanAgain);
        }
        let mut work = Work {
            run: self.run,
            survey,
            deployment: self.deployment,
            fire_before: &mut self.fire_before,
        };
        let ran = match step {
            Step::Block(block) => there.block(&mut work, block).await?,
            Step::Standalone(name) => match survey.graph.get(name) {
                Some(migration) => there.standalone(&mut work, migration).await?,
                None => return Ok(Next::PlanAgain),
            },
        };
        match ran {
            Ran::Done(kept) => {
                self.committed.extend(names.iter().cloned());
                self.control_again().await?;
                self.ledger
                    .receive(&self.control, &kept, self.deployment)
                    .await?;
                there.hand_over(&kept).await?;
                there.unlock().await?;
                self.elsewhere.insert(Arc::clone(&connection.string), there);
                Ok(Next::Step)
            }
            Ran::Cut(cut) => {
                self.options.cuts.insert(cut);
                Ok(Next::PlanAgain)
            }
            Ran::Lost(reason) => {
                self.run.events.tell(crate::apply::Event::ConnectionLost {
                    reason: reason.clone(),
                });
                self.lost(Instant::now(), &reason).await
            }
        }
    }

    /// The connection, opened if it is not open.
    async fn take(&mut self, connection: &Connection) -> Result<Elsewhere, ApplyError> {
        match self.elsewhere.remove(&connection.string) {
            Some(open) if !open.session.is_lost() => Ok(open),
            _ => Elsewhere::open(self.run, connection, self.batch.as_ref()).await,
        }
    }

    /// Writes down here what migrations have done on connections of their own
    /// before this database was there, or in a run that died before it could
    /// write it. The batch's lock is held.
    pub(super) async fn fetch_rows(&mut self) -> Result<(), ApplyError> {
        if self.migrations.iter().all(|one| one.connection.is_none()) {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        self.ledger.receive(&self.control, &owed, None).await?;
        let history = self.ledger.history(&self.control).await?;
        let mut open: BTreeMap<Arc<str>, Connection> = BTreeMap::new();
        for migration in &self.migrations {
            let Some(connection) = &migration.connection else {
                continue;
            };
            if !history.is_closed(&migration.name) {
                let string = Arc::clone(&connection.string);
                open.entry(string).or_insert_with(|| connection.clone());
            }
        }
        for connection in open.values() {
            let mut there = match self.take(connection).await {
                Ok(there) => there,
                // Whoever needs it says so: what comes first may make it.
                Err(ApplyError::Postgres(Error::Connect(error))) => {
                    tracing::debug!(%error, "a migration's own connection is not there yet");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let ledger = there.shelf();
            if ledger.is_some_and(|ledger| ledger.version().is_some()) {
                there.lock(self.run).await?;
                there
                    .follow_renamed(self.run, &self.migrations, &history)
                    .await?;
                let kept = there.kept().await?;
                self.committed.extend(
                    kept.iter()
                        .map(|one| one.name.clone())
                        .filter(|name| self.bootstrapped.contains(name)),
                );
                self.ledger.receive(&self.control, &kept, None).await?;
                there.hand_over(&kept).await?;
                there.unlock().await?;
            }
            self.elsewhere.insert(Arc::clone(&connection.string), there);
        }
        Ok(())
    }
}
