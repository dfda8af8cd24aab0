//! `CREATE INDEX CONCURRENTLY` on a partitioned table: the steps that
//! [`crate::procedure::partitioned_index`] decides on, one by one.
//!
//! What can be done in a transaction is, together with the row that says so;
//! what waits for a lock in front of traffic waits for a moment only, and tries
//! again.

mod clean_up;

use std::time::Duration;

pub(super) use clean_up::{Extent, clean_up};

use super::inside::without_position;
use super::look::{Subject, Try};
use super::{Piece, Standalone, StandaloneError, ended_by};
use crate::apply::Event;
use crate::migration::Kind as MigrationKind;
use crate::postgres::ledger::Made;
use crate::postgres::partition_tree::{self, Shape};
use crate::postgres::{Error, Failure, ServerError, Session, settings, timeouts};
use crate::procedure::partitioned_index::{self, Building, Looked, Next, Node, Wanted};
use crate::procedure::{self, Ended, Work};
use crate::statement::{Kind, OnOnly, same_index};

/// A statement that is done partition by partition.
struct Expansion<'a> {
    subject: Subject<'a>,
    wanted: Wanted,
    table: u32,
    /// The statement that makes the index of the whole.
    on_only: OnOnly,
    /// OID of the index of the whole, and what those of partitions have of it.
    shape: Option<(u32, Shape)>,
    /// How long a look may wait for a lock.
    lock_timeout: Duration,
    ended: Option<Ended>,
    /// What the last build ended with, and of which partition.
    error: Option<(Box<ServerError>, String)>,
}

