//! Rows and files side by side → what is to be recorded, and what is in the
//! way of that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::checksum::Comparison;
use super::{Entry, Key, Source, Standing};
use crate::diagnostic::code;
use crate::history::{History, State};
use crate::migration::{Kind, Migration, Name};
use crate::text::nearest;

/// A migration that is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which.
    pub name: Name,
    /// RFC 3339 time of its application or last try, UTC, where it is known.
    pub at: Option<String>,
    /// How long it took; zero where that is not known.
    pub duration: Duration,
    /// Statements that the other tool has counted.
    pub statements: usize,
    /// Whether it is only begun: its first `statements` are done.
    pub is_partly: bool,
    /// The other tool's checksum of it.
    pub checksum: Option<String>,
    /// Whether the file is what has run.
    pub comparison: Comparison,
}

/// Why nothing can be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is in the way.
    pub reason: String,
    /// What to do.
    pub help: String,
}

/// What taking over a ledger comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// What is to be recorded, by name.
    pub taken: Vec<Taken>,
    /// What segue's ledger has already, by name.
    pub already: Vec<Name>,
    /// What is left for `segue up`, by name.
    pub pending: Vec<Name>,
    /// Rows that no file belongs to.
    pub without_file: Vec<String>,
    /// Why nothing can be recorded.
    pub refusals: Vec<Refusal>,
}

impl Adoption {
    /// Of the ledger of `source`, with the files of a folder, by name.
    #[must_use]
    pub fn new(
        source: Source,
        entries: &[Entry],
        migrations: &[Migration],
        history: &History,
    ) -> Self {
        let mut adoption = Self::default();
        let files = adoption.files(source, migrations, history);
        let rows = adoption.rows(source, entries, &files);
        let mut applied: Vec<(&Migration, Option<&Entry>)> = Vec::new();
        let reach = entries
            .iter()
            .filter(|entry| matches!(entry.standing, Standing::UpTo | Standing::Baseline))
            .filter_map(|entry| entry.key.as_ref())
            .max();
        for (key, migration) in &files {
            match rows.get(key) {
                Some(entry) => applied.push((migration, Some(entry))),
                None if reach.is_some_and(|reach| key <= reach) => applied.push((migration, None)),
                None => adoption.leave(migration, history),
            }
        }
        for (migration, entry) in applied {
            adoption.take(source, migration, entry, history);
        }
        if adoption.taken.is_empty()
            && adoption.already.is_empty()
            && adoption.refusals.is_empty()
            && !entries.is_empty()
        {
            adoption.refusals.push(Refusal {
                reason: format!(
                    "none of the migrations in {source}'s ledger has a file here, {} for example",
                    entries[0].label
                ),
                help: format!(
                    "`--migrations DIR` names the folder; `segue adopt {source} --convert DIR` makes one of {source}'s own"
                ),
            });
        }
        adoption.sort();
        adoption
    }

    /// Everything up to and including `last`.
    #[must_use]
    pub fn up_to(last: &Name, migrations: &[Migration], history: &History) -> Self {
        let mut adoption = Self::default();
        if !migrations.iter().any(|migration| migration.name == *last) {
            let names = migrations.iter().map(|migration| migration.name.as_str());
            adoption.refusals.push(Refusal {
                reason: format!("there is no migration `{last}`"),
                help: match nearest(last.as_str(), names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "give the file name of the last one that is applied".to_owned(),
                },
            });
            return adoption;
        }
        for migration in migrations {
            adoption.refuse_down(migration, history);
            if migration.name <= *last {
                adoption.record(migration, None, history);
            } else {
                adoption.leave(migration, history);
            }
        }
        adoption.sort();
        adoption
    }

    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn sort(&mut self) {
        self.taken.sort_by(|one, other| one.name.cmp(&other.name));
        self.already.sort();
        self.pending.sort();
    }

