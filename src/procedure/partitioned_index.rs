//! `CREATE INDEX CONCURRENTLY` on a partitioned table, which PostgreSQL
//! refuses, done partition by partition.
//!
//! ```text
//! CREATE INDEX … ON ONLY table                   the index of the whole, invalid:
//!                                                partitions made from now on get theirs
//! each partition that is partitioned itself      CREATE INDEX … ON ONLY partition
//! each other one                                 CREATE INDEX CONCURRENTLY … ON partition
//! when all are there                             ALTER INDEX … ATTACH PARTITION
//! ```
//!
//! Partitions with rows are different tables, so their indexes may be built side
//! by side; each build has a lock of its own.
//!
//! Attached is at the very end, in one go: the index of the whole becomes valid
//! when an index is attached and none is missing, and only then is it looked.
//! Were the last partition detached while its index is built, with all others
//! attached, it would stay invalid for ever. Until then each index can also be
//! dropped without the others.
//!
//! An index that a partition has already and that PostgreSQL would take for the
//! plain statement is taken here too.

use super::{Ended, Index, Refusal, create_index};

pub mod name;
mod order;
mod refusal;
mod tree;

pub use order::in_order;
use tree::Tree;

/// What an expansion has written down of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// OIDs of the indexes of partitions that it made.
    pub made: Vec<u32>,
    /// The partitions that are at work, or were when that was interrupted; each
    /// once.
    pub building: Vec<Building>,
}

/// A partition whose index is being built, or was when that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Building {
    /// Its OID.
    pub partition: u32,
    /// OIDs of the indexes that it had before.
    pub indexes_before: Vec<u32>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As for any table.
    pub index: create_index::CreateIndex,
    /// `UNIQUE`
    pub unique: bool,
    /// `ON ONLY`: the index of the whole is all that is wanted.
    pub only: bool,
}

/// All that a decision needs to know.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The table, then its partitions, each after the one that it is a
    /// partition of, in the order in which PostgreSQL goes through them.
    /// Those about to be detached are left out.
    pub nodes: Vec<Node>,
    /// The partitions of [`Building`] that are none any more.
    pub stray: Vec<Node>,
    /// OID of the index of the whole that we made.
    pub target: Option<u32>,
    /// What was written down.
    pub notes: Notes,
    /// How the last step of this run ended.
    pub ended: Option<Ended>,
}

/// A table of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its OID.
    pub oid: u32,
    /// Qualified and quoted where needed.
    pub name: String,
    /// Its bare name.
    pub bare_name: String,
    /// OID of its namespace.
    pub namespace: u32,
    /// Which of [`Looked::nodes`] it is a partition of; less than its own
    /// place. The table's own is 0.
    pub parent: usize,
    /// What it is.
    pub kind: Kind,
    /// Its indexes, by OID.
    pub indexes: Vec<Part>,
    /// Other sessions that hold SHARE UPDATE EXCLUSIVE or more on it, or the
    /// lock of whoever builds its index for the same migration.
    pub holders: Vec<i32>,
}

/// What a table of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Partitioned.
    Partitioned,
    /// One with rows.
    Leaf,
    /// A foreign table: it has no indexes.
    Foreign,
}

/// An index of a table of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The index; `is_same` is of the text.
    pub index: Index,
    /// OID of the index that it is attached to.
    pub attached_to: Option<u32>,
    /// Whether PostgreSQL would take it for a part of the target.
    pub matches: bool,
}

/// A partition with rows that lacks its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Which of [`Looked::nodes`].
    pub node: usize,
    /// Which of the partitions with rows, from 1, those that have their index
    /// counted first.
    pub number: usize,
    /// The index that is there, attached and invalid: it is built anew.
    /// Qualified and quoted where needed.
    pub again: Option<String>,
}

