//! What is verified during a run, and when.

use super::{Place, Ready, Step, TailStep};
use crate::history::{DeploymentState, History};

/// What is known of the expected schema before a plan is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedSchema {
    /// Nobody asks: nothing is verified, and nothing is said about it.
    #[default]
    NotAsked,
    /// There is no folder.
    Absent,
    /// There, for the server's major version.
    Present,
    /// There, but only for other major versions.
    OtherMajors {
        /// The server's.
        major: u32,
        /// Those that are there, sorted.
        there: Vec<u32>,
    },
}

/// What is verified during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Nothing, and nothing is said about it: nobody asks, or nothing is to be
    /// done.
    Nothing,
    /// Nothing: there is no expected schema.
    NoExpectedSchema,
    /// Nothing: the expected schema is that of an older folder.
    Ahead,
    /// Nothing: what the ledger has and the folder lacks is in no expected
    /// schema.
    Diverged,
    /// Nothing may run: the expected schema is there for other major versions.
    OtherMajors {
        /// The server's.
        major: u32,
        /// Those that are there, sorted.
        there: Vec<u32>,
    },
    /// The schema is verified.
    Made {
        /// Before readiness, if a deployment becomes ready.
        before_ready: Option<BeforeReady>,
        /// Before the deployment is settled.
        after_tail: bool,
    },
}

/// Where the schema is verified before readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeReady {
    /// Inside the only transaction: a mismatch leaves the database as it was.
    InTheTransaction,
    /// Inside the last transaction: a mismatch leaves what is committed before
    /// it.
    InTheLastTransaction,
    /// After the last step, on its own: a mismatch leaves all of it.
    AfterTheBatch,
}

/// What is verified in a run of these steps.
pub(super) fn checks(
    expected: &ExpectedSchema,
    history: &History,
    place: &Place,
    batch: &[Step],
    ready: Ready,
    tail: &[TailStep],
) -> Checks {
    let is_open = history
        .deployments
        .iter()
        .any(|deployment| deployment.state == DeploymentState::Ready);
    let becomes_ready = matches!(ready, Ready::WithLastBlock | Ready::AfterBatch);
    let is_busy = becomes_ready || !tail.is_empty() || is_open;
    match (expected, place) {
        (ExpectedSchema::Absent, _) if is_busy => Checks::NoExpectedSchema,
        (ExpectedSchema::NotAsked | ExpectedSchema::Absent, _) => Checks::Nothing,
        (_, Place::Ahead { .. }) => Checks::Ahead,
        (_, _) if !is_busy => Checks::Nothing,
        (_, Place::Diverged { .. }) => Checks::Diverged,
        (ExpectedSchema::OtherMajors { major, there }, _) => Checks::OtherMajors {
            major: *major,
            there: there.clone(),
        },
        (ExpectedSchema::Present, _) => Checks::Made {
            before_ready: becomes_ready.then_some(match (batch, ready) {
                ([_], Ready::WithLastBlock) => BeforeReady::InTheTransaction,
                (_, Ready::WithLastBlock) => BeforeReady::InTheLastTransaction,
                _ => BeforeReady::AfterTheBatch,
            }),
            after_tail: !tail.is_empty() || (is_open && !becomes_ready),
        },
    }
}

#[cfg(test)]
mod tests;
