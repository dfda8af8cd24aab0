//! Runs statements on a copy of the schema and looks after each what it has
//! locked and done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::apply::ApplyError;
use crate::apply::failure::Placed;
use crate::apply::feed::{Feed, Feeding, feed};
use crate::apply::rehearse::RehearseError;
use crate::forecast::message::Message;
use crate::forecast::work::{Hints, Known, Relation};
use crate::forecast::{Learnt, Part, PartKind, Statement, TableName, Work};
use crate::migration::{Migration, Name};
use crate::plan::Plan;
use crate::postgres::{self, Error, Failure, Session, ident, relations, role, settings};
use crate::statement::{
    Class, Digest, Kind, LockMode, OwnedPiece, TransactionControl, digest, fold, locks,
};
use crate::text::Variables;

mod held;

/// Longest time of one statement: on tables without rows only one that means to
/// wait takes longer.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '60s'";

/// Longest wait for a lock; nobody else is there but our own holder.
const LOCK_TIMEOUT: Duration = Duration::from_secs(20);

/// So many statements of a part are kept; further ones only if they matter.
const STATEMENTS_MAX: usize = 1000;

/// Of our own, unlikely to be a file's.
const SAVEPOINT: &str = "segue_forecast";

/// A session on a copy of the schema.
pub(super) struct Copy {
    session: Session,
    /// Looks at the locks of the other while that is busy.
    watcher: Session,
    wait: Duration,
    known: Known,
    /// What the transaction under way has locked so far.
    held: BTreeMap<u32, LockMode>,
    /// Whether the schema is not any more what it would be, so that nothing
    /// more can be learnt by running.
    is_lost: bool,
    /// Whether a file outside of a transaction has begun one.
    is_open: bool,
}

/// A statement, ready to be run.
struct Item {
    placed: Placed,
    /// What is sent: its plain equivalent if it is folded.
    text: String,
    class: Class,
    is_copy: bool,
}

impl Copy {
    pub(super) async fn new(session: Session, wait: Duration) -> Result<Self, Error> {
        relations::tell_work(&session).await?;
        let target = session.target().clone();
        session.close().await;
        let session = Session::connect(&target, wait).await?;
        let watcher = session.sibling(wait).await?;
        let known = Known::new(relations::all(&session).await?);
        Ok(Self {
            session,
            watcher,
            wait,
            known,
            held: BTreeMap::new(),
            is_lost: false,
            is_open: false,
        })
    }

    pub(super) fn server_version(&self) -> u32 {
        self.session.server_version()
    }

    /// From now on nothing is run.
    pub(super) fn give_up(&mut self) {
        self.is_lost = true;
    }

    pub(super) async fn close(self) {
        self.session.close().await;
        self.watcher.close().await;
    }

    /// Runs migrations in one transaction, folded ones as their plain
    /// equivalents.
    pub(super) async fn transaction(
        &mut self,
        migrations: &[(&Migration, bool)],
    ) -> Result<Part, RehearseError> {
        let mut part = Part {
            kind: PartKind::Transaction,
            statements: Vec::new(),
            left_out: 0,
        };
        self.held.clear();
        for (index, (migration, is_folded)) in migrations.iter().enumerate() {
            if !self.is_lost {
                self.clean().await?;
                if index == 0 {
                    self.session.execute("BEGIN").await?;
                }
            }
            let mut feed = feed(vec![(*migration).clone()]);
            while let Some(item) = next(&mut feed, migration, *is_folded).await? {
                let statement = self.inside(migration, &item, &mut feed).await?;
                keep(&mut part, statement);
            }
        }
        if !self.is_lost {
            // A deferred constraint, for example.
            if let Err(error) = self.session.execute("COMMIT").await {
                self.is_lost = true;
                let error = refused(error)?;
                if let Some(last) = part.statements.last_mut() {
                    last.failed = Some(format!("at COMMIT: {error}"));
                }
            }
        }
        Ok(part)
    }

