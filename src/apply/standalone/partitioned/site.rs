//! The builds that one look at the tree has called for: on the session that
//! holds the migration's lock and, beside it, on those of helpers.
//!
//! Each build is fenced by a lock of its own, which the session holds that
//! runs it. Under it the partition is looked at again, then a note is
//! committed, then the index is built: whoever dies at any of these leaves
//! what the next run settles, and a build whose runner is gone is seen by its
//! lock for as long as it lives.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;

use super::super::{Standalone, StandaloneError};
use crate::apply::crew::Crew;
use crate::apply::slots::Place;
use crate::apply::{Event, Run};
use crate::history::LockKey;
use crate::migration::Migration;
use crate::postgres::ledger::Ledger;
use crate::postgres::{Error, Failure, Message, ServerError, Session, lock, partition_tree};
use crate::procedure::partitioned_index::{self, Building, Left};

/// One index to be built.
#[derive(Clone, Debug)]
pub(super) struct Build {
    /// OID of the partition.
    pub(super) partition: u32,
    /// Its name, qualified and quoted where needed.
    pub(super) table: String,
    /// Which of the partitions with rows, from 1.
    pub(super) number: usize,
    /// The index that is built anew, as [`partitioned_index::Leaf`] has it.
    pub(super) again: Option<String>,
    /// The statement.
    pub(super) sql: String,
}

/// How the builds ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The server's errors, each with the name of its partition, in the order
    /// in which they came.
    pub(super) errors: Vec<(Box<ServerError>, String)>,
    /// Why a helper's session ended, if one did.
    pub(super) lost: Option<String>,
    /// How many came to their good end.
    pub(super) built: usize,
    /// How many were begun.
    pub(super) begun: usize,
}

/// Builds under way.
pub(super) struct Site<'a> {
    pub(super) run: &'a Run,
    pub(super) ledger: &'a Ledger,
    pub(super) migration: &'a Migration,
    /// Those who may help; `None` where they would only wait for each other.
    pub(super) helpers: Option<&'a Crew>,
    /// The intent that has the notes.
    pub(super) intent: i64,
    /// OID of the index of the whole.
    pub(super) target: u32,
    /// How many partitions with rows there are.
    pub(super) of: usize,
    /// Statements that set a helper's session up.
    pub(super) setup: Vec<String>,
    queue: Mutex<VecDeque<Build>>,
    ended: Mutex<Ended>,
    /// The one who holds the migration's lock has nothing left to build.
    is_over: Notify,
    /// No helper is at work any more, and none will be.
    pub(super) are_done: Notify,
}

/// Whether another try may do.
pub(super) fn is_curable(error: &ServerError) -> bool {
    // Somebody has taken the name meanwhile: there is another one.
    error.failure().is_transient() || error.failure() == Failure::Duplicate
}

impl<'a> Site<'a> {
    pub(super) fn new(
        standalone: &Standalone<'a>,
        (intent, target): (i64, u32),
        builds: Vec<Build>,
        of: usize,
    ) -> Self {
        Self {
            run: standalone.run,
            ledger: standalone.ledger,
            migration: standalone.migration,
            helpers: None,
            intent,
            target,
            of,
            setup: Vec::new(),
            queue: Mutex::new(builds.into()),
            ended: Mutex::default(),
            is_over: Notify::new(),
            are_done: Notify::new(),
        }
    }

