//! What the pending migrations will mean beside live traffic: they are run on
//! a copy of the live schema, and the live database is looked at.
//!
//! The copy is made by replaying the applied migrations of the folder on a
//! server of segue's own, not by `pg_dump`, which need not be installed and
//! must not be older than the server. Whether the copy is true is seen by
//! comparing the two schemas. Nothing is written to the live database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::check::patiently;
use super::rehearse::grounds::Server;
use super::rehearse::{Place, RehearseError};
use super::survey::Survey;
use super::{ApplyError, Events, Interrupt, Run, Settings, Until, up};
use crate::diagnostic::Diagnostic;
use crate::forecast::{Part, PartKind, Table, TableName, Work};
use crate::graph::Graph;
use crate::history::State;
use crate::migration::{Migration, Name};
use crate::plan::{Plan, Step};
use crate::postgres::activity::Blocker;
use crate::postgres::target::Environment;
use crate::postgres::traffic::{self, Held};
use crate::postgres::{Failure, Session, Target, introspect};
use crate::schema::{Diff, Rules, Snapshot};
use crate::statement::LockMode;

mod copy;

use copy::Copy;

/// All that a forecast needs.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The live database.
    pub live: Target,
    /// Where the copy is made.
    pub place: Place,
    /// How long to wait for a server that is starting.
    pub connect_wait: Duration,
    /// Whose migrations.
    pub project: String,
    /// Which part of a schema counts.
    pub rules: &'a Rules,
    /// Bounds of the replay.
    pub settings: Settings,
}

/// How true the copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Its schema is the live one.
    Same,
    /// It differs; the objects that do, for people.
    Differs(Vec<String>),
    /// The live schema could not be read: somebody has locked a table of it.
    Unknown,
    /// The applied migrations could not be replayed; why. Nothing was run
    /// then.
    Impossible(String),
}

/// What was found out.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// Version of the live server, `15.18` for example.
    pub live_version: String,
    /// Version of the server of the copy.
    pub copy_version: String,
    /// How true the copy is.
    pub likeness: Likeness,
    /// What runs, in order.
    pub parts: Vec<Part>,
    /// Pending migrations that run elsewhere, and were not looked at.
    pub elsewhere: Vec<Name>,
    /// The live tables that are locked or worked on.
    pub tables: BTreeMap<TableName, Table>,
    /// Who has or wants a lock on one of them now.
    pub held: Vec<Held>,
    /// Who would hold up a concurrent build now, whatever its table.
    pub snapshots: Vec<Blocker>,
    /// Whether other roles' sessions were seen in full.
    pub sees_all: bool,
    /// Whether what is built and rewritten goes into the WAL as well.
    pub keeps_wal: bool,
}

/// Makes the copy, runs there what is pending, and looks at the live database.
///
/// # Errors
/// No server for the copy, or one of the two failed.
pub async fn forecast(stage: &Stage<'_>, survey: &Survey) -> Result<Forecast, RehearseError> {
    let live = Session::connect(&stage.live, stage.connect_wait).await?;
    traffic::only_look(&live).await?;
    let snapshot = match patiently(&live, LOCK_TIMEOUT, introspect::read).await {
        Ok(reading) => {
            let mut snapshot = reading.snapshot;
            stage.rules.apply(&mut snapshot);
            Some(snapshot)
        }
        // Who asks for a forecast wants to know of just that.
        Err(error) if error.failure() == Failure::LockTimeout => None,
        Err(error) => return Err(error.into()),
    };
    // Reading has brought the lock timeout back to that of the server.
    traffic::only_look(&live).await?;

    let mut server = Server::start(&stage.place, stage.connect_wait).await?;
    let database = server.database().await?;
    let run = Box::pin(run(stage, survey, &database.target, snapshot.as_ref())).await;
    server.drop(database).await?;
    let ran = run?;

    let names = tables_of(&ran.parts);
    let forecast = Forecast {
        live_version: version(live.server_version()),
        copy_version: ran.version,
        likeness: ran.likeness,
        elsewhere: ran.elsewhere,
        tables: traffic::tables(&live, &names).await?,
        held: traffic::held(&live, &names).await?,
        snapshots: traffic::snapshots(&live).await?,
        sees_all: traffic::sees_all(&live).await?,
        keeps_wal: traffic::keeps_wal(&live).await?,
        parts: ran.parts,
    };
    live.close().await;
    Ok(forecast)
}

/// Longest wait for a lock that reading the schema needs.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// `15.18` of 150018.
fn version(number: u32) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

/// The tables that a lock or work of any weight is on.
fn tables_of(parts: &[Part]) -> Vec<TableName> {
    let statements = parts.iter().flat_map(|part| &part.statements);
    let names: BTreeSet<&TableName> = statements
        .flat_map(|statement| {
            let locks = statement.locks.iter();
            let locked = locks
                .filter(|(_, mode)| **mode >= LockMode::ShareUpdateExclusive)
                .map(|(table, _)| table);
            locked.chain(statement.work.iter().map(Work::table))
        })
        .collect();
    names.into_iter().cloned().collect()
}

/// What came of running on the copy.
struct Ran {
    version: String,
    likeness: Likeness,
    parts: Vec<Part>,
    elsewhere: Vec<Name>,
}