/// What a build has left on its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// No index.
    Nothing,
    /// A valid one.
    Built(u32),
    /// An invalid one: qualified and quoted where needed.
    Half(String),
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is done.
    Done {
        /// Why it counts as done, where it was not simply run.
        reason: Option<String>,
    },
    /// Make the index of the whole, and note it as the target.
    CreateTarget,
    /// Make the index of this partition, which is partitioned itself, and note
    /// it as made.
    CreateOn {
        /// Which of [`Looked::nodes`].
        node: usize,
    },
    /// Build the indexes of these partitions concurrently, in this order or
    /// side by side; not empty.
    Build {
        /// Which.
        leaves: Vec<Leaf>,
        /// How many partitions with rows there are.
        of: usize,
    },
    /// Note that nothing is being built on a partition any more, and what has
    /// come of it.
    NoteBuilt {
        /// OID of the partition.
        partition: u32,
        /// The index, if there is one.
        built: Option<u32>,
    },
    /// Wait until these sessions have let go of the table, then look again.
    WaitFor {
        /// Qualified and quoted where needed.
        table: String,
        /// Their pids; 0 is a prepared transaction.
        pids: Vec<i32>,
    },
    /// Drop this index, of a table with rows, concurrently.
    Drop {
        /// Qualified and quoted where needed.
        index: String,
        /// Whether it is valid: it is given up, not repaired.
        was_built: bool,
    },
    /// Drop this index of a partitioned table, with what is attached to it.
    DropWhole {
        /// Its OID.
        oid: u32,
        /// Qualified and quoted where needed.
        index: String,
    },
    /// Attach indexes, in this order.
    Attach {
        /// Each as (index of the whole, index of the part).
        pairs: Vec<(String, String)>,
    },
    /// In one transaction, under locks: see that nothing is missing, drop the
    /// target and make it anew on the whole table, which then takes the
    /// indexes that are there. A foreign table among the partitions keeps an
    /// index of the whole invalid for ever if its parts are attached one by
    /// one, since PostgreSQL then waits for the foreign table's.
    Recreate,
    /// Report the error that the last step ended with.
    Fail,
    /// Report this.
    Refuse(Refusal),
}

/// The next step towards the index.
#[must_use]
pub fn next(wanted: &Wanted, looked: &Looked) -> Next {
    let Some(root) = looked.nodes.first() else {
        // Without a table the server has the words.
        return Next::CreateTarget;
    };
    let Some(target) = looked.target() else {
        return without_target(wanted, looked, root);
    };
    let unsettled = match looked.settle_building() {
        // Those that are free are built meanwhile.
        Some(wait @ Next::WaitFor { .. }) => Some(wait),
        Some(next) => return next,
        None => None,
    };
    let is_over = target.index.is_valid || wanted.only || looked.ended == Some(Ended::Failed);
    if is_over && let Some(wait) = unsettled {
        return wait;
    }
    if target.index.is_valid || wanted.only {
        return Next::Done { reason: None };
    }
    if looked.ended == Some(Ended::Failed) {
        return Next::Fail;
    }
    if let Some(refusal) = refuse_foreign(wanted, looked) {
        return Next::Refuse(refusal);
    }
    let tree = Tree::new(looked, target);
    if let Some(next) = tree.build(unsettled) {
        return next;
    }
    if tree.has_foreign() {
        return match tree.in_the_way() {
            Some(part) => Next::Refuse(refusal::in_the_way(&part.index)),
            None => Next::Recreate,
        };
    }
    let pairs = tree.attach();
    if !pairs.is_empty() {
        return Next::Attach { pairs };
    }
    // Nothing to attach, and yet not valid.
    if tree.is_all_new() {
        return Next::DropWhole {
            oid: target.index.oid,
            index: target.index.qualified.clone(),
        };
    }
    Next::Refuse(refusal::stuck(&target.index))
}

/// Which of [`Looked::nodes`] lack their index, in the order in which PostgreSQL
/// would give them names; empty without a target.
#[must_use]
pub fn missing(looked: &Looked) -> Vec<usize> {
    let Some(target) = looked.target() else {
        return Vec::new();
    };
    let tree = Tree::new(looked, target);
    let parts = tree.parts();
    parts
        .filter(|(_, node, part)| node.kind != Kind::Foreign && part.is_none())
        .map(|(place, ..)| place)
        .collect()
}

/// How many partitions with rows have their index, and how many there are.
#[must_use]
pub fn progress(looked: &Looked) -> (usize, usize) {
    looked
        .target()
        .map_or((0, 0), |target| Tree::new(looked, target).progress())
}

/// Whether a partition, looked at again under the lock of its build, still
/// lacks what was to be built: nobody is at work on it, and nobody was quicker.
#[must_use]
pub fn is_still_missing(node: &Node, again: Option<&str>) -> bool {
    let mut parts = node.indexes.iter();
    node.holders.is_empty()
        && match again {
            Some(index) => parts.any(|part| part.index.qualified == index && !part.index.is_valid),
            None => {
                !parts.any(|part| part.matches && part.index.is_valid && part.attached_to.is_none())
            }
        }
}

/// The next step to remove what is half-way, and nothing else.
#[must_use]
pub fn settle(looked: &Looked) -> Next {
    let next = looked.settle_building();
    next.unwrap_or(Next::Done { reason: None })
}

