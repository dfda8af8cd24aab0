//! The states that production passes through, in their order.

use super::{Moment, Percent, States, Then, Visit};
use crate::migration::Kind;

/// How far a backfill is in the one state of it that is listed.
const HALF: Percent = Percent(50);

impl States {
    /// All states from the one in which the first `since` migrations are
    /// settled to the one in which the first `until` are, each once, in order:
    /// after each migration, and in between a deployment that is ready before
    /// its concurrent migrations begin, and each of those half-way, as far as
    /// there is a way to be in it.
    ///
    /// Migrations that are deployed together are listed one by one all the
    /// same: another deployment may end there.
    #[must_use]
    pub fn all(&self, since: usize, until: usize) -> Vec<Visit> {
        let until = until.min(self.migrations.len());
        let mut all = vec![self.after(since.min(until))];
        for index in since..until {
            for visit in self.around(index) {
                if !all.iter().any(|known| same(known, &visit)) {
                    all.push(visit);
                }
            }
        }
        all
    }

    /// The states that a migration brings, in order.
    fn around(&self, index: usize) -> Vec<Visit> {
        let moments: &[Moment] = match self.migrations[index].kind {
            Kind::Batch => &[Moment::Ready],
            Kind::Standalone => &[Moment::Building, Moment::Ready],
            Kind::Concurrent => &[
                Moment::Ready,
                Moment::Building,
                Moment::Backfilling(HALF),
                Moment::Settled,
            ],
        };
        let visits = moments.iter().filter_map(|moment| {
            // Its partner's is the same, with the others that begin there.
            if *moment == Moment::Ready && self.follows_its_partner(index) {
                return None;
            }
            self.visit(index, *moment)
        });
        visits
            .map(|visit| match visit.then {
                // That it is ready is no news where nothing follows.
                Then::Nothing => self.after(visit.settled),
                _ => visit,
            })
            .collect()
    }

    /// Whether nothing stands between a concurrent migration and the one that
    /// it begins with but others of these.
    fn follows_its_partner(&self, index: usize) -> bool {
        let partner = self.migrations[index].partner.as_ref();
        let Some(partner) = partner.and_then(|partner| self.index(&partner.name)) else {
            return false;
        };
        let name = &self.migrations[partner].name;
        let between = self.migrations[partner + 1..index].iter();
        let mut others = between.map(|one| one.partner.as_ref());
        others.all(|other| other.is_some_and(|other| other.name == *name))
    }
}

/// Whether both are one state of the database.
fn same(one: &Visit, other: &Visit) -> bool {
    one.settled == other.settled && one.then == other.then
}
