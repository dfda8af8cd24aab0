//! Where states are visited: a server that is started only if there is
//! something to run.

use clap::Args;

use super::runner::Stop;
use crate::apply::visit::{Place, Prints, Stage, VisitError, Visited, Visits};
use crate::apply::{ApplyError, Interrupt, Until};
use crate::cli::bounds::Bounds;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::report::Report;
use crate::postgres::throwaway::Throwaway;
use crate::postgres::{Session, database};
use crate::visit::{States, Visit};

/// Where.
#[derive(Args, Clone, Debug, Default)]
pub struct GroundArgs {
    /// Make databases on this server and drop them afterwards, in place of a server of its own
    ///
    /// For servers with extensions or settings that are not installed here. The role needs
    /// CREATEDB; the database in the URL is only connected to. States are made anew for each run.
    #[arg(long, value_name = "URL")]
    pub on: Option<String>,

    /// Keep neither results nor states, and use none that were kept
    #[arg(long)]
    pub no_cache: bool,
}

/// A server that need not run yet.
#[derive(Debug)]
pub(super) struct Ground {
    stage: Stage,
    prints: Prints,
    major: u32,
    /// What fingerprints do not say of it.
    also: String,
}

/// One that runs.
#[derive(Debug)]
pub(super) struct Server(Visits);

/// Why there is no database in a state.
#[derive(Debug)]
pub(super) enum Unreached {
    /// A line, for people.
    Because(String),
    /// There is no such state, as it turns out: its index is none that is
    /// built.
    Absent,
}

impl Ground {
    /// Finds the server; one of the user's is connected to.
    ///
    /// # Errors
    /// There is none; see [`Error`].
    pub(super) async fn find(
        args: &GroundArgs,
        context: &Context,
        states: &States,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let (place, major, also) = if let Some(url) = &args.on {
            let target = context.resolve(url)?;
            let session = Session::connect(&target, context.connect_wait()).await?;
            let version = session.server_version();
            let seen = match database::surroundings(&session).await {
                Ok(seen) => seen,
                // Nobody's but this run's.
                Err(_) => std::iter::repeat_with(fastrand::alphanumeric)
                    .take(16)
                    .collect(),
            };
            session.close().await;
            let also = format!("{version} {} {seen}", target.hosts());
            (Place::On(Box::new(target)), version / 10_000, also)
        } else {
            let options = Box::new(context.throwaway());
            let major = Throwaway::choose(&options)?.major;
            let place = Place::Throwaway {
                options,
                before: context.before(),
                caches: if args.no_cache {
                    Vec::new()
                } else {
                    context.caches()
                },
            };
            (place, major, String::new())
        };
        let stage = Stage {
            place,
            connect_wait: context.connect_wait(),
            settings: Bounds::default().settings(context, Until::Settled, false),
            interrupt: interrupt.clone(),
        };
        Ok(Self {
            prints: Prints::read(&stage, states)?,
            stage,
            major,
            also,
        })
    }

    /// Major version of PostgreSQL.
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    /// Identity of a state there.
    pub(super) fn print(&self, states: &States, visit: &Visit) -> String {
        format!("{} {}", self.prints.fingerprint(states, visit), self.also)
    }

    /// Starts it. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn start(
        &self,
        states: &States,
        report: &mut Report,
    ) -> Result<Server, Error> {
        let visits = Box::pin(Visits::start(self.stage.clone(), states.clone())).await?;
        report.notes(&visits.notes().await);
        Ok(Server(visits))
    }
}

impl Server {
    /// Makes what databases in this state are copies of.
    ///
    /// # Errors
    /// See [`Stop`]; inside, why it cannot be reached.
    pub(super) async fn make_ready(&self, visit: &Visit) -> Result<Result<(), Unreached>, Stop> {
        sorted(Box::pin(self.0.make_ready(visit)).await)
    }

    /// A database in a state, for one who goes on to `last`.
    ///
    /// # Errors
    /// As [`Server::make_ready`].
    pub(super) async fn open(
        &self,
        visit: &Visit,
        last: &Visit,
    ) -> Result<Result<Visited, Unreached>, Stop> {
        Box::pin(self.0.calm()).await.map_err(stopped)?;
        sorted(Box::pin(self.0.open_before(visit, last)).await)
    }

    /// Brings a database on to a later state.
    ///
    /// # Errors
    /// As [`Server::make_ready`].
    pub(super) async fn go(
        &self,
        visited: &mut Visited,
        visit: &Visit,
    ) -> Result<Result<(), Unreached>, Stop> {
        sorted(Box::pin(self.0.go(visited, visit)).await)
    }

    /// Takes a database back.
    ///
    /// # Errors
    /// If it could not be dropped.
    pub(super) async fn close(&self, visited: Visited) -> Result<(), Stop> {
        Box::pin(self.0.close(visited)).await.map_err(stopped)
    }

    /// Ends it; what is left is told.
    pub(super) async fn end(self, report: &mut Report) {
        report.notes(&self.0.notes().await);
        if let Err(error) = Box::pin(self.0.end()).await {
            report.note(&format!("something was left: {error}"));
        }
    }
}

/// What concerns a state, apart from what ends the command.
fn sorted<T>(result: Result<T, VisitError>) -> Result<Result<T, Unreached>, Stop> {
    let error = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(error) => error,
    };
    let because = |text: String| Ok(Err(Unreached::Because(text)));
    match error {
        // The same for all states behind it.
        VisitError::Failed { diagnostics, .. } => {
            let first = diagnostics
                .first()
                .map(crate::diagnostic::Diagnostic::summary);
            because(format!(
                "a migration fails: {}",
                first.unwrap_or_else(|| "it is not said why".to_owned())
            ))
        }
        VisitError::NothingBuilt { .. } => Ok(Err(Unreached::Absent)),
        VisitError::NoRows { why, file, .. } => because(format!(
            "there are no rows for its backfill: {why}; `{file}` may put some there"
        )),
        VisitError::Apply(error @ (ApplyError::TimedOut { .. } | ApplyError::Blocked { .. })) => {
            because(error.to_string())
        }
        error => Err(stopped(error)),
    }
}

fn stopped(error: VisitError) -> Stop {
    match error {
        VisitError::Apply(ApplyError::Interrupted { signal, .. }) => Stop::Interrupted(signal),
        error => Stop::Failed(error.into()),
    }
}
