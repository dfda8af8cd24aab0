//! What cannot be judged: the changes of a concurrent migration that has no
//! schema diff for this major version.

use std::collections::BTreeSet;

use super::Concurrent;
use crate::migration::Name;
use crate::schema::{Change, Kind, ObjectId, Snapshot};

/// What is left out of a comparison because of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Why: it is not done, and has no schema diff for this major version.
    pub name: Name,
    /// The objects that are left out as a whole, of those that are known.
    pub objects: BTreeSet<ObjectId>,
    /// Whether nothing can be judged: what it changes is not known at all.
    pub is_total: bool,
    /// Relations that its statements name, where no part says more.
    relations: BTreeSet<String>,
}

impl Blind {
    /// What `one`, which has no diff, leaves in the dark.
    pub(super) fn new(one: &Concurrent, expected: &Snapshot) -> Self {
        let mut blind = Self {
            name: one.name.clone(),
            objects: one.objects.clone(),
            is_total: one.objects.is_empty() && one.relations.is_none(),
            relations: BTreeSet::new(),
        };
        if one.objects.is_empty()
            && let Some(relations) = &one.relations
        {
            blind.relations = relations.touches.union(&relations.makes).cloned().collect();
            let named = expected.objects.iter().filter(|(id, attributes)| {
                blind.names(id) || {
                    let indexes = attributes.get("indexes").and_then(|all| all.as_object());
                    indexes.is_some_and(|all| all.keys().any(|one| blind.relations.contains(one)))
                }
            });
            blind.objects = named.map(|(id, _)| id.clone()).collect();
        }
        blind
    }

    /// Whether nothing about the object can be judged.
    pub(super) fn is_all(&self, object: &ObjectId) -> bool {
        self.is_total || self.objects.contains(object) || self.names(object)
    }

    /// Whether a difference there says nothing.
    pub(super) fn hides(&self, change: &Change) -> bool {
        self.is_all(&change.object)
            || matches!(&*change.path, [part, index, ..]
                if part == "indexes" && self.relations.contains(index))
    }

    fn names(&self, id: &ObjectId) -> bool {
        is_relation(id.kind) && self.relations.contains(&id.name)
    }
}

/// Whether it is a row of `pg_class`: statements name it as they name tables.
pub(super) fn is_relation(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table | Kind::View | Kind::MaterializedView | Kind::ForeignTable | Kind::Sequence
    )
}
