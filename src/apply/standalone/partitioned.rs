//! `CREATE INDEX CONCURRENTLY` on a partitioned table: the steps that
//! [`crate::procedure::partitioned_index`] decides on, one by one.
//!
//! What can be done in a transaction is, together with the row that says so;
//! what waits for a lock in front of traffic waits for a moment only, and tries
//! again. The builds themselves are the `site`'s.

mod clean_up;
mod expansion;
mod site;

use std::time::Duration;

pub(super) use clean_up::{Extent, clean_up};
use expansion::{Expansion, look};
use site::{Build, Site};

use super::inside::without_position;
use super::look::Subject;
use super::{Piece, Standalone, StandaloneError, ended_by};
use crate::apply::Event;
use crate::apply::crew::Crew;
use crate::apply::stalled::SIGN_OF_LIFE;
use crate::migration::Kind as MigrationKind;
use crate::postgres::ledger::Made;
use crate::postgres::{Error, Failure, ServerError, settings, timeouts};
use crate::procedure::partitioned_index::{self, Leaf, Looked, Next, Node};
use crate::procedure::{self, Ended};

impl Standalone<'_> {
    /// Does it until the index of the whole is valid, or cannot be.
    pub(super) async fn expand(
        &mut self,
        piece: &Piece,
        subject: Subject<'_>,
        looked: &procedure::Looked,
    ) -> Result<(), StandaloneError> {
        let of = (self.ledger.project(), &self.migration.name);
        let mut expansion = Expansion::new(piece, subject, looked, self.lock_timeout, of)?;
        loop {
            // Another runner's builds may have come to their end meanwhile.
            if let Some(last) = &mut expansion.subject.last {
                last.notes = self.ledger.notes(self.session, last.id).await?;
            }
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
        if let Some(helpers) = self.helpers {
            helpers.forget_partitions();
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
                let names = expansion.names(self.session, facts).await?;
                let (node, name) = (&facts.nodes[node], &names[&node]);
                let sql = expansion.shape()?.create_on_sql(name, &node.name);
                self.make(piece, expansion, &sql, node.oid, Made::Partition)
                    .await?;
                Ok(())
            }
            Next::Build { leaves, of } => self.build(expansion, facts, leaves, of).await,
            Next::NoteBuilt { partition, built } => {
                let last = expansion.last()?;
                self.ledger
                    .note_built(self.session, last.id, partition, built)
                    .await?;
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

    /// Builds indexes of partitions, here and on sessions of helpers; how that
    /// ended is left in `expansion`.
    async fn build(
        &mut self,
        expansion: &mut Expansion<'_>,
        facts: &Looked,
        leaves: Vec<Leaf>,
        of: usize,
    ) -> Result<(), StandaloneError> {
        if let Some((error, _)) = std::mem::take(&mut expansion.errors).first() {
            self.watch.pause(self.session, &error.to_string()).await?;
        }
        expansion.ended = None;
        let shape = expansion.shape()?;
        let names = expansion.names(self.session, facts).await?;
        let builds: Vec<Build> = leaves
            .into_iter()
            .map(|leaf| {
                let node = &facts.nodes[leaf.node];
                Build {
                    partition: node.oid,
                    table: node.name.clone(),
                    number: leaf.number,
                    sql: match &leaf.again {
                        Some(index) => format!("REINDEX INDEX CONCURRENTLY {index}"),
                        None => shape.build_sql(&names[&leaf.node], &node.name),
                    },
                    again: leaf.again,
                }
            })
            .collect();
        let may_help = builds.len() > 1 && !expansion.is_one_by_one && !shape.is_temporary();
        let helpers: Option<&Crew> = self.helpers.filter(|_| may_help);
        let target = facts.target.unwrap_or_default();
        let mut site = Site::new(self, (expansion.last()?.id, target), builds, of);
        if let Some(all) = self.helpers {
            let (done, total) = partitioned_index::progress(facts);
            all.set_partitions(done, total);
        }
        if helpers.is_some() {
            site.helpers = helpers;
            site.setup = settings::copy(self.session).await?;
        }
        let here = async {
            self.build_here(&site).await?;
            self.show_life(&site).await
        };
        let beside = async {
            let ended = site.beside().await;
            site.are_done.notify_one();
            ended
        };
        let ended = tokio::try_join!(here, beside);
        match ended {
            Ok(((), ())) => self.after_builds(expansion, site.into_ended()).await,
            Err(interrupted @ StandaloneError::Interrupted(_)) => {
                self.settle_after_signal(expansion).await;
                Err(interrupted)
            }
            Err(error) => Err(error),
        }
    }

    /// Builds on the session that holds the migration's lock, until nothing is
    /// left to begin.
    async fn build_here(&mut self, site: &Site<'_>) -> Result<(), StandaloneError> {
        while let Some(build) = site.next() {
            let Some(building) = site.begin(self.session, &build).await? else {
                continue;
            };
            let result = self.send_unbounded(&build.sql).await?;
            site.end(self.session, &build, &building, result).await?;
            self.tell_notices();
        }
        site.leave();
        Ok(())
    }

    /// Waits for the builds of helpers. A session that does nothing for long
    /// looks like one whose runner has stopped, and others would end it.
    async fn show_life(&self, site: &Site<'_>) -> Result<(), StandaloneError> {
        loop {
            tokio::select! {
                () = site.are_done.notified() => return Ok(()),
                () = tokio::time::sleep(SIGN_OF_LIFE) => self.session.execute("SELECT 1").await?,
            }
        }
    }

    async fn after_builds(
        &mut self,
        expansion: &mut Expansion<'_>,
        ended: site::Ended,
    ) -> Result<(), StandaloneError> {
        if ended.built > 0 {
            self.watch.forget();
        }
        let is_curable = |(error, _): &(Box<ServerError>, String)| site::is_curable(error);
        let (curable, errors): (Vec<_>, Vec<_>) = ended.errors.into_iter().partition(is_curable);
        let (how, errors) = if errors.is_empty() {
            (Ended::Curable, curable)
        } else {
            (Ended::Failed, errors)
        };
        if let Some((error, _)) = errors.first() {
            self.note_try(&expansion.subject, error).await?;
            expansion.ended = Some(how);
            expansion.errors = errors;
        } else if let Some(lost) = ended.lost {
            self.watch.pause(self.session, &lost).await?;
        } else if ended.begun == 0 {
            // Somebody else was quicker everywhere; the next look may see who.
            self.watch.breathe().await?;
        }
        Ok(())
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
    async fn settle_after_signal(&mut self, expansion: &mut Expansion<'_>) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.watch.ignore_signals();
        let Some(last) = &mut expansion.subject.last else {
            return;
        };
        let cleaning = async {
            last.notes = self.ledger.notes(self.session, last.id).await?;
            clean_up(
                self.run,
                self.session,
                &mut self.watch,
                &self.migration.name,
                Some(&self.migration.source),
                last,
                Extent::Half,
            )
            .await
        };
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
        let mut errors = std::mem::take(&mut expansion.errors).into_iter();
        let Some((error, partition)) = errors.next() else {
            return Error::protocol("a build failed without an error").into();
        };
        let failure = error.failure();
        let Error::Server(error) = without_position(Error::Server(error)) else {
            return Error::protocol("an error is another one").into();
        };
        let diagnostic = self
            .diagnostic(&piece.placed, &error)
            .note(format!("this came of its partition `{partition}`"));
        // Those that were at work beside it.
        let diagnostic = errors.fold(diagnostic, |diagnostic, (error, partition)| {
            let detail = error.detail.as_deref().map(|detail| format!(": {detail}"));
            diagnostic.note(format!(
                "and of its partition `{partition}`: {error}{}",
                detail.unwrap_or_default()
            ))
        });
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
