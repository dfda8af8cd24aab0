//! What the migrations so far have made, as far as their text tells.
//!
//! What is made by other means, in a `DO` block or by a function, is not seen;
//! a relation that nobody is known to have made was there before.

use std::collections::BTreeMap;

use super::{File, Release};
use crate::migration::{Kind, Name};
use crate::statement::RelationName;

mod apply;
mod definition;
mod relation;
mod sync;

pub use relation::{Column, ColumnType, Constraint, ConstraintKind, Relation, RelationKind};
pub use sync::Sync;

/// What there is before a statement runs.
#[derive(Clone, Debug, Default)]
pub struct State {
    release: Release,
    /// All files so far, the one at hand last.
    files: Vec<Origin>,
    relations: BTreeMap<RelationName, Relation>,
    /// Enum types, by name.
    enums: BTreeMap<RelationName, Enum>,
    /// Functions and procedures, by name; of several, one that is volatile.
    routines: BTreeMap<RelationName, Routine>,
    /// `search_path` as the file has set it.
    search_path: Option<Vec<String>>,
    /// Settings that the file has changed, with their values as text; until the
    /// end of the file.
    settings: BTreeMap<String, String>,
    /// The tables that backfills fill, by the name of the backfill.
    backfills: BTreeMap<Name, RelationName>,
    /// The tables of which a concurrent migration has validated a constraint.
    validated: Vec<(Name, RelationName)>,
    /// Columns that are kept in sync by now.
    syncs: Vec<Sync>,
    /// The concurrent migration at hand.
    concurrent: Option<Name>,
    /// Number of statements of the file so far.
    statements: usize,
}

/// A file that has made something.
#[derive(Clone, Copy, Debug)]
struct Origin {
    kind: Kind,
    is_judged: bool,
}

/// An enum type.
#[derive(Clone, Debug, Default)]
struct Enum {
    /// Index of the file that has made it, if that is known.
    made: Option<usize>,
    /// Values that were added later, and the file that did.
    added: BTreeMap<String, usize>,
}

/// A function or procedure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Routine {
    /// Whether each call may give something else.
    pub is_volatile: bool,
    /// Whether it commits or rolls back by itself.
    pub ends_transaction: bool,
    /// Whether only triggers call it.
    pub is_of_trigger: bool,
}

impl State {
    /// Before the first file.
    #[must_use]
    pub(super) fn new(release: Release) -> Self {
        Self {
            release,
            ..Self::default()
        }
    }

    /// A file begins, in a clean session.
    pub(super) fn begin(&mut self, file: &File) {
        self.files.push(Origin {
            kind: file.kind,
            is_judged: file.is_judged,
        });
        if let Some(backfill) = &file.backfill {
            self.backfills
                .insert(file.name.clone(), backfill.table.clone());
        }
        self.concurrent = (file.kind == Kind::Concurrent).then(|| file.name.clone());
        self.search_path = None;
        self.settings.clear();
        self.statements = 0;
        self.relations
            .retain(|_, relation| relation.kind != RelationKind::Temporary);
    }

    /// The table that the migration of this name fills, if it is a backfill.
    #[must_use]
    pub fn backfilled(&self, name: &Name) -> Option<&RelationName> {
        self.backfills.get(name)
    }

    /// Whether the concurrent migration of this name has validated a constraint
    /// of the table.
    #[must_use]
    pub fn has_validated(&self, name: &Name, table: &RelationName) -> bool {
        let mut validated = self.validated.iter();
        validated.any(|(by, known)| by == name && known.may_be(table))
    }

    /// Index of the file at hand.
    fn file(&self) -> usize {
        self.files.len().saturating_sub(1)
    }

    /// Whether the file at hand is the one of this index.
    #[must_use]
    pub fn is_this_file(&self, made: Option<usize>) -> bool {
        made == Some(self.file())
    }

    /// Whether what the file `made` has made is unknown to the application
    /// while the file at hand runs.
    #[must_use]
    pub fn is_recent(&self, made: Option<usize>) -> bool {
        let Some(made) = made else {
            return false;
        };
        if made == self.file() {
            return true;
        }
        let is_before_ready =
            |file: usize| self.files[file].is_judged && self.files[file].kind != Kind::Concurrent;
        self.release == Release::Together && is_before_ready(made) && is_before_ready(self.file())
    }

