//! Goes to the states of a folder's migrations: makes databases that are in
//! one, on a server of segue's own whose data is kept from run to run, or on
//! one of the user's.
//!
//! What [`crate::visit`] calls a [`Visit`] is made once and put away as a
//! template; each visitor gets a copy. A template is made from the nearest
//! earlier one. An index that is being built cannot be put away: it is begun
//! anew for each visitor.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Mutex;

use super::script::ScriptError;
use super::{ApplyError, Interrupt, Settings};
use crate::diagnostic::Diagnostic;
use crate::files;
use crate::migration::Name;
use crate::postgres::{self, Target, throwaway};
use crate::visit::{Fingerprint, State, States, Then, Visit};

mod backfilling;
mod building;
mod ground;
mod kept;
mod make;
mod prints;
mod visitors;
mod walk;

pub use prints::Prints;

use building::Building;
use ground::{Access, Database, Ground};
use visitors::{Visitor, Visitors};

/// Why a state could not be visited.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// No throwaway server.
    #[error(transparent)]
    Throwaway(#[from] throwaway::Error),
    /// The SQL file that comes first.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A migration failed on the way, or the file with rows for it.
    #[error("`{state}` cannot be reached")]
    Failed {
        /// Where to.
        state: State,
        /// What fails, and why.
        diagnostics: Vec<Diagnostic>,
    },
    /// The migration was done without a moment at which an index was there and
    /// not valid.
    #[error("`{state}` cannot be reached: `{name}` was done without building an index")]
    NothingBuilt {
        /// Where to.
        state: State,
        /// Which migration.
        name: Name,
    },
    /// There are no rows of which a part could be done.
    #[error("`{state}` cannot be reached: {why}")]
    NoRows {
        /// Where to.
        state: State,
        /// Why not.
        why: String,
        /// The file that would have rows.
        file: String,
    },
    /// A server of ours has ended by itself, or was killed.
    #[error("the server has ended; its log ends:\n{log}")]
    Ended {
        /// For people.
        log: String,
    },
    /// The file with rows cannot be read.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A run ended for a reason that is not in the migrations.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The server or the connection failed.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
}

/// Where states are visited.
#[derive(Clone, Debug)]
pub enum Place {
    /// On a server that is started for it.
    Throwaway {
        /// Which server.
        options: Box<throwaway::Options>,
        /// SQL file that is run before anything else.
        before: Option<PathBuf>,
        /// Folders in which its data may be kept, the first that can be used;
        /// none: nothing is kept.
        caches: Vec<PathBuf>,
    },
    /// On a server of the user's; the database is only connected to. Nothing is
    /// kept there.
    On(Box<Target>),
}

/// All that is needed to go to states.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Where.
    pub place: Place,
    /// How long to wait for a server that is starting.
    pub connect_wait: Duration,
    /// Bounds of each run.
    pub settings: Settings,
    /// Signals of the user.
    pub interrupt: Interrupt,
}

/// Makes databases that are in a state, as many as are asked for, side by side.
#[derive(Debug)]
pub struct Visits {
    stage: Stage,
    states: States,
    prints: Prints,
    ground: Mutex<Ground>,
    visitors: Visitors,
}

/// A database in a state, as long as this is not [closed](Visited::close).
#[derive(Debug)]
#[must_use = "its database stays until it is closed"]
pub struct Visited {
    visit: Visit,
    database: Database,
    building: Option<Building>,
    /// Its own server, where migrations change what databases share.
    apart: Option<Box<Ground>>,
    /// That it is on the server of all, otherwise.
    _visitor: Visitor,
}

impl Visited {
    /// Which state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.visit.state
    }

    /// Where it is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.database.target
    }
}

impl Visits {
    /// Starts the server, if it is one of ours. Blocks for that.
    ///
    /// # Errors
    /// See [`VisitError`].
    pub async fn start(stage: Stage, states: States) -> Result<Self, VisitError> {
        let prints = Prints::read(&stage, &states)?;
        let ground = Ground::start(&stage, prints.seed, None).await?;
        Ok(Self {
            ground: Mutex::new(ground),
            stage,
            states,
            prints,
            visitors: Visitors::default(),
        })
    }

    /// The states that there are.
    #[must_use]
    pub fn states(&self) -> &States {
        &self.states
    }

    /// Of a state on this server: databases with equal ones are equal. On a
    /// server of the user's that is as true as nobody changes its settings.
    #[must_use]
    pub fn fingerprint(&self, visit: &Visit) -> Fingerprint {
        self.prints.fingerprint(&self.states, visit)
    }

