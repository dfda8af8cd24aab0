//! What `up` does when its batch needs a lock that a concurrent migration
//! holds.

use clap::ValueEnum;
use serde::Deserialize;

use crate::plan::OnConflict;

/// What to do when the batch needs a lock that a concurrent migration holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnConflictArg {
    /// Wait for it, outside of any transaction, up to --concurrent-wait
    Wait,
    /// End at once with status 4, nothing changed
    Fail,
    /// Cancel it, apply the batch, and run it again in the tail
    Preempt,
}

impl From<OnConflictArg> for OnConflict {
    fn from(argument: OnConflictArg) -> Self {
        match argument {
            OnConflictArg::Wait => Self::Wait,
            OnConflictArg::Fail => Self::Fail,
            OnConflictArg::Preempt => Self::Preempt,
        }
    }
}
