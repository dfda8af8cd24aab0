//! A migration: one `.sql` file, its directives checked and its statements
//! outlined.
//!
//! Whether the files that it names exist is asked by [`crate::graph`]; whether
//! it has been applied by [`crate::plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::backfill::Backfill;
use crate::diagnostic::Diagnostic;
use crate::directive::Waiver;
use crate::schema::Diff;
use crate::statement::{
    Brings, Columns, Digest, Fingerprint, Kind as StatementKind, Locks, ReindexTarget, RelationName,
};
use crate::text::{Source, Span, Spanned, Variables};
use crate::version::Version;

mod stamp;
pub mod unknown;

pub use stamp::{Slug, stamp_of};

/// Name of a migration's file, without its folder; names order migrations, by
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The file name as it is.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The file name, for example `2026-01-01-00-00-00-add-col.sql`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the file that takes this migration back: `a.revert.sql` of
    /// `a.sql`.
    #[must_use]
    pub fn revert_file(&self) -> Self {
        let stem = self.0.strip_suffix(".sql").unwrap_or(&self.0);
        Self::new(&format!("{stem}{REVERT_ENDING}"))
    }

    /// The migration that a file of this name takes back; `None` if it is the
    /// name of a migration.
    #[must_use]
    pub fn reverted(&self) -> Option<Self> {
        let stem = self.0.strip_suffix(REVERT_ENDING)?;
        Some(Self::new(&format!("{stem}.sql")))
    }
}

impl Name {
    /// How a file of this name may run what refuses a transaction block, for
    /// people.
    #[must_use]
    pub fn outside_help(&self) -> &'static str {
        if self.reverted().is_some() {
            return "write `-- segue: no-txn` at the top of the file";
        }
        "write `-- segue: no-txn` at the top of the file, or make it a concurrent migration with `-- segue: begin-concurrent-migration-with: FILE`"
    }
}

/// What the name of a file ends in that takes a migration back. No migration
/// has such a name.
pub const REVERT_ENDING: &str = ".revert.sql";

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// SHA-256 of a migration's text: BOM removed, CRLF as LF, without the
/// schema-diff block, before `env-vars`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(pub [u8; 32]);

impl std::fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::str::FromStr for Checksum {
    type Err = ();

    fn from_str(hex: &str) -> Result<Self, ()> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(());
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

/// In which half of a deployment a migration runs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the batch, inside a transaction block.
    Batch,
    /// In the batch, outside a transaction block (`no-txn`).
    Standalone,
    /// In the tail (`begin-concurrent-migration-with`).
    Concurrent,
}

impl Kind {
    /// One word, as the ledger and JSON have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Standalone => "standalone",
            Self::Concurrent => "concurrent",
        }
    }
}

/// Another migration, named in a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which.
    pub name: Name,
    /// Where it is named, in bytes of the file.
    pub span: Span,
}

/// A connection of a migration's own. `Debug` does not show the string, which
/// may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// The connection string, in either of libpq's forms. Equal strings are
    /// one connection.
    pub string: Arc<str>,
    /// Where it leads, for people and without a password: ``database `app` as
    /// user `deploy` at db1:5432``; `None` until it has been looked up.
    pub place: Option<String>,
    /// Where it is written, in bytes of the file.
    pub span: Span,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("place", &self.place)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// One migration file.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Its identity within the project.
    pub name: Name,
    /// Where to read it again.
    pub path: PathBuf,
    /// Its whole text, if it is a part of the program: then `path` is only
    /// what it is called.
    pub embedded: Option<&'static [u8]>,
    /// Its header: the text up to the first statement.
    pub source: Arc<Source>,
    /// Of its text.
    pub checksum: Checksum,
    /// Where it runs.
    pub kind: Kind,
    /// The partner, of a concurrent migration.
    pub partner: Option<Named>,
    /// The concurrent migrations that have to be done first.
    pub ends: Vec<Named>,
    /// Its one statement is run range by range, of a concurrent migration.
    pub backfill: Option<Spanned<Backfill>>,
    /// The file with the rows that `segue check` tries it on, of a backfill.
    pub rows: Option<PathBuf>,
    /// The file that takes it back, if there is one: read as a migration is,
    /// batch or standalone, under its own name.
    pub revert: Option<Arc<Self>>,
    /// The file with the queries that must return no row once it is applied.
    pub check: Option<PathBuf>,
    /// Where it says that an interrupted statement may simply run again.
    pub rerunnable: bool,
    /// The version of the schema that the database has reached with it.
    pub schema_version: Option<Version>,
    /// The lint rules that it waives, as written.
    pub waivers: Vec<Spanned<Waiver>>,
    /// The connection that it runs on, if not that of the database at hand.
    pub connection: Option<Connection>,
    /// The environment variables that it takes, those that are set.
    pub variables: Variables,
    /// The schema diff that is stored in it, for each major version of
    /// PostgreSQL; of a concurrent migration.
    pub schema_diff: Option<Arc<BTreeMap<u32, Diff>>>,
    /// What is wrong with its header; held against it until it is applied.
    pub problems: Vec<Diagnostic>,
    /// What its statements told; read for pending migrations only.
    pub outline: Option<Outline>,
}