/// The next step to remove what an expansion has left that will not go on;
/// [`Next::Done`] with a reason if something stays.
#[must_use]
pub fn clean_up(looked: &Looked) -> Next {
    if let Some(next) = looked.settle_building() {
        return next;
    }
    let target = looked.target();
    if target.is_some_and(|target| target.index.is_valid) {
        // All of it has come to its end.
        return Next::Done { reason: None };
    }
    let is_made = |part: &Part| looked.notes.made.contains(&part.index.oid);
    let mut wholes: Vec<&Part> = target.into_iter().collect();
    let mut stays = None;
    for node in looked.nodes.iter().skip(1).chain(&looked.stray) {
        for part in &node.indexes {
            if !is_made(part) || part.attached_to.is_some() {
                continue;
            }
            if node.kind == Kind::Partitioned {
                wholes.push(part);
            } else if node.holders.is_empty() {
                return Next::Drop {
                    index: part.index.qualified.clone(),
                    was_built: part.index.is_valid,
                };
            } else {
                return node.wait();
            }
        }
    }
    for whole in wholes {
        let tree = Tree::new(looked, whole);
        if tree.is_all_new() {
            return Next::DropWhole {
                oid: whole.index.oid,
                index: whole.index.qualified.clone(),
            };
        }
        stays.get_or_insert_with(|| refusal::stays(&whole.index));
    }
    Next::Done { reason: stays }
}

/// The index of the whole is not there, or not ours.
fn without_target(wanted: &Wanted, looked: &Looked, root: &Node) -> Next {
    let named = wanted.index.name.as_ref().and_then(|name| {
        let mut parts = root.indexes.iter();
        parts.find(|part| part.index.name == *name)
    });
    let Some(Part { index, .. }) = named else {
        return match looked.ended {
            Some(Ended::Failed) => Next::Fail,
            // `IF NOT EXISTS` asks for the name alone, whosever it is.
            Some(Ended::Well) => match &wanted.index.name {
                Some(name) => Next::Refuse(create_index::skipped(name)),
                None => Next::Fail,
            },
            Some(Ended::Curable) | None => match refuse_foreign(wanted, looked) {
                Some(refusal) => Next::Refuse(refusal),
                None => Next::CreateTarget,
            },
        };
    };
    if !index.is_valid && !wanted.only {
        return Next::Refuse(refusal::leftover(index));
    }
    if index.is_same == Some(true) {
        return Next::Done {
            reason: Some(format!(
                "`{}` was there already{}",
                index.qualified,
                if index.is_valid {
                    ", valid and the same"
                } else {
                    " and is the same"
                }
            )),
        };
    }
    if wanted.index.if_not_exists {
        return Next::Done {
            reason: Some(create_index::exists(index)),
        };
    }
    Next::Refuse(create_index::another(&wanted.index, index))
}

fn refuse_foreign(wanted: &Wanted, looked: &Looked) -> Option<Refusal> {
    if !wanted.unique || wanted.only {
        return None;
    }
    let is_foreign = |node: &&Node| node.kind == Kind::Foreign;
    let foreign = looked.nodes.iter().find(is_foreign)?;
    Some(refusal::foreign(&looked.nodes[0].name, &foreign.name))
}

impl Looked {
    fn target(&self) -> Option<&Part> {
        let target = self.target?;
        let root = self.nodes.first()?;
        root.indexes.iter().find(|part| part.index.oid == target)
    }

    /// What builds have left: what can be done now comes before what has to be
    /// waited for.
    fn settle_building(&self) -> Option<Next> {
        let is_comparable = self.target().is_some();
        let mut wait = None;
        for building in &self.notes.building {
            let mut nodes = self.nodes.iter().chain(&self.stray);
            let node = nodes.find(|node| node.oid == building.partition);
            let next = match node {
                None => Next::NoteBuilt {
                    partition: building.partition,
                    built: None,
                },
                Some(node) => node.settle(building, is_comparable),
            };
            if !matches!(next, Next::WaitFor { .. }) {
                return Some(next);
            }
            wait.get_or_insert(next);
        }
        wait
    }
}

impl Node {
    /// What a build of ours has left here; `is_comparable` if it is known what
    /// matches.
    #[must_use]
    pub fn left(&self, building: &Building, is_comparable: bool) -> Left {
        let mut parts = self.indexes.iter();
        let part = parts.find(|part| {
            // What is attached belongs to its whole.
            (part.matches || (!is_comparable && !part.index.is_valid))
                && part.attached_to.is_none()
                && !building.indexes_before.contains(&part.index.oid)
        });
        match part {
            None => Left::Nothing,
            Some(part) if part.index.is_valid => Left::Built(part.index.oid),
            Some(part) => Left::Half(part.index.qualified.clone()),
        }
    }

    fn settle(&self, building: &Building, is_comparable: bool) -> Next {
        let built = match self.left(building, is_comparable) {
            Left::Built(built) => Some(built),
            // Whoever holds the table may be building just this index, or be
            // about to.
            _ if !self.holders.is_empty() => return self.wait(),
            Left::Half(index) => {
                return Next::Drop {
                    index,
                    was_built: false,
                };
            }
            Left::Nothing => None,
        };
        Next::NoteBuilt {
            partition: self.oid,
            built,
        }
    }

    fn wait(&self) -> Next {
        Next::WaitFor {
            table: self.name.clone(),
            pids: self.holders.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
