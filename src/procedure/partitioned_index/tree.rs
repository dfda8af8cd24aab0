//! The indexes of a table and its partitions that belong together.

use super::{Kind, Leaf, Looked, Next, Node, Part};

/// The indexes that belong together.
pub(super) struct Tree<'a> {
    looked: &'a Looked,
    target: &'a Part,
    /// Of each node the index that is or will be attached to that of the node
    /// that it is a partition of.
    chosen: Vec<Option<&'a Part>>,
    /// Whether the node matters: not below one whose index is whole already.
    counts: Vec<bool>,
}

impl<'a> Tree<'a> {
    /// The tree below `target`, an index of one of the nodes.
    pub(super) fn new(looked: &'a Looked, target: &'a Part) -> Self {
        let mut tree = Self {
            looked,
            target,
            chosen: Vec::with_capacity(looked.nodes.len()),
            counts: Vec::with_capacity(looked.nodes.len()),
        };
        for (place, node) in looked.nodes.iter().enumerate() {
            let is_root = node
                .indexes
                .iter()
                .any(|part| part.index.oid == target.index.oid);
            let above = (place > 0)
                .then(|| tree.counts[node.parent].then_some(tree.chosen[node.parent]))
                .flatten();
            let (counts, chosen) = match above {
                _ if is_root => (true, Some(target)),
                // Not below the target.
                None => (false, None),
                Some(None) => (true, tree.choose(node, None)),
                Some(Some(above)) => (
                    !above.index.is_valid,
                    tree.choose(node, Some(above.index.oid)),
                ),
            };
            tree.counts.push(counts);
            tree.chosen.push(chosen);
        }
        tree
    }

    /// The index of `node` that is attached to `above`, or can be. PostgreSQL
    /// takes the oldest; it takes an invalid one too, which helps nobody.
    fn choose(&self, node: &'a Node, above: Option<u32>) -> Option<&'a Part> {
        let is_made = |part: &Part| self.looked.notes.made.contains(&part.index.oid);
        let attached = node
            .indexes
            .iter()
            .find(|part| above.is_some() && part.attached_to == above);
        attached.or_else(|| {
            node.indexes.iter().find(|part| {
                part.attached_to.is_none()
                    && part.matches
                    && (part.index.is_valid || (node.kind == Kind::Partitioned && is_made(part)))
            })
        })
    }

    /// Each node that matters but the first, with its index.
    pub(super) fn parts(
        &self,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Node, Option<&'a Part>)> {
        let nodes = self.looked.nodes.iter().enumerate().skip(1);
        let looked = nodes.map(|(place, node)| (place, node, self.chosen[place]));
        looked
            .filter(|(place, ..)| self.counts[*place])
            .filter(|(.., part)| part.is_none_or(|part| part.index.oid != self.target.index.oid))
            .collect::<Vec<_>>()
            .into_iter()
    }

    pub(super) fn has_foreign(&self) -> bool {
        self.parts().any(|(_, node, _)| node.kind == Kind::Foreign)
    }

    /// An invalid index that PostgreSQL would take all the same, as it takes
    /// the oldest that matches.
    pub(super) fn in_the_way(&self) -> Option<&'a Part> {
        self.parts().find_map(|(_, node, chosen)| {
            let chosen = chosen?;
            node.indexes.iter().find(|part| {
                part.matches
                    && !part.index.is_valid
                    && part.attached_to.is_none()
                    && part.index.oid < chosen.index.oid
            })
        })
    }

    fn leaves(&self) -> Vec<(usize, &'a Node, Option<&'a Part>)> {
        let parts = self.parts();
        parts
            .filter(|(_, node, _)| node.kind == Kind::Leaf)
            .collect()
    }

    pub(super) fn progress(&self) -> (usize, usize) {
        let leaves = self.leaves();
        let built = leaves.iter().filter(|(.., part)| part.is_some());
        (built.count(), leaves.len())
    }

    /// The indexes that are missing: first those of partitions that are
    /// partitioned themselves, which take a moment, then all that nobody else
    /// is at work on. Where there are only such, somebody is waited for,
    /// `unsettled` before others.
    pub(super) fn build(&self, unsettled: Option<Next>) -> Option<Next> {
        let mut partitioned = self.parts();
        let whole =
            partitioned.find(|(_, node, part)| node.kind == Kind::Partitioned && part.is_none());
        if let Some((node, ..)) = whole {
            return Some(Next::CreateOn { node });
        }
        let (built, of) = self.progress();
        let mut wait = unsettled;
        let mut leaves = Vec::new();
        for (place, node, part) in self.leaves() {
            if part.is_some_and(|part| part.index.is_valid) {
                continue;
            }
            // A build beside another one on the same table ends in a deadlock.
            if !node.holders.is_empty() {
                wait.get_or_insert_with(|| node.wait());
                continue;
            }
            leaves.push(Leaf {
                node: place,
                number: (built + 1 + leaves.len()).min(of),
                again: part.map(|part| part.index.qualified.clone()),
            });
        }
        if leaves.is_empty() {
            wait
        } else {
            Some(Next::Build { leaves, of })
        }
    }

    /// What can be attached: from the leaves up, since an index of a whole is
    /// valid only once its parts are attached.
    pub(super) fn attach(&self) -> Vec<(String, String)> {
        let pairs = self.parts().rev().filter_map(|(_, node, part)| {
            let part = part?;
            let above = self.chosen[node.parent]?;
            let is_pending = part.attached_to.is_none();
            is_pending.then(|| (above.index.qualified.clone(), part.index.qualified.clone()))
        });
        pairs.collect()
    }

    /// Whether nothing is attached, however far below, that was there before:
    /// what we made, or what PostgreSQL made for a new partition.
    pub(super) fn is_all_new(&self) -> bool {
        let since = self.looked.target.unwrap_or(self.target.index.oid);
        self.parts().all(|(_, _, part)| {
            part.is_none_or(|part| {
                part.attached_to.is_none()
                    || part.index.oid > since
                    || self.looked.notes.made.contains(&part.index.oid)
            })
        })
    }
}
