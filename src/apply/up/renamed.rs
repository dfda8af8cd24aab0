//! Files that were renamed: the ledger takes their new names before anything
//! else is done.

use super::{ApplyError, Runner, Survey, tail};
use crate::history::Renamed;

impl Runner<'_> {
    /// Waits until nobody runs a migration under its old name, and gives the
    /// ledger the new ones.
    pub(super) async fn settle_renamed(&mut self) -> Result<Survey, ApplyError> {
        self.ledger_ready().await?;
        loop {
            self.fence().await?;
            let survey = self.survey().await?;
            if survey.plan.renamed.is_empty() || self.follow_renamed(&survey).await? {
                self.unfence().await;
                return self.survey().await;
            }
            self.unfence().await;
            for Renamed { from, to, .. } in &survey.plan.renamed {
                tail::wait_for(self.run, &self.ledger, &self.control, from, to).await?;
            }
        }
    }

    /// Gives the ledger the names of files that were renamed, unless somebody
    /// runs one of them; whether it has. The batch's lock is held.
    pub(super) async fn follow_renamed(&mut self, survey: &Survey) -> Result<bool, ApplyError> {
        let renamed = &survey.plan.renamed;
        if renamed.is_empty() || renamed.iter().any(|one| one.pid.is_some()) {
            return Ok(false);
        }
        let following = self.ledger.rename(&self.control, renamed);
        following.await.map_err(|error| self.rights(error))?;
        Ok(true)
    }
}