    /// Adds what is in the way, once.
    pub fn refuse(&mut self, reason: impl Into<String>, help: impl Into<String>) {
        let refusal = Refusal {
            reason: reason.into(),
            help: help.into(),
        };
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    /// The files that the tool would know, by their keys.
    fn files<'a>(
        &mut self,
        source: Source,
        migrations: &'a [Migration],
        history: &History,
    ) -> BTreeMap<Key, &'a Migration> {
        let convert = format!("`segue adopt {source} --convert DIR` writes files that fit");
        let mut files: BTreeMap<Key, &Migration> = BTreeMap::new();
        for migration in migrations {
            self.refuse_down(migration, history);
            let name = &migration.name;
            let Some(key) = source.key(name.as_str()) else {
                // A way down is refused already.
                if history.records.contains_key(name) {
                    self.already.push(name.clone());
                } else if !is_down(migration) {
                    self.refuse(
                        format!("{source} passes over `{name}`, and `segue up` would run it"),
                        "move it out of the folder",
                    );
                }
                continue;
            };
            if let Some(other) = files.get(&key) {
                self.refuse(
                    format!("`{}` and `{name}` are both migration {key}", other.name),
                    "leave the one in the folder that has run",
                );
                continue;
            }
            files.insert(key, migration);
        }
        // By their keys they run in one order, by their names in another.
        let mut before: Option<&Migration> = None;
        for migration in files.values() {
            if let Some(before) = before
                && before.name > migration.name
            {
                self.refuse(
                    format!(
                        "`{}` runs before `{}` under {source}, and after it under segue, which goes by the bytes of names",
                        before.name, migration.name
                    ),
                    convert.clone(),
                );
                break;
            }
            before = Some(migration);
        }
        for key in files.keys() {
            if let (Key::Repeatable(name), Some(migration)) = (key, files.get(key))
                && migration.name.as_str() == name
            {
                self.refuse(
                    format!("`{name}` runs again whenever it changes; segue runs each file once"),
                    convert.clone(),
                );
            }
        }
        files
    }

    /// The rows that say something of a file, by their keys.
    fn rows<'a>(
        &mut self,
        source: Source,
        entries: &'a [Entry],
        files: &BTreeMap<Key, &Migration>,
    ) -> BTreeMap<Key, &'a Entry> {
        let mut rows = BTreeMap::new();
        for entry in entries {
            let file = entry.key.as_ref().and_then(|key| files.get(key));
            match entry.standing {
                Standing::Failed => self.refuse(
                    format!(
                        "{source} has left {} half-way: nobody knows which of its statements are done",
                        entry.label
                    ),
                    format!("look what it has done, finish or undo it, and correct {source}'s ledger as its manual says"),
                ),
                Standing::UpTo if file.is_none() => self.refuse(
                    format!("{source} is at version {}, which no file here has", entry.label),
                    "`--migrations DIR` names the folder",
                ),
                Standing::Applied | Standing::Partly if file.is_none() => {
                    self.without_file.push(entry.label.clone());
                }
                Standing::Baseline => {}
                Standing::Applied | Standing::Partly | Standing::UpTo => {
                    if let Some(key) = &entry.key {
                        rows.insert(key.clone(), entry);
                    }
                }
            }
        }
        rows
    }

    fn take(
        &mut self,
        source: Source,
        migration: &Migration,
        entry: Option<&Entry>,
        history: &History,
    ) {
        let partly = entry.filter(|entry| entry.standing == Standing::Partly);
        if let Some(entry) = partly
            && migration.kind == Kind::Batch
        {
            self.refuse(
                format!(
                    "{source} has run {} of `{}` outside a transaction, and the file does not say `no-txn`",
                    statements(entry.statements),
                    migration.name
                ),
                "bring the text back that has run",
            );
            return;
        }
        self.record(migration, entry, history);
    }

    fn record(&mut self, migration: &Migration, entry: Option<&Entry>, history: &History) {
        let name = &migration.name;
        let is_partly = entry.is_some_and(|entry| entry.standing == Standing::Partly);
        match history.records.get(name).map(|record| &record.state) {
            Some(State::Applied | State::Abandoned) => return self.already.push(name.clone()),
            Some(State::Begun | State::Failed(_)) if is_partly => {
                return self.already.push(name.clone());
            }
            Some(State::Begun | State::Failed(_)) => {
                return self.refuse(
                    format!("segue itself has begun `{name}`"),
                    format!("`segue abandon {name}` gives that up, or `segue up` ends it"),
                );
            }
            None => {}
        }
        self.taken.push(Taken {
            name: name.clone(),
            at: entry.and_then(|entry| entry.at.clone()),
            duration: entry.map_or(Duration::ZERO, |entry| entry.duration),
            statements: entry.map_or(0, |entry| entry.statements),
            is_partly,
            checksum: entry.and_then(|entry| entry.checksum.clone()),
            comparison: Comparison::NotKept,
        });
    }

    fn leave(&mut self, migration: &Migration, history: &History) {
        let name = migration.name.clone();
        if history.is_closed(&name) {
            self.already.push(name);
        } else {
            self.pending.push(name);
        }
    }

    fn refuse_down(&mut self, migration: &Migration, history: &History) {
        if is_down(migration) && !history.is_closed(&migration.name) {
            self.refuse(
                format!(
                    "`{}` says how to come down again, and `segue up` would run that",
                    migration.name
                ),
                "`segue adopt TOOL --convert DIR` writes files without it",
            );
        }
    }

    /// Names of what is pending although something later is applied.
    #[must_use]
    pub fn out_of_order(&self) -> Vec<&Name> {
        let applied: BTreeSet<&Name> = self
            .taken
            .iter()
            .map(|taken| &taken.name)
            .chain(&self.already)
            .collect();
        let last = applied.last();
        self.pending
            .iter()
            .filter(|name| last.is_some_and(|last| name < last))
            .collect()
    }
}

fn is_down(migration: &Migration) -> bool {
    migration
        .problems
        .iter()
        .any(|problem| problem.code == code::WAY_DOWN)
}

fn statements(count: usize) -> String {
    match count {
        1 => "one statement".to_owned(),
        count => format!("{count} statements"),
    }
}
