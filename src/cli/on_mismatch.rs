//! What `up` and `settle` do when the schema is not as expected.

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::config;
use crate::apply::OnMismatch;

/// Options of the check of the schema.
#[derive(Args, Clone, Debug, Default)]
pub struct OnMismatchArgs {
    /// What to do when the schema is not as expected [default: fail]
    ///
    /// Before readiness, `fail` rolls the last transaction back and ends with status 4; after the
    /// tail, the deployment stays ready and is not settled, status 6.
    #[arg(long, value_name = "ACTION")]
    pub on_mismatch: Option<OnMismatchArg>,
}

/// What to do when the schema is not as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMismatchArg {
    /// Roll back where that is possible, and end with an error
    Fail,
    /// Tell, and go on
    Warn,
}

impl OnMismatchArgs {
    /// With the default of `config` and our own.
    #[must_use]
    pub fn on_mismatch(&self, config: &config::Up) -> OnMismatch {
        match self.on_mismatch.or(config.on_mismatch) {
            Some(OnMismatchArg::Warn) => OnMismatch::Warn,
            Some(OnMismatchArg::Fail) | None => OnMismatch::Fail,
        }
    }
}