    /// Runs migrations statement by statement.
    pub(super) async fn outside(
        &mut self,
        kind: PartKind,
        migrations: &[(&Migration, bool)],
        plan: &Plan,
    ) -> Result<Part, RehearseError> {
        let mut part = Part {
            kind,
            statements: Vec::new(),
            left_out: 0,
        };
        for (migration, _) in migrations {
            if !self.is_lost {
                self.clean().await?;
            }
            let is_expanded = plan.expanded.contains_key(&migration.name);
            let mut feed = feed(vec![(*migration).clone()]);
            while let Some(item) = next(&mut feed, migration, false).await? {
                let statement = self.alone(migration, &item, &mut feed, is_expanded).await?;
                keep(&mut part, statement);
            }
            if self.is_open && !self.is_lost {
                self.session.execute("ROLLBACK").await?;
            }
            self.is_open = false;
        }
        Ok(part)
    }

    async fn clean(&self) -> Result<(), Error> {
        let sql = settings::clean_batch(LOCK_TIMEOUT, self.session.server_version());
        self.session.execute(&sql).await?;
        // What a file says of timeouts is its own.
        let idle = "SET idle_in_transaction_session_timeout = 0";
        self.session.execute(idle).await?;
        self.session.execute(STATEMENT_TIMEOUT).await
    }