async fn run(
    stage: &Stage<'_>,
    survey: &Survey,
    target: &Target,
    live: Option<&Snapshot>,
) -> Result<Ran, RehearseError> {
    let replayed = replay(stage, survey, target).await?;
    let session = Session::connect(target, stage.connect_wait).await?;
    let likeness = if let Some(why) = replayed {
        Likeness::Impossible(why)
    } else if let Some(live) = live {
        let mut copied = introspect::read(&session).await?.snapshot;
        stage.rules.apply(&mut copied);
        likeness(&Diff::between(live, &copied))
    } else {
        Likeness::Unknown
    };
    let mut copy = Copy::new(session, stage.connect_wait).await?;
    if matches!(likeness, Likeness::Impossible(_)) {
        copy.give_up();
    }
    let mut ran = Ran {
        version: version(copy.server_version()),
        likeness,
        parts: Vec::new(),
        elsewhere: Vec::new(),
    };
    for (kind, migrations) in parts(&survey.plan, &survey.graph) {
        let is_here = |one: &&(&Migration, bool)| one.0.connection.is_none();
        let here: Vec<_> = migrations.iter().filter(is_here).copied().collect();
        let away = migrations.iter().filter(|one| !is_here(one));
        ran.elsewhere.extend(away.map(|(one, _)| one.name.clone()));
        let part = match kind {
            PartKind::Transaction => copy.transaction(&here).await?,
            PartKind::Outside | PartKind::Tail => copy.outside(kind, &here, &survey.plan).await?,
        };
        ran.parts.push(part);
    }
    copy.close().await;
    Ok(ran)
}

fn likeness(difference: &Diff) -> Likeness {
    let objects: BTreeSet<String> = difference
        .changes()
        .iter()
        .map(|change| change.object.to_string())
        .collect();
    if objects.is_empty() {
        Likeness::Same
    } else {
        Likeness::Differs(objects.into_iter().collect())
    }
}

/// A part's migrations, each with whether it is folded.
type Migrations<'a> = Vec<(&'a Migration, bool)>;

/// What runs together, in the order of the plan.
fn parts<'a>(plan: &Plan, graph: &'a Graph) -> Vec<(PartKind, Migrations<'a>)> {
    let one = |name: &Name| graph.get(name).map(|migration| vec![(migration, false)]);
    let mut parts = Vec::new();
    for step in &plan.batch {
        match step {
            Step::Block(block) => {
                let names = block.migrations.iter();
                let all =
                    names.filter_map(|name| Some((graph.get(name)?, block.folded.contains(name))));
                parts.push((PartKind::Transaction, all.collect()));
            }
            Step::Standalone(name)
            | Step::Foreground {
                concurrent: name, ..
            } => parts.extend(one(name).map(|all| (PartKind::Outside, all))),
            // Whoever runs it has its locks already.
            Step::WaitFor { .. } => {}
        }
    }
    let tail = plan.tail.iter().filter_map(|step| one(&step.name));
    parts.extend(tail.map(|all| (PartKind::Tail, all)));
    parts
}

/// Applies what the live database has applied; why that could not be done.
async fn replay(
    stage: &Stage<'_>,
    survey: &Survey,
    target: &Target,
) -> Result<Option<String>, RehearseError> {
    let is_applied = |migration: &&Migration| {
        let record = survey.history.records.get(&migration.name);
        record.is_some_and(|record| record.state == State::Applied)
    };
    let mut migrations: Vec<Migration> = survey
        .graph
        .migrations()
        .filter(is_applied)
        .cloned()
        .collect();
    for migration in &mut migrations {
        // It may have been renamed, or its file changed: what runs is what is
        // there now, and a difference is seen afterwards.
        migration.outline = None;
    }
    if migrations.is_empty() {
        return Ok(None);
    }
    // Nobody looks at the events.
    let (events, _) = Events::channel();
    let (_signals, interrupt) = Interrupt::channel();
    let run = Run {
        target: target.clone(),
        connect_wait: stage.connect_wait,
        // No connection of a file leads anywhere else than to this database.
        environment: Environment::default(),
        project: stage.project.clone(),
        owner: None,
        verification: None,
        settings: Settings {
            until: Until::Settled,
            fold: true,
            ..stage.settings.clone()
        },
        events,
        interrupt,
    };
    match Box::pin(up::up(&run, migrations)).await {
        Ok(super::Outcome::Unsettled(report)) => {
            let failed = report.failed.into_iter().next();
            Ok(failed.map(|(_, why)| why.message))
        }
        Ok(_) => Ok(None),
        Err(error) => reason(error),
    }
}

/// What in the files is the reason of an error.
fn reason(error: ApplyError) -> Result<Option<String>, RehearseError> {
    let first = |all: &[Diagnostic]| all.first().map(|one| one.message.clone());
    match error {
        ApplyError::Partly { error, .. } => reason(*error),
        ApplyError::Migration { diagnostic, .. } => Ok(Some(diagnostic.message)),
        ApplyError::Invalid(diagnostics) => Ok(first(&diagnostics)),
        other => Err(other.into()),
    }
}
