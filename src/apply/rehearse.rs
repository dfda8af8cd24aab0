//! Does a rehearsal: replays a folder's history on databases of segue's own,
//! and has what it sees judged by [`crate::rehearsal`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::script::ScriptError;
use super::{ApplyError, Interrupt, Settings, Until};
use crate::diagnostic::Diagnostic;
use crate::migration::{Migration, Name};
use crate::postgres::throwaway;
use crate::postgres::{self, Session, introspect, role};
use crate::rehearsal::upgrade::{Broken, Check, Sample, Upgrades};
use crate::rehearsal::{Finding, Rehearsal, Step, judge};
use crate::schema::{Diff, Rules, Snapshot};

mod backfill;
mod checks;
pub(in crate::apply) mod grounds;
mod line;
mod replay;
mod reverts;
pub mod torture;
mod upgrade;

pub use grounds::Place;
use grounds::{Database, Server};
use line::Line;
use replay::Failed;

/// Why a rehearsal could not be done to its end.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// No throwaway server.
    #[error(transparent)]
    Throwaway(#[from] throwaway::Error),
    /// The SQL file that comes first.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A replay ended for a reason that is not in the migrations.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The server or the connection failed.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// `segue up` could not be run as a process.
    #[error("cannot run `segue up` as a process of its own: {0}")]
    Process(std::io::Error),
    /// A throwaway server could not be disturbed.
    #[error(transparent)]
    Crash(throwaway::crash::CrashError),
}

/// What the fresh database is compared with.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The repository has no expected schema at all: nothing is compared.
    Nothing,
    /// It has one, but not for this major version.
    Missing {
        /// Those that it has.
        majors: Vec<u32>,
        /// The folder, for people.
        folder: String,
    },
    /// This one.
    Schema {
        /// What is expected.
        snapshot: Snapshot,
        /// Where it is, for people: `expected-schema/pg17`.
        folder: String,
    },
}

/// All that a rehearsal needs.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Where.
    pub place: Place,
    /// How long to wait for a server that is starting.
    pub connect_wait: Duration,
    /// Whose migrations.
    pub project: String,
    /// Which part of a schema counts.
    pub rules: &'a Rules,
    /// Bounds of each run.
    pub settings: Settings,
    /// Signals of the user.
    pub interrupt: Interrupt,
    /// Whether rows are compared too where migrations are taken back.
    pub data: bool,
    /// Snapshots of data.
    pub samples: &'a [Sample],
    /// The checks beside the migrations.
    pub checks: &'a [Check],
    /// Versions that are upgraded straight to the newest one, and how many
    /// migrations each has.
    pub versions: &'a [(String, usize)],
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Passed,
    /// There are findings.
    Failed,
    /// It could not be looked at, or there is nothing to look at; why.
    Skipped(String),
}

/// What was seen of a step.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which.
    pub step: Step,
    /// How it ended.
    pub verdict: Verdict,
    /// How many replays or files it was about.
    pub count: usize,
    /// How long it took.
    pub duration: Duration,
}

/// What a rehearsal on one major version came to.
#[derive(Debug, Default)]
pub struct Examined {
    /// Of the server.
    pub major: u32,
    /// In order.
    pub seen: Vec<Seen>,
    /// What is not as it should be, in the order of the steps.
    pub findings: Vec<Finding>,
    /// Roles that were missing and have been made.
    pub roles: BTreeSet<String>,
    /// Rules of `[schema]` that matched nothing.
    pub idle_rules: Vec<String>,
    /// The schema of the fresh database, as far as it counts.
    pub schema: Option<Snapshot>,
    /// What each concurrent migration really does.
    pub diffs: BTreeMap<Name, Diff>,
}

