//! Makes the template of a state from that of the nearest earlier one.

use std::collections::BTreeSet;

use super::ground::{Database, Ground};
use super::{VisitError, Visits};
use crate::apply::replay::{Replay, Replayed};
use crate::apply::{Settings, Until};
use crate::migration::Migration;
use crate::visit::{State, Then, Visit};

impl Visits {
    /// The name of the template of a state in which nothing runs; `None` if on
    /// the way something has changed that databases share, where it must not.
    pub(super) async fn make(
        &self,
        ground: &mut Ground,
        visit: &Visit,
    ) -> Result<Option<String>, VisitError> {
        if visit.settled == 0 && visit.then == Then::Nothing {
            return Ok(Some(ground.model().await?));
        }
        let fingerprint = self.fingerprint(visit);
        if let Some(name) = ground.find(fingerprint) {
            ground.used(fingerprint, &visit.state);
            return Ok(Some(name));
        }
        let (settled, base) = match &visit.then {
            Then::Nothing => match self.nearest(ground, visit.settled) {
                Some((settled, name)) => (settled, Some(name)),
                None => (0, Some(ground.model().await?)),
            },
            Then::Backfilling { rows_after, .. } => {
                let base = self.states.after(*rows_after);
                (*rows_after, Box::pin(self.make(ground, &base)).await?)
            }
            Then::Ready(_) | Then::Building(_) => {
                let base = self.states.after(visit.settled);
                (visit.settled, Box::pin(self.make(ground, &base)).await?)
            }
        };
        let Some(base) = base else {
            return Ok(None);
        };
        tracing::debug!(state = %visit.state, after = settled, "a state is made");
        let database = ground.access.copy(&base).await?;
        match self.bring(&database, visit).await {
            Ok(roles) => {
                let name = ground.keep(database, fingerprint, &roles).await?;
                if name.is_some() {
                    ground.used(fingerprint, &visit.state);
                }
                Ok(name)
            }
            Err(error) => {
                // The error says more than that it could not be dropped.
                let _ = database.drop().await;
                Err(error)
            }
        }
    }

    /// The template with the most of the first migrations.
    fn nearest(&self, ground: &Ground, settled: usize) -> Option<(usize, String)> {
        (1..settled).rev().find_map(|count| {
            let fingerprint = self.fingerprint(&self.states.after(count));
            Some((count, ground.find(fingerprint)?))
        })
    }

    /// Does what is left to do in a copy of an earlier state; roles that were
    /// made.
    pub(super) async fn bring(
        &self,
        database: &Database,
        visit: &Visit,
    ) -> Result<BTreeSet<String>, VisitError> {
        let first = &self.states.migrations()[..visit.settled];
        match &visit.then {
            Then::Nothing => {
                let settings = self.stage.settings.clone();
                self.deploy(database, &visit.state, first.to_vec(), settings)
                    .await
            }
            Then::Ready(also) => {
                let also = also.iter();
                let also = also.map(|index| self.states.migrations()[*index].clone());
                let migrations = first.iter().cloned().chain(also).collect();
                let settings = Settings {
                    until: Until::Ready,
                    fold: false,
                    ..self.stage.settings.clone()
                };
                self.deploy(database, &visit.state, migrations, settings)
                    .await
            }
            Then::Backfilling { index, percent, .. } => {
                self.backfill(database, visit, *index, *percent).await
            }
            Then::Building(_) => Ok(BTreeSet::new()),
        }
    }

    /// Deploys; roles that were made.
    pub(super) async fn deploy(
        &self,
        database: &Database,
        state: &State,
        migrations: Vec<Migration>,
        settings: Settings,
    ) -> Result<BTreeSet<String>, VisitError> {
        let replay = self.replay(database, settings);
        judge(state, replay.run(migrations).await?)
    }

    pub(super) fn replay(&self, database: &Database, settings: Settings) -> Replay {
        Replay {
            target: database.target.clone(),
            connect_wait: self.stage.connect_wait,
            project: self.states.project().to_owned(),
            settings,
            interrupt: self.stage.interrupt.clone(),
        }
    }
}

/// The roles that a deployment has made, if all went well.
pub(super) fn judge(state: &State, replayed: Replayed) -> Result<BTreeSet<String>, VisitError> {
    if replayed.failed.is_empty() {
        return Ok(replayed.roles);
    }
    let failed = replayed.failed.into_iter();
    Err(VisitError::Failed {
        state: state.clone(),
        diagnostics: failed.map(|failed| failed.diagnostic).collect(),
    })
}
