//! Which concurrent migrations run inside the batch's transaction, as their
//! plain equivalents.
//!
//! Where nobody uses a table yet, nobody is held up by a plain build, and a
//! concurrent one would only wait for strangers' snapshots and cut the
//! transaction in two.

use std::collections::{BTreeMap, BTreeSet};

use super::{Concurrent, Options, View};
use crate::graph::Edge;
use crate::history::Progress;
use crate::migration::{Kind, Migration, Name, Relations};
use crate::statement::{Digest, Kind as StatementKind, ReindexTarget, RelationName};

/// Those of the pending concurrent migrations that are folded. `needed` are
/// those that have to run before readiness anyway; of an empty database it is
/// all of them.
pub(super) fn folded<'a>(
    view: &View<'a>,
    options: &Options,
    needed: &BTreeMap<&Name, &Name>,
) -> BTreeSet<&'a Name> {
    let mut folded = BTreeSet::new();
    if options.concurrent != Concurrent::Folded {
        return folded;
    }
    // What this run has made meanwhile, nobody uses before it is ready; what
    // another one has made, somebody may.
    let mut deployments = view.history.deployments.iter();
    let is_empty = !view.history.has_user_relations
        || options.was_empty && deployments.all(|one| one.ready_at.is_none());
    for migration in view.graph.migrations() {
        let name = &migration.name;
        let outline = migration.outline.as_ref();
        let folds = outline.is_some_and(|outline| outline.folds);
        if migration.kind == Kind::Concurrent
            && folds
            // It is recorded elsewhere.
            && migration.connection.is_none()
            // What was begun has to be looked after outside.
            && view.progress(name) == Progress::Pending
            && !options.unfolded.contains(name)
            && (is_empty || needed.contains_key(name) && works_on_new(view, migration))
            // What it may need is there by then.
            && view.graph.before(name, Edge::Meets).iter().all(|before| {
                folded.contains(&before.name) || !view.progress(&before.name).is_open()
            })
        {
            folded.insert(name);
        }
    }
    folded
}

/// Whether all that it works on is certainly made by the batch before it.
fn works_on_new(view: &View<'_>, migration: &Migration) -> bool {
    let before: Option<Vec<&Relations>> = view
        .pending_batch()
        .filter(|one| one.name < migration.name)
        .map(|one| one.outline.as_ref()?.relations.as_ref())
        .collect();
    let (Some(before), Some(outline)) = (before, &migration.outline) else {
        return false;
    };
    let Some(own) = &outline.relations else {
        return false;
    };
    let is_new = |relation: &RelationName| {
        // A name without a namespace means the same only where nothing moves.
        let creates = |one: &&Relations| {
            one.creates.contains(relation)
                && (relation.namespace.is_some() || !one.moves && !own.moves)
        };
        before.iter().any(creates)
            && !before
                .iter()
                .chain([&own])
                .any(|one| one.adopts.contains(&relation.name))
    };
    outline.items.iter().all(|item| {
        let digest = item.digest.as_ref();
        digest.is_some_and(|digest| {
            (migration.backfill.is_some() || works_only_on_what_it_names(digest))
                && digest
                    .touches
                    .iter()
                    .filter(|relation| !digest.makes.contains(relation))
                    .all(is_new)
        })
    })
}

/// Whether the relations that the statement names are all that it works on.
/// `REFRESH` is not among these: its data comes from elsewhere, and the locks
/// of the whole batch would be held as long.
fn works_only_on_what_it_names(digest: &Digest) -> bool {
    match &digest.kind {
        StatementKind::CreateIndexConcurrently { .. }
        | StatementKind::ValidateConstraint { .. }
        | StatementKind::DetachPartitionConcurrently { .. }
        | StatementKind::Set { .. }
        | StatementKind::Reindex {
            target: ReindexTarget::Table(_),
            ..
        } => true,
        StatementKind::Vacuum { relations, .. } | StatementKind::Analyze { relations } => {
            !relations.is_empty()
        }
        StatementKind::Cluster { relation } => relation.is_some(),
        _ => false,
    }
}