/// Rehearses `migrations`, all of a folder by name, valid and outlined.
///
/// `expected` gives what is expected on the major version at hand; `tell` is
/// told what is replayed.
///
/// # Errors
/// See [`RehearseError`].
pub async fn rehearse<E: From<RehearseError>>(
    stage: &Stage<'_>,
    migrations: &[Migration],
    expected: impl FnOnce(u32) -> Result<Expected, E>,
    tell: &mut impl FnMut(u32, &str),
) -> Result<Examined, E> {
    let mut server = Server::start(&stage.place, stage.connect_wait).await?;
    let mut actor = Actor {
        stage,
        migrations,
        examined: Examined::default(),
        idle_rules: Vec::new(),
        broken: Vec::new(),
        checking: Duration::ZERO,
    };
    let before = server.shared().await?;
    let database = server.database().await?;
    let session = actor.connect(&database).await?;
    actor.examined.major = session.server_version() / 10_000;
    session.close().await;
    let expected = expected(actor.examined.major)?;
    tell(actor.examined.major, "all migrations on a fresh database");
    let fresh = actor.fresh(&database, &expected).await?;
    server.drop(database).await?;
    let is_shared = actor.changed(&before, &server.shared().await?);
    let rehearsal = Rehearsal::new(migrations);
    let is_stored = !matches!(expected, Expected::Nothing);
    if rehearsal.splits.is_empty() {
        for step in [Step::Diffs, Step::Splits] {
            actor.skip(step, "there are no concurrent migrations");
        }
    } else if is_shared && !server.is_throwaway() {
        for step in [Step::Diffs, Step::Splits] {
            actor.skip(
                step,
                "the migrations make or change roles, which all databases of that server share, so they cannot be replayed there again: leave out `--on`",
            );
        }
    } else {
        if let Some(fresh) = fresh.as_ref().filter(|_| stage.settings.fold) {
            if is_shared {
                server = Server::start(&stage.place, stage.connect_wait).await?;
            }
            tell(
                actor.examined.major,
                "all migrations on a fresh database, none folded",
            );
            actor.unfolded(&mut server, fresh).await?;
        }
        if is_shared {
            server = Server::start(&stage.place, stage.connect_wait).await?;
        }
        tell(actor.examined.major, "deployment by deployment");
        let mut line = Line {
            server,
            is_shared,
            is_stored,
            rehearsal: &rehearsal,
            copies: BTreeMap::new(),
            trials: BTreeMap::new(),
        };
        actor.line(&mut line, fresh.as_ref()).await?;
    }
    actor
        .take_back((&stage.place, is_shared), fresh.is_some(), tell)
        .await?;
    let upgrades = Upgrades::new(migrations, stage.versions, stage.samples, stage.checks);
    if !upgrades.stops.is_empty() {
        let major = actor.examined.major;
        tell(major, "each version straight to the newest one");
        Box::pin(actor.upgrades(&upgrades, fresh.as_ref(), is_shared)).await?;
    }
    actor.examined.seen.sort_by_key(|seen| seen.step);
    actor.examined.findings.sort_by_key(|finding| finding.step);
    Ok(actor.examined)
}

/// A rehearsal under way.
struct Actor<'a> {
    stage: &'a Stage<'a>,
    migrations: &'a [Migration],
    examined: Examined,
    /// Rules that matched nothing in the last snapshot.
    idle_rules: Vec<String>,
    /// What is wrong in upgrades and by checks, not told yet.
    broken: Vec<Broken>,
    /// How long checks have taken.
    checking: Duration,
}

