//! A new migration, and what it changes → the open concurrent migrations that
//! it has to end.
//!
//! Open is one that no migration of the folder ends: it may not have run where
//! the new one is deployed. Writing the directive is left to
//! [`crate::directive::end_in_header`].

use std::collections::BTreeSet;
use std::fmt;

use crate::migration::{Kind, Migration, Name};
use crate::schema::{Change, Diff, ObjectId, Snapshot};

mod backfill;

pub use backfill::Need;

/// A concurrent migration that has to be done first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Which.
    pub name: Name,
    /// Why.
    pub reason: Reason,
}

/// Why a migration needs a concurrent one done.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Both change this.
    Changes {
        /// In which object.
        object: ObjectId,
        /// Keys within it; empty for the whole object.
        path: Vec<String>,
    },
    /// Its statements name what the concurrent one makes.
    Uses(String),
    /// That one is a backfill.
    Backfill(Need),
}

impl fmt::Display for Reason {
    /// Follows "because": `it changes index t_a of table public.t, as that one
    /// does`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changes { object, path } => {
                formatter.write_str("it changes ")?;
                match path.as_slice() {
                    [] => write!(formatter, "{object}")?,
                    [part] => write!(formatter, "the {part} of {object}")?,
                    [part, key, ..] => {
                        write!(formatter, "{} `{key}` of {object}", singular(part))?;
                    }
                }
                formatter.write_str(", as that one does")
            }
            Self::Uses(name) => write!(formatter, "it uses `{name}`, which that one makes"),
            Self::Backfill(need) => need.fmt(formatter),
        }
    }
}

/// `column` for `columns`, `policy` for `policies`.
fn singular(part: &str) -> &str {
    match part {
        "indexes" => "index",
        "policies" => "policy",
        part => part.strip_suffix('s').unwrap_or(part),
    }
}

/// The open concurrent migrations of `others`.
pub fn open<'a>(others: &'a [Migration]) -> impl Iterator<Item = &'a Migration> {
    let ended: BTreeSet<&'a Name> = others
        .iter()
        .flat_map(|migration| migration.ends.iter().map(|ended| &ended.name))
        .collect();
    others
        .iter()
        .filter(move |migration| migration.kind == Kind::Concurrent)
        .filter(move |migration| !ended.contains(&migration.name))
}

/// Those of `open` that `newcomer`, which makes `changes` and so leads to
/// `schemas`, has to end and does not name yet; in their order.
#[must_use]
pub fn needed(
    open: &[&Migration],
    newcomer: &Migration,
    changes: &[Diff],
    schemas: &[&Snapshot],
) -> Vec<Ending> {
    if newcomer.kind == Kind::Concurrent {
        return Vec::new();
    }
    open.iter()
        .filter(|concurrent| {
            let mut named = newcomer.ends.iter();
            !named.any(|ended| ended.name == concurrent.name)
        })
        .filter_map(|concurrent| {
            Some(Ending {
                name: concurrent.name.clone(),
                reason: reason(concurrent, newcomer, changes, schemas)?,
            })
        })
        .collect()
}

fn reason(
    concurrent: &Migration,
    newcomer: &Migration,
    changes: &[Diff],
    schemas: &[&Snapshot],
) -> Option<Reason> {
    if let Some(need) = backfill::need(concurrent, newcomer, changes, schemas) {
        return Some(Reason::Backfill(need));
    }
    // Whatever their major version: what is the same object on one is it on the
    // other.
    let parts = concurrent.schema_diff.as_deref();
    let theirs = || {
        parts
            .iter()
            .flat_map(|parts| parts.values())
            .flat_map(Diff::changes)
    };
    let ours = || changes.iter().flat_map(Diff::changes);
    let ours_in = |part: &str| -> Vec<&Change> {
        let is_in = |change: &&Change| change.path.first().is_some_and(|first| first == part);
        ours().filter(is_in).collect()
    };
    for change in ours() {
        if let Some(their) = theirs().find(|their| meet(change, their)) {
            // The longer one says more.
            let longer = [their, change]
                .into_iter()
                .max_by_key(|change| change.path.len())?;
            return Some(Reason::Changes {
                object: longer.object.clone(),
                path: longer.path.clone(),
            });
        }
    }
    let columns = ours_in("columns");
    if let Some(change) = columns.into_iter().find(|change| {
        // The server refuses other columns for as long as it is a partition.
        theirs().any(|their| their.object == change.object && is_detached(their))
    }) {
        return Some(Reason::Changes {
            object: change.object.clone(),
            path: Vec::new(),
        });
    }
    let mut made: BTreeSet<&str> = theirs().filter_map(made_by).collect();
    let relations = |migration: &'_ Migration| migration.outline.as_ref()?.relations.clone();
    let makes = relations(concurrent).map(|relations| relations.makes);
    made.extend(makes.iter().flatten().map(String::as_str));
    let touches = relations(newcomer)?.touches;
    let used = touches.into_iter().find(|name| made.contains(&**name))?;
    Some(Reason::Uses(used))
}

/// Whether both change one thing, or one of them what holds the other's.
fn meet(one: &Change, other: &Change) -> bool {
    one.object == other.object
        && (one.path.starts_with(&other.path) || other.path.starts_with(&one.path))
}

/// Whether a change ends that a table is a partition.
fn is_detached(change: &Change) -> bool {
    change.path == ["partition_of"] && change.after.is_none()
}

/// The name of what a change makes, if that is something with a name.
fn made_by(change: &Change) -> Option<&str> {
    if change.before.is_some() || change.after.is_none() {
        return None;
    }
    match change.path.as_slice() {
        [] => Some(&change.object.name),
        [part, key] if part == "indexes" => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