    /// A database in this state, of its own for whoever asks.
    ///
    /// # Errors
    /// See [`VisitError`]; nothing is left then.
    pub async fn open(&self, visit: &Visit) -> Result<Visited, VisitError> {
        // From here on the server stays that of the model.
        let visitor = self.visitors.enter();
        if let Some(model) = self.model(visit).await? {
            let access = self.ground.lock().await.access.clone();
            return self.copy(&access, visit, &model, None, visitor).await;
        }
        // What the migrations make beside their database must be made once
        // only, so such a state has a server of its own.
        let own = self.states.fingerprint(visit);
        let mut ground = Ground::start(&self.stage, self.prints.seed, Some(own)).await?;
        let model = self.watched(&mut ground, visit).await?;
        let model = model.expect("on a server of its own all may change");
        let access = ground.access.clone();
        let ground = Some(Box::new(ground));
        self.copy(&access, visit, &model, ground, visitor).await
    }

    /// The template of a state, or of what comes before it where it cannot be
    /// put away; `None` if the state needs a server of its own.
    async fn model(&self, visit: &Visit) -> Result<Option<String>, VisitError> {
        let mut ground = self.ground.lock().await;
        if self.is_apart(&ground, visit) {
            return Ok(None);
        }
        self.watched(&mut ground, visit).await
    }

    /// Makes the template unless the server ends meanwhile, whose runs would
    /// go on looking for it.
    async fn watched(
        &self,
        ground: &mut Ground,
        visit: &Visit,
    ) -> Result<Option<String>, VisitError> {
        let access = ground.access.clone();
        let base = self.base(visit);
        tokio::select! {
            made = Box::pin(self.make(ground, &base)) => made,
            error = access.ended() => Err(error),
        }
    }

    /// What is put away.
    fn base(&self, visit: &Visit) -> Visit {
        match visit.then {
            Then::Building(_) => self.states.after(visit.settled),
            _ => visit.clone(),
        }
    }

    /// A copy for a visitor.
    async fn copy(
        &self,
        access: &Access,
        visit: &Visit,
        model: &str,
        apart: Option<Box<Ground>>,
        visitor: Visitor,
    ) -> Result<Visited, VisitError> {
        let database = access.copy(model).await?;
        let building = match visit.then {
            Then::Building(index) => {
                let built = tokio::select! {
                    built = self.build(&database, visit, index) => built,
                    error = access.ended() => Err(error),
                };
                match built {
                    Ok(building) => Some(building),
                    Err(error) => {
                        // The error says more than that it could not be dropped.
                        let _ = database.drop().await;
                        return Err(error);
                    }
                }
            }
            _ => None,
        };
        Ok(Visited {
            visit: visit.clone(),
            database,
            building,
            apart,
            _visitor: visitor,
        })
    }

    /// Takes a database back: ends what runs there, drops it. Whatever else a
    /// visitor has done to a server of ours is seen to by [`Visits::calm`].
    ///
    /// # Errors
    /// [`VisitError::Postgres`] if it could not be dropped from a server of the
    /// user's; a later run does that.
    pub async fn close(&self, visited: Visited) -> Result<(), VisitError> {
        if let Some(building) = visited.building {
            building.end().await;
        }
        let is_own = visited.database.access().is_own();
        let dropped = visited.database.drop().await;
        if let Some(ground) = visited.apart {
            ground.end().await?;
            return Ok(dropped?);
        }
        self.visitors.leaves();
        if !is_own {
            return Ok(dropped?);
        }
        if let Err(error) = dropped {
            tracing::debug!(%error, "a visitor's database stays");
            self.visitors.has_changed();
        }
        Ok(())
    }

    /// What should be known and is nobody's fault, a line each: why nothing is
    /// kept, for example. Each is given once.
    pub async fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.ground.lock().await.notes)
    }

    /// Ends it all; a server of ours stops.
    ///
    /// # Errors
    /// [`VisitError::Postgres`] if something was left on a server of the
    /// user's; a later run drops it.
    pub async fn end(self) -> Result<(), VisitError> {
        self.ground.into_inner().end().await
    }

    /// Whether a state is known to need a server of its own.
    fn is_apart(&self, ground: &Ground, visit: &Visit) -> bool {
        let mut settled = 0..=visit.settled;
        ground.is_apart(self.fingerprint(visit))
            || settled.any(|count| {
                let fingerprint = self.states.settled_fingerprint(count);
                ground.is_apart(fingerprint.with(self.prints.seed.bytes()))
            })
    }
}