impl Actor<'_> {
    async fn connect(&self, database: &Database) -> Result<Session, RehearseError> {
        Ok(Session::connect(&database.target, self.stage.connect_wait).await?)
    }

    /// The part of the schema that counts.
    async fn snapshot(&mut self, database: &Database) -> Result<Snapshot, RehearseError> {
        let session = self.connect(database).await?;
        let mut snapshot = introspect::read(&session).await?.snapshot;
        session.close().await;
        self.idle_rules = self.stage.rules.apply(&mut snapshot);
        Ok(snapshot)
    }

    /// Whether more than roles that we made has come to what databases share.
    fn changed(&self, before: &[String], after: &[String]) -> bool {
        let is_ours = |fact: &String| {
            let role = fact.strip_prefix("role ").unwrap_or_default();
            let mut made = self.examined.roles.iter();
            made.any(|name| {
                let quoted = postgres::ident(name);
                role.starts_with(&format!("{name} ")) || role.starts_with(&format!("{quoted} "))
            })
        };
        let mut after = after.iter().filter(|fact| !is_ours(fact));
        let mut before = before.iter();
        loop {
            match (before.next(), after.next()) {
                (None, None) => return false,
                (one, other) if one != other => return true,
                _ => {}
            }
        }
    }

    fn seen(&mut self, step: Step, count: usize, began: Instant, before: usize) {
        let verdict = if self.examined.findings.len() > before {
            Verdict::Failed
        } else {
            Verdict::Passed
        };
        self.examined.seen.push(Seen {
            step,
            verdict,
            count,
            duration: began.elapsed(),
        });
    }

    fn skip(&mut self, step: Step, why: &str) {
        self.examined.seen.push(Seen {
            step,
            verdict: Verdict::Skipped(why.to_owned()),
            count: 0,
            duration: Duration::ZERO,
        });
    }

    /// All at once, twice; the schema that it makes.
    async fn fresh(
        &mut self,
        database: &Database,
        expected: &Expected,
    ) -> Result<Option<Snapshot>, RehearseError> {
        let (began, before) = (Instant::now(), self.examined.findings.len());
        let (files, fold) = (self.migrations.len(), self.stage.settings.fold);
        let deployed = self.deploy_folding(database, files, Until::Settled, fold);
        let deployed = deployed.await?;
        for failed in deployed.failed {
            let finding = Finding::new(Step::Fresh, failed.diagnostic);
            self.examined.findings.push(finding);
        }
        self.seen(Step::Fresh, self.migrations.len(), began, before);
        if self.examined.findings.len() > before {
            for step in [Step::Again, Step::Expected] {
                self.skip(step, "the fresh database could not be made");
            }
            return Ok(None);
        }

        let (began, before) = (Instant::now(), self.examined.findings.len());
        let first = self.snapshot(database).await?;
        self.examined.idle_rules.clone_from(&self.idle_rules);
        self.examined.schema = Some(first.clone());
        let deployed = self.deploy(database, self.migrations.len(), Until::Settled);
        let deployed = deployed.await?;
        let failed = deployed.failed.into_iter();
        let failed = failed.map(|failed| Finding::new(Step::Again, failed.diagnostic));
        self.examined.findings.extend(failed);
        let ran: Vec<Name> = deployed.ran.into_iter().collect();
        self.examined.findings.extend(judge::again_has(&ran));
        let second = self.snapshot(database).await?;
        self.examined.findings.extend(judge::again(&first, &second));
        self.seen(Step::Again, 1, began, before);

        let (began, before) = (Instant::now(), self.examined.findings.len());
        match expected {
            Expected::Nothing => {
                self.skip(
                    Step::Expected,
                    "there is none; `segue check --write` writes it",
                );
                return Ok(Some(first));
            }
            Expected::Missing { majors, folder } => {
                let major = self.examined.major;
                let finding = judge::no_expected(major, majors, folder);
                self.examined.findings.push(finding);
            }
            Expected::Schema { snapshot, folder } => {
                let mut wanted = snapshot.clone();
                let idle = self.stage.rules.apply(&mut wanted);
                // The expected schema was written by rules too.
                self.examined.idle_rules.retain(|rule| idle.contains(rule));
                let finding = judge::expected(&wanted, &first, folder);
                self.examined.findings.extend(finding);
            }
        }
        self.seen(Step::Expected, first.objects.len(), began, before);
        Ok(Some(first))
    }

    /// All at once and no migration folded, as where a database is in use;
    /// `folded` is the schema of the fresh database.
    async fn unfolded(
        &mut self,
        server: &mut Server,
        folded: &Snapshot,
    ) -> Result<(), RehearseError> {
        let before = self.examined.findings.len();
        let database = server.database().await?;
        let deployed = self.deploy(&database, self.migrations.len(), Until::Settled);
        let deployed = deployed.await?;
        if deployed.failed.is_empty() {
            let unfolded = self.snapshot(&database).await?;
            let finding = judge::folded(folded, &unfolded);
            self.examined.findings.extend(finding);
        }
        let failed = deployed.failed.into_iter().map(|failed| Failed {
            diagnostic: failed.diagnostic.note(
                "folded into the transaction it works; by themselves, as where tables are in use, concurrent migrations run after the batch",
            ),
            ..failed
        });
        self.told_once(Step::Fresh, failed.collect());
        server.drop(database).await?;
        if self.examined.findings.len() > before {
            let mut seen = self.examined.seen.iter_mut();
            if let Some(seen) = seen.find(|seen| seen.step == Step::Fresh) {
                seen.verdict = Verdict::Failed;
            }
        }
        Ok(())
    }

    /// What failed in a later replay, unless it was told already.
    fn told_once(&mut self, step: Step, failed: Vec<Failed>) {
        for Failed { diagnostic, .. } in failed {
            let mut told = self.examined.findings.iter();
            if !told.any(|finding| is_same(&finding.diagnostic, &diagnostic)) {
                let finding = Finding::new(step, diagnostic);
                self.examined.findings.push(finding);
            }
        }
    }
}

/// Whether both are about one error at one place.
fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let place = |diagnostic: &Diagnostic| {
        let source = diagnostic.source.as_ref()?;
        let position = diagnostic.position()?;
        Some((source.name().to_owned(), position.line, position.column))
    };
    one.sqlstate == other.sqlstate
        && place(one) == place(other)
        && (one.message.ends_with(&other.message) || other.message.ends_with(&one.message))
}
