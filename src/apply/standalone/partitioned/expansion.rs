//! A statement under way that is done partition by partition, and the facts
//! that its next step is decided by.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::look::{Subject, Try};
use super::super::{Piece, StandaloneError};
use crate::history::LockKey;
use crate::migration::Name;
use crate::postgres::partition_tree::{self, Shape};
use crate::postgres::{Error, ServerError, Session, lock};
use crate::procedure::partitioned_index::{self, Looked, Node, Wanted};
use crate::procedure::{self, Ended, Work};
use crate::statement::{Kind, OnOnly, same_index};

/// A statement that is done partition by partition.
pub(super) struct Expansion<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) wanted: Wanted,
    pub(super) table: u32,
    /// The statement that makes the index of the whole.
    pub(super) on_only: OnOnly,
    /// OID of the index of the whole, and what those of partitions have of it.
    pub(super) shape: Option<(u32, Shape)>,
    /// How long a look may wait for a lock.
    pub(super) lock_timeout: Duration,
    pub(super) ended: Option<Ended>,
    /// What the last builds ended with, and of which partitions.
    pub(super) errors: Vec<(Box<ServerError>, String)>,
    /// Whether builds would only wait for each other.
    pub(super) is_one_by_one: bool,
    pub(super) project: &'a str,
    pub(super) name: &'a Name,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(
        piece: &Piece,
        subject: Subject<'a>,
        looked: &procedure::Looked,
        lock_timeout: Duration,
        (project, name): (&'a str, &'a Name),
    ) -> Result<Self, StandaloneError> {
        let unknown = || Error::protocol("a statement on a partitioned table is not understood");
        let (Work::CreateIndex(index), Some(table)) = (&subject.work, &looked.table) else {
            return Err(unknown().into());
        };
        let Some(Kind::CreateIndexConcurrently {
            unique,
            only,
            snapshot_holder,
            ..
        }) = subject.digest.map(|digest| &digest.kind)
        else {
            return Err(unknown().into());
        };
        Ok(Self {
            wanted: Wanted {
                index: index.clone(),
                unique: *unique,
                only: *only,
            },
            table: table.oid,
            on_only: OnOnly::of(&piece.placed.text).ok_or_else(unknown)?,
            subject: Subject {
                // An intent about another table says nothing of this one.
                last: subject.last.filter(|_| looked.intent.is_some()),
                ..subject
            },
            shape: None,
            lock_timeout,
            ended: None,
            errors: Vec::new(),
            is_one_by_one: *snapshot_holder,
            project,
            name,
        })
    }

    pub(super) fn last(&mut self) -> Result<&mut Try, StandaloneError> {
        let last = self.subject.last.as_mut();
        last.ok_or_else(|| Error::protocol("a step without an intent").into())
    }

    /// Facts, in no order that matters; in a transaction too.
    pub(super) async fn facts(&self, session: &Session) -> Result<Looked, Error> {
        let sql = &self.wanted.index.sql;
        let is_same = |definition: &str| same_index(sql, definition);
        let last = self.subject.last.as_ref();
        let of = (self.project, self.name);
        let mut facts = look(session, of, self.table, last, is_same).await?;
        facts.ended = self.ended;
        Ok(facts)
    }

    /// Facts, in the order in which PostgreSQL would give names.
    pub(super) async fn look(&mut self, session: &Session) -> Result<Looked, Error> {
        let mut facts = self.facts(session).await?;
        let target = facts.target.filter(|target| {
            let mut indexes = facts.nodes.iter().flat_map(|node| &node.indexes);
            indexes.any(|part| part.index.oid == *target)
        });
        match target {
            Some(target) if self.shape.as_ref().is_none_or(|(of, _)| *of != target) => {
                self.shape = Some((target, Shape::read(session, target).await?));
            }
            Some(_) => {}
            None => self.shape = None,
        }
        if let Some((_, shape)) = &self.shape
            && shape.collide(&facts.nodes)
        {
            let leaves = partition_tree::leaves(session, &facts.nodes, self.lock_timeout).await?;
            facts.nodes = partitioned_index::in_order(facts.nodes, &leaves);
        }
        Ok(facts)
    }

    /// The name of each index that is missing, by the place of its table.
    pub(super) async fn names(
        &self,
        session: &Session,
        facts: &Looked,
    ) -> Result<BTreeMap<usize, String>, StandaloneError> {
        let missing = partitioned_index::missing(facts);
        let nodes: Vec<&Node> = missing.iter().map(|place| &facts.nodes[*place]).collect();
        let names = self.shape()?.choose_names(session, &nodes).await?;
        Ok(missing.into_iter().zip(names).collect())
    }

    pub(super) fn shape(&self) -> Result<&Shape, StandaloneError> {
        let shape = self.shape.as_ref().map(|(_, shape)| shape);
        shape.ok_or_else(|| Error::protocol("no index to go by").into())
    }

    /// The error at its place in the statement as the user wrote it.
    pub(super) fn placed(&self, error: Error) -> Error {
        match error {
            Error::Server(mut server) => {
                server.position = server
                    .position
                    .map(|position| self.on_only.position(position));
                Error::Server(server)
            }
            error => error,
        }
    }
}

/// Facts about the table with this OID, for a migration of a project.
pub(super) async fn look(
    session: &Session,
    (project, name): (&str, &Name),
    table: u32,
    last: Option<&Try>,
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Looked, Error> {
    let target = last.and_then(|last| last.trace.target);
    let notes = last.map(|last| last.notes.clone()).unwrap_or_default();
    // Before the tables: a build that ends between the two looks is seen as
    // running, and waited for a moment too long.
    let held = lock::held(session).await?;
    let mut tables = partition_tree::nodes(session, table, target, is_same).await?;
    let mut stray = Vec::new();
    for building in &notes.building {
        if tables.iter().all(|node| node.oid != building.partition) {
            stray.extend(partition_tree::node(session, building.partition, target).await?);
        }
    }
    let own = session.backend().pid;
    for node in tables.iter_mut().chain(&mut stray) {
        let builder = held.get(&LockKey::partition(project, name, node.oid));
        let builder = builder.filter(|pid| **pid != own && !node.holders.contains(pid));
        node.holders.extend(builder);
    }
    Ok(Looked {
        nodes: tables,
        stray,
        target,
        notes,
        ended: None,
    })
}
