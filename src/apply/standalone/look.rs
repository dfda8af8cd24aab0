//! The facts about a statement that refuses a transaction block, from the
//! catalogs, for [`crate::procedure`] to decide by.

use super::StandaloneError;
use crate::postgres::ledger::{Intent, IntentState};
use crate::postgres::{Error, Session, ident, index, object, partition};
use crate::procedure::partitioned_index::Notes;
use crate::procedure::reindex::Scope;
use crate::procedure::{CreateIndex, Ended, Looked, Trace, Work};
use crate::statement::{Digest, Kind, ReindexTarget, RelationName, same_index};

/// The last try of a statement, ours or an earlier run's.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) id: i64,
    pub(super) trace: Trace,
    pub(super) relation: Option<u32>,
    pub(super) notes: Notes,
}

impl From<&Intent> for Try {
    fn from(intent: &Intent) -> Self {
        Self {
            id: intent.id,
            trace: Trace {
                failed: matches!(intent.state, IntentState::Failed(_)),
                indexes_before: intent.indexes_before.clone(),
                target: intent.target,
                before: intent.before.clone(),
            },
            relation: intent.relation,
            notes: intent.notes.clone(),
        }
    }
}

/// What a statement is about.
pub(super) struct Subject<'a> {
    pub(super) work: Work,
    pub(super) digest: Option<&'a Digest>,
    pub(super) last: Option<Try>,
    /// Whether an earlier run was interrupted while it ran this statement.
    pub(super) was_interrupted: bool,
}

/// By what the objects of a statement are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By the names that it writes, as the session understands them now.
    Name,
    /// By the OIDs of its last try: the names may mean something else by now.
    Intent,
}

impl Subject<'_> {
    /// Looks.
    pub(super) async fn look(
        &self,
        session: &Session,
        by: By,
        ended: Option<Ended>,
    ) -> Result<Looked, StandaloneError> {
        let mut looked = Looked {
            server_version: session.server_version(),
            ended,
            ..Looked::default()
        };
        let table = match &self.work {
            Work::CreateIndex(wanted) => {
                self.create_index(session, by, wanted, &mut looked).await?
            }
            Work::DropIndex => self.drop_index(session, by, &mut looked).await?,
            Work::Reindex(wanted) => self.reindex(session, by, wanted.scope, &mut looked).await?,
            Work::DetachPartition => self.detach_partition(session, by, &mut looked).await?,
            Work::Object(object) => {
                looked.object = object::state(session, object).await?;
                None
            }
            Work::Other(_) => None,
        };
        // An intent about another table, since dropped or renamed, says nothing
        // of this one.
        looked.intent = self
            .last
            .as_ref()
            .filter(|last| last.relation == table || matches!(self.work, Work::Other(_)))
            .map(|last| last.trace.clone());
        Ok(looked)
    }

    fn relation(&self) -> Option<u32> {
        self.last.as_ref()?.relation
    }

    fn target(&self) -> Option<u32> {
        self.last.as_ref()?.trace.target
    }

    fn kind(&self) -> Option<&Kind> {
        self.digest.map(|digest| &digest.kind)
    }

    async fn create_index(
        &self,
        session: &Session,
        by: By,
        wanted: &CreateIndex,
        looked: &mut Looked,
    ) -> Result<Option<u32>, Error> {
        let table = match self.kind() {
            _ if by == By::Intent => self.relation(),
            Some(Kind::CreateIndexConcurrently { table, .. }) => named(session, table).await?,
            _ => None,
        };
        if let Some(table) = table {
            look_at_table(session, table, looked).await?;
            let is_same = |definition: &str| same_index(&wanted.sql, definition);
            looked.indexes = index::indexes(session, &[table], is_same).await?;
        }
        Ok(table)
    }

    async fn drop_index(
        &self,
        session: &Session,
        by: By,
        looked: &mut Looked,
    ) -> Result<Option<u32>, Error> {
        looked.named = match self.kind() {
            Some(Kind::DropIndexConcurrently { indexes, .. }) if by == By::Name => {
                match indexes.first() {
                    Some(name) => named(session, name).await?,
                    None => None,
                }
            }
            _ => None,
        };
        // What is meant is known by its OID, whatever has its name now.
        let table = match looked.named {
            _ if by == By::Intent || self.target().is_some() => self.relation(),
            Some(named) => index::table_of(session, named).await?,
            None => None,
        };
        if let Some(table) = table {
            look_at_table(session, table, looked).await?;
            looked.indexes = index::indexes(session, &[table], |_| None).await?;
        }
        Ok(table)
    }

    async fn reindex(
        &self,
        session: &Session,
        by: By,
        scope: Scope,
        looked: &mut Looked,
    ) -> Result<Option<u32>, Error> {
        let Some(Kind::Reindex { target, .. }) = self.kind() else {
            return Ok(None);
        };
        if scope == Scope::Many {
            let namespace = match target {
                ReindexTarget::Namespace(name) => Some(name.as_str()),
                _ => None,
            };
            let (indexes, tables) = index::transient(session, namespace).await?;
            looked.indexes = indexes;
            looked.holders = index::holders(session, &tables).await?;
            return Ok(None);
        }
        let table = match target {
            _ if by == By::Intent => self.relation(),
            ReindexTarget::Index(name) => {
                looked.named = named(session, name).await?;
                match looked.named {
                    Some(named) => index::table_of(session, named).await?,
                    None => None,
                }
            }
            ReindexTarget::Table(name) => named(session, name).await?,
            ReindexTarget::Namespace(_) | ReindexTarget::Database => None,
        };
        if let Some(table) = table {
            let tree = index::tree(session, table).await?;
            looked.table = index::table(session, table).await?;
            looked.holders = index::holders(session, &tree).await?;
            looked.indexes = index::indexes(session, &tree, |_| None).await?;
        }
        Ok(table)
    }

    async fn detach_partition(
        &self,
        session: &Session,
        by: By,
        looked: &mut Looked,
    ) -> Result<Option<u32>, Error> {
        let (parent, partition) = match self.kind() {
            _ if by == By::Intent => (self.relation(), self.target()),
            Some(Kind::DetachPartitionConcurrently {
                parent, partition, ..
            }) => (
                named(session, parent).await?,
                named(session, partition).await?,
            ),
            _ => (None, None),
        };
        looked.named = partition;
        if let Some(parent) = parent {
            looked.table = index::table(session, parent).await?;
            let both: Vec<u32> = [parent].into_iter().chain(partition).collect();
            looked.holders = index::holders(session, &both).await?;
        }
        if let (Some(parent), Some(partition)) = (parent, partition) {
            looked.partition = partition::partition(session, parent, partition).await?;
        }
        Ok(parent)
    }
}

async fn look_at_table(session: &Session, table: u32, looked: &mut Looked) -> Result<(), Error> {
    looked.table = index::table(session, table).await?;
    looked.holders = index::holders(session, &[table]).await?;
    Ok(())
}

/// OID of the relation that a name means in this session.
async fn named(session: &Session, name: &RelationName) -> Result<Option<u32>, Error> {
    index::relation(session, &sql_name(name)).await
}

/// A name as the server reads it.
fn sql_name(name: &RelationName) -> String {
    match &name.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&name.name)),
        None => ident(&name.name),
    }
}
