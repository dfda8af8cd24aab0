//! Asking runs to end.

use std::sync::Arc;

use tokio::sync::watch;

use crate::apply::{Interrupt, Signal, Signals};

/// Asks the runs of a [`Deployment`](super::Deployment) to end in good order;
/// cheap to clone.
///
/// Nobody has to: every future of this library can be dropped. What this adds
/// is an answer that says what stands, and builds that are looked at once more
/// before they are left alone.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<watch::Sender<Signals>>);

impl Stopper {
    pub(super) fn channel() -> (Self, Interrupt) {
        let (sender, interrupt) = Interrupt::channel();
        (Self(Arc::new(sender)), interrupt)
    }

    /// Asks to end, as SIGTERM asks `segue up`.
    ///
    /// Before ready, what is under way is rolled back, and `up` ends with
    /// [`Error::Stopped`](super::Error::Stopped). In the tail, statements that
    /// refuse a transaction go on in the server, the others are rolled back,
    /// and it ends with [`Error::Unsettled`](super::Error::Unsettled); whoever
    /// comes next finds what became of them. Runs that begin later end at
    /// once.
    pub fn stop(&self) {
        self.0.send_modify(|signals| {
            signals.first.get_or_insert(Signal::Terminate);
        });
    }

    /// Asks to end, and to cancel what would go on in the server and remove
    /// what it leaves, as SIGINT twice asks `segue up`.
    pub fn cancel(&self) {
        self.0.send_modify(|signals| {
            // Whoever was asked to end by SIGTERM does not wait for more.
            signals.first.get_or_insert(Signal::Interrupt);
            signals.interrupts = signals.interrupts.max(2);
        });
    }
}
