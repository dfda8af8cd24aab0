//! Which part of a database's schema is the project's: `[schema]` in
//! `segue.toml`.

use std::collections::BTreeSet;

use super::{Attributes, Kind, ObjectId, Snapshot, Value};

pub mod pattern;

pub use pattern::{Pattern, PatternError};

/// What to leave out of a snapshot. Applied to every snapshot, of a database or
/// from the expected schema, before it is compared or written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a switch for each, as in segue.toml, and none depends on another"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The namespaces that the project owns; empty: all.
    pub namespaces: Vec<String>,
    /// Patterns of what is ignored.
    pub ignore: Vec<Pattern>,
    /// Whether owners matter.
    pub owners: bool,
    /// Whether the order of columns matters.
    pub column_order: bool,
    /// Whether privileges matter.
    pub privileges: bool,
    /// Whether roles matter.
    pub roles: bool,
    /// Whether settings of the database matter.
    pub database_settings: bool,
}

/// Attributes that say what is granted.
const PRIVILEGES: [&str; 2] = ["privileges", "owner_privileges"];

impl Rules {
    /// Leaves out what is not the project's; the rules that matched nothing,
    /// as in `segue.toml`.
    pub fn apply(&self, snapshot: &mut Snapshot) -> Vec<String> {
        self.apply_to_all([snapshot])
    }

    /// Leaves out what is not the project's, of each of them; the rules that
    /// matched nothing in any, as in `segue.toml`.
    ///
    /// The expected schema was written by rules too, so it is normal that a
    /// rule matches nothing in it.
    pub fn apply_to_all<'a>(
        &self,
        snapshots: impl IntoIterator<Item = &'a mut Snapshot>,
    ) -> Vec<String> {
        let mut used = vec![false; self.ignore.len()];
        let mut owned = BTreeSet::new();
        for snapshot in snapshots {
            // All look at the whole of it, so that their order does not matter.
            let mut ignored = BTreeSet::new();
            for (pattern, is_used) in self.ignore.iter().zip(&mut used) {
                let found = pattern.find(snapshot);
                *is_used |= !found.is_empty();
                ignored.extend(found);
            }
            owned.extend(
                snapshot
                    .objects
                    .keys()
                    .filter_map(namespace_of)
                    .map(ToOwned::to_owned),
            );
            for one in ignored {
                one.remove(snapshot);
            }
            self.keep_what_matters(snapshot);
        }
        let namespaces = self.namespaces.iter();
        let absent = namespaces
            .filter(|namespace| !owned.contains(*namespace))
            .map(|namespace| format!("namespaces: {namespace}"));
        let unused = self.ignore.iter().zip(used);
        let unused = unused
            .filter(|(_, is_used)| !is_used)
            .map(|(pattern, _)| format!("ignore: {pattern}"));
        absent.chain(unused).collect()
    }

    /// What the switches and the namespaces leave.
    fn keep_what_matters(&self, snapshot: &mut Snapshot) {
        snapshot.objects.retain(|id, attributes| {
            let is_kept = self.is_owned(id)
                && match id.kind {
                    Kind::Role => self.roles,
                    Kind::Database => self.database_settings,
                    Kind::DefaultPrivileges => self.privileges,
                    _ => true,
                };
            if is_kept {
                self.strip(attributes);
            }
            is_kept
        });
    }

    /// Whether the project owns the namespace of an object. What stands in the
    /// database itself belongs to every project.
    fn is_owned(&self, id: &ObjectId) -> bool {
        self.namespaces.is_empty()
            || namespace_of(id)
                .is_none_or(|namespace| self.namespaces.iter().any(|owned| owned == namespace))
    }

    fn strip(&self, attributes: &mut Attributes) {
        if !self.owners {
            attributes.remove("owner");
        }
        if !self.privileges {
            attributes.retain(|name, _| !PRIVILEGES.contains(&name.as_str()));
        }
        // Only the columns: a column may be called `privileges` itself.
        if let Some(Value::Object(columns)) = attributes.get_mut("columns") {
            for column in columns.values_mut().filter_map(Value::as_object_mut) {
                if !self.column_order {
                    column.remove("position");
                }
                if !self.privileges {
                    column.retain(|name, _| !PRIVILEGES.contains(&name.as_str()));
                }
            }
        }
    }
}

/// The namespace that an object is in, or is.
fn namespace_of(id: &ObjectId) -> Option<&str> {
    match id.kind {
        Kind::Namespace => Some(&id.name),
        _ => id.namespace.as_deref(),
    }
}

#[cfg(test)]
mod tests;
