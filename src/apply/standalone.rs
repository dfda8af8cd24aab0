//! One migration outside a transaction block.

use super::{ApplyError, Run};
use crate::migration::{Migration, Name};
use crate::postgres::Session;
use crate::postgres::ledger::Ledger;

/// How it went.
#[derive(Debug)]
pub struct Report;

/// Why it did not.
#[derive(Debug, thiserror::Error)]
#[error("not there yet")]
pub struct StandaloneError;

impl StandaloneError {
    pub(super) fn into_apply_error(self, _: &[Name]) -> ApplyError {
        ApplyError::Invalid(Vec::new())
    }
}

#[expect(clippy::unused_async, reason = "comes with the next merge")]
pub(super) async fn run(
    _: &Run,
    _: &Ledger,
    _: &mut Session,
    _: &Migration,
    _: Option<i64>,
) -> Result<Report, StandaloneError> {
    Err(StandaloneError)
}

#[expect(clippy::unused_async, reason = "comes with the next merge")]
pub(super) async fn clean_up(
    _: &Run,
    _: &Ledger,
    _: &mut Session,
    _: &Migration,
) -> Result<(), StandaloneError> {
    Err(StandaloneError)
}