    /// How all of them ended.
    pub(super) fn into_ended(self) -> Ended {
        self.ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one; the caller builds it.
    pub(super) fn next(&self) -> Option<Build> {
        guard(&self.queue).pop_front()
    }

    fn has_next(&self) -> bool {
        !guard(&self.queue).is_empty()
    }

    /// The one who holds the migration's lock has nothing left to build.
    pub(super) fn leave(&self) {
        self.is_over.notify_one();
    }

    fn key(&self, build: &Build) -> LockKey {
        LockKey::partition(self.ledger.project(), &self.migration.name, build.partition)
    }

    /// Takes the lock of a build, and notes that it begins; `None` if it is not
    /// to be done any more, or somebody else is at it.
    pub(super) async fn begin(
        &self,
        session: &Session,
        build: &Build,
    ) -> Result<Option<Building>, Error> {
        let key = self.key(build);
        if !lock::try_lock(session, key).await? {
            return Ok(None);
        }
        let leaf = partition_tree::leaf(session, build.partition, self.target).await?;
        let leaf =
            leaf.filter(|leaf| partitioned_index::is_still_missing(leaf, build.again.as_deref()));
        let Some(leaf) = leaf else {
            lock::unlock(session, key).await?;
            return Ok(None);
        };
        if build.again.is_none() {
            self.run.events.tell(Event::PartitionBegan {
                name: self.migration.name.clone(),
                partition: build.table.clone(),
                number: build.number,
                of: self.of,
            });
        }
        let building = Building {
            partition: build.partition,
            indexes_before: leaf.indexes.iter().map(|part| part.index.oid).collect(),
        };
        let before = &building.indexes_before;
        self.ledger
            .note_building(session, self.intent, build.partition, before)
            .await?;
        guard(&self.ended).begun += 1;
        Ok(Some(building))
    }

    /// Notes how a build ended, and gives its lock back. What a failed one has
    /// left is settled by the next look.
    pub(super) async fn end(
        &self,
        session: &Session,
        build: &Build,
        building: &Building,
        result: Result<(), Box<ServerError>>,
    ) -> Result<(), Error> {
        match result {
            Ok(()) => {
                let leaf = partition_tree::leaf(session, build.partition, self.target).await?;
                let index = match leaf.map(|leaf| leaf.left(building, true)) {
                    Some(Left::Built(index)) => Some(Some(index)),
                    // REINDEX gives the one that is there a new file.
                    Some(Left::Nothing) if build.again.is_some() => Some(None),
                    _ => None,
                };
                if let Some(index) = index {
                    self.ledger
                        .note_built(session, self.intent, build.partition, index)
                        .await?;
                }
                guard(&self.ended).built += 1;
                if let Some(helpers) = self.helpers {
                    helpers.partition_done();
                }
            }
            Err(error) => {
                // The user hears of it soon; those at work come to their end.
                if !is_curable(&error) {
                    guard(&self.queue).clear();
                }
                let mut ended = guard(&self.ended);
                ended.errors.push((error, build.table.clone()));
            }
        }
        lock::unlock(session, self.key(build)).await
    }

    /// Builds on sessions of helpers, as many as there are places, until nothing
    /// is left to begin.
    ///
    /// # Errors
    /// None: what a helper cannot do is done without.
    pub(super) async fn beside(&self) -> Result<(), StandaloneError> {
        let Some(helpers) = self.helpers else {
            return Ok(());
        };
        let mut changes = helpers.changes();
        let mut at_work = FuturesUnordered::new();
        let mut is_refused = false;
        loop {
            while !is_refused
                && self.has_next()
                && let Some(place) = helpers.place()
            {
                at_work.push(self.help(helpers, place));
            }
            if at_work.is_empty() && (is_refused || !self.has_next()) {
                return Ok(());
            }
            tokio::select! {
                Some(helped) = at_work.next() => is_refused |= helped.is_err(),
                // The sender is the helpers' own.
                _ = changes.changed() => {}
                () = self.is_over.notified() => {}
            }
        }
    }

    /// Builds one after the other until nothing is left, or the place is wanted;
    /// an error if there is no use in asking another helper now.
    async fn help(&self, helpers: &Crew, place: Place) -> Result<(), ()> {
        let variables = &self.migration.variables;
        let session = match helpers.connect(&self.setup, variables).await {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(migration = %self.migration.name, %error, "partitions are built without a further session");
                return Err(());
            }
        };
        let mut result = Ok(());
        while let Some(build) = self.next() {
            if let Err(error) = self.build(&session, &build).await {
                guard(&self.ended).lost.get_or_insert(error.to_string());
                result = Err(());
                break;
            }
            self.tell_notices(&session);
            if helpers.is_wanted() {
                break;
            }
        }
        helpers.dismiss(&session);
        drop(session);
        drop(place);
        result
    }

    async fn build(&self, session: &Session, build: &Build) -> Result<(), Error> {
        let Some(building) = self.begin(session, build).await? else {
            return Ok(());
        };
        let result = match session.execute(&build.sql).await {
            Ok(()) => Ok(()),
            Err(Error::Server(server)) if !server.failure().is_connection_lost() => Err(server),
            Err(error) => return Err(error),
        };
        self.end(session, build, &building, result).await
    }

    fn tell_notices(&self, session: &Session) {
        for message in session.messages() {
            if let Message::Notice(notice) = message {
                self.run.events.tell(Event::Notice {
                    name: Some(self.migration.name.clone()),
                    notice,
                });
            }
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
