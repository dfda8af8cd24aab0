//! After the control session was lost: a new one, perhaps to another server.

use std::time::Duration;

use super::Runner;
use super::server::{self, Heeds};
use crate::apply::ApplyError;

impl Runner<'_> {
    /// Opens the control session again, for as long as `patience`.
    ///
    /// The server may be a standby that has taken the primary's place and never
    /// got the last transactions: neither the ledger nor this run's deployment
    /// have to be there any more.
    pub(super) async fn control_anew(
        &mut self,
        patience: Duration,
        heeds: Heeds,
    ) -> Result<(), ApplyError> {
        self.control = server::reach_again(self.run, patience, heeds).await?;
        self.holds_deployment = false;
        if let Some(id) = self.deployment {
            self.find_ledger().await?;
            if !self.ledger.has_deployment(&self.control, id).await? {
                self.deployment = None;
                self.is_announced = false;
            }
        }
        self.hold_deployment().await?;
        self.hold_preempted().await
    }
}
