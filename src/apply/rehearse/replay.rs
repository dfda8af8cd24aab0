//! One deployment of a replay.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Actor, Database, Events, Outcome, RehearseError, Run, Settings, Until, role};
use crate::apply::{self, ApplyError, Event};
use crate::backfill::throttle::Limits;
use crate::diagnostic::Diagnostic;
use crate::migration::Name;
use crate::postgres::target::Environment;

/// A migration that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// Which, if it is one of the tail.
    pub(super) concurrent: Option<Name>,
    /// Why.
    pub(super) diagnostic: Diagnostic,
}

/// How a deployment went.
#[derive(Debug, Default)]
pub(super) struct Deployed {
    /// What ran.
    pub(super) ran: BTreeSet<Name>,
    /// What failed; empty: all is well.
    pub(super) failed: Vec<Failed>,
}

/// Rows that a backfill may set aside.
const QUARANTINE: u64 = 1000;

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
        let (run, receiver) = self.run_on(database, settings);
        let mut migrations = self.migrations[..files].to_vec();
        for backfill in migrations
            .iter_mut()
            .filter_map(|one| one.backfill.as_mut())
        {
            // Nobody is spared here, and all that fails is to be seen.
            let backfill = &mut backfill.value;
            backfill.within = None;
            backfill.pause = Duration::ZERO;
            backfill.quarantine = QUARANTINE;
        }
        let ended = Box::pin(apply::up::up(&run, migrations)).await;
        drop(run);
        self.ended(database, ended, receiver).await
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
        let (run, receiver) = self.run_on(database, settings);
        let migrations = self.migrations[..files].to_vec();
        let ended = Box::pin(apply::up::revert(&run, migrations, to)).await;
        drop(run);
        self.ended(database, ended, receiver).await
    }

    /// A run on a database of ours, and what it tells.
    fn run_on(
        &self,
        database: &Database,
        settings: Settings,
    ) -> (Run, mpsc::UnboundedReceiver<Event>) {
        let stage = self.stage;
        let settings = Settings {
            // Whatever else that server has to do: these databases are small.
            backfill: Limits::none(),
            ..settings
        };
        let (events, receiver) = Events::channel();
        let run = Run {
            target: database.target.clone(),
            connect_wait: stage.connect_wait,
            // No connection of a file leads anywhere else than to this database.
            environment: Environment::default(),
            project: stage.project.clone(),
            // Whoever owns the ledger elsewhere, here it is nobody's.
            owner: None,
            verification: None,
            settings,
            events,
            interrupt: stage.interrupt.clone(),
        };
        (run, receiver)
    }

    /// How a run went that has ended.
    async fn ended(
        &mut self,
        database: &Database,
        ended: Result<Outcome, ApplyError>,
        mut receiver: mpsc::UnboundedReceiver<Event>,
    ) -> Result<Deployed, RehearseError> {
        let stage = self.stage;
        let mut deployed = Deployed::default();
        while let Some(event) = receiver.recv().await {
            match event {
                Event::RoleMade { role } => {
                    self.examined.roles.insert(role);
                }
                Event::MigrationRan { name, .. } | Event::MigrationBegan { name, .. } => {
                    deployed.ran.insert(name);
                }
                _ => {}
            }
        }
        match ended {
            // Its schema is compared afterwards; no check is asked for here.
            Ok(Outcome::Settled | Outcome::Ready | Outcome::Mismatched(_)) => {}
            Ok(Outcome::Unsettled(report)) => {
                if let Some(signal) = stage.interrupt.signals().first {
                    let committed = Vec::new();
                    return Err(ApplyError::Interrupted { signal, committed }.into());
                }
                let failed = report.failed.into_iter();
                deployed.failed = failed
                    .map(|(name, diagnostic)| Failed {
                        concurrent: Some(name),
                        diagnostic: *diagnostic,
                    })
                    .collect();
            }
            Err(error) => deployed.failed = failed(error)?,
        }
        if !database.target.is_disposable() {
            for failed in &mut deployed.failed {
                explain_role(&mut failed.diagnostic);
            }
        }
        Ok(deployed)
    }
}

/// What is wrong with the migrations, if that is why a run ended.
fn failed(error: ApplyError) -> Result<Vec<Failed>, ApplyError> {
    let diagnostics = match error {
        ApplyError::Partly { error, .. } => return failed(*error),
        ApplyError::Migration { diagnostic, .. } => vec![*diagnostic],
        ApplyError::Invalid(diagnostics) => diagnostics,
        other => return Err(other),
    };
    let failed = diagnostics.into_iter().map(|diagnostic| Failed {
        concurrent: None,
        diagnostic,
    });
    Ok(failed.collect())
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
