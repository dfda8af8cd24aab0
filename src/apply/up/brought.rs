//! The ledger that a migration has brought, once that is committed.

use super::Runner;
use crate::apply::{ApplyError, Event};
use crate::plan::{Block, LedgerOf};
use crate::postgres::ledger::{Brought, Ledger};

impl Runner<'_> {
    /// Looks for the ledger again.
    pub(super) async fn find_ledger(&mut self) -> Result<(), ApplyError> {
        let project = self.run.project.as_str();
        self.ledger = Ledger::find(&self.control, project, self.run.owner.as_deref()).await?;
        Ok(())
    }

    /// Goes on with what `block` has brought: segue's own ledger, and the
    /// deployment that its COMMIT has begun in it, or what codd has applied.
    pub(super) async fn take_over(
        &mut self,
        block: &Block,
        brought: Brought,
    ) -> Result<(), ApplyError> {
        if let Some(name) = block.migrations.last() {
            self.run.events.tell(Event::LedgerBrought {
                name: name.clone(),
                applied: brought.applied,
            });
        }
        if block.brings != Some(LedgerOf::Segue) {
            return Ok(());
        }
        self.deployment = Some(brought.deployment);
        // The lock that was taken before COMMIT may have gone with a session.
        // Taking it twice does no harm: it goes with the session.
        self.holds_deployment = false;
        self.control_again().await?;
        self.find_ledger().await?;
        self.run.events.tell(Event::DeploymentBegan {
            deployment: brought.deployment,
        });
        Ok(())
    }
}
