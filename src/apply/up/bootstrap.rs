//! Migrations that make the very database: run while it is not there yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::away::Connections;
use super::elsewhere::{Book, Elsewhere, Ran, Work};
use super::{fence, server};
use crate::apply::survey::{Survey, absent};
use crate::apply::{ApplyError, Event, PAUSE_MIN, Run};
use crate::history::{History, Record, State};
use crate::migration::{Checksum, Connection, Migration, Name};
use crate::plan::{Options, Step};
use crate::postgres::connect::ConnectError;
use crate::postgres::ledger::{Kept, Ledger};
use crate::postgres::{Error, Session, lock, surroundings};
use crate::text::list;

/// The database at hand, made by the folder's first migrations.
pub(super) struct Made {
    /// A session in it.
    pub(super) control: Session,
    /// What was recorded nowhere: rows for its ledger.
    pub(super) owed: Vec<Kept>,
    /// What this run has done for it.
    pub(super) names: Vec<Name>,
}

/// Whether the error says that there is no such database, or nobody who could
/// connect to it.
#[must_use]
pub fn is_absence(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::NoDatabase { .. }
            | ConnectError::NotPermitted { .. }
            | ConnectError::WrongPassword { .. }
    )
}

/// Whether the folder begins with a migration that can run while the database
/// is not there.
#[must_use]
pub fn makes_database(migrations: &[Migration]) -> bool {
    let first = migrations
        .iter()
        .min_by(|one, other| one.name.cmp(&other.name));
    first.is_some_and(|first| first.connection.is_some())
}

/// Connects to the database at hand; where it is not there, and the folder's
/// first migrations have connections of their own, those are run first.
///
/// # Errors
/// As [`server::reach`], if nothing can be done about it.
pub(super) async fn reach(run: &Run, migrations: &mut [Migration]) -> Result<Made, ApplyError> {
    let reached = tokio::select! {
        reached = server::reach(run) => reached,
        signal = run.interrupt.first() => Err(ApplyError::Interrupted {
            signal,
            committed: Vec::new(),
        }),
    };
    let absence = match reached {
        Ok(control) => {
            return Ok(Made {
                control,
                owed: Vec::new(),
                names: Vec::new(),
            });
        }
        Err(error) => error,
    };
    if !makes_database(migrations) || !says_absent(&absence) {
        return Err(absence);
    }
    let bootstrap = Bootstrap {
        run,
        migrations,
        history: History::default(),
        options: Options {
            strict: run.settings.strict,
            absent: Some(run.target.database().to_owned()),
            ..Options::default()
        },
        fire_before: Vec::new(),
        elsewhere: Connections::new(),
        owed: Vec::new(),
        names: Vec::new(),
        found: Vec::new(),
        losses: 0,
        was_told: false,
    };
    Box::pin(bootstrap.run(absence)).await
}

fn says_absent(error: &ApplyError) -> bool {
    matches!(error, ApplyError::Postgres(Error::Connect(error)) if is_absence(error))
}

/// Takes over the ledger that was made in the very database at hand before our
/// role could log in to it: it belongs to the role that made it. A run that
/// died before it could do this leaves it to the next one.
pub(super) async fn claim_ledger(
    run: &Run,
    control: &Session,
    migrations: &[Migration],
) -> Result<(), ApplyError> {
    let connections: BTreeMap<&Arc<str>, &Connection> = migrations
        .iter()
        .filter_map(|one| one.connection.as_ref())
        .map(|connection| (&connection.string, connection))
        .collect();
    if connections.is_empty() || !Ledger::is_closed_to(control).await? {
        return Ok(());
    }
    let owner = run.owner.as_deref().unwrap_or(run.target.user());
    let database = surroundings::current_database(control).await?;
    for connection in connections.into_values() {
        // Who cannot help is passed over: that the ledger is closed to us is
        // told in any case.
        let Ok(there) = Elsewhere::open(run, connection, None).await else {
            continue;
        };
        let Book::There(ledger) = &there.book else {
            continue;
        };
        let session = &there.session;
        if surroundings::current_database(session).await? != database {
            continue;
        }
        fence::poll(
            run,
            session,
            session,
            there.key,
            "the ledger's lock",
            fence::Signs::None,
        )
        .await?;
        // Another server may have a database of this name.
        let is_here = lock::held(control).await?.get(&there.key) == Some(&session.backend().pid);
        if is_here && let Err(error) = ledger.give_to(session, owner).await {
            tracing::debug!(%error, "the ledger could not be taken over");
        }
        there.unlock().await?;
        if !Ledger::is_closed_to(control).await? {
            break;
        }
    }
    Ok(())
}

struct Bootstrap<'a> {
    run: &'a Run,
    migrations: &'a mut [Migration],
    /// What has been done so far.
    history: History,
    options: Options,
    fire_before: Vec<Name>,
    elsewhere: Connections,
    owed: Vec<Kept>,
    names: Vec<Name>,
    /// What another run has done there already.
    found: Vec<(Connection, Kept)>,
    losses: usize,
    /// Whether the plan has been told.
    was_told: bool,
}

