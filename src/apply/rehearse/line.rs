//! The database that is deployed step by step, with the deployments beside it
//! in which concurrent migrations run late.

use std::collections::BTreeMap;
use std::time::Instant;

use super::replay::Failed;
use super::{Actor, Database, RehearseError, Seen, Server, Until, Verdict, is_same};
use crate::diagnostic::Diagnostic;
use crate::migration::Name;
use crate::rehearsal::{Finding, Rehearsal, Split, Step, judge};
use crate::schema::{Diff, Snapshot};

/// The database that is deployed step by step.
pub(super) struct Line<'a> {
    pub(super) server: Server,
    /// Whether the history changes what databases share, so that each replay
    /// needs a server of its own.
    pub(super) is_shared: bool,
    /// Whether the project stores diffs.
    pub(super) is_stored: bool,
    pub(super) rehearsal: &'a Rehearsal,
    /// Where splits begin, by their place in the list.
    pub(super) copies: BTreeMap<usize, Database>,
    /// Where trials begin, by their place in the list.
    pub(super) trials: BTreeMap<usize, Database>,
}

impl Line<'_> {
    /// Copies its database, with its first `files`, for the splits and trials
    /// that begin there.
    async fn copy(&mut self, database: &Database, files: usize) -> Result<(), RehearseError> {
        // What databases share is part of such a history.
        if self.is_shared {
            return Ok(());
        }
        let splits = self.rehearsal.splits.iter().map(|split| split.after);
        let trials = self.rehearsal.trials.iter().map(|trial| trial.after);
        for (index, _) in splits.enumerate().filter(|(_, after)| *after == files) {
            let copy = self.server.copy(database).await?;
            self.copies.insert(index, copy);
        }
        for (index, _) in trials.enumerate().filter(|(_, after)| *after == files) {
            let copy = self.server.copy(database).await?;
            self.trials.insert(index, copy);
        }
        Ok(())
    }
}

