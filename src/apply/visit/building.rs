//! An index that is being built for as long as somebody looks.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::ground::Database;
use super::make::judge;
use super::{VisitError, Visits};
use crate::apply::replay::Replayed;
use crate::apply::{ApplyError, Settings, Until};
use crate::postgres::hold::Hold;
use crate::visit::Visit;

/// Between two looks whether the build waits.
const POLL: Duration = Duration::from_millis(10);

/// A run that waits with its first index.
#[derive(Debug)]
pub(super) struct Building {
    hold: Hold,
    run: JoinHandle<Result<Replayed, ApplyError>>,
}

impl Building {
    /// Ends the run as the end of its process would; the server may go on with
    /// its statement.
    pub(super) async fn end(self) {
        self.run.abort();
        // It says that it was ended.
        let _ = self.run.await;
        self.hold.release().await;
    }
}

impl Visits {
    /// Runs the migration at this place until its first index waits for us.
    pub(super) async fn build(
        &self,
        database: &Database,
        visit: &Visit,
        index: usize,
    ) -> Result<Building, VisitError> {
        let settings = Settings {
            until: Until::Settled,
            fold: false,
            ..self.stage.settings.clone()
        };
        let bound = settings.concurrent_wait;
        let hold = Hold::take(&database.target, self.stage.connect_wait).await?;
        let control = database.access().control().await?;
        let migrations = self.states.migrations()[..=index].to_vec();
        let replay = self.replay(database, settings);
        let run = tokio::spawn(replay.run(migrations));
        let building = Building { hold, run };
        let deadline = Instant::now() + bound;
        loop {
            if building.hold.holds(&control).await? {
                control.close().await;
                return Ok(building);
            }
            if building.run.is_finished() {
                break;
            }
            if Instant::now() > deadline {
                building.end().await;
                return Err(VisitError::Apply(ApplyError::TimedOut {
                    what: format!("`{}`", visit.state),
                    after: bound,
                    option: "--concurrent-wait",
                    committed: Vec::new(),
                }));
            }
            sleep(POLL).await;
        }
        control.close().await;
        let Building { hold, run } = building;
        let replayed = run.await;
        hold.release().await;
        let replayed =
            replayed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        judge(&visit.state, replayed?)?;
        Err(VisitError::NothingBuilt {
            state: visit.state.clone(),
            name: self.states.migrations()[index].name.clone(),
        })
    }
}