impl Bootstrap<'_> {
    async fn run(mut self, mut absence: ApplyError) -> Result<Made, ApplyError> {
        loop {
            let survey = absent(
                self.history.clone(),
                &self.run.project,
                self.migrations,
                &self.options,
            )?;
            let step = survey.plan.batch.first();
            let Some((step, connection)) = step.and_then(|step| on_its_own(&survey, step)) else {
                return Err(match self.found.first() {
                    Some((connection, _)) => dropped(self.run, &self.found, connection),
                    None => absence.standing(&self.names),
                });
            };
            let names = match step {
                Step::Block(block) => block.migrations.clone(),
                Step::Standalone(name) => vec![name.clone()],
                Step::Foreground { .. } | Step::WaitFor { .. } => return Err(absence),
            };
            let stepped = self.step(&survey, step, &names, &connection, absence).await;
            stepped.map_err(|error| error.standing(&self.names))?;
            match server::reach(self.run).await {
                Ok(control) => {
                    return Ok(Made {
                        control,
                        owed: self.owed,
                        names: self.names,
                    });
                }
                Err(error) if says_absent(&error) => absence = error,
                Err(error) => return Err(error.standing(&self.names)),
            }
        }
    }

    /// Runs one step on its connection.
    async fn step(
        &mut self,
        survey: &Survey,
        step: &Step,
        names: &[Name],
        connection: &Connection,
        absence: ApplyError,
    ) -> Result<(), ApplyError> {
        let run = self.run;
        let mut there = match self.elsewhere.remove(&connection.string) {
            Some(open) if !open.session.is_lost() => open,
            _ => Elsewhere::open(run, connection, None).await?,
        };
        let is_refused = !matches!(
            absence,
            ApplyError::Postgres(Error::Connect(ConnectError::NoDatabase { .. }))
        );
        // A wrong password is no reason to make anything.
        if is_refused && surroundings::may_log_in(&there.session, run.target.user()).await? {
            return Err(absence);
        }
        if !std::mem::replace(&mut self.was_told, true) {
            let plan = Box::new(survey.plan.clone());
            run.events.tell(Event::Planned(plan));
        }
        there.lock(run).await?;
        // While the lock was waited for, another run may have made it, and may
        // be so far that nothing of it is kept here any more.
        if server::reach(run).await.is_ok() {
            return Ok(());
        }
        there
            .follow_renamed(run, self.migrations, &self.history)
            .await?;
        let mut kept = there.kept().await?;
        kept.retain(|one| names.contains(&one.name));
        if !kept.is_empty() {
            let found = kept.iter().map(|one| (connection.clone(), one.clone()));
            self.found.extend(found);
            self.done(&kept);
            there.unlock().await?;
            return Ok(());
        }
        let mut work = Work {
            run,
            survey,
            deployment: None,
            fire_before: &mut self.fire_before,
        };
        let ran = match step {
            Step::Block(block) => there.block(&mut work, block).await?,
            Step::Standalone(name) => match survey.graph.get(name) {
                Some(migration) => there.standalone(&mut work, migration).await?,
                None => return Err(absence),
            },
            Step::Foreground { .. } | Step::WaitFor { .. } => return Err(absence),
        };
        match ran {
            Ran::Done(kept) => {
                if matches!(there.book, Book::Nowhere) {
                    self.owed.extend(kept.iter().cloned());
                }
                self.names.extend(names.iter().cloned());
                self.done(&kept);
                there.unlock().await?;
                self.elsewhere.insert(Arc::clone(&connection.string), there);
                Ok(())
            }
            Ran::Cut(cut) => {
                self.options.cuts.insert(cut);
                Ok(())
            }
            Ran::Lost(reason) => self.lost(reason).await,
        }
    }

    /// From now on these count as applied.
    fn done(&mut self, kept: &[Kept]) {
        for one in kept {
            let checksum = one.checksum.parse().unwrap_or(Checksum([0; 32]));
            let migration = self.migrations.iter().find(|known| known.name == one.name);
            let Some(migration) = migration else { continue };
            self.history.records.insert(
                one.name.clone(),
                Record {
                    checksum,
                    state: State::Applied,
                    kind: migration.kind,
                    deployment: None,
                    at: one.ended_at.clone(),
                    schema_diff: None,
                    schema_version: None,
                },
            );
        }
    }

    /// The connection was lost; the next try looks what stands.
    async fn lost(&mut self, reason: String) -> Result<(), ApplyError> {
        self.losses += 1;
        if self.losses > super::LOSSES_MAX {
            return Err(Error::Lost(reason).into());
        }
        self.run.events.tell(Event::ConnectionLost { reason });
        tokio::select! {
            () = tokio::time::sleep(PAUSE_MIN) => Ok(()),
            signal = self.run.interrupt.first() => {
                Err(ApplyError::Interrupted { signal, committed: Vec::new() })
            }
        }
    }
}

/// A step that is on a connection of its own.
fn on_its_own<'a>(survey: &Survey, step: &'a Step) -> Option<(&'a Step, Connection)> {
    let name = match step {
        Step::Block(block) => block.migrations.first()?,
        Step::Standalone(name) => name,
        Step::Foreground { .. } | Step::WaitFor { .. } => return None,
    };
    let connection = survey.graph.get(name)?.connection.clone()?;
    Some((step, connection))
}

/// What made the database has run, and the database is not there.
fn dropped(run: &Run, found: &[(Connection, Kept)], connection: &Connection) -> ApplyError {
    let database = run.target.database();
    let names: Vec<String> = found
        .iter()
        .map(|(_, one)| format!("`{}`", one.name))
        .collect();
    let place = connection.place.clone().unwrap_or_default();
    let project = Ledger::project_elsewhere(&run.project, database);
    ApplyError::Refused {
        reason: format!(
            "database `{database}` does not exist, though {} ran for it: it was dropped before segue could use it",
            list(&names)
        ),
        help: format!(
            "to make it again, run this in {place}: DELETE FROM segue.migration WHERE project = '{project}'"
        ),
    }
}
