//! The steps before readiness: blocks, standalone migrations, and concurrent
//! ones that a pending migration needs.

use std::collections::{BTreeMap, BTreeSet};

use super::brought;
use super::{Block, Concurrent, Cut, CutReason, Options, Step, View, fold};
use crate::history::{Progress, Renamed};
use crate::migration::{Kind, Migration, Name};

/// What has to be done before readiness, in order.
pub(super) fn steps(view: &View<'_>, options: &Options) -> Vec<Step> {
    let cuts = &options.cuts;
    let pending: Vec<&Migration> = view.pending_batch().collect();
    let mut needed = if options.concurrent == Concurrent::Alone {
        BTreeMap::new()
    } else {
        needed(view, &pending)
    };
    let folded = fold::folded(view, options, &needed);
    needed.retain(|concurrent, _| !folded.contains(concurrent));
    let is_pending = |one: &Migration| match one.kind {
        Kind::Concurrent => folded.contains(&one.name),
        Kind::Batch | Kind::Standalone => view.progress(&one.name).is_open(),
    };
    let migrations = view.graph.migrations();
    let pending: Vec<&Migration> = migrations.filter(|one| is_pending(one)).collect();
    let mut steps = Vec::new();
    // Whoever runs a migration under its old name writes that name when it ends.
    for Renamed { from, to, pid } in &view.history.renamed {
        steps.extend(pid.map(|pid| Step::WaitFor {
            concurrent: from.clone(),
            needed_by: to.clone(),
            pid,
        }));
    }
    // Waiting comes first: nothing is committed meanwhile, and the rest is
    // planned again afterwards.
    for (concurrent, needed_by) in &needed {
        if let Progress::Running(pid) = view.progress(concurrent) {
            steps.push(Step::WaitFor {
                concurrent: (*concurrent).clone(),
                needed_by: (*needed_by).clone(),
                pid,
            });
        }
    }
    let mut rest = pending.as_slice();
    for (concurrent, needed_by) in &needed {
        if matches!(view.progress(concurrent), Progress::Running(_)) {
            continue;
        }
        let Some(migration) = view.graph.get(concurrent) else {
            continue;
        };
        let (first, after) = rest.split_at(prefix(rest, migration));
        blocks(view, first, cuts, &mut steps);
        rest = after;
        steps.push(Step::Foreground {
            concurrent: (*concurrent).clone(),
            needed_by: (*needed_by).clone(),
        });
    }
    blocks(view, rest, cuts, &mut steps);
    if let Some(Step::Block(block)) = steps.last_mut() {
        // What is pending after that is not known yet; and what commits in
        // another place cannot tell readiness here.
        let is_here = |name: &Name| {
            let migration = view.graph.get(name);
            migration.is_some_and(|migration| migration.connection.is_none())
        };
        block.is_last = block.brings.is_none() && block.migrations.iter().all(is_here);
    }
    steps
}

/// Open concurrent migrations that a pending migration needs, by name, each
/// with the first one that needs it.
fn needed<'a>(view: &View<'a>, pending: &[&'a Migration]) -> BTreeMap<&'a Name, &'a Name> {
    let mut needed = BTreeMap::new();
    for migration in pending {
        for ended in &migration.ends {
            if view.progress(&ended.name).is_open() {
                needed.entry(&ended.name).or_insert(&migration.name);
            }
        }
    }
    needed
}

/// How many of `rest` must be committed before `concurrent` can run: all up to
/// its partner, and up to the last of those before it by name that touches
/// what it touches. What is not known counts as touching.
fn prefix(rest: &[&Migration], concurrent: &Migration) -> usize {
    let is_partner = |migration: &Migration| {
        concurrent
            .partner
            .as_ref()
            .is_some_and(|partner| partner.name == migration.name)
    };
    rest.iter()
        .rposition(|migration| {
            migration.name < concurrent.name
                && (is_partner(migration) || migration.meets(concurrent))
        })
        .map_or(0, |last| last + 1)
}

/// Consecutive migrations as blocks and standalone steps.
fn blocks(view: &View<'_>, migrations: &[&Migration], cuts: &BTreeSet<Cut>, steps: &mut Vec<Step>) {
    let mut block: Vec<&Migration> = Vec::new();
    let end = |block: &mut Vec<&Migration>, cut: Option<Cut>, steps: &mut Vec<Step>| {
        if !block.is_empty() {
            let folded = block.iter().filter(|one| one.kind == Kind::Concurrent);
            steps.push(Step::Block(Block {
                folded: folded.map(|one| one.name.clone()).collect(),
                brings: block.last().and_then(|last| brought::brings(view, last)),
                migrations: block.drain(..).map(|one| one.name.clone()).collect(),
                cut,
                is_last: false,
            }));
        }
    };
    for migration in migrations {
        if migration.kind == Kind::Standalone {
            end(&mut block, None, steps);
            steps.push(Step::Standalone(migration.name.clone()));
            continue;
        }
        let adds_enum_value = |one: &&Migration| {
            one.outline
                .as_ref()
                .is_some_and(|outline| outline.adds_enum_value)
        };
        // One transaction is on one connection.
        if block
            .last()
            .is_some_and(|last| !share_connection(last, migration))
        {
            end(&mut block, None, steps);
        }
        let foreseen = if block
            .last()
            .is_some_and(|last| brought::brings(view, last).is_some())
        {
            Some(CutReason::BringsLedger)
        } else if block.last().is_some_and(adds_enum_value) {
            Some(CutReason::EnumValue)
        } else {
            None
        };
        let cut = if let Some(reason) = foreseen {
            Some(Cut {
                before: migration.name.clone(),
                reason,
            })
        } else {
            cuts.iter()
                .find(|cut| cut.before == migration.name)
                .cloned()
        };
        if cut.is_some() {
            end(&mut block, cut, steps);
        }
        block.push(migration);
    }
    end(&mut block, None, steps);
}

/// Whether both run on the same connection: equal strings are one.
fn share_connection(one: &Migration, other: &Migration) -> bool {
    let string = |migration: &Migration| Some(migration.connection.as_ref()?.string.clone());
    string(one) == string(other)
}
