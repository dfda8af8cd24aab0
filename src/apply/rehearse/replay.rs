//! One deployment of a replay.

use super::{Actor, Database, RehearseError, Settings, Until, role};
use crate::apply::replay::Replay;
pub(super) use crate::apply::replay::{Failed, Replayed as Deployed};
use crate::diagnostic::Diagnostic;

impl Actor<'_> {
    /// Deploys the first `files` migrations, each concurrent one by itself.
    pub(super) async fn deploy(
        &mut self,
        database: &Database,
        files: usize,
        until: Until,
    ) -> Result<Deployed, RehearseError> {
        self.deploy_folding(database, files, until, false).await
    }

    /// Deploys the first `files` migrations.
    pub(super) async fn deploy_folding(
        &mut self,
        database: &Database,
        files: usize,
        until: Until,
        fold: bool,
    ) -> Result<Deployed, RehearseError> {
        let settings = Settings {
            until,
            fold,
            ..self.stage.settings.clone()
        };
        self.deploy_by(database, files, settings).await
    }

    /// Deploys the first `files` migrations; a backfill takes at most
    /// `batch_rows` rows at once.
    pub(super) async fn deploy_in_batches(
        &mut self,
        database: &Database,
        files: usize,
        batch_rows: u64,
    ) -> Result<Deployed, RehearseError> {
        let settings = Settings {
            until: Until::Settled,
            fold: false,
            batch_rows_max: Some(batch_rows),
            ..self.stage.settings.clone()
        };
        self.deploy_by(database, files, settings).await
    }

    async fn deploy_by(
        &mut self,
        database: &Database,
        files: usize,
        settings: Settings,
    ) -> Result<Deployed, RehearseError> {
        let replay = self.replay(database, settings);
        let deployed = replay.run(self.migrations[..files].to_vec()).await?;
        Ok(self.replayed(database, deployed))
    }

    /// Takes back what the first `files` migrations have that `to` has not.
    pub(super) async fn revert(
        &mut self,
        database: &Database,
        files: usize,
        to: &str,
    ) -> Result<Deployed, RehearseError> {
        let settings = Settings {
            until: Until::Settled,
            ..self.stage.settings.clone()
        };
        let replay = self.replay(database, settings);
        let migrations = self.migrations[..files].to_vec();
        let reverted = replay.revert(migrations, to).await?;
        Ok(self.replayed(database, reverted))
    }

    fn replay(&self, database: &Database, settings: Settings) -> Replay {
        let stage = self.stage;
        Replay {
            target: database.target.clone(),
            connect_wait: stage.connect_wait,
            project: stage.project.clone(),
            settings,
            interrupt: stage.interrupt.clone(),
        }
    }

    fn replayed(&mut self, database: &Database, mut deployed: Deployed) -> Deployed {
        self.examined.roles.append(&mut deployed.roles);
        if !database.target.is_disposable() {
            for failed in &mut deployed.failed {
                explain_role(&mut failed.diagnostic);
            }
        }
        deployed
    }
}

/// On a server of the user's no role is made, so it is said how to.
fn explain_role(diagnostic: &mut Diagnostic) {
    let sqlstate = diagnostic.sqlstate.as_deref().unwrap_or_default();
    if let Some(name) = role::missing(sqlstate, &diagnostic.message) {
        let name = crate::postgres::ident(name);
        diagnostic.helps.push(format!(
            "make it on that server: `CREATE ROLE {name} NOLOGIN`"
        ));
    }
}
