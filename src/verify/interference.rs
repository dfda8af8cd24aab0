//! Who may be the reason that a stored schema diff does not fit, or that a
//! concurrent migration's changes are not as expected: a migration with an
//! earlier name that came later (codd's issue 181).

use super::{Concurrent, Standing};
use crate::graph::Graph;
use crate::history::{History, State};
use crate::migration::{Kind, Migration, Name};
use crate::schema::Diff;

/// Migrations with an earlier name than the concurrent migration `name` that
/// came, or come, after it was written: those that are pending, first those
/// that meet what it works on; if none is, the one that was applied last. Never
/// its partner.
#[must_use]
pub fn suspects(graph: &Graph, history: &History, name: &Name) -> Vec<Name> {
    let concurrent = graph.get(name);
    let earlier: Vec<&Migration> = graph
        .migrations()
        .filter(|migration| migration.kind != Kind::Concurrent && migration.name < *name)
        .filter(|migration| {
            let partner = concurrent.and_then(|one| one.partner.as_ref());
            partner.is_none_or(|partner| partner.name != migration.name)
        })
        .collect();
    let is_pending = |migration: &&&Migration| {
        let record = history.records.get(&migration.name);
        record.is_none_or(|record| record.state != State::Applied)
    };
    let mut pending: Vec<&Migration> = earlier.iter().filter(is_pending).copied().collect();
    pending.sort_by_key(|migration| {
        let meets = concurrent.is_some_and(|concurrent| migration.meets(concurrent));
        (!meets, migration.name.clone())
    });
    if pending.is_empty() {
        let newest = earlier.iter().max_by_key(|migration| {
            let record = history.records.get(&migration.name);
            record.map(|record| record.at.clone())
        });
        pending.extend(newest);
    }
    pending
        .iter()
        .map(|migration| migration.name.clone())
        .collect()
}

/// Of the migrations in `applied`, those with an earlier name than an open
/// concurrent migration whose changes meet `difference`, each with that one.
#[must_use]
pub fn between(
    concurrent: &[Concurrent],
    graph: &Graph,
    applied: &[Name],
    difference: &Diff,
) -> Vec<(Name, Name)> {
    let mut found = Vec::new();
    for one in concurrent {
        let is_open = matches!(one.standing, Standing::Pending | Standing::InFlight);
        let meets = |diff: &Diff| {
            diff.changes().iter().any(|planned| {
                let changes = difference.changes().iter();
                changes
                    .clone()
                    .any(|change| change.object == planned.object)
            })
        };
        if !is_open || !one.diff.as_ref().is_some_and(meets) {
            continue;
        }
        let partner = graph.get(&one.name).and_then(|one| one.partner.as_ref());
        found.extend(
            applied
                .iter()
                .filter(|name| **name < one.name)
                .filter(|name| partner.is_none_or(|partner| partner.name != **name))
                .map(|name| (name.clone(), one.name.clone())),
        );
    }
    found
}
