//! Sessions that build indexes of partitions beside the one that holds the
//! lock of their migration.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Run;
use super::slots::{Place, Slots, Taken};
use crate::history::LockKey;
use crate::migration::Name;
use crate::postgres::{Error, Session, lock, timeouts};
use crate::text::Variables;

/// The helpers of one member of the tail.
#[derive(Debug)]
pub(super) struct Crew {
    run: Run,
    application: String,
    key: LockKey,
    slots: Arc<Slots>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: Vec<Arc<Session>>,
    partitions: Option<(u64, u64)>,
}

impl Crew {
    /// None yet; each takes one of these places.
    pub(super) fn new(
        run: &Run,
        migration: &Name,
        application: String,
        slots: &Arc<Slots>,
    ) -> Self {
        Self {
            run: run.clone(),
            application,
            key: LockKey::helpers(&run.project, migration),
            slots: Arc::clone(slots),
            state: Mutex::default(),
        }
    }

    /// A place for one more, if there is one.
    pub(super) fn place(&self) -> Option<Place> {
        self.slots.help()
    }

    /// Whether a member waits for a place.
    pub(super) fn is_wanted(&self) -> bool {
        self.slots.is_wanted()
    }

    /// Tells when there may be a place.
    pub(super) fn changes(&self) -> watch::Receiver<Taken> {
        self.slots.changes()
    }

    /// A new session, set up by these statements and without any timeout. It is
    /// among [`Crew::sessions`] until it is dismissed.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub(super) async fn connect(
        &self,
        setup: &[String],
        variables: &Variables,
    ) -> Result<Arc<Session>, Error> {
        let target = self.run.target.with_application_name(&self.application);
        let session = Session::connect(&target, self.run.connect_wait).await?;
        session.conceal(variables);
        // By this others see whom it works for, for as long as it lives.
        lock::try_lock_shared(&session, self.key).await?;
        for sql in setup {
            session.execute(sql).await?;
        }
        // The server goes on with a build whose client is gone; that is what
        // lets a run detach.
        timeouts::replace(&session, None).await?;
        let session = Arc::new(session);
        self.state().sessions.push(Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session, whatever it does: a build goes on in the server.
    pub(super) fn dismiss(&self, session: &Arc<Session>) {
        let mut state = self.state();
        state.sessions.retain(|other| !Arc::ptr_eq(other, session));
    }

    /// Those that are there, each perhaps at work.
    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        self.state().sessions.clone()
    }

    /// All of them, which are nobody's any more.
    pub(super) fn take(&self) -> Vec<Arc<Session>> {
        std::mem::take(&mut self.state().sessions)
    }

    /// So many partitions have their index, of so many.
    pub(super) fn set_partitions(&self, done: usize, total: usize) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.state().partitions = Some((number(done), number(total)));
    }

    /// One more partition has its index.
    pub(super) fn partition_done(&self) {
        if let Some((done, total)) = &mut self.state().partitions {
            *done = (*done + 1).min(*total);
        }
    }

    /// The statement is done, or another one begins.
    pub(super) fn forget_partitions(&self) {
        self.state().partitions = None;
    }

    /// How many partitions have their index, of how many; `None` while no
    /// statement is done partition by partition.
    pub(super) fn partitions(&self) -> Option<(u64, u64)> {
        self.state().partitions
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
