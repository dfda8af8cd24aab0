//! Who is on the server of all: what one has changed there that databases
//! share, nobody else is to see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::ground::Ground;
use super::{VisitError, Visits};

/// How many there are, and whether one has left something.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    there: Arc<There>,
    /// Whether one has left since anybody looked.
    is_unseen: AtomicBool,
    is_changed: AtomicBool,
}

#[derive(Debug, Default)]
struct There {
    count: AtomicUsize,
    left: Notify,
}

/// One that is there.
#[derive(Debug)]
pub(super) struct Visitor(Arc<There>);

impl Drop for Visitor {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.left.notify_waiters();
    }
}

impl Visitors {
    pub(super) fn enter(&self) -> Visitor {
        self.there.count.fetch_add(1, Ordering::SeqCst);
        Visitor(Arc::clone(&self.there))
    }

    /// One is about to leave.
    pub(super) fn leaves(&self) {
        self.is_unseen.store(true, Ordering::SeqCst);
    }

    /// What databases share is not as it was.
    pub(super) fn has_changed(&self) {
        self.is_changed.store(true, Ordering::SeqCst);
    }

    fn is_empty(&self) -> bool {
        self.there.count.load(Ordering::SeqCst) == 0
    }
}

impl Visits {
    /// Before another visitor comes: if an earlier one has changed what
    /// databases share, waits until all have left, and puts it right or goes
    /// on on another server. Whoever waits must not hold a [`super::Visited`].
    ///
    /// # Errors
    /// [`VisitError`] if there is no other server.
    pub async fn calm(&self) -> Result<(), VisitError> {
        if self.visitors.is_unseen.swap(false, Ordering::SeqCst) {
            let ground = self.ground.lock().await;
            if ground.access.is_own() && !ground.is_as_it_was().await {
                self.visitors.has_changed();
            }
        }
        loop {
            if !self.visitors.is_changed.load(Ordering::SeqCst) {
                return Ok(());
            }
            let left = self.visitors.there.left.notified();
            let mut left = std::pin::pin!(left);
            left.as_mut().enable();
            if self.visitors.is_empty() {
                let mut ground = self.ground.lock().await;
                // Whoever has come meanwhile waits for this lock.
                if self.visitors.is_empty() && self.visitors.is_changed.load(Ordering::SeqCst) {
                    self.put_right(&mut ground).await?;
                    self.visitors.is_changed.store(false, Ordering::SeqCst);
                }
                continue;
            }
            left.await;
        }
    }

    async fn put_right(&self, ground: &mut Ground) -> Result<(), VisitError> {
        if ground.heal(true).await.is_ok() && ground.is_as_it_was().await {
            return Ok(());
        }
        tracing::debug!("what databases share has been changed: another server is started");
        let fresh = Ground::start(&self.stage, self.prints.seed, None).await?;
        let spoilt = std::mem::replace(ground, fresh);
        // What it has left is not used again.
        let _ = spoilt.end().await;
        Ok(())
    }
}
