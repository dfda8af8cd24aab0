//! What only the database knows of the tables that members of the tail work on:
//! whose index it is, whose partitions, what a view reads.

use std::collections::{BTreeMap, BTreeSet};

use super::TailStep;
use crate::migration::{Migration, Name};
use crate::statement::{Kind, RelationName};

/// A relation that a migration names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Which migration.
    pub migration: Name,
    /// As it is written.
    pub relation: RelationName,
    /// Whether a name without a namespace may be in any, since the file changes
    /// where it is looked for.
    pub anywhere: bool,
    /// The constraint of it that is validated, if that is what is done.
    pub validated: Option<String>,
}

/// Tables that migrations work on, by OID: those that they name, with the
/// partitions and children of these, the tables of indexes, those that views
/// read, and those that a foreign key which is validated refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kin(BTreeMap<Name, BTreeSet<u32>>);

impl Kin {
    /// What these migrations name, for the database to look up.
    #[must_use]
    pub fn ask<'a>(migrations: impl Iterator<Item = &'a Migration>) -> BTreeSet<Named> {
        let mut named = BTreeSet::new();
        for migration in migrations {
            let Some(outline) = &migration.outline else {
                continue;
            };
            let relations = outline.relations.as_ref();
            let anywhere = relations.is_none_or(|relations| relations.moves);
            for digest in outline.items.iter().filter_map(|item| item.digest.as_ref()) {
                let validated = match &digest.kind {
                    Kind::ValidateConstraint { constraint, .. } => Some(constraint.clone()),
                    _ => None,
                };
                named.extend(digest.touches.iter().map(|relation| Named {
                    migration: migration.name.clone(),
                    relation: relation.clone(),
                    anywhere,
                    validated: validated.clone(),
                }));
            }
        }
        named
    }

    /// A migration works on a table.
    pub fn add(&mut self, migration: Name, table: u32) {
        self.0.entry(migration).or_default().insert(table);
    }

    fn meet(&self, one: &Name, other: &Name) -> bool {
        match (self.0.get(one), self.0.get(other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => false,
        }
    }

    /// Puts each member after the earlier ones that work on a table of its own,
    /// too. `steps` are in the order of their names.
    pub fn relate(&self, steps: &mut [TailStep]) {
        for later in 1..steps.len() {
            let (before, after) = steps.split_at_mut(later);
            let step = &mut after[0];
            for earlier in before {
                if self.meet(&earlier.name, &step.name) && !step.after.contains(&earlier.name) {
                    step.after.push(earlier.name.clone());
                }
            }
            step.after.sort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Progress;
    use crate::migration::Snapshots;

    #[test]
    fn the_later_one_comes_after_the_earlier_one() {
        let step = |name: &str, after: &[&str]| TailStep {
            name: Name::new(name),
            after: after.iter().map(|name| Name::new(name)).collect(),
            snapshots: Snapshots::Waits,
            progress: Progress::Pending,
        };
        let mut kin = Kin::default();
        for (name, table) in [("a", 1), ("b", 2), ("c", 1), ("c", 2), ("d", 3)] {
            kin.add(Name::new(name), table);
        }
        let mut steps = ["a", "b", "c", "d"].map(|name| step(name, &[])).to_vec();
        steps[2].after.push(Name::new("b"));
        steps.push(step("e", &["a"]));
        kin.relate(&mut steps);
        let expected = [
            step("a", &[]),
            step("b", &[]),
            step("c", &["a", "b"]),
            step("d", &[]),
            step("e", &["a"]),
        ];
        assert_eq!(steps, expected);
    }
}
