//! One connection of a watch: what it has found out about the server, and
//! whether it listens.

use std::time::Duration;

use futures_util::future;

use super::{PAUSE, Seen, Watched, answer};
use crate::postgres::ledger::Ledger;
use crate::postgres::standby::Standby;
use crate::postgres::{Error, Session, listen, pooler};

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    session: Session,
    /// Kept once it is there: what is found anew costs a round trip, at the
    /// moment that counts.
    ledger: Option<Ledger>,
    ears: Ears,
    /// By the last reading; a standby may be promoted.
    was_standby: bool,
    /// Set while a reading is under way: one that was dropped half-way may have
    /// left the session in a transaction.
    is_reading: bool,
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
            ledger: None,
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
                    // The state has changed, or it is time to look again.
                    Ok(true) | Err(_) => Ok(()),
                    Ok(false) => Err(Error::Lost(self.session.farewell())),
                }
            }
            Ears::Deaf => {
                tokio::time::sleep(longest).await;
                Ok(())
            }
        }
    }

    /// Reads all that there is to see: one round trip, two more until there is
    /// a ledger.
    ///
    /// # Errors
    /// As [`Session::execute`]; [`Error::Protocol`] if a newer segue has
    /// upgraded the ledger.
    pub(super) async fn read(&mut self, watched: &Watched, past_max: usize) -> Result<Seen, Error> {
        // Whatever has come so far is about what is read now.
        let _ = self.session.messages();
        self.is_reading = true;
        let seen = answer(self.look(watched, past_max)).await;
        self.is_reading = false;
        seen
    }

    async fn look(&mut self, watched: &Watched, past_max: usize) -> Result<Seen, Error> {
        let session = &self.session;
        let found = match self.ledger.take() {
            Some(found) => found,
            None => Ledger::find(session, &watched.project, watched.owner.as_deref()).await?,
        };
        // Sent one behind the other, before the first answer has come.
        let (standby, mut history, progress, mut past) = future::try_join4(
            Standby::look(session),
            found.history(session),
            found.progress(session),
            found.past(session, past_max),
        )
        .await?;
        // It may be made meanwhile.
        self.ledger = Some(found).filter(|found| found.version().is_some());
        if self.was_standby && standby.is_none() {
            self.ears = Ears::Untried;
        }
        self.was_standby = standby.is_some();
        history.follow(&watched.project, &*watched.migrations);
        let progress = progress
            .into_iter()
            .map(|(name, (row, _))| {
                let renamed = history.renamed.iter().find(|one| one.from == name);
                (renamed.map_or(name, |one| one.to.clone()), row)
            })
            .collect();
        for deployment in &mut past {
            // The lock is as the history has it, read in the same round trip.
            let held = history
                .deployments
                .iter()
                .find(|one| one.id == deployment.id);
            deployment.is_held = held.is_some_and(|one| one.is_held);
            if let Some(name) = &mut deployment.migration
                && let Some(renamed) = history.renamed.iter().find(|one| one.from == *name)
            {
                name.clone_from(&renamed.to);
            }
        }
        Ok(Seen {
            history,
            progress,
            past,
            standby,
            host: session.host().to_owned(),
        })
    }
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
