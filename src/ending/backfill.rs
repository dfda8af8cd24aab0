//! A new migration, and what it changes → what of an open backfill it needs
//! done.
//!
//! What a backfill fills is not there before it is done, so nothing may rely on
//! it; what it reads, and what sees to the rows that are written meanwhile, has
//! to stay for as long. Another index of such a column needs nothing of that.

use std::collections::BTreeSet;
use std::fmt;

use crate::backfill::Backfill;
use crate::migration::Migration;
use crate::schema::{Change, Diff, Kind as Object, ObjectId, Snapshot, Value};
use crate::statement::{ColumnName, Digest, RelationName, digest};

/// Why a migration needs a backfill done.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// It removes what the backfill names.
    Gone(ObjectId),
    /// It ends what `segue.keep_in_sync` does for a column that is filled.
    Sync {
        /// The table.
        object: ObjectId,
        /// A trigger.
        trigger: String,
    },
    /// It changes a column.
    Changed {
        /// The table.
        object: ObjectId,
        /// The column.
        column: String,
        /// Whether the backfill fills it, rather than reads it.
        is_filled: bool,
    },
    /// It holds all rows to a constraint on a column that is filled.
    Constrained {
        /// The table.
        object: ObjectId,
        /// The column.
        column: String,
        /// The constraint.
        constraint: String,
    },
    /// Its statements use or set a column that is filled.
    Used(ColumnName),
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(object) => write!(formatter, "it removes {object}, which that one needs"),
            Self::Sync { object, trigger } => write!(
                formatter,
                "it drops trigger `{trigger}` of {object}, which fills what is written meanwhile"
            ),
            Self::Changed {
                object,
                column,
                is_filled,
            } => {
                let does = if *is_filled { "fills" } else { "reads" };
                write!(
                    formatter,
                    "it changes column `{column}` of {object}, which that one {does}"
                )
            }
            Self::Constrained {
                object,
                column,
                constraint,
            } => write!(
                formatter,
                "it checks constraint `{constraint}` of {object}, whose column `{column}` that one fills"
            ),
            Self::Used(ColumnName {
                relation,
                column: Some(column),
            }) => write!(
                formatter,
                "it uses column `{column}` of `{relation}`, which that one fills"
            ),
            Self::Used(ColumnName {
                relation,
                column: None,
            }) => write!(
                formatter,
                "it uses all columns of `{relation}`, which that one fills"
            ),
        }
    }
}

/// What of `concurrent`, if it is a backfill, has to be done before `newcomer`,
/// which makes `changes` and so leads to `schemas`.
pub(super) fn need(
    concurrent: &Migration,
    newcomer: &Migration,
    changes: &[Diff],
    schemas: &[&Snapshot],
) -> Option<Need> {
    let backfill = &concurrent.backfill.as_ref()?.value;
    let mut items = concurrent.outline.as_ref()?.items.iter();
    let digest = items.find_map(|item| item.digest.as_ref())?;
    let work = Work::new(backfill, digest);
    let all = || changes.iter().flat_map(Diff::changes);
    all()
        .find_map(|change| work.gone(change))
        .or_else(|| all().find_map(|change| work.unsynced(change)))
        .or_else(|| all().find_map(|change| work.changed(change)))
        .or_else(|| all().find_map(|change| work.constrained(change, schemas)))
        .or_else(|| work.used(newcomer))
}

/// What a backfill has to do with.
struct Work<'a> {
    backfill: &'a Backfill,
    digest: &'a Digest,
    fills: BTreeSet<ColumnName>,
    reads: BTreeSet<ColumnName>,
}

impl<'a> Work<'a> {
    fn new(backfill: &'a Backfill, digest: &'a Digest) -> Self {
        let columns = &digest.columns;
        let key = backfill.key.names().map(|name| ColumnName {
            relation: backfill.table.clone(),
            column: Some(name.to_owned()),
        });
        Self {
            backfill,
            digest,
            fills: columns.sets.union(&columns.adds).cloned().collect(),
            reads: columns.reads.iter().cloned().chain(key).collect(),
        }
    }

    /// Of a relation, routine or type that it names.
    fn gone(&self, change: &Change) -> Option<Need> {
        let is_gone = change.path.is_empty() && change.after.is_none();
        let names = match change.object.kind {
            Object::Table | Object::ForeignTable | Object::View | Object::MaterializedView => {
                &self.digest.touches
            }
            Object::Function
            | Object::Procedure
            | Object::Aggregate
            | Object::Enum
            | Object::Domain
            | Object::CompositeType
            | Object::Range
            | Object::BaseType => &self.digest.uses,
            _ => return None,
        };
        let name = name(&change.object);
        (is_gone && names.iter().any(|one| one.may_be(&name)))
            .then(|| Need::Gone(change.object.clone()))
    }

