//! Migrations taken back by their files, one by one and the last ones at once,
//! and applied again.

use std::time::Instant;

use super::replay::Deployed;
use super::{Actor, Database, Place, RehearseError, Server, Until};
use crate::postgres::tables::{self, named_content};
use crate::rehearsal::backfill::Rows;
use crate::rehearsal::reverts::{self as judge, Way};
use crate::rehearsal::{Finding, Step, rows};
use crate::schema::Snapshot;

/// Tables with more rows than this are not compared.
const COMPARED_MAX: usize = 10_000;

/// A database at a state: its schema, and its rows by table if they are looked
/// at.
struct Look {
    schema: Snapshot,
    rows: Vec<(String, Rows)>,
}

/// What became of a database.
enum Left {
    /// It is as after all migrations that it has.
    Sound,
    /// It is not what any deployment makes.
    Spoilt,
}

impl Actor<'_> {
    /// Takes back each migration that has a file for it, and applies it again.
    /// `is_sound` is whether all of them can be applied at all.
    pub(super) async fn take_back(
        &mut self,
        (place, is_shared): (&Place, bool),
        is_sound: bool,
        tell: &mut impl FnMut(u32, &str),
    ) -> Result<(), RehearseError> {
        let targets = judge::targets(self.migrations);
        if targets.is_empty() {
            return Ok(());
        }
        if !is_sound {
            self.skip(Step::Reverts, "the fresh database could not be made");
            return Ok(());
        }
        if is_shared && matches!(place, Place::On(_)) {
            self.skip(
                Step::Reverts,
                "the migrations make or change roles, which all databases of that server share, so they cannot be replayed there again: leave out `--on`",
            );
            return Ok(());
        }
        let what = "each migration that can be taken back, and back again";
        tell(self.examined.major, what);
        let (began, before) = (Instant::now(), self.examined.findings.len());
        let mut ground = Ground {
            server: Server::start(place, self.stage.connect_wait).await?,
            database: None,
            is_shared,
        };
        let mut last = None;
        let mut stopped = None;
        for target in &targets {
            let Some(look) = self.one(&mut ground, *target).await? else {
                stopped = Some(*target);
                break;
            };
            if Some(*target) == judge::together(self.migrations) {
                last = Some((*target, look));
            }
        }
        // One by one they have to be right first.
        if let (Some((first, look)), None) = (last, stopped)
            && self.examined.findings.len() == before
        {
            self.all(&mut ground, first, &look).await?;
        }
        ground.end().await?;
        match stopped {
            Some(files) if self.examined.findings.len() == before => {
                let why = format!(
                    "the history cannot be deployed step by step up to its first {files} files"
                );
                self.skip(Step::Reverts, &why);
            }
            _ => self.seen(Step::Reverts, targets.len(), began, before),
        }
        Ok(())
    }

    /// Takes one back; how the database was before it, `None` if that could not
    /// be deployed.
    async fn one(
        &mut self,
        ground: &mut Ground,
        target: usize,
    ) -> Result<Option<Look>, RehearseError> {
        let Some(database) = self.at(ground, target).await? else {
            return Ok(None);
        };
        self.fill_all(&database).await?;
        let before = self.look(&database).await?;
        let migrations = self.migrations;
        let way = Way::One(&migrations[target]);
        let left = self
            .there_and_back(&database, way, target..target + 1, &before)
            .await?;
        ground.keep(database, target + 1, &left).await?;
        Ok(Some(before))
    }

    /// Takes all from `first` on back at once.
    async fn all(
        &mut self,
        ground: &mut Ground,
        first: usize,
        before: &Look,
    ) -> Result<(), RehearseError> {
        let files = self.migrations.len();
        let Some(database) = self.at(ground, files).await? else {
            return Ok(());
        };
        let migrations = self.migrations;
        let way = Way::All(&migrations[first..]);
        let after = self.look(&database).await?;
        // What has come into tables since is none of that state's.
        let before = Look {
            schema: before.schema.clone(),
            rows: Vec::new(),
        };
        let left = self
            .back(&database, way, first..files, &before, &after)
            .await?;
        ground.keep(database, files, &left).await
    }

    /// A database with the first `files` migrations.
    async fn at(
        &mut self,
        ground: &mut Ground,
        files: usize,
    ) -> Result<Option<Database>, RehearseError> {
        let (database, has) = match ground.database.take() {
            Some(known) => known,
            None => (
                ground
                    .make(&self.stage.place, self.stage.connect_wait)
                    .await?,
                0,
            ),
        };
        if has < files && !self.applied(&database, files).await? {
            ground.server.drop(database).await?;
            return Ok(None);
        }
        Ok(Some(database))
    }

    /// Whether the first `files` could be applied.
    async fn applied(&mut self, database: &Database, files: usize) -> Result<bool, RehearseError> {
        let deployed = self.deploy(database, files, Until::Settled).await?;
        let is_done = deployed.failed.is_empty();
        self.told_once(Step::Reverts, deployed.failed);
        Ok(is_done)
    }

    /// Applies, takes back, and applies again.
    async fn there_and_back(
        &mut self,
        database: &Database,
        way: Way<'_>,
        places: std::ops::Range<usize>,
        before: &Look,
    ) -> Result<Left, RehearseError> {
        if !self.applied(database, places.end).await? {
            return Ok(Left::Spoilt);
        }
        let after = self.look(database).await?;
        self.back(database, way, places, before, &after).await
    }

    /// Takes back and applies again.
    async fn back(
        &mut self,
        database: &Database,
        way: Way<'_>,
        places: std::ops::Range<usize>,
        before: &Look,
        after: &Look,
    ) -> Result<Left, RehearseError> {
        let to = judge::state_before(self.migrations, places.start);
        let findings = self.examined.findings.len();
        let reverted = self.revert(database, places.end, to).await?;
        if self.has_failed(&reverted, |failed| judge::failed(way, failed)) {
            return Ok(Left::Spoilt);
        }
        let back = self.look(database).await?;
        let finding = judge::taken_back(way, &before.schema, &back.schema);
        self.examined.findings.extend(finding);
        if self.examined.findings.len() > findings {
            return Ok(Left::Spoilt);
        }
        if let Some((table, change)) = changed(before, &back) {
            let finding = judge::other_rows(way, &table, &change);
            self.examined.findings.push(finding);
            return Ok(Left::Spoilt);
        }
        let deployed = self.deploy(database, places.end, Until::Settled).await?;
        if self.has_failed(&deployed, |failed| judge::failed_again(way, failed)) {
            return Ok(Left::Spoilt);
        }
        let again = self.look(database).await?;
        let finding = judge::applied_again(way, &after.schema, &again.schema);
        self.examined.findings.extend(finding);
        if self.examined.findings.len() > findings {
            return Ok(Left::Spoilt);
        }
        if !before.rows.is_empty()
            && let Some((table, change)) = changed(after, &again)
        {
            // A clock, or a sequence: then no two runs do the same, and nothing
            // is known.
            self.revert(database, places.end, to).await?;
            self.deploy(database, places.end, Until::Settled).await?;
            let third = self.look(database).await?;
            if changed(&again, &third).is_none() {
                let finding = judge::other_rows_again(way, &table, &change);
                self.examined.findings.push(finding);
                return Ok(Left::Spoilt);
            }
        }
        Ok(Left::Sound)
    }

    fn has_failed(
        &mut self,
        deployed: &Deployed,
        finding: impl Fn(&crate::diagnostic::Diagnostic) -> Finding,
    ) -> bool {
        let found: Vec<Finding> = deployed
            .failed
            .iter()
            .map(|failed| finding(&failed.diagnostic))
            .collect();
        let has_failed = !found.is_empty();
        self.examined.findings.extend(found);
        has_failed
    }

    /// Gives rows to each table that has none, if rows are looked at.
    async fn fill_all(&self, database: &Database) -> Result<(), RehearseError> {
        if !self.stage.data {
            return Ok(());
        }
        let session = self.connect(database).await?;
        for (oid, _) in tables::all(&session).await? {
            let tables = tables::read(&session, oid).await?;
            if tables::is_first_empty(&session, &tables).await? {
                // A table that takes none has none to lose.
                tables::fill(&session, &tables, rows::WANTED).await?;
            }
        }
        session.close().await;
        Ok(())
    }

    async fn look(&mut self, database: &Database) -> Result<Look, RehearseError> {
        let schema = self.snapshot(database).await?;
        let mut rows = Vec::new();
        if self.stage.data {
            let session = self.connect(database).await?;
            for (_, name) in tables::all(&session).await? {
                let content = named_content(&session, &name, COMPARED_MAX).await?;
                rows.extend(content.map(|content| (name, content)));
            }
            session.close().await;
        }
        Ok(Look { schema, rows })
    }
}

