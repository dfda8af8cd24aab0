//! Upgrades that skip releases: from each version straight to the newest one,
//! with the rows of its snapshots or none.

use std::time::{Duration, Instant};

use super::replay::Deployed;
use super::{Actor, Database, RehearseError, Seen, Server, Until, Verdict, is_same};
use crate::apply::sample;
use crate::rehearsal::upgrade::{self, Broken, Start, Upgrades};
use crate::rehearsal::{Finding, Step};
use crate::schema::Snapshot;

impl Actor<'_> {
    /// All that `upgrades` asks for. `fresh` is the schema of a fresh database;
    /// `None`: there is none.
    pub(super) async fn upgrades(
        &mut self,
        upgrades: &Upgrades,
        fresh: Option<&Snapshot>,
        is_shared: bool,
    ) -> Result<(), RehearseError> {
        if upgrades.stops.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut runs = 0;
        let why = match fresh {
            None => Some("the fresh database could not be made"),
            Some(_) if is_shared && !self.stage.place.is_throwaway() => Some(
                "the migrations make or change roles, which all databases of that server share, so they cannot be replayed there again: leave out `--on`",
            ),
            Some(_) => None,
        };
        if let (Some(fresh), None) = (fresh, why) {
            runs = self.walk(upgrades, fresh, is_shared).await?;
        }
        let mut findings = upgrade::findings(std::mem::take(&mut self.broken));
        // What a replay before has told already.
        findings.retain(|finding| {
            let mut told = self.examined.findings.iter();
            !told.any(|one| is_same(&one.diagnostic, &finding.diagnostic))
        });
        let checking = std::mem::take(&mut self.checking);
        let duration = began.elapsed().saturating_sub(checking);
        if !upgrades.starts.is_empty() {
            self.told(Step::Upgrades, runs, duration, &findings, why);
        }
        let checks = self.stage.checks.len();
        if checks > 0 {
            self.told(Step::Checks, checks, checking, &findings, why);
        }
        self.examined.findings.extend(findings);
        Ok(())
    }

    fn told(
        &mut self,
        step: Step,
        count: usize,
        duration: Duration,
        findings: &[Finding],
        why: Option<&str>,
    ) {
        let verdict = match why {
            Some(why) => Verdict::Skipped(why.to_owned()),
            None if findings.iter().any(|one| one.step == step && one.is_bad()) => Verdict::Failed,
            None => Verdict::Passed,
        };
        self.examined.seen.push(Seen {
            step,
            verdict,
            count,
            duration,
        });
    }

    /// One database gets one migration after the other; what begins at a stop,
    /// begins with a copy of it. How many upgrades there were.
    async fn walk(
        &mut self,
        upgrades: &Upgrades,
        fresh: &Snapshot,
        is_shared: bool,
    ) -> Result<usize, RehearseError> {
        let migrations = self.migrations;
        let mut runs = 0;
        let mut server = Server::start(&self.stage.place, self.stage.connect_wait).await?;
        let database = server.database().await?;
        for stop in &upgrades.stops {
            if *stop > 0 {
                let deployed = self.deploy(&database, *stop, Until::Settled).await?;
                if !deployed.failed.is_empty() {
                    self.told_once(Step::Upgrades, deployed.failed);
                    break;
                }
            }
            let place = upgrade::place_of_stop(migrations, *stop);
            self.checks(&database, *stop, &place).await?;
            for start in upgrades.starts.iter().filter(|start| start.files == *stop) {
                for fold in self.foldings(start) {
                    runs += usize::from(start.files < migrations.len());
                    if is_shared {
                        // What databases share would be there already.
                        if let Some((_server, own)) = self.deployed_apart(start.files).await? {
                            Box::pin(self.upgrade(&own, start, fold, fresh)).await?;
                        }
                        continue;
                    }
                    let copy = server.copy(&database).await?;
                    Box::pin(self.upgrade(&copy, start, fold, fresh)).await?;
                    server.drop(copy).await?;
                }
            }
        }
        server.drop(database).await?;
        Ok(runs)
    }

    /// Whether to fold in each of the runs from there.
    fn foldings(&self, start: &Start) -> Vec<bool> {
        let fold = self.stage.settings.fold;
        // Without rows, what runs late has been tried by itself.
        if fold && start.sample.is_some() && upgrade::may_fold(self.migrations, start.files) {
            vec![true, false]
        } else {
            vec![fold]
        }
    }

    /// From a database with the migrations of `start`.
    async fn upgrade(
        &mut self,
        database: &Database,
        start: &Start,
        fold: bool,
        fresh: &Snapshot,
    ) -> Result<(), RehearseError> {
        let (stage, migrations) = (self.stage, self.migrations);
        if let Some(sample) = start.sample.and_then(|index| stage.samples.get(index)) {
            let wait = stage.connect_wait;
            let load = sample::load(&database.target, wait, &sample.script);
            let failed = self.unless_interrupted(load).await?;
            let place = upgrade::place_of_sample(sample);
            if let Some(failed) = failed {
                self.broken.push(Broken {
                    step: Step::Upgrades,
                    diagnostic: upgrade::not_loaded(sample, *failed),
                    difference: None,
                    place,
                });
                return Ok(());
            }
            self.checks(database, start.files, &place).await?;
        }
        let all = migrations.len();
        if start.files == all {
            return Ok(());
        }
        let is_folded = (self.foldings(start).len() > 1).then_some(fold);
        let place = upgrade::place_of_upgrade(start, stage.samples, is_folded);
        let Deployed { failed, .. } = self
            .deploy_folding(database, all, Until::Settled, fold)
            .await?;
        if !failed.is_empty() {
            self.broken.extend(failed.into_iter().map(|failed| Broken {
                step: Step::Upgrades,
                diagnostic: upgrade::failed(failed.diagnostic, start),
                difference: None,
                place: place.clone(),
            }));
            return Ok(());
        }
        let upgraded = self.snapshot(database).await?;
        self.broken
            .extend(upgrade::schema(fresh, &upgraded, &place));
        self.checks(database, all, &place).await
    }
}