/// What one reading of a migration's statements told.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other"
)]
pub struct Outline {
    /// Number of statements.
    pub statements: usize,
    /// Whether they were looked at closely enough to know
    /// [`Outline::relations`], as far as that can be known.
    pub is_parsed: bool,
    /// Whether one of them adds a value to an enum type, which cannot be used
    /// before it is committed.
    pub adds_enum_value: bool,
    /// The first statement of each kind that brings a record of what has been
    /// applied, in their order.
    pub brings: Vec<Bringing>,
    /// That a statement certainly uses an enum value which one before it adds;
    /// of batch migrations.
    pub own_value: Option<Box<Diagnostic>>,
    /// Whether a statement may make an enum, directly or by what it calls.
    pub may_make_types: bool,
    /// One per statement, of standalone and concurrent migrations; empty for
    /// the others, whose statements may be very many.
    pub items: Vec<Item>,
    /// Whether a transaction block takes the plain equivalents of all
    /// statements, as [`fold`](crate::statement::fold) gives them; of concurrent
    /// migrations.
    pub folds: bool,
    /// The strong locks that its statements take on what they name, as far as
    /// their texts tell; of batch migrations.
    pub strong_locks: Locks,
    /// What the statements name; `None` if it was not asked for or a statement
    /// could not be parsed.
    pub relations: Option<Relations>,
}

/// A statement of a standalone or concurrent migration.
#[derive(Clone, Debug)]
pub struct Item {
    /// Of its text.
    pub fingerprint: Fingerprint,
    /// Where it stands, in bytes of the file.
    pub span: Span,
    /// Line of its first token, from 1.
    pub line: usize,
    /// What it does; `None` if the parser does not know it.
    pub digest: Option<Digest>,
}

/// A statement that brings a record of what has been applied.
#[derive(Clone, Debug)]
pub struct Bringing {
    /// Which record.
    pub what: Brings,
    /// The lines of its file where it begins.
    pub source: Arc<Source>,
    /// Its first line, in bytes of the file.
    pub span: Span,
}

/// Relations that statements name, without their namespaces: two namespaces
/// may hold one name, so equal names may be different relations, never the
/// other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// All that are named.
    pub touches: BTreeSet<String>,
    /// Those that come into being, indexes included.
    pub makes: BTreeSet<String>,
    /// Tables and materialized views that have certainly not been there before,
    /// as they are written.
    pub creates: BTreeSet<RelationName>,
    /// Names that may mean an older relation afterwards, or one that has an
    /// older one as a part.
    pub adopts: BTreeSet<String>,
    /// The columns that statements about rows name.
    pub columns: Columns,
    /// Whether a name without a namespace may mean another one than at the
    /// beginning of a session, somewhere in the file.
    pub moves: bool,
}

impl Relations {
    /// Whether one may need or disturb the other.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let all = |relations: &Self| -> BTreeSet<String> {
            relations.touches.union(&relations.makes).cloned().collect()
        };
        !all(self).is_disjoint(&all(other))
    }
}

/// How the statements of a tail migration treat snapshots; the two kinds never
/// run side by side in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// Some wait until older snapshots are gone (`CREATE INDEX CONCURRENTLY`).
    Waits,
    /// Some hold one for long (`REFRESH`, `VALIDATE CONSTRAINT`, `CALL`).
    Holds,
    /// None for long: one short transaction after the other.
    Brief,
    /// Some of each, or not known: such a migration runs alone.
    Both,
}