/// The first table of both with other rows, and how.
fn changed(before: &Look, after: &Look) -> Option<(String, String)> {
    before.rows.iter().find_map(|(name, rows)| {
        let (_, other) = after.rows.iter().find(|(other, _)| other == name)?;
        Some((name.clone(), rows.change(other)?))
    })
}

/// Where it takes place.
struct Ground {
    server: Server,
    /// With so many migrations.
    database: Option<(Database, usize)>,
    /// Whether the history changes what databases share, so that each replay
    /// needs a server of its own.
    is_shared: bool,
}

impl Ground {
    /// A new database.
    async fn make(
        &mut self,
        place: &Place,
        wait: std::time::Duration,
    ) -> Result<Database, RehearseError> {
        if self.is_shared {
            self.server = Server::start(place, wait).await?;
        }
        self.server.database().await
    }

    /// Keeps what is of use for the next one.
    async fn keep(
        &mut self,
        database: Database,
        files: usize,
        left: &Left,
    ) -> Result<(), RehearseError> {
        match left {
            Left::Sound => self.database = Some((database, files)),
            Left::Spoilt => self.server.drop(database).await?,
        }
        Ok(())
    }

    async fn end(mut self) -> Result<(), RehearseError> {
        if let Some((database, _)) = self.database.take() {
            self.server.drop(database).await?;
        }
        Ok(())
    }
}
