//! What a run that failed leaves in the ledger, for those who look later.

use super::{Runner, server};
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, tail};
use crate::history::DeploymentState;

impl Runner<'_> {
    /// Notes why the tail is not done.
    pub(super) async fn note_tail_failure(&mut self, survey: &Survey, report: &tail::Report) {
        let Some(error) = report.first_failure() else {
            return;
        };
        let notice = self.notice(DeploymentState::Failed, survey);
        // The report says it anyway; the row is for those who look later.
        if self.control_again().await.is_ok() {
            let _ = self.ledger.fail_tail(&self.control, &notice, &error).await;
        }
    }

    /// Marks the deployment failed, as far as the server can still be reached.
    pub(super) async fn note_failure(&mut self, error: &ApplyError) {
        self.unfence().await;
        if self.deployment.is_none() {
            return;
        }
        if self.control.is_lost() {
            // The next run finds out that its runner is gone.
            let Ok(control) = server::reach(self.run).await else {
                return;
            };
            self.control = control;
        }
        // Where it was to go back to, its row says.
        let last = self.migrations.iter().map(|one| &one.name).max().cloned();
        let last = last.filter(|_| self.reverts.is_none());
        let notice = self.ledger.notice(
            DeploymentState::Failed,
            self.deployment.unwrap_or_default(),
            last.as_ref(),
            "",
        );
        let text = error.to_string();
        let _ = self
            .ledger
            .fail_deployment(&self.control, &notice, &text)
            .await;
        self.stop_beating().await;
    }
}
