//! A run on a database of segue's own: nobody else is there, so nobody is
//! spared, and no connection of a file leads anywhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ApplyError, Event, Events, Interrupt, Outcome, Run, Settings, up};
use crate::backfill::throttle::Limits;
use crate::diagnostic::Diagnostic;
use crate::migration::{Migration, Name};
use crate::postgres::Target;
use crate::postgres::target::Environment;

/// What to run where.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    /// The database.
    pub(super) target: Target,
    /// How long to wait for a server that is starting.
    pub(super) connect_wait: Duration,
    /// Whose migrations.
    pub(super) project: String,
    /// Bounds and choices; what backfills wait for is left out.
    pub(super) settings: Settings,
    /// Signals of the user.
    pub(super) interrupt: Interrupt,
}

/// A migration that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// Which, if it is one of the tail.
    pub(super) concurrent: Option<Name>,
    /// Why.
    pub(super) diagnostic: Diagnostic,
}

/// How it went.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// What ran.
    pub(super) ran: BTreeSet<Name>,
    /// What failed; empty: all is well.
    pub(super) failed: Vec<Failed>,
    /// Roles that were missing and have been made.
    pub(super) roles: BTreeSet<String>,
}

/// Rows that a backfill may set aside.
const QUARANTINE: u64 = 1000;

impl Replay {
    /// Deploys these migrations, as `segue up` does.
    ///
    /// # Errors
    /// [`ApplyError`] for what is not the migrations' fault.
    pub(super) async fn run(self, mut migrations: Vec<Migration>) -> Result<Replayed, ApplyError> {
        let backfills = migrations.iter_mut();
        for backfill in backfills.filter_map(|one| one.backfill.as_mut()) {
            // Nobody is spared here, and all that fails is to be seen.
            let backfill = &mut backfill.value;
            backfill.within = None;
            backfill.pause = Duration::ZERO;
            backfill.quarantine = QUARANTINE;
        }
        let work = async |run: &Run| Box::pin(up::up(run, migrations)).await;
        self.replay(work).await
    }

    /// Takes back what was applied after `to`, as `segue revert` does.
    ///
    /// # Errors
    /// As [`Replay::run`].
    pub(super) async fn revert(
        self,
        migrations: Vec<Migration>,
        to: &str,
    ) -> Result<Replayed, ApplyError> {
        let work = async |run: &Run| Box::pin(up::revert(run, migrations, to)).await;
        self.replay(work).await
    }

    async fn replay(
        self,
        work: impl AsyncFnOnce(&Run) -> Result<Outcome, ApplyError>,
    ) -> Result<Replayed, ApplyError> {
        let (events, mut receiver) = Events::channel();
        let run = Run {
            target: self.target,
            connect_wait: self.connect_wait,
            // No connection of a file leads anywhere else than to this database.
            environment: Environment::default(),
            project: self.project,
            // Whoever owns the ledger elsewhere, here it is nobody's.
            owner: None,
            verification: None,
            settings: Settings {
                // Whatever else that server has to do: these databases are small.
                backfill: Limits::none(),
                ..self.settings
            },
            events,
            interrupt: self.interrupt,
        };
        let ended = work(&run).await;
        let interrupt = run.interrupt.clone();
        drop(run);
        let mut replayed = Replayed::default();
        while let Some(event) = receiver.recv().await {
            match event {
                Event::RoleMade { role } => {
                    replayed.roles.insert(role);
                }
                Event::MigrationRan { name, .. } | Event::MigrationBegan { name, .. } => {
                    replayed.ran.insert(name);
                }
                _ => {}
            }
        }
        match ended {
            // No check is asked for here.
            Ok(Outcome::Settled | Outcome::Ready | Outcome::Mismatched(_)) => {}
            Ok(Outcome::Unsettled(report)) => {
                if let Some(signal) = interrupt.signals().first {
                    let committed = Vec::new();
                    return Err(ApplyError::Interrupted { signal, committed });
                }
                let failed = report.failed.into_iter();
                replayed.failed = failed
                    .map(|(name, diagnostic)| Failed {
                        concurrent: Some(name),
                        diagnostic: *diagnostic,
                    })
                    .collect();
            }
            Err(error) => replayed.failed = failed(error)?,
        }
        Ok(replayed)
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