impl Migration {
    /// How its statements treat snapshots, for the schedule of the tail.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        if self.backfill.is_some() {
            return Snapshots::Brief;
        }
        let Some(outline) = &self.outline else {
            return Snapshots::Both;
        };
        let (mut waits, mut holds) = (false, false);
        for item in &outline.items {
            let Some(digest) = &item.digest else {
                return Snapshots::Both;
            };
            // What they do is not known, so they run alone.
            if matches!(digest.kind, StatementKind::Call { .. } | StatementKind::Do) {
                return Snapshots::Both;
            }
            waits |= waits_for_snapshots(&digest.kind);
            holds |= holds_snapshot(&digest.kind);
        }
        match (waits, holds) {
            (true, false) => Snapshots::Waits,
            (false, _) => Snapshots::Holds,
            (true, true) => Snapshots::Both,
        }
    }

    /// Whether the two cannot run side by side, and the later one may need the
    /// earlier one done, as far as their texts tell: they name the same
    /// relation, one uses what the other makes or drops, or one is about all
    /// tables there are.
    #[must_use]
    pub fn disturbs(&self, other: &Self) -> bool {
        self.meets(other)
            || self.is_about_everything()
            || other.is_about_everything()
            || self.uses_of(other)
            || other.uses_of(self)
    }

    fn digests(&self) -> impl Iterator<Item = &Digest> {
        let items = self.outline.iter().flat_map(|outline| &outline.items);
        items.filter_map(|item| item.digest.as_ref())
    }

    /// Whether one of its statements names no table and works on all.
    fn is_about_everything(&self) -> bool {
        self.digests().any(|digest| match &digest.kind {
            StatementKind::Reindex { target, .. } => matches!(
                target,
                ReindexTarget::Namespace(_) | ReindexTarget::Database
            ),
            StatementKind::Vacuum { relations, .. } | StatementKind::Analyze { relations } => {
                relations.is_empty()
            }
            StatementKind::Cluster { relation } => relation.is_none(),
            _ => false,
        })
    }

    /// Whether it uses a routine or a type that `other` makes or drops.
    fn uses_of(&self, other: &Self) -> bool {
        let changed: Vec<&RelationName> = other
            .digests()
            .flat_map(|digest| digest.makes.union(&digest.drops))
            .collect();
        let mut used = self.digests().flat_map(|digest| &digest.uses);
        !changed.is_empty() && used.any(|used| changed.iter().any(|one| one.may_be(used)))
    }

    /// Its first statement that brings this, if one does.
    #[must_use]
    pub fn brings(&self, what: Brings) -> Option<&Bringing> {
        let outline = self.outline.as_ref()?;
        outline.brings.iter().find(|bringing| bringing.what == what)
    }

    /// Whether it may need or disturb what `other` works on. What is not known
    /// counts as yes.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let relations = |migration: &Self| migration.outline.as_ref()?.relations.clone();
        match (relations(self), relations(other)) {
            (Some(ours), Some(theirs)) => ours.meets(&theirs),
            _ => true,
        }
    }
}

/// Whether the statement waits until every older snapshot is gone.
fn waits_for_snapshots(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateIndexConcurrently { .. }
            | StatementKind::DropIndexConcurrently { .. }
            | StatementKind::Reindex {
                concurrently: true,
                ..
            }
            | StatementKind::DetachPartitionConcurrently {
                finalize: false,
                ..
            }
    )
}

/// Whether the statement may hold a snapshot for long.
fn holds_snapshot(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::CreateIndexConcurrently {
            snapshot_holder, ..
        } => *snapshot_holder,
        // Others know that a plain VACUUM needs no snapshot, and do not wait.
        StatementKind::Vacuum { full, analyze, .. } => *full || *analyze,
        StatementKind::Set { .. }
        | StatementKind::Transaction(_)
        | StatementKind::Discard { .. } => false,
        kind => !waits_for_snapshots(kind),
    }
}

#[cfg(test)]
impl Migration {
    /// A file of this name with nothing in it, for the tests of whoever looks
    /// at migrations.
    pub(crate) fn example(name: &str, kind: Kind) -> Self {
        Self {
            name: Name::new(name),
            path: name.into(),
            embedded: None,
            source: Arc::new(Source::new(name, "")),
            checksum: Checksum([0; 32]),
            kind,
            partner: None,
            ends: Vec::new(),
            backfill: None,
            rows: None,
            revert: None,
            check: None,
            rerunnable: false,
            schema_version: None,
            waivers: Vec::new(),
            connection: None,
            variables: Variables::default(),
            schema_diff: None,
            problems: Vec::new(),
            outline: None,
        }
    }
}

#[cfg(test)]
mod tests;