    /// One statement inside the transaction that is open.
    async fn inside(
        &mut self,
        migration: &Migration,
        item: &Item,
        feed: &mut Feeding,
    ) -> Result<Statement, RehearseError> {
        if self.is_lost {
            return Ok(self.by_the_manual(migration, item));
        }
        // A file's own ROLLBACK TO would take ours with it.
        let has_savepoint = item.class.control.is_none();
        let savepoint = format!("SAVEPOINT {SAVEPOINT}");
        let mut roles = BTreeSet::new();
        loop {
            if has_savepoint {
                self.session.execute(&savepoint).await?;
            }
            self.session.messages();
            let Err(error) = self.send(item, feed).await else {
                break;
            };
            let failed = refused(error)?;
            if !has_savepoint {
                self.is_lost = true;
                let statement = self.by_the_manual(migration, item);
                return Ok(Statement {
                    failed: Some(failed.message),
                    ..statement
                });
            }
            let back = format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}");
            self.session.execute(&back).await?;
            let role = role::missing(&failed.sqlstate, &failed.message);
            let role = role.filter(|role| !item.is_copy && roles.insert((*role).to_owned()));
            let Some(role) = role else {
                self.is_lost = true;
                self.session.execute("ROLLBACK").await?;
                let statement = self.by_the_manual(migration, item);
                return Ok(Statement {
                    failed: Some(failed.message),
                    ..statement
                });
            };
            // As on every throwaway server.
            let sql = format!("CREATE ROLE {} NOLOGIN", ident(role));
            self.watcher.execute(&sql).await?;
        }
        let messages = self.messages();
        if has_savepoint {
            let release = format!("RELEASE SAVEPOINT {SAVEPOINT}");
            self.session.execute(&release).await?;
        }
        let seen = relations::locked(&self.session).await?;
        let hints = self.hints(item, &messages).await?;
        if item.placed.resets_strings {
            self.session.execute(settings::STRINGS).await?;
        }
        Ok(self.learnt(migration, item, &seen, &messages, &hints))
    }

    /// One statement outside of a transaction block.
    async fn alone(
        &mut self,
        migration: &Migration,
        item: &Item,
        feed: &mut Feeding,
        is_expanded: bool,
    ) -> Result<Statement, RehearseError> {
        if self.is_lost {
            return Ok(self.by_the_manual(migration, item));
        }
        match item.class.control {
            Some(TransactionControl::Begin) => {
                self.held.clear();
                self.is_open = true;
                return self.plainly(migration, item, feed).await;
            }
            Some(control) if control.ends_transaction() => {
                self.is_open = false;
                return self.plainly(migration, item, feed).await;
            }
            _ if self.is_open => return self.inside(migration, item, feed).await,
            _ => {}
        }
        self.held.clear();
        let digest = digest(&item.text);
        if let Some(digest) = &digest
            && held::waits(&digest.kind)
        {
            if is_expanded && matches!(digest.kind, Kind::CreateIndexConcurrently { .. }) {
                return self.expanded(migration, item, digest, feed).await;
            }
            return self.waiting(migration, item).await;
        }
        if digest.is_some_and(|digest| digest.refuses_transaction_block()) {
            return self.plainly(migration, item, feed).await;
        }
        self.session.execute("BEGIN").await?;
        let statement = self.inside(migration, item, feed).await?;
        if !self.is_lost {
            self.session.execute("COMMIT").await?;
        }
        Ok(statement)
    }

    /// An index of a partitioned table, which is built partition by partition:
    /// here at once, since nobody is there to be disturbed.
    async fn expanded(
        &mut self,
        migration: &Migration,
        item: &Item,
        digest: &Digest,
        feed: &mut Feeding,
    ) -> Result<Statement, RehearseError> {
        let plain = Item {
            text: fold(&item.text, digest).map_or(item.text.clone(), |folded| folded.text),
            placed: item.placed.clone(),
            class: item.class.clone(),
            is_copy: false,
        };
        self.session.execute("BEGIN").await?;
        let built = self.inside(migration, &plain, feed).await?;
        if !self.is_lost {
            self.session.execute("COMMIT").await?;
        }
        // Of the plain form everything is true but the locks on the leaves.
        let mut statement = self.by_the_manual(migration, item);
        for work in &built.work {
            let mode = LockMode::ShareUpdateExclusive;
            statement.locks.entry(work.table().clone()).or_insert(mode);
        }
        Ok(Statement {
            work: built.work,
            failed: built.failed,
            ..statement
        })
    }

    /// As it is, and seen only afterwards: what it locked is what the manual
    /// says.
    async fn plainly(
        &mut self,
        migration: &Migration,
        item: &Item,
        feed: &mut Feeding,
    ) -> Result<Statement, RehearseError> {
        self.session.messages();
        let mut statement = self.by_the_manual(migration, item);
        if let Err(error) = self.send(item, feed).await {
            statement.failed = Some(refused(error)?.message);
            self.is_lost = true;
            return Ok(statement);
        }
        let messages = self.messages();
        let tables = self.named(&item.text);
        let seen = relations::of(&self.watcher, 0, &tables).await?;
        let hints = Hints {
            verb: verb(&item.class),
            ..Hints::default()
        };
        statement.work = self.known.work(&seen, &messages, &BTreeMap::new(), &hints);
        Ok(statement)
    }

    async fn send(&self, item: &Item, feed: &mut Feeding) -> Result<(), Error> {
        if item.is_copy {
            let mut copy = self.session.copy_in(&item.text).await?;
            while let Some(Feed::Piece(OwnedPiece::CopyData(data))) = feed.recv().await {
                if let Err(error) = copy.send(data.into()).await {
                    return Err(copy.finish().await.err().unwrap_or(error));
                }
            }
            copy.finish().await.map(drop)
        } else if item.placed.copy_to_stdout {
            self.session.copy_out(&item.text).await
        } else {
            self.session.execute(&item.text).await
        }
    }

    /// What the server said of the work of the last statement.
    fn messages(&self) -> Vec<Message> {
        let said = self.session.messages();
        let said = said.iter().filter_map(|message| match message {
            postgres::Message::Notice(notice) => Message::of(&notice.message),
            postgres::Message::Notification { .. } => None,
        });
        said.collect()
    }

    async fn hints(&self, item: &Item, messages: &[Message]) -> Result<Hints, Error> {
        let verb = verb(&item.class);
        let constraints: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                Message::ValidatingForeignKey { constraint } => Some(constraint.as_str()),
                _ => None,
            })
            .collect();
        let referencing = if constraints.is_empty() {
            Vec::new()
        } else {
            relations::referencing(&self.session, &constraints).await?
        };
        let mut writes = BTreeSet::new();
        if ["INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "WITH"].contains(&verb.as_str()) {
            for locks in locks(&[&item.text]).into_iter().flatten() {
                let written = locks.0.into_iter();
                let written = written.filter(|(_, mode)| *mode == LockMode::RowExclusive);
                writes.extend(written.map(|(relation, _)| relation.name));
            }
        }
        Ok(Hints {
            adds_only: adds_only(&verb, &item.text),
            verb,
            writes,
            referencing: referencing.into_iter().collect(),
        })
    }

    /// Tables that the text names, and those of indexes that it names.
    fn named(&self, text: &str) -> Vec<u32> {
        let touches = digest(text).map(|digest| digest.touches);
        let touches = touches.unwrap_or_default();
        let oids: BTreeSet<u32> = touches
            .iter()
            .flat_map(|one| self.known.tables(one.namespace.as_deref(), &one.name))
            .collect();
        oids.into_iter().collect()
    }

    fn learnt(
        &mut self,
        migration: &Migration,
        item: &Item,
        seen: &[Relation],
        messages: &[Message],
        hints: &Hints,
    ) -> Statement {
        let mut newly = self.known.locks(seen);
        newly.retain(|oid, mode| self.held.get(oid).is_none_or(|held| held < mode));
        self.held
            .extend(newly.iter().map(|(oid, mode)| (*oid, *mode)));
        let work = self.known.work(seen, messages, &newly, hints);
        let locks = newly.into_iter();
        let locks = locks.filter_map(|(oid, mode)| Some((self.known.named(oid)?.clone(), mode)));
        Statement {
            locks: locks.collect(),
            work,
            ..self.bare(migration, item, Learnt::ByRunning)
        }
    }

    /// What the text tells.
    fn by_the_manual(&self, migration: &Migration, item: &Item) -> Statement {
        let told = locks(&[&item.text]).pop().flatten().unwrap_or_default();
        let mut found: BTreeMap<TableName, LockMode> = BTreeMap::new();
        for (relation, mode) in told.0 {
            let namespace = relation.namespace.as_deref();
            for oid in self.known.tables(namespace, &relation.name) {
                if let Some(name) = self.known.named(oid) {
                    let held = found.entry(name.clone()).or_insert(mode);
                    *held = (*held).max(mode);
                }
            }
        }
        Statement {
            locks: found,
            ..self.bare(migration, item, Learnt::ByTheManual)
        }
    }

    #[expect(clippy::unused_self, reason = "beside the two that fill it in")]
    fn bare(&self, migration: &Migration, item: &Item, learnt: Learnt) -> Statement {
        let words: Vec<&str> = item.placed.written().split_whitespace().collect();
        Statement {
            migration: Name::clone(&migration.name),
            line: item.placed.line,
            text: words.join(" "),
            learnt,
            locks: BTreeMap::new(),
            work: Vec::<Work>::new(),
            failed: None,
        }
    }
}

