//! Transactions that lock several busy tables strongly: each table stays locked
//! until COMMIT, whatever the others take, and another transaction that takes
//! them in a different order ends in a deadlock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Step;
use crate::graph::Graph;
use crate::migration::Name;
use crate::statement::{LockMode, Locks, RelationName};
use crate::text::list;

/// How much a table of the database is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its name, as SQL, qualified where the search path needs it.
    pub table: String,
    /// Scans, and rows written, since the server counts.
    pub uses: u64,
    /// Whether another session has a lock on it, or waits for one, now.
    pub is_in_use: bool,
}

/// From so many uses on a table counts as busy. What is new, or filled by
/// migrations and rarely read, has fewer; what an application works with
/// passes it within minutes of its first day.
const USES_MIN: u64 = 1000;

impl Use {
    /// Whether an application notices when it is locked.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_in_use || self.uses >= USES_MIN
    }
}

/// A strong lock on a busy table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrongLock {
    /// Name of the table, as SQL.
    pub table: String,
    /// The strongest that is taken.
    pub mode: LockMode,
    /// The first migration that takes a strong one.
    pub migration: Name,
}

/// A transaction of the batch that takes several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrongLocks {
    /// The step of the batch, from 0.
    pub step: usize,
    /// At least two, in the order in which they are taken.
    pub locks: Vec<StrongLock>,
}

/// `` `a` (ACCESS EXCLUSIVE) and `b` (SHARE ROW EXCLUSIVE) ``
impl fmt::Display for StrongLocks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let locks = self.locks.iter();
        let locks: Vec<String> = locks
            .map(|lock| format!("`{}` ({})", lock.table, lock.mode))
            .collect();
        formatter.write_str(&list(&locks))
    }
}

/// The strong locks of each migration of each transaction, where more than one
/// relation is named.
type Taken<'a> = Vec<(usize, Vec<(&'a Name, &'a Locks)>)>;

fn taken<'a>(batch: &'a [Step], graph: &'a Graph) -> Taken<'a> {
    let blocks = batch.iter().enumerate().filter_map(|(step, one)| {
        let Step::Block(block) = one else {
            return None;
        };
        let names = block.migrations.iter();
        let locks: Vec<_> = names
            .filter_map(|name| {
                let migration = graph.get(name)?;
                // Its tables are in another database.
                let is_here = migration.connection.is_none();
                let locks = &migration.outline.as_ref()?.strong_locks;
                (is_here && !locks.0.is_empty()).then_some((name, locks))
            })
            .collect();
        let relations: BTreeSet<_> = locks.iter().flat_map(|(_, locks)| locks.0.keys()).collect();
        (relations.len() > 1).then_some((step, locks))
    });
    blocks.collect()
}

/// The relations whose use decides; empty if no transaction locks several.
#[must_use]
pub fn candidates<'a>(batch: &'a [Step], graph: &'a Graph) -> BTreeSet<&'a RelationName> {
    let taken = taken(batch, graph);
    let locks = taken.iter().flat_map(|(_, locks)| locks);
    locks.flat_map(|(_, locks)| locks.0.keys()).collect()
}

/// The transactions that lock several busy tables; `uses` are those of the
/// [`candidates`] that are there.
#[must_use]
pub fn of(batch: &[Step], graph: &Graph, uses: &BTreeMap<&RelationName, Use>) -> Vec<StrongLocks> {
    let mut all = Vec::new();
    for (step, taken) in taken(batch, graph) {
        let mut locks: Vec<StrongLock> = Vec::new();
        for (migration, held) in taken {
            for (relation, mode) in held.strong() {
                let Some(busy) = uses.get(relation).filter(|one| one.is_busy()) else {
                    continue;
                };
                // Named with its namespace and without, or by its index.
                match locks.iter_mut().find(|lock| lock.table == busy.table) {
                    Some(lock) => lock.mode = lock.mode.max(mode),
                    None => locks.push(StrongLock {
                        table: busy.table.clone(),
                        mode,
                        migration: migration.clone(),
                    }),
                }
            }
        }
        if locks.len() > 1 {
            all.push(StrongLocks { step, locks });
        }
    }
    all
}
