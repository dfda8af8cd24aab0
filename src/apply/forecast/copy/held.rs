//! A statement that waits for other sessions' transactions: one of ours holds
//! it up until its locks have been seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Copy, Hints, Item, refused, verb};
use crate::apply::rehearse::RehearseError;
use crate::forecast::Statement;
use crate::forecast::work::Relation;
use crate::migration::Migration;
use crate::postgres::{Error, Session, activity, relations};
use crate::statement::{Kind, LockMode};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// How long it is held up at most, if it never waits for us.
const HOLD_MAX: Duration = Duration::from_secs(5);

/// Whether a statement waits until all who use its table, or see an older
/// state of it, are gone.
pub(super) fn waits(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::CreateIndexConcurrently { .. }
            | Kind::DropIndexConcurrently { .. }
            | Kind::Reindex {
                concurrently: true,
                ..
            }
            | Kind::DetachPartitionConcurrently {
                finalize: false,
                ..
            }
    )
}

impl Copy {
    /// Runs it beside a session that has a snapshot and has read the tables,
    /// and looks at its locks while it waits for that one.
    pub(super) async fn waiting(
        &mut self,
        migration: &Migration,
        item: &Item,
    ) -> Result<Statement, RehearseError> {
        let tables = self.named(&item.text);
        let holder = self.session.sibling(self.wait).await?;
        relations::read_all(&holder, &tables).await?;
        self.session.messages();
        let (done, seen) = tokio::join!(
            self.session.execute(&item.text),
            self.look_while_held(holder)
        );
        let held = seen?;
        if let Err(error) = done {
            let mut statement = self.by_the_manual(migration, item);
            statement.failed = Some(refused(error)?.message);
            self.give_up();
            return Ok(statement);
        }
        let messages = self.messages();
        let mut seen = relations::of(&self.watcher, 0, &tables).await?;
        for relation in &mut seen {
            relation.held = held.get(&relation.oid).copied();
        }
        let hints = Hints {
            verb: verb(&item.class),
            ..Hints::default()
        };
        let statement = self.learnt(migration, item, &seen, &messages, &hints);
        // Its last phase, which nothing holds up, may lock more strongly.
        let told = self.by_the_manual(migration, item);
        let mut locks = statement.locks;
        for (table, mode) in &told.locks {
            let held = locks.entry(table.clone()).or_insert(*mode);
            *held = (*held).max(*mode);
        }
        let statement = Statement { locks, ..statement };
        if held.is_empty() {
            return Ok(Statement {
                work: statement.work,
                ..told
            });
        }
        Ok(statement)
    }

    /// The strongest locks of the busy session until it waits for `holder`,
    /// which is then let go.
    async fn look_while_held(&self, holder: Session) -> Result<BTreeMap<u32, LockMode>, Error> {
        let pid = self.session.backend().pid;
        let mut held = BTreeMap::new();
        let began = Instant::now();
        loop {
            // The wait first: what is locked by then is seen after it.
            let wait = activity::lock_wait(&self.watcher, pid).await?;
            let is_held_up = wait.is_some_and(|wait| {
                let mut blockers = wait.blockers.iter();
                blockers.any(|blocker| blocker.pid == holder.backend().pid)
            });
            let seen = relations::of(&self.watcher, pid, &[]).await?;
            for Relation {
                oid, held: mode, ..
            } in seen
            {
                if let Some(mode) = mode {
                    let strongest = held.entry(oid).or_insert(mode);
                    *strongest = mode.max(*strongest);
                }
            }
            let is_done = !held.is_empty() && is_idle(&self.watcher, pid).await?;
            if is_held_up || is_done || began.elapsed() > HOLD_MAX {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        holder.close().await;
        Ok(held)
    }
}

async fn is_idle(watcher: &Session, pid: i32) -> Result<bool, Error> {
    let backend = activity::backend(watcher, pid).await?;
    Ok(backend.is_none_or(|backend| backend.state.as_deref() == Some("idle")))
}
