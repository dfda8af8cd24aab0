//! Telling that the folder is ready or settled, once the ledger says so.

use super::Runner;
use crate::apply::survey::Survey;
use crate::apply::{ApplyError, Event};
use crate::history::DeploymentState;
use crate::migration::Name;
use crate::plan::Concurrent;
use crate::readiness::Goal;
use crate::version::Version;

impl Runner<'_> {
    /// The deployment of this run was made ready by a COMMIT that is proved.
    pub(super) fn tell_ready(&mut self, survey: &Survey) {
        self.is_announced = true;
        if let Some(deployment) = self.deployment {
            self.run.events.tell(Event::Ready {
                deployment,
                after: self.began.elapsed(),
                again: false,
                schema_version: self.version_at(survey, Goal::Ready),
            });
        }
        self.tell_reached(survey, Goal::Ready);
    }

    /// Announces once more the deployment that made this folder ready.
    pub(super) async fn announce_again(
        &mut self,
        survey: &Survey,
        deployment: i64,
    ) -> Result<(), ApplyError> {
        self.deployment = Some(deployment);
        self.span.record("deployment", deployment);
        // A reader's role may run `up` where nothing is to be done, so nothing
        // is written here but the notification.
        let notice = self.notice(DeploymentState::Ready, survey);
        self.ledger.tell(&self.control, &notice).await?;
        self.run.events.tell(Event::Ready {
            deployment,
            after: self.began.elapsed(),
            again: true,
            schema_version: self.version_at(survey, Goal::Ready),
        });
        self.tell_reached(survey, Goal::Ready);
        Ok(())
    }

    /// The folder is where `goal` says, whoever brought it there.
    pub(super) fn tell_reached(&self, survey: &Survey, goal: Goal) {
        self.run.events.tell(Event::Reached {
            goal,
            project: self.run.project.clone(),
            deployment: self.deployment,
            migration: survey.last().cloned(),
            fingerprint: survey.fingerprint.clone(),
            schema_version: self.version_at(survey, goal),
        });
    }

    /// The version of the schema where `goal` is reached: that of before, or
    /// one that this run has brought on the way there.
    fn version_at(&self, survey: &Survey, goal: Goal) -> Option<Version> {
        let history = &survey.history;
        if self.reverts.is_some() {
            let stays = |name: &Name| survey.last().is_some_and(|last| name <= last);
            let records = history.records.iter();
            let stay = records.filter(|(name, _)| stays(name) && history.is_closed(name));
            return stay.filter_map(|(_, record)| record.schema_version).max();
        }
        let is_tail = |name: &Name| survey.plan.tail.iter().any(|step| step.name == *name);
        let brought = survey.graph.migrations().filter(|migration| {
            let name = &migration.name;
            let is_done = match goal {
                Goal::Settled if is_tail(name) => true,
                _ => self.options.concurrent != Concurrent::Alone && !is_tail(name),
            };
            is_done && !history.is_closed(name)
        });
        let brought = brought.filter_map(|migration| migration.schema_version);
        brought.max().max(history.schema_version())
    }
}