/// First keyword of a statement.
fn verb(class: &Class) -> String {
    let first = class.keywords.split(' ').next();
    first.unwrap_or_default().to_owned()
}

/// Whether the rows that a statement adds stand in the file: `COPY`, and
/// `INSERT` without a query.
fn adds_only(verb: &str, text: &str) -> bool {
    let is_query = || digest(text).is_none_or(|digest| digest.touches.len() != 1);
    let selects = || text.to_ascii_uppercase().contains("SELECT");
    verb == "COPY" || verb == "INSERT" && !is_query() && !selects()
}

/// What the server refused; another error ends the forecast.
fn refused(error: Error) -> Result<postgres::ServerError, RehearseError> {
    match error {
        Error::Server(error)
            if Error::Server(error.clone()).failure() != Failure::ConnectionLost =>
        {
            Ok(*error)
        }
        other => Err(other.into()),
    }
}

fn keep(part: &mut Part, statement: Statement) {
    if part.statements.len() < STATEMENTS_MAX || statement.is_notable() {
        part.statements.push(statement);
    } else {
        part.left_out += 1;
    }
}

/// The next statement of a migration; its data is still in the feed.
async fn next(
    feed: &mut Feeding,
    migration: &Migration,
    is_folded: bool,
) -> Result<Option<Item>, RehearseError> {
    use crate::statement::CopyDirection;
    while let Some(next) = feed.recv().await {
        let statement = match next {
            Feed::Piece(OwnedPiece::Statement(statement)) => statement,
            Feed::Failed(diagnostic) => {
                return Err(ApplyError::Invalid(vec![*diagnostic]).into());
            }
            _ => continue,
        };
        let is_copy = statement.copy == Some(CopyDirection::FromStdin);
        let variables: &Variables = &migration.variables;
        let mut placed = Placed::new(statement, variables);
        // What its batches do together.
        if let Some(backfill) = &migration.backfill
            && let Some(all) = placed.clone().over_all(&backfill.value)
        {
            placed = all;
        }
        let folded = is_folded
            .then(|| fold(&placed.text, &digest(&placed.text)?))
            .flatten();
        return Ok(Some(Item {
            text: folded.map_or_else(|| placed.text.to_string(), |folded| folded.text),
            class: Class::of(&placed.text),
            placed,
            is_copy,
        }));
    }
    Ok(None)
}
