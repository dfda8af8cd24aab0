//! One connection of a watch: what it has found out about the server, and
//! whether it listens.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future;

use super::{PAUSE, Seen, Watched, answer};
use crate::history::{Deployment, DeploymentState, History, LockKey, State};
use crate::migration::Kind;
use crate::postgres::ledger::{Ledger, Reading};
use crate::postgres::standby::Standby;
use crate::postgres::{Error, Failure, Session, listen, lock, pooler};

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    session: Session,
    /// Kept once it is there, with what was read last: what is found anew costs
    /// a round trip, at the moment that counts.
    known: Option<(Ledger, Reading)>,
    /// The newest deployments, and the ledger's token before they were read.
    past: Option<(Option<String>, Vec<Deployment>)>,
    /// Whether something was told since.
    is_woken: bool,
    ears: Ears,
    /// By the last reading; a standby may be promoted.
    was_standby: bool,
    /// Set while a reading is under way: one that was dropped half-way may have
    /// left the session in a transaction.
    is_reading: bool,
}

/// What is read beside the ledger itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// How many deployments.
    pub past_max: usize,
    /// Whether to say how far backfills are.
    pub has_backfills: bool,
}

/// Whether notifications come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ears {
    /// Not tried yet.
    Untried,
    /// They do.
    Open,
    /// They do not: a standby sends none, and a pooler to others.
    Deaf,
}

impl Link {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            known: None,
            past: None,
            is_woken: false,
            ears: Ears::Untried,
            was_standby: false,
            is_reading: false,
        }
    }

    /// Whether it can go on where it was left.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_reading
    }

    pub(super) async fn close(self) {
        self.session.close().await;
    }

    /// Waits for a notification, `longest` at most. The first time it begins to
    /// listen and returns at once: what came before is to be seen first.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(super) async fn wait(&mut self, longest: Duration) -> Result<(), Error> {
        match self.ears {
            Ears::Untried => {
                self.ears = if self.was_standby || is_pooled(&self.session).await {
                    Ears::Deaf
                } else if answer(listen::listen(&self.session)).await? {
                    Ears::Open
                } else {
                    Ears::Deaf
                };
                if self.ears == Ears::Deaf {
                    tokio::time::sleep(longest).await;
                }
                Ok(())
            }
            Ears::Open => {
                match tokio::time::timeout(longest, listen::notified(&mut self.session)).await {
                    // The state has changed.
                    Ok(true) => {
                        self.is_woken = true;
                        Ok(())
                    }
                    // It is time to look again.
                    Err(_) => Ok(()),
                    Ok(false) => Err(Error::Lost(self.session.farewell())),
                }
            }
            Ears::Deaf => {
                tokio::time::sleep(longest).await;
                Ok(())
            }
        }
    }

    /// Reads all that there is to see: one round trip, two as long as there is
    /// no ledger, or where something has changed without a word.
    ///
    /// # Errors
    /// As [`Session::execute`]; [`Error::Protocol`] if a newer segue has
    /// upgraded the ledger.
    pub(super) async fn read(&mut self, watched: &Watched, extent: Extent) -> Result<Seen, Error> {
        // Whatever has come so far is about what is read now.
        self.is_woken |= !self.session.messages().is_empty();
        self.is_reading = true;
        let seen = answer(self.look(watched, extent)).await;
        self.is_reading = false;
        seen
    }

    async fn look(&mut self, watched: &Watched, extent: Extent) -> Result<Seen, Error> {
        let Extent {
            past_max,
            has_backfills,
        } = extent;
        let session = &self.session;
        // Sent one behind the other, before the first answer has come.
        let (standby, (ledger, reading)) = future::try_join(
            Standby::look(session),
            reading(session, watched, self.known.take(), self.is_woken),
        )
        .await?;
        self.is_woken = false;
        if self.was_standby && standby.is_none() {
            self.ears = Ears::Untried;
        }
        self.was_standby = standby.is_some();
        let Reading {
            mut history,
            mut progress,
            ..
        } = reading.clone();
        if standby.is_some()
            && let Some(newest) = history.deployments.first()
            && newest.state == DeploymentState::Running
        {
            history.silence = ledger.silence(session, newest.id).await?;
        }
        // Only what has changed is worth a round trip more.
        let is_known =
            |(token, _): &(Option<String>, _)| token.is_some() && *token == reading.token;
        if past_max > 0 && !self.past.as_ref().is_some_and(is_known) {
            let past = ledger.past(session, past_max).await?;
            self.past = Some((reading.token.clone(), past));
        }
        let mut backfills = if has_backfills && is_concurrent_open(&history) {
            match ledger.standings(session).await {
                // One who was allowed table by table, by hand.
                Err(error) if error.failure() == Failure::InsufficientPrivilege => BTreeMap::new(),
                standings => standings?,
            }
        } else {
            BTreeMap::new()
        };
        // It may be made meanwhile.
        if ledger.version().is_some() {
            self.known = Some((ledger, reading));
        }
        history.follow(&watched.project, &*watched.migrations);
        for renamed in &history.renamed {
            if let Some(row) = progress.remove(&renamed.from) {
                progress.insert(renamed.to.clone(), row);
            }
            if let Some(standing) = backfills.remove(&renamed.from) {
                backfills.insert(renamed.to.clone(), standing);
            }
        }
        let mut past = self.past.clone().map_or_else(Vec::new, |(_, past)| past);
        for deployment in &mut past {
            let lock = LockKey::deployment(&watched.project, deployment.id);
            deployment.is_held = history.locks.contains_key(&lock);
            if let Some(name) = &mut deployment.migration
                && let Some(renamed) = history.renamed.iter().find(|one| one.from == *name)
            {
                name.clone_from(&renamed.to);
            }
        }
        Ok(Seen {
            history,
            progress,
            backfills,
            past,
            standby,
            host: self.session.host().to_owned(),
        })
    }
}

