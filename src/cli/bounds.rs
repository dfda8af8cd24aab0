//! Options that bound what `up` and `settle` do.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::duration::HumanDuration;
use crate::apply::{Settings, Until};

/// How many, for `--jobs`.
///
/// # Errors
/// What to write instead.
pub fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse();
    number.map_err(|_| "write a number, 1 or more".to_owned())
}

/// Bounds of a run; `[up]` in segue.toml sets other defaults.
#[derive(Args, Clone, Debug, Default)]
pub struct Bounds {
    /// Concurrent migrations side by side [default: 2]
    ///
    /// Two that work on one table never run side by side, nor does one that waits for snapshots
    /// (CREATE INDEX CONCURRENTLY) beside one that holds a snapshot for long (REFRESH, VALIDATE).
    /// The index of a partitioned table is built on as many partitions at once as places are free.
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    /// Longest wait in the server's lock queue [default: 50ms]
    ///
    /// While a statement of ours waits for a lock, everybody behind it waits too, so segue gives
    /// up early, lets them pass, and tries again: see --retry-for.
    #[arg(long, value_name = "D")]
    pub lock_timeout: Option<HumanDuration>,

    /// How long to try again after a lock timeout, deadlock or serialization failure [default: 5m]
    #[arg(long, value_name = "D")]
    pub retry_for: Option<HumanDuration>,

    /// How long to wait for another run, or a concurrent migration that runs elsewhere [default:
    /// 10m]
    #[arg(long, value_name = "D")]
    pub concurrent_wait: Option<HumanDuration>,
}

impl Bounds {
    /// With the defaults of `segue.toml` and our own.
    #[must_use]
    pub fn settings(&self, context: &Context, until: Until, strict: bool) -> Settings {
        let config = &context.config().up;
        let default = Settings::default();
        let bound = |argument: Option<HumanDuration>,
                     configured: Option<HumanDuration>,
                     default: Duration| {
            argument.or(configured).map_or(default, |bound| bound.0)
        };
        Settings {
            until,
            jobs: self
                .jobs
                .or(config.jobs)
                .map_or(default.jobs, NonZeroUsize::get),
            lock_timeout: bound(self.lock_timeout, config.lock_timeout, default.lock_timeout),
            retry_for: bound(self.retry_for, config.retry_for, default.retry_for),
            concurrent_wait: bound(
                self.concurrent_wait,
                config.concurrent_wait,
                default.concurrent_wait,
            ),
            commit_wait: bound(None, config.commit_wait, default.commit_wait),
            isolation: config.isolation.map(|level| level.0),
            on_conflict: config.on_conflict.map(Into::into).unwrap_or_default(),
            strict: strict || config.strict.unwrap_or(false),
            fold: config.fold.unwrap_or(default.fold),
            backfill: context.backfill(),
            ..default
        }
    }
}
