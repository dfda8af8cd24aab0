//! The verdict that the time does not suffice.

use std::fmt;
use std::time::Duration;

/// When it turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At calibration, with hardly anything done: the migration fails, and says
    /// this. Nothing is lost if it is tried again with another budget.
    Calibration,
    /// Later: it goes on as fast as its budget allows, and this is told and kept
    /// in the row, until [`super::Pace::impossible`] is `None` again.
    Underway,
}

/// Why a backfill cannot be done in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// When it turned out.
    pub stage: Stage,
    /// Time that it needs from now on, without any pause but the least.
    pub needs: Duration,
    /// Time that is left.
    pub has: Duration,
}

impl fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "impossible: needs {}s at this budget, has {}s",
            self.needs.as_secs(),
            self.has.as_secs()
        )
    }
}