/// All of the ledger, or what is known of it, as long as that is still true.
/// Locks and progress are read as long as somebody may be at work: locks are a
/// burden to the whole server, and a thousand may be waiting.
async fn reading(
    session: &Session,
    watched: &Watched,
    known: Option<(Ledger, Reading)>,
    is_woken: bool,
) -> Result<(Ledger, Reading), Error> {
    let Some((ledger, mut reading)) = known else {
        let (project, owner) = (&watched.project, watched.owner.as_deref());
        return Ledger::find_and_read(session, project, owner).await;
    };
    if !is_woken {
        let is_same = if is_at_work(&reading.history) {
            // Locks first: who ends meanwhile has changed the token.
            let (locks, token, progress) = future::try_join3(
                lock::held(session),
                ledger.token(session),
                ledger.progress(session),
            )
            .await?;
            reading.history.see_locks(&watched.project, locks);
            reading.progress = progress
                .into_iter()
                .map(|(name, (row, _))| (name, row))
                .collect();
            token == reading.token
        } else {
            ledger.token(session).await? == reading.token
        };
        if is_same {
            return Ok((ledger, reading));
        }
    }
    let reading = ledger.reading(session).await?;
    Ok((ledger, reading))
}

/// Whether there is something that somebody may be working on.
fn is_at_work(history: &History) -> bool {
    let is_open = |state: &State| matches!(state, State::Begun | State::Failed(_));
    let mut deployments = history.deployments.iter();
    deployments.any(|one| matches!(one.state, DeploymentState::Running | DeploymentState::Ready))
        || history.records.values().any(|one| is_open(&one.state))
}

/// Whether a concurrent migration has begun and is not done.
fn is_concurrent_open(history: &History) -> bool {
    let mut records = history.records.values();
    records.any(|one| {
        one.kind == Kind::Concurrent && matches!(one.state, State::Begun | State::Failed(_))
    })
}

/// Whether a pooler would have us listen in a server process that others use,
/// and that others' notifications then come to. What cannot be found out soon
/// counts as no: without a notification it is looked every few seconds anyway.
async fn is_pooled(session: &Session) -> bool {
    let looking = async {
        let second = session.sibling(Duration::ZERO).await?;
        let seen = pooler::two(session, &second).await;
        second.close().await;
        seen
    };
    matches!(
        tokio::time::timeout(PAUSE, looking).await,
        Ok(Err(Error::Pooled(_)))
    )
}
