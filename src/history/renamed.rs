//! Files that have another name than the ledger knows: found by their text,
//! and followed.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, LockKey, State};
use crate::migration::{Checksum, Migration, Name};

/// A migration that the ledger has under another name than the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renamed {
    /// Its name in the ledger.
    pub from: Name,
    /// The name of its file.
    pub to: Name,
    /// The backend that runs it under its old name now.
    pub pid: Option<i32>,
}

impl History {
    /// Takes the names of the folder's files, all of its migrations, where a
    /// row of the ledger has lost its file and a file of the same text has no
    /// row. The ledger itself stays as it is; [`History::renamed`] says what
    /// was taken.
    ///
    /// Several rows and files of one text belong together in the order of
    /// their names: their text is equal, so only which one counts as new is
    /// chosen. A row whose name a file of another text has has lost its file
    /// too, so that files which made room for a new one are followed. A second
    /// copy beside a file that is as it was is a new migration, and so is the
    /// text of one that was given up: nobody could run it again otherwise.
    pub fn follow<'a>(
        &mut self,
        project: &str,
        migrations: impl IntoIterator<Item = &'a Migration>,
    ) {
        let files: BTreeMap<&Name, Checksum> = migrations
            .into_iter()
            .map(|migration| (&migration.name, migration.checksum))
            .collect();
        let mut renamed = self.find(&files);
        let (mut moved, mut moved_half) = (Vec::new(), Vec::new());
        for one in &mut renamed {
            let record = self.records.remove(&one.from);
            moved.extend(record.map(|record| (one.to.clone(), record)));
            let half = self.reverting.remove(&one.from);
            moved_half.extend(half.map(|half| (one.to.clone(), half)));
            let names = [one.from.clone(), one.from.revert_file()];
            let keys = names.map(|name| LockKey::migration(project, &name));
            one.pid = keys.iter().find_map(|key| self.locks.get(key)).copied();
        }
        self.records.extend(moved);
        self.reverting.extend(moved_half);
        for one in &renamed {
            // Who runs it under its old name runs it.
            if let Some(pid) = one.pid {
                let key = LockKey::migration(project, &one.to);
                self.locks.insert(key, pid);
            }
        }
        let new: BTreeMap<&Name, &Name> = renamed.iter().map(|one| (&one.from, &one.to)).collect();
        for deployment in &mut self.deployments {
            let names = deployment.tail.iter_mut().chain(&mut deployment.migration);
            for name in names {
                if let Some(to) = new.get(name) {
                    *name = (*to).clone();
                }
            }
        }
        self.renamed = renamed;
    }

    /// Pairs of one text, sorted by the old name.
    fn find(&self, files: &BTreeMap<&Name, Checksum>) -> Vec<Renamed> {
        let is_at_home =
            |name: &Name, checksum: &Checksum| files.get(name).is_some_and(|file| file == checksum);
        let mut lost: BTreeMap<Checksum, Vec<&Name>> = BTreeMap::new();
        for (name, record) in &self.records {
            // The text of one that was given up, written again, is to run.
            if record.state != State::Abandoned && !is_at_home(name, &record.checksum) {
                lost.entry(record.checksum).or_default().push(name);
            }
        }
        let mut renamed = Vec::new();
        for (checksum, names) in lost {
            let new = files.iter().filter(|(name, file)| {
                let record = self.records.get(**name);
                **file == checksum && record.is_none_or(|record| record.checksum != checksum)
            });
            renamed.extend(names.into_iter().zip(new).map(|(from, (to, _))| Renamed {
                from: from.clone(),
                to: (*to).clone(),
                pid: None,
            }));
        }
        renamed.sort();
        // A name is free if it has no row, or one that moves on.
        loop {
            let leaving: BTreeSet<Name> = renamed.iter().map(|one| one.from.clone()).collect();
            let before = renamed.len();
            renamed.retain(|one| !self.records.contains_key(&one.to) || leaving.contains(&one.to));
            if renamed.len() == before {
                return renamed;
            }
        }
    }
}

#[cfg(test)]
mod tests;
