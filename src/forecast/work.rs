//! Two looks at the catalogs, and what the server said in between → the work
//! that a statement did on relations that were there before.

use std::collections::{BTreeMap, BTreeSet};

use super::message::Message;
use super::{IndexShape, TableName, Work};
use crate::statement::LockMode;

/// A relation as a session sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its OID.
    pub oid: u32,
    /// Its name.
    pub name: TableName,
    /// `pg_class.relkind`
    pub kind: char,
    /// `pg_class.relfilenode`: another one means that it was written anew.
    pub file: u32,
    /// The table, of an index.
    pub table: Option<u32>,
    /// What is known of an index.
    pub shape: Option<IndexShape>,
    /// The strongest lock that the session at hand has on it.
    pub held: Option<LockMode>,
}

impl Relation {
    fn is_table(&self) -> bool {
        matches!(self.kind, 'r' | 'p' | 'm')
    }
}

/// What was there before anything ran, and how it stands after the statements
/// so far.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What was there, by OID.
    before: BTreeMap<u32, Relation>,
    /// Files of what has been seen since, indexes that came later too.
    files: BTreeMap<u32, u32>,
}

/// What a statement is, as far as that says what its looks mean.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// Its first keyword, in capitals.
    pub verb: String,
    /// Names of tables that it writes rows of, by its text.
    pub writes: BTreeSet<String>,
    /// Whether all that it adds stands in the file itself.
    pub adds_only: bool,
    /// Tables whose foreign keys it looked up.
    pub referencing: BTreeSet<u32>,
}

impl Known {
    /// From all relations of a database.
    #[must_use]
    pub fn new(all: Vec<Relation>) -> Self {
        let files = all.iter().map(|one| (one.oid, one.file)).collect();
        let before = all.into_iter().map(|one| (one.oid, one)).collect();
        Self { before, files }
    }

    /// A relation that was there, by its name then.
    #[must_use]
    pub fn named(&self, oid: u32) -> Option<&TableName> {
        self.before.get(&oid).map(|relation| &relation.name)
    }

    /// Tables that were there, which a statement may mean by this name.
    pub fn tables<'a>(
        &'a self,
        namespace: Option<&'a str>,
        name: &'a str,
    ) -> impl Iterator<Item = u32> {
        let all = self.before.values();
        let fits = move |one: &&Relation| {
            one.name.name == name && namespace.is_none_or(|of| of == one.name.namespace)
        };
        all.filter(fits).map(|one| one.table.unwrap_or(one.oid))
    }

    /// The locks of `seen` on tables that were there, an index for its table
    /// where that is not locked as strongly.
    #[must_use]
    pub fn locks(&self, seen: &[Relation]) -> BTreeMap<u32, LockMode> {
        let mut locks: BTreeMap<u32, LockMode> = BTreeMap::new();
        for relation in seen {
            let Some(mode) = relation.held else { continue };
            if relation.table.is_none() && self.before.contains_key(&relation.oid) {
                locks.insert(relation.oid, mode);
            }
        }
        for relation in seen {
            let (Some(mode), Some(table)) = (relation.held, relation.table) else {
                continue;
            };
            let is_told = locks.get(&table).is_some_and(|held| *held >= mode)
                || mode < LockMode::ShareUpdateExclusive;
            if self.before.contains_key(&relation.oid) && !is_told {
                locks.insert(relation.oid, mode);
            }
        }
        locks
    }

    /// What was done, by looking at `seen` after the statement; `newly` are the
    /// locks that it was the first to take.
    pub fn work(
        &mut self,
        seen: &[Relation],
        messages: &[Message],
        newly: &BTreeMap<u32, LockMode>,
        hints: &Hints,
    ) -> Vec<Work> {
        let mut work = Vec::new();
        let mut rewritten = BTreeSet::new();
        let old = |oid: u32| self.before.get(&oid);
        let has_new_file = |one: &Relation| {
            let file = self.files.get(&one.oid);
            file.is_some_and(|file| *file != one.file)
        };
        for relation in seen.iter().filter(|one| one.is_table()) {
            let Some(before) = old(relation.oid).filter(|_| has_new_file(relation)) else {
                continue;
            };
            rewritten.insert(relation.oid);
            let name = before.name.clone();
            work.push(match hints.verb.as_str() {
                "TRUNCATE" => Work::Empties(name),
                "REFRESH" => Work::Refreshes(name),
                _ => Work::Rewrites(name),
            });
        }
        for relation in seen.iter().filter(|one| one.kind == 'i') {
            let (Some(table), Some(shape)) = (relation.table, &relation.shape) else {
                continue;
            };
            let is_new = !self.files.contains_key(&relation.oid) || has_new_file(relation);
            if is_new
                && !rewritten.contains(&table)
                && let Some(table) = old(table)
            {
                work.push(Work::Builds {
                    index: relation.name.name.clone(),
                    table: table.name.clone(),
                    shape: shape.clone(),
                });
            }
        }
        let mut scans: BTreeSet<u32> = hints.referencing.clone();
        for message in messages {
            if let Message::Verifying { table } = message {
                let is_it = |one: &&Relation| {
                    one.is_table()
                        && one.name.name == *table
                        && one.held >= Some(LockMode::ShareUpdateExclusive)
                };
                scans.extend(seen.iter().filter(is_it).map(|one| one.oid));
            }
        }
        for oid in scans.difference(&rewritten) {
            work.extend(old(*oid).map(|table| Work::Scans(table.name.clone())));
        }
        let is_written = |one: &&Relation| {
            let is_named =
                hints.writes.contains(&one.name.name) && one.held >= Some(LockMode::RowExclusive);
            one.is_table() && (is_named || newly.get(&one.oid) == Some(&LockMode::RowExclusive))
        };
        let is_bounded = ["UPDATE", "DELETE", "MERGE"].contains(&hints.verb.as_str());
        let written = seen.iter().filter(is_written);
        for relation in written.filter(|_| !hints.adds_only) {
            let table = old(relation.oid).map(|table| table.name.clone());
            let change = if is_bounded {
                Work::Changes
            } else {
                Work::Writes
            };
            work.extend(table.map(change));
        }
        let files = seen.iter().map(|one| (one.oid, one.file));
        let files: Vec<(u32, u32)> = files.collect();
        self.files.extend(files);
        work
    }
}