impl Actor<'_> {
    /// Step by step, with the splits beside it.
    pub(super) async fn line(
        &mut self,
        line: &mut Line<'_>,
        fresh: Option<&Snapshot>,
    ) -> Result<(), RehearseError> {
        let began = Instant::now();
        let count = |step: Step, findings: &[Finding]| {
            findings.iter().filter(|one| one.step == step).count()
        };
        let database = line.server.database().await?;
        let mut before = self.snapshot(&database).await?;
        let mut stopped = None;
        line.copy(&database, 0).await?;
        for stage in &line.rehearsal.line {
            let deployed = self.deploy(&database, stage.files, Until::Settled).await?;
            if !deployed.failed.is_empty() {
                self.told_once(Step::Splits, deployed.failed);
                stopped = Some(stage.files);
                break;
            }
            let snapshot = self.snapshot(&database).await?;
            if let Some(name) = &stage.proves {
                let diff = Diff::between(&before, &snapshot);
                self.prove(line, name, &diff);
                self.examined.diffs.insert(name.clone(), diff);
            }
            let rehearsal = line.rehearsal;
            for (index, split) in rehearsal.splits.iter().enumerate() {
                if split.files == stage.files {
                    Box::pin(self.split(line, index, split, &snapshot)).await?;
                }
            }
            Box::pin(self.trials(line, stage.files, &snapshot)).await?;
            line.copy(&database, stage.files).await?;
            before = snapshot;
        }
        let copies = std::mem::take(&mut line.copies).into_values();
        for copy in copies.chain(std::mem::take(&mut line.trials).into_values()) {
            line.server.drop(copy).await?;
        }
        line.server.drop(database).await?;
        if let (None, Some(fresh)) = (stopped, fresh) {
            self.examined.findings.extend(judge::line(fresh, &before));
        }
        self.prefer_splits();
        let findings = std::mem::take(&mut self.examined.findings);
        let concurrent = self.examined.diffs.len();
        let splits = line.rehearsal.splits.len();
        for (step, total) in [(Step::Diffs, concurrent), (Step::Splits, splits)] {
            let verdict = match (count(step, &findings), stopped) {
                (0, Some(files)) => Verdict::Skipped(format!(
                    "the history cannot be deployed step by step beyond its first {files} files"
                )),
                (0, None) if step == Step::Diffs && !self.has_stored(line) => {
                    Verdict::Skipped("there are none, as there is no expected schema".to_owned())
                }
                (0, None) => Verdict::Passed,
                _ => Verdict::Failed,
            };
            self.examined.seen.push(Seen {
                step,
                verdict,
                count: total,
                duration: began.elapsed(),
            });
        }
        self.examined.findings = findings;
        Ok(())
    }

    /// Whether there should be stored diffs, or are some.
    fn has_stored(&self, line: &Line<'_>) -> bool {
        let mut migrations = self.migrations.iter();
        line.is_stored || migrations.any(|migration| migration.schema_diff.is_some())
    }

    fn prove(&mut self, line: &Line<'_>, name: &Name, diff: &Diff) {
        let migration = self.migrations.iter().find(|one| one.name == *name);
        if let Some(migration) = migration
            && (line.is_stored || migration.schema_diff.is_some())
        {
            let finding = judge::stored(migration, self.examined.major, diff);
            self.examined.findings.extend(finding);
        }
    }

    /// A database on a server of its own with the first `after` files; `None` if
    /// one of them failed, which is told.
    pub(super) async fn deployed_apart(
        &mut self,
        after: usize,
    ) -> Result<Option<(Server, Database)>, RehearseError> {
        let mut server = Server::start(&self.stage.place, self.stage.connect_wait).await?;
        let database = server.database().await?;
        if after > 0 {
            let deployed = self.deploy(&database, after, Until::Settled).await?;
            if !deployed.failed.is_empty() {
                self.told_once(Step::Splits, deployed.failed);
                return Ok(None);
            }
        }
        Ok(Some((server, database)))
    }

    /// A deployment in which concurrent migrations run late; `settled` is the
    /// schema of its files if they run early.
    async fn split(
        &mut self,
        line: &mut Line<'_>,
        index: usize,
        split: &Split,
        settled: &Snapshot,
    ) -> Result<(), RehearseError> {
        let Some(database) = line.copies.remove(&index) else {
            return match self.deployed_apart(split.after).await? {
                Some((_server, database)) => self.split_in(&database, split, settled).await,
                None => Ok(()),
            };
        };
        self.split_in(&database, split, settled).await?;
        line.server.drop(database).await
    }

    async fn split_in(
        &mut self,
        database: &Database,
        split: &Split,
        settled: &Snapshot,
    ) -> Result<(), RehearseError> {
        let deployed = self.deploy(database, split.files, Until::Ready).await?;
        if !deployed.failed.is_empty() {
            for Failed { diagnostic, .. } in deployed.failed {
                let finding = judge::failed_without(split, &diagnostic, self.migrations);
                self.examined.findings.push(finding);
            }
            return Ok(());
        }
        let live = self.snapshot(database).await?;
        match judge::ready(split, settled, &self.examined.diffs, self.migrations) {
            Ok(wanted) => {
                let finding = judge::at_ready(split, &wanted, &live);
                self.examined.findings.extend(finding);
            }
            Err(finding) => self.examined.findings.push(*finding),
        }
        let deployed = self.deploy(database, split.files, Until::Settled).await?;
        if !deployed.failed.is_empty() {
            for failed in deployed.failed {
                let finding = match &failed.concurrent {
                    Some(name) => {
                        judge::failed_late(split, name, &failed.diagnostic, self.migrations)
                    }
                    None => Finding::new(Step::Splits, failed.diagnostic),
                };
                self.examined.findings.push(finding);
            }
            return Ok(());
        }
        let late = self.snapshot(database).await?;
        let finding = judge::at_settled(split, settled, &late);
        self.examined.findings.extend(finding);
        if split.ending.is_some() {
            let files = split.files + 1;
            let deployed = self.deploy(database, files, Until::Settled).await?;
            self.told_once(Step::Splits, deployed.failed);
        }
        Ok(())
    }

    /// A failure of the fresh database that a split has explained is told by
    /// that alone.
    fn prefer_splits(&mut self) {
        let findings = &mut self.examined.findings;
        let explained: Vec<Diagnostic> = findings
            .iter()
            .filter(|finding| finding.step == Step::Splits)
            .map(|finding| finding.diagnostic.clone())
            .collect();
        findings.retain(|finding| {
            finding.step != Step::Fresh
                || !explained
                    .iter()
                    .any(|one| is_same(one, &finding.diagnostic))
        });
    }
}
