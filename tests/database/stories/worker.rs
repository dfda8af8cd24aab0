//! A server of an application that works until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::JoinHandle;

use crate::support::{server_runtime, wait_until};

/// What a worker is asked between two pieces of work.
#[derive(Clone, Debug, Default)]
pub struct Shift {
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Shift {
    /// Whether to go on; counts what has been done before.
    pub fn goes_on(&self) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed);
        !self.over.load(Ordering::Relaxed)
    }
}

/// One that is at work; what it leaves is a `T`.
#[derive(Debug)]
pub struct Worker<T> {
    shift: Shift,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Worker<T> {
    /// Begins.
    pub fn start<F: Future<Output = T> + Send + 'static>(work: impl FnOnce(Shift) -> F) -> Self {
        let shift = Shift::default();
        let task = server_runtime().spawn(work(shift.clone()));
        Self { shift, task }
    }

    /// Waits until it has done so much more.
    #[track_caller]
    pub fn does(&self, more: u64) {
        let enough = self.shift.done.load(Ordering::Relaxed) + more;
        wait_until("a server of the application to go on", || {
            assert!(!self.task.is_finished(), "it has failed");
            self.shift.done.load(Ordering::Relaxed) >= enough
        });
    }

    /// Ends it after the piece of work at hand.
    #[track_caller]
    pub fn stop(self) -> T {
        self.shift.over.store(true, Ordering::Relaxed);
        wait_until("a server of the application to end", || {
            self.task.is_finished()
        });
        server_runtime().block_on(self.task).expect("no panic")
    }
}