    /// Of a trigger of `segue.keep_in_sync` that is dropped.
    fn unsynced(&self, change: &Change) -> Option<Need> {
        let [part, trigger] = change.path.as_slice() else {
            return None;
        };
        if part != "triggers" || change.after.is_some() {
            return None;
        }
        let of = trigger.strip_prefix("zz_segue_sync_")?;
        let of = of
            .strip_prefix("insert_")
            .or_else(|| of.strip_prefix("update_"))?;
        let table = name(&change.object);
        let filled: Vec<&ColumnName> = self
            .fills
            .iter()
            .filter(|one| one.relation.may_be(&table))
            .collect();
        // A backfill that calls a function does not say what it fills.
        let is_its = if filled.is_empty() {
            self.fills.is_empty() && self.backfill.table.may_be(&table)
        } else {
            filled.iter().any(|one| {
                let column = one.column.as_deref();
                column.is_none_or(|column| is_of(of, trigger, column))
            })
        };
        is_its.then(|| Need::Sync {
            object: change.object.clone(),
            trigger: trigger.clone(),
        })
    }

    /// Of a column that is dropped, renamed or has another type, or gets no
    /// nulls any more.
    fn changed(&self, change: &Change) -> Option<Need> {
        let (column, attribute) = match change.path.as_slice() {
            [part, column] if part == "columns" => (column, None),
            [part, column, attribute, ..] if part == "columns" => (column, Some(&**attribute)),
            _ => return None,
        };
        let counts = match attribute {
            None => change.before.is_some(),
            Some("not_null") => change.after.is_some(),
            Some(attribute) => {
                ["type", "collation", "identity", "generated", "expression"].contains(&attribute)
            }
        };
        let changed = ColumnName {
            relation: name(&change.object),
            column: Some(column.clone()),
        };
        let is_among = |all: &BTreeSet<ColumnName>| all.iter().any(|one| one.may_be(&changed));
        let is_filled = is_among(&self.fills);
        (counts && (is_filled || is_among(&self.reads))).then(|| Need::Changed {
            object: change.object.clone(),
            column: column.clone(),
            is_filled,
        })
    }

    /// Of a constraint that all rows are held to from then on, also those from
    /// before.
    fn constrained(&self, change: &Change, schemas: &[&Snapshot]) -> Option<Need> {
        let constraint = match change.path.as_slice() {
            [part, constraint] if part == "constraints" => constraint,
            [part, constraint, attribute]
                if part == "constraints"
                    && ["definition", "validated"].contains(&attribute.as_str()) =>
            {
                constraint
            }
            _ => return None,
        };
        let definition = schemas.iter().find_map(|schema| {
            let object = schema.objects.get(&change.object)?;
            let attributes = object.get("constraints")?.get(constraint)?;
            let is_valid = attributes.get("validated").is_none();
            let definition = attributes.get("definition").filter(|_| is_valid);
            definition.and_then(Value::as_str)
        })?;
        let table = name(&change.object);
        let column = columns_of(definition).into_iter().find(|column| {
            let named = ColumnName {
                relation: table.clone(),
                column: Some(column.clone()),
            };
            self.fills.iter().any(|one| one.may_be(&named))
        })?;
        Some(Need::Constrained {
            object: change.object.clone(),
            column,
            constraint: constraint.clone(),
        })
    }

    /// Of a column that statements of the new migration use.
    fn used(&self, newcomer: &Migration) -> Option<Need> {
        let relations = newcomer.outline.as_ref()?.relations.as_ref()?;
        let columns = &relations.columns;
        let mut used = columns.reads.union(&columns.sets);
        let found = used.find(|used| self.fills.iter().any(|one| one.may_be(used)))?;
        Some(Need::Used(found.clone()))
    }
}

/// An object's name as statements write it: a routine's without its arguments.
fn name(object: &ObjectId) -> RelationName {
    let name = match object.kind {
        Object::Function | Object::Procedure | Object::Aggregate => {
            object.name.split('(').next().unwrap_or_default()
        }
        _ => &object.name,
    };
    RelationName {
        namespace: object.namespace.clone(),
        name: name.to_owned(),
    }
}

/// Whether the trigger's name is made of the column's; a long one is cut and
/// ends in `_` and eight digits of a hash.
fn is_of(of: &str, trigger: &str, column: &str) -> bool {
    const CUT_MIN: usize = 60;
    let cut = of.len().checked_sub(9).and_then(|end| of.get(..end));
    of == column || trigger.len() >= CUT_MIN && cut.is_some_and(|cut| column.starts_with(cut))
}

/// The columns that a constraint on rows names, as the server writes it.
fn columns_of(definition: &str) -> Vec<String> {
    let condition = definition
        .strip_prefix("CHECK ")
        .or_else(|| definition.strip_prefix("NOT NULL "));
    let condition = condition.map(|one| one.strip_suffix(" NO INHERIT").unwrap_or(one));
    let digest = condition.and_then(|one| digest(&format!("SELECT {one} FROM t")));
    let columns = digest
        .map(|digest| digest.columns.reads)
        .unwrap_or_default();
    columns.into_iter().filter_map(|one| one.column).collect()
}

#[cfg(test)]
mod tests;
