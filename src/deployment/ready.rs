//! What comes after ready: the tail.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::Unsettled;
use super::run::Work;
use super::{Deployment, Error};
use crate::apply::Outcome;
use crate::version::Version;

/// The deployment is ready: the schema is what this program needs.
#[derive(Clone, Debug)]
#[must_use = "the tail runs only if somebody awaits `settle()`"]
pub struct Ready {
    pub(super) of: Deployment,
    pub(super) deployment: Option<i64>,
    pub(super) schema_version: Option<Version>,
    pub(super) tail: Vec<String>,
    pub(super) is_settled: bool,
}

impl Ready {
    /// Number of the deployment that made it so, by whichever process, as in
    /// `segue.deployment`; `None` if there are no migrations, or if the
    /// database is ahead of this program.
    #[must_use]
    pub fn deployment(&self) -> Option<i64> {
        self.deployment
    }

    /// The version of the schema, `3.1.0`, if a migration has brought one.
    #[must_use]
    pub fn schema_version(&self) -> Option<String> {
        self.schema_version.map(|version| version.to_string())
    }

    /// The concurrent migrations that were left for [`Ready::settle`], by the
    /// names of their files, in the order in which they may begin.
    #[must_use]
    pub fn tail(&self) -> &[String] {
        &self.tail
    }

    /// Whether there is nothing to settle.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Runs the tail, or waits for the process that does: a future to be
    /// spawned, while the program serves.
    ///
    /// All instances of a program may do so: each migration runs in one of
    /// them, and if that one dies another takes over. Dropped, or if the
    /// process ends, what runs goes on in the server as it would after the end
    /// of `segue up`, and the next `up` or `settle`, of whichever process,
    /// finds what became of it.
    pub fn settle(self) -> Tail {
        let stopper = self.of.stopper();
        let Self {
            of,
            deployment,
            is_settled,
            ..
        } = self;
        let running = async move {
            if is_settled {
                return Ok(Settled { deployment });
            }
            of.settle().await.map(|settled| Settled {
                deployment: deployment.or(settled.deployment),
            })
        };
        Tail {
            running: Box::pin(running),
            stopper,
        }
    }
}

/// The tail is done, and the schema is as expected where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The deployment that is ready, as in [`Ready::deployment`].
    pub deployment: Option<i64>,
}

/// A tail, under way as long as it is polled: `tokio::spawn` takes it.
#[must_use = "a tail runs only if it is awaited or spawned"]
pub struct Tail {
    running: Pin<Box<dyn Future<Output = Result<Settled, Error>> + Send>>,
    stopper: super::Stopper,
}

impl Tail {
    /// Asks it to end; kept while the tail itself is spawned.
    #[must_use]
    pub fn stopper(&self) -> super::Stopper {
        self.stopper.clone()
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tail").finish_non_exhaustive()
    }
}

impl Future for Tail {
    type Output = Result<Settled, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.running.as_mut().poll(context)
    }
}

impl Deployment {
    /// Runs the tail that is still to be done, or waits for the process that
    /// does, as `segue settle`; pending migrations of the batch stay so.
    ///
    /// # Errors
    /// [`Error::Unsettled`] if it is not done; others as [`Deployment::up`].
    pub fn settle(&self) -> impl Future<Output = Result<Settled, Error>> + Send + use<> {
        let of = self.clone();
        async move {
            let ran = of.run(Work::Tail).await?;
            match ran.outcome {
                Outcome::Settled | Outcome::Ready => Ok(Settled {
                    deployment: ran.deployment,
                }),
                Outcome::Unsettled(report) => Err(Error::Unsettled(Unsettled::of(&report))),
                Outcome::Mismatched(mismatch) => Err(Error::Unsettled(Unsettled {
                    mismatch: Some(mismatch.summary()),
                    ..Unsettled::default()
                })),
            }
        }
    }
}