    /// Whether nobody else uses the relation yet: it is made by the same file
    /// or release, and nothing older has become a part of it.
    #[must_use]
    pub fn is_new(&self, name: &RelationName) -> bool {
        self.relation(name).is_some_and(|relation| {
            relation.kind == RelationKind::Temporary
                || self.is_recent(relation.made) && !relation.has_older_parts
        })
    }

    /// What is known of a relation.
    #[must_use]
    pub fn relation(&self, name: &RelationName) -> Option<&Relation> {
        self.relations.get(&self.key(name)?)
    }

    /// What is known of a column.
    #[must_use]
    pub fn column(&self, table: &RelationName, column: &str) -> Option<&Column> {
        self.relation(table)?.columns.get(column)
    }

    /// What is known of a function or procedure.
    #[must_use]
    pub fn routine(&self, name: &RelationName) -> Option<Routine> {
        let key = find(&self.routines, name, self.search_path.as_deref())?;
        self.routines.get(&key).copied()
    }

    /// Whether a type is an enum that migrations have made, or added a value
    /// to.
    #[must_use]
    pub fn is_enum(&self, name: &RelationName) -> bool {
        find(&self.enums, name, self.search_path.as_deref()).is_some()
    }

    /// Whether what the file `made` has made is locked by the very transaction
    /// that the file at hand runs in.
    #[must_use]
    pub fn is_same_transaction(&self, made: Option<usize>) -> bool {
        let is_batch = |file: usize| self.files[file].kind == Kind::Batch;
        made.is_some_and(|made| is_batch(made) && is_batch(self.file())) && self.is_recent(made)
    }

    /// The value of a setting that the file has changed.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// Whether a value of an enum type cannot be used yet, since the file at hand
    /// has added it to a type of before.
    #[must_use]
    pub fn is_uncommitted(&self, of: &RelationName, value: &str) -> bool {
        let key = find(&self.enums, of, self.search_path.as_deref());
        let Some(one) = key.and_then(|key| self.enums.get(&key)) else {
            return false;
        };
        one.made != Some(self.file()) && one.added.get(value) == Some(&self.file())
    }

    /// Values that the file at hand has added to enum types of before, which
    /// cannot be used in its transaction: type and value.
    pub fn uncommitted_values(&self) -> impl Iterator<Item = (&RelationName, &str)> {
        let file = self.file();
        self.enums
            .iter()
            .filter(move |(_, one)| one.made != Some(file))
            .flat_map(move |(name, one)| {
                let added = one.added.iter();
                added
                    .filter(move |(_, added)| **added == file)
                    .map(move |(value, _)| (name, value.as_str()))
            })
    }

    /// The name under which a relation is kept, if it is known.
    fn key(&self, name: &RelationName) -> Option<RelationName> {
        find(&self.relations, name, self.search_path.as_deref())
    }

    /// The name under which something new is kept.
    fn new_name(&self, name: &RelationName) -> RelationName {
        let namespace = name.namespace.clone().or_else(|| {
            let path = self.search_path.as_ref()?;
            path.iter().find(|one| *one != "$user").cloned()
        });
        let namespace = namespace.filter(|namespace| namespace != "public");
        RelationName {
            namespace,
            name: name.name.clone(),
        }
    }
}

/// The key of `name` among `known`: `public` counts as no namespace. A name
/// without one is looked for on the search path, and else anywhere, since the
/// search path of roles and databases is not known.
fn find<T>(
    known: &BTreeMap<RelationName, T>,
    name: &RelationName,
    search_path: Option<&[String]>,
) -> Option<RelationName> {
    let bare = RelationName::bare(&name.name);
    match &name.namespace {
        Some(namespace) if namespace == "public" => known.contains_key(&bare).then_some(bare),
        Some(_) => known.contains_key(name).then(|| name.clone()),
        None => {
            let on_path = search_path.unwrap_or_default().iter().map(|namespace| {
                if namespace == "public" {
                    bare.clone()
                } else {
                    RelationName::qualified(namespace, &name.name)
                }
            });
            on_path
                .chain([bare.clone()])
                .find(|key| known.contains_key(key))
                .or_else(|| known.keys().find(|key| key.name == name.name).cloned())
        }
    }
}

#[cfg(test)]
mod tests;
