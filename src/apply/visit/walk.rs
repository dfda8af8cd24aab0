//! Leads one database from state to state while somebody is connected to it.

use super::ground::Ground;
use super::{Place, Stage, VisitError, Visited, Visits};
use crate::visit::{Then, Visit};

impl Visits {
    /// Makes what databases in this state are copies of.
    ///
    /// # Errors
    /// See [`VisitError`]; of one that each visitor has to build anew, an error
    /// may still come later.
    pub async fn make_ready(&self, visit: &Visit) -> Result<(), VisitError> {
        self.model(visit).await.map(drop)
    }

    /// As [`Visits::open`], for one who goes on to `last` by [`Visits::go`].
    ///
    /// # Errors
    /// See [`VisitError`]; nothing is left then.
    pub async fn open_before(&self, visit: &Visit, last: &Visit) -> Result<Visited, VisitError> {
        if self.model(last).await?.is_some() {
            return self.open(visit).await;
        }
        let visitor = self.visitors.enter();
        // On the way something changes that databases share, and nobody else may
        // see that; nor may a later run.
        let stage = Stage {
            place: match &self.stage.place {
                Place::Throwaway {
                    options, before, ..
                } => Place::Throwaway {
                    options: options.clone(),
                    before: before.clone(),
                    caches: Vec::new(),
                },
                on @ Place::On(_) => on.clone(),
            },
            ..self.stage.clone()
        };
        let own = self.states.fingerprint(last);
        let mut ground = Ground::start(&stage, self.prints.seed, Some(own)).await?;
        let model = self.watched(&mut ground, visit).await?;
        let model = model.expect("on a server of its own all may change");
        let access = ground.access.clone();
        let ground = Some(Box::new(ground));
        self.copy(&access, visit, &model, ground, visitor).await
    }

    /// Brings a database on to a later state, whoever is connected to it, as
    /// `segue up` does.
    ///
    /// # Errors
    /// See [`VisitError`]; it is in an unknown state then.
    pub async fn go(&self, visited: &mut Visited, visit: &Visit) -> Result<(), VisitError> {
        // What was being built goes on in the server, and is waited for by what
        // comes next.
        if let Some(building) = visited.building.take() {
            building.end().await;
        }
        let access = visited.database.access().clone();
        tokio::select! {
            gone = self.step(visited, visit) => gone,
            // Its runs would go on looking for it.
            error = access.ended() => Err(error),
        }
    }

    async fn step(&self, visited: &mut Visited, visit: &Visit) -> Result<(), VisitError> {
        visited.visit = visit.clone();
        if let Then::Building(index) = visit.then {
            let before = self.states.after(visit.settled);
            self.bring(&visited.database, &before).await?;
            visited.building = Some(self.build(&visited.database, visit, index).await?);
        } else {
            self.bring(&visited.database, visit).await?;
        }
        Ok(())
    }
}
