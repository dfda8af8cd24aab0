//! Folder and ledger → what is known of each concurrent migration.

use std::collections::{BTreeMap, BTreeSet};

use super::{Concurrent, Origin, Standing};
use crate::graph::Graph;
use crate::history::{History, Progress};
use crate::migration::{Kind, Migration, Name};
use crate::schema::Diff;
use crate::statement::{Kind as StatementKind, ReindexTarget};

/// All concurrent migrations of folder and ledger, and how far each is for
/// the schema. Those in `done_by_then` count as done: they run before the
/// schema is looked at.
#[must_use]
pub fn concurrent(
    graph: &Graph,
    history: &History,
    project: &str,
    major: u32,
    done_by_then: &BTreeSet<Name>,
) -> Vec<Concurrent> {
    let standing = |name: &Name| {
        if done_by_then.contains(name) {
            return Standing::Done;
        }
        match history.progress(project, name) {
            Progress::Pending => Standing::Pending,
            Progress::Running(_) | Progress::Interrupted | Progress::Failed(_) => {
                Standing::InFlight
            }
            Progress::Applied => Standing::Done,
            Progress::Abandoned => Standing::Abandoned,
        }
    };
    let mut all: Vec<Concurrent> = graph
        .migrations()
        .filter(|migration| migration.kind == Kind::Concurrent)
        .map(|migration| of(migration, standing(&migration.name), major))
        .collect();
    for (name, record) in &history.records {
        let Some(parts) = &record.schema_diff else {
            continue;
        };
        let standing = standing(name);
        if record.kind != Kind::Concurrent || standing == Standing::Done {
            continue;
        }
        if let Some(here) = graph.get(name) {
            // What is under way may be an older text than the folder's.
            let is_older = here.schema_diff.as_ref() != Some(parts);
            if !is_older || standing != Standing::InFlight || !parts.contains_key(&major) {
                continue;
            }
        }
        let mut one = Concurrent {
            name: name.clone(),
            standing,
            origin: Origin::Ledger,
            diff: None,
            objects: BTreeSet::new(),
            relations: None,
            reindexes_all: false,
        };
        one.take(parts, major);
        all.push(one);
    }
    all
}

fn of(migration: &Migration, standing: Standing, major: u32) -> Concurrent {
    let outline = migration.outline.as_ref();
    let items = outline.map_or(&[][..], |outline| &outline.items);
    let mut one = Concurrent {
        name: migration.name.clone(),
        standing,
        origin: Origin::Folder,
        diff: None,
        objects: BTreeSet::new(),
        relations: outline.and_then(|outline| outline.relations.clone()),
        reindexes_all: items.iter().any(|item| {
            item.digest.as_ref().is_some_and(|digest| {
                matches!(
                    digest.kind,
                    StatementKind::Reindex {
                        target: ReindexTarget::Namespace(_) | ReindexTarget::Database,
                        ..
                    }
                )
            })
        }),
    };
    if let Some(parts) = &migration.schema_diff {
        one.take(parts, major);
    }
    one
}

impl Concurrent {
    /// Takes what a stored schema diff says: its part for `major`, and the
    /// objects that the others name.
    fn take(&mut self, parts: &BTreeMap<u32, Diff>, major: u32) {
        self.diff = parts.get(&major).cloned();
        for diff in parts.values() {
            self.objects.extend(diff.objects());
        }
    }
}