impl Standalone<'_> {
    /// Does it until the index of the whole is valid, or cannot be.
    pub(super) async fn expand(
        &mut self,
        piece: &Piece,
        subject: Subject<'_>,
        looked: &procedure::Looked,
    ) -> Result<(), StandaloneError> {
        let mut expansion = Expansion::new(piece, subject, looked, self.lock_timeout)?;
        loop {
            let facts = match expansion.look(self.session).await {
                // No right to look into the namespace, for example: its words
                // are about the statement.
                Err(Error::Server(error)) => return Err(self.failed(&piece.placed, &error)),
                facts => facts?,
            };
            let next = partitioned_index::next(&expansion.wanted, &facts);
            if !matches!(next, Next::WaitFor { .. }) {
                self.watch.go_on();
            }
            if let Next::Done { reason } = next {
                return self.expanded(piece, &expansion, reason).await;
            }
            self.expand_step(piece, looked, &mut expansion, &facts, next)
                .await?;
        }
    }

    async fn expanded(
        &mut self,
        piece: &Piece,
        expansion: &Expansion<'_>,
        reason: Option<String>,
    ) -> Result<(), StandaloneError> {
        if let Some(reason) = reason {
            self.run.events.tell(Event::StatementSkipped {
                name: self.migration.name.clone(),
                number: piece.index + 1,
                reason,
            });
        }
        self.mark_done(piece, &expansion.subject).await
    }

    async fn expand_step(
        &mut self,
        piece: &Piece,
        looked: &procedure::Looked,
        expansion: &mut Expansion<'_>,
        facts: &Looked,
        next: Next,
    ) -> Result<(), StandaloneError> {
        match next {
            Next::Done { .. } => Ok(()),
            Next::CreateTarget => {
                if expansion.subject.last.is_none() {
                    expansion.subject.last = Some(self.write_intent(piece, looked).await?);
                }
                let sql = expansion.on_only.sql.clone();
                let table = expansion.table;
                let made = self.make(piece, expansion, &sql, table, Made::Target);
                if let Some(target) = made.await? {
                    // Skipped by IF NOT EXISTS, it has made none.
                    expansion.ended = target.is_none().then_some(Ended::Well);
                    expansion.last()?.trace.target = target;
                }
                Ok(())
            }
            Next::CreateOn { node } => {
                let node = &facts.nodes[node];
                let shape = expansion.shape()?;
                let name = shape.choose_name(self.session, node).await?;
                let sql = shape.create_on_sql(&name, &node.name);
                let made = self.make(piece, expansion, &sql, node.oid, Made::Partition);
                if let Some(made) = made.await? {
                    expansion.last()?.notes.made.extend(made);
                }
                Ok(())
            }
            Next::Build { node, number, of } => {
                let node = &facts.nodes[node];
                let shape = expansion.shape()?;
                let name = shape.choose_name(self.session, node).await?;
                let sql = shape.build_sql(&name, &node.name);
                self.run.events.tell(Event::PartitionBegan {
                    name: self.migration.name.clone(),
                    partition: node.name.clone(),
                    number,
                    of,
                });
                self.build(expansion, node, &sql).await
            }
            Next::Rebuild { node, index } => {
                let node = &facts.nodes[node];
                let sql = format!("REINDEX INDEX CONCURRENTLY {index}");
                self.build(expansion, node, &sql).await
            }
            Next::NoteBuilt { built } => {
                let last = expansion.last()?;
                self.ledger.note_built(self.session, last.id, built).await?;
                last.notes.building = None;
                last.notes.made.extend(built);
                self.watch.forget();
                Ok(())
            }
            Next::WaitFor { table, pids } => self.watch.wait_for(self.session, &table, &pids).await,
            Next::Drop { index, .. } => match self.drop_index(&index).await? {
                Ok(()) => Ok(()),
                Err(why) => Err(self.failed_to_drop(piece, &index, &why)),
            },
            Next::DropWhole { index, .. } => {
                let sql = [format!("DROP INDEX {index}")];
                if self.transact(piece, &sql).await?.is_some() {
                    expansion.last()?.trace.target = None;
                    self.run.events.tell(Event::Repaired {
                        name: self.migration.name.clone(),
                        what: format!(
                            "dropped `{index}`, which could not become valid any more: the partition that it lacked is gone"
                        ),
                    });
                }
                Ok(())
            }
            Next::Attach { pairs } => {
                for (whole, part) in pairs {
                    let sql = [format!("ALTER INDEX {whole} ATTACH PARTITION {part}")];
                    if self.transact(piece, &sql).await?.is_none() {
                        return Ok(());
                    }
                }
                self.watch.forget();
                Ok(())
            }
            Next::Recreate => self.recreate(piece, expansion, &facts.nodes[0]).await,
            Next::Fail => Err(self.build_failed(piece, expansion)),
            Next::Refuse(refusal) => Err(self.refuse(piece, refusal)),
        }
    }

    /// Builds the index of a partition; how that ended is left in `expansion`.
    async fn build(
        &mut self,
        expansion: &mut Expansion<'_>,
        node: &Node,
        sql: &str,
    ) -> Result<(), StandaloneError> {
        if let Some((error, _)) = expansion.error.take() {
            self.watch.pause(self.session, &error.to_string()).await?;
        }
        expansion.ended = None;
        let before: Vec<u32> = node.indexes.iter().map(|part| part.index.oid).collect();
        let last = expansion.last()?;
        self.ledger
            .note_building(self.session, last.id, node.oid, &before)
            .await?;
        last.notes.building = Some(Building {
            partition: node.oid,
            indexes_before: before,
        });
        match self.send_unbounded(sql).await {
            Err(interrupted @ StandaloneError::Interrupted(_)) => {
                self.settle_after_signal(expansion).await;
                Err(interrupted)
            }
            Err(error) => Err(error),
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.note_try(&expansion.subject, &error).await?;
                // Somebody has taken the name meanwhile: there is another one.
                let is_curable =
                    error.failure().is_transient() || error.failure() == Failure::Duplicate;
                expansion.ended = Some(if is_curable {
                    Ended::Curable
                } else {
                    Ended::Failed
                });
                expansion.error = Some((error, node.name.clone()));
                Ok(())
            }
        }
    }

    /// Sends a statement that waits for others without queueing in front of
    /// them: no timeout may end it half-way.
    async fn send_unbounded(
        &mut self,
        sql: &str,
    ) -> Result<Result<(), Box<ServerError>>, StandaloneError> {
        let before = timeouts::replace(self.session, None).await?;
        let session = &*self.session;
        let sent = session.execute(sql);
        // Of a concurrent migration the tail's own watchdog tells.
        let result = if self.migration.kind == MigrationKind::Concurrent {
            sent.await
        } else {
            self.watch.guard(session, sent).await?
        };
        let result = match result {
            Ok(()) => Ok(()),
            Err(Error::Server(server)) if !server.failure().is_connection_lost() => Err(server),
            Err(error) => return Err(error.into()),
        };
        before.restore(self.session).await?;
        Ok(result)
    }

    /// Drops what the build that was cancelled has left, if that can be done
    /// soon; if not, the next run does. What is built already stays.
    async fn settle_after_signal(&mut self, expansion: &Expansion<'_>) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.watch.ignore_signals();
        let Some(last) = &expansion.subject.last else {
            return;
        };
        let cleaning = clean_up(
            self.run,
            self.session,
            &mut self.watch,
            &self.migration.name,
            Some(&self.migration.source),
            last,
            Extent::Half,
        );
        match tokio::time::timeout(PATIENCE, cleaning).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what was left could not be removed"),
            Err(_) => tracing::warn!("what was left could not be removed in time"),
        }
    }

    /// Makes an index and notes it, in one transaction; `None` if it was rolled
    /// back and paused, else its OID, if the statement has made one.
    async fn make(
        &mut self,
        piece: &Piece,
        expansion: &Expansion<'_>,
        sql: &str,
        table: u32,
        made: Made,
    ) -> Result<Option<Option<u32>>, StandaloneError> {
        self.begin(piece).await?;
        // The text is the file's own.
        if let (Made::Target, Some(encoding)) = (made, &self.file_encoding) {
            let sql = settings::encoding_local(encoding);
            self.session.execute(&sql).await?;
        }
        let session = &*self.session;
        let result = match self.watch.guard(session, session.execute(sql)).await? {
            Ok(()) => self.note_made(expansion, table, made).await,
            Err(error) if made == Made::Target => Err(expansion.placed(error)),
            Err(error) => Err(without_position(error)),
        };
        match result {
            Ok(oid) => Ok(Some(oid)),
            Err(error) => {
                self.roll_back(&piece.placed, error).await?;
                Ok(None)
            }
        }
    }

    /// Notes the index that this transaction has made on `table`, and commits.
    async fn note_made(
        &mut self,
        expansion: &Expansion<'_>,
        table: u32,
        made: Made,
    ) -> Result<Option<u32>, Error> {
        let intent = expansion.subject.last.as_ref().map_or(0, |last| last.id);
        self.before_rows().await?;
        let mut statements = self.ledger.made_sql(intent, table, made);
        statements.push("COMMIT".to_owned());
        let rows = self.session.query(&statements.join(";\n")).await?;
        let row = rows
            .last()
            .ok_or_else(|| Error::protocol("the intent is gone"))?;
        Ok(row[0].as_deref().and_then(|oid| oid.parse().ok()))
    }

    async fn begin(&mut self, piece: &Piece) -> Result<(), StandaloneError> {
        // Facts are read behind locks, and must be as new as these.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
        let begin = format!("{begin};{}", self.bounds(piece).await?);
        Ok(self.session.execute(&begin).await?)
    }

    /// Runs statements of ours in one transaction; `None` if it was rolled back
    /// and paused.
    async fn transact(
        &mut self,
        piece: &Piece,
        statements: &[String],
    ) -> Result<Option<()>, StandaloneError> {
        self.begin(piece).await?;
        for sql in statements.iter().map(String::as_str).chain(["COMMIT"]) {
            let session = &*self.session;
            if let Err(error) = self.watch.guard(session, session.execute(sql)).await? {
                self.roll_back(&piece.placed, without_position(error))
                    .await?;
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Drops the target and makes it anew on the whole table, in one
    /// transaction, provided that nothing is left to be built.
    async fn recreate(
        &mut self,
        piece: &Piece,
        expansion: &mut Expansion<'_>,
        root: &Node,
    ) -> Result<(), StandaloneError> {
        let create = expansion.shape()?.create_sql(&root.name);
        let target = expansion.last()?.trace.target;
        let Some(target) = root
            .indexes
            .iter()
            .find(|part| Some(part.index.oid) == target)
        else {
            return Ok(());
        };
        self.begin(piece).await?;
        // The stronger one first: to ask for it later could end in a deadlock.
        let locks = [
            format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", root.name),
            format!("LOCK TABLE {} IN SHARE MODE", root.name),
        ];
        for sql in locks {
            let session = &*self.session;
            if let Err(error) = self.watch.guard(session, session.execute(&sql)).await? {
                return self.roll_back(&piece.placed, without_position(error)).await;
            }
        }
        let facts = expansion.facts(self.session).await?;
        if partitioned_index::next(&expansion.wanted, &facts) != Next::Recreate {
            // A partition came while the locks were waited for.
            return Ok(self.session.execute("ROLLBACK").await?);
        }
        let statements = [format!("DROP INDEX {}", target.index.qualified), create];
        for sql in statements {
            let session = &*self.session;
            if let Err(error) = self.watch.guard(session, session.execute(&sql)).await? {
                return self.roll_back(&piece.placed, without_position(error)).await;
            }
        }
        let table = expansion.table;
        match self.note_made(expansion, table, Made::Target).await {
            Ok(target) => {
                expansion.last()?.trace.target = target;
                Ok(())
            }
            Err(error) => self.roll_back(&piece.placed, error).await,
        }
    }

    /// The error that the build of a partition's index ended with.
    fn build_failed(&self, piece: &Piece, expansion: &mut Expansion<'_>) -> StandaloneError {
        let Some((error, partition)) = expansion.error.take() else {
            return Error::protocol("a build failed without an error").into();
        };
        let failure = error.failure();
        let Error::Server(error) = without_position(Error::Server(error)) else {
            return Error::protocol("an error is another one").into();
        };
        let diagnostic = self
            .diagnostic(&piece.placed, &error)
            .note(format!("this came of its partition `{partition}`"));
        let diagnostic = if failure == Failure::UniqueViolation {
            diagnostic
                .note("the invalid index that it left there has been dropped; those that are built on other partitions stay")
                .help("remove the duplicates, then run segue again: it goes on with this partition")
        } else {
            diagnostic
        };
        ended_by(&error, diagnostic)
    }
}

impl<'a> Expansion<'a> {
    fn new(
        piece: &Piece,
        subject: Subject<'a>,
        looked: &procedure::Looked,
        lock_timeout: Duration,
    ) -> Result<Self, StandaloneError> {
        let unknown = || Error::protocol("a statement on a partitioned table is not understood");
        let (Work::CreateIndex(index), Some(table)) = (&subject.work, &looked.table) else {
            return Err(unknown().into());
        };
        let Some(Kind::CreateIndexConcurrently { unique, only, .. }) =
            subject.digest.map(|digest| &digest.kind)
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
            error: None,
        })
    }

    fn last(&mut self) -> Result<&mut Try, StandaloneError> {
        let last = self.subject.last.as_mut();
        last.ok_or_else(|| Error::protocol("a step without an intent").into())
    }

    /// Facts, in no order that matters; in a transaction too.
    async fn facts(&self, session: &Session) -> Result<Looked, Error> {
        let sql = &self.wanted.index.sql;
        let is_same = |definition: &str| same_index(sql, definition);
        let last = self.subject.last.as_ref();
        let mut facts = look(session, self.table, last, is_same).await?;
        facts.ended = self.ended;
        Ok(facts)
    }

    /// Facts, in the order in which PostgreSQL would give names.
    async fn look(&mut self, session: &Session) -> Result<Looked, Error> {
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

    fn shape(&self) -> Result<&Shape, StandaloneError> {
        let shape = self.shape.as_ref().map(|(_, shape)| shape);
        shape.ok_or_else(|| Error::protocol("no index to go by").into())
    }

    /// The error at its place in the statement as the user wrote it.
    fn placed(&self, error: Error) -> Error {
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

/// Facts about the table with this OID.
async fn look(
    session: &Session,
    table: u32,
    last: Option<&Try>,
    is_same: impl Fn(&str) -> Option<bool>,
) -> Result<Looked, Error> {
    let target = last.and_then(|last| last.trace.target);
    let notes = last.map(|last| last.notes.clone()).unwrap_or_default();
    let tables = partition_tree::nodes(session, table, target, is_same).await?;
    let at_work = notes.building.as_ref().map(|building| building.partition);
    let stray = match at_work {
        Some(partition) if tables.iter().all(|node| node.oid != partition) => {
            partition_tree::node(session, partition, target).await?
        }
        _ => None,
    };
    Ok(Looked {
        nodes: tables,
        stray,
        target,
        notes,
        ended: None,
    })
}
