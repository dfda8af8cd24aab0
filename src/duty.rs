//! Files and history → what is left for a service that runs tails.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{DeploymentState, History};
use crate::migration::{Checksum, Kind, Migration, Name};
use crate::version::Version;

/// What there is to do, and what has been reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duty {
    /// Concurrent migrations that deployments which are ready have left, and
    /// that are not done, with the text that they have now.
    pub open: BTreeMap<Name, Checksum>,
    /// Deployments that are ready and not settled.
    pub unsettled: BTreeSet<i64>,
    /// Left by such deployments, and not in this folder: somebody else's to do.
    pub lacking: BTreeSet<Name>,
    /// The deployment by which this folder is ready, if it is.
    pub ready: Option<i64>,
    /// The same, if its concurrent migrations are done and it is verified.
    pub settled: Option<i64>,
    /// The version of the schema.
    pub schema_version: Option<Version>,
}

impl Duty {
    /// By what is there now. A concurrent migration that no deployment has
    /// announced is none of it: its batch may be still to come.
    #[must_use]
    pub fn new(project: &str, migrations: &[Migration], history: &History) -> Self {
        let is_open = |name: &Name| history.progress(project, name).is_open();
        let unsettled: Vec<_> = history
            .deployments
            .iter()
            .filter(|deployment| deployment.state == DeploymentState::Ready)
            .collect();
        let left: BTreeSet<&Name> = unsettled
            .iter()
            .flat_map(|deployment| &deployment.tail)
            .filter(|name| is_open(name))
            .collect();
        let of_folder: BTreeMap<&Name, &Migration> = migrations
            .iter()
            .map(|migration| (&migration.name, migration))
            .collect();
        let (present, absent): (Vec<&Name>, Vec<&Name>) = left
            .into_iter()
            .partition(|name| of_folder.contains_key(name));
        let mut batch = migrations
            .iter()
            .filter(|migration| migration.kind != Kind::Concurrent);
        // Half taken back, the schema is that of no folder.
        let has_batch =
            !history.reverting.is_empty() || batch.any(|migration| is_open(&migration.name));
        let ready = history
            .ready_deployment(migrations.iter())
            .filter(|_| !has_batch && !migrations.is_empty());
        Self {
            open: present
                .into_iter()
                .map(|name| (name.clone(), of_folder[name].checksum))
                .collect(),
            unsettled: unsettled.iter().map(|deployment| deployment.id).collect(),
            lacking: absent.into_iter().cloned().collect(),
            ready: ready.map(|deployment| deployment.id),
            settled: ready
                .filter(|deployment| deployment.state == DeploymentState::Settled)
                .map(|deployment| deployment.id),
            schema_version: history.schema_version(),
        }
    }

    /// Whether there is something to run or to verify.
    #[must_use]
    pub fn has_work(&self) -> bool {
        // What others have to run comes before the check at the end.
        !self.open.is_empty() || (!self.unsettled.is_empty() && self.lacking.is_empty())
    }

    /// Whether there is work here that was not there when `tried` was: a
    /// deployment that became ready, a file with another text.
    #[must_use]
    pub fn is_more_than(&self, tried: &Self) -> bool {
        let is_new = |(name, checksum): (&Name, &Checksum)| tried.open.get(name) != Some(checksum);
        self.open.iter().any(is_new)
            || !self.unsettled.is_subset(&tried.unsettled)
            || (self.lacking.is_empty() && !tried.lacking.is_empty())
    }
}

#[cfg(test)]
mod tests;
