//! When a peer that is gone without a word counts as gone, on both sides of a
//! connection: a minute after it was heard last.
//!
//! A runner asks the server by the same rule as the server asks the runner. An
//! idle session that holds a lock, or one that waits for the data of a COPY, is
//! found dead by nothing else.

/// Silence before the first question.
pub(super) const IDLE_SECONDS: u64 = 30;

/// Pause between questions.
pub(super) const INTERVAL_SECONDS: u64 = 10;

/// Questions without an answer.
pub(super) const COUNT: u64 = 3;

/// For how long what was sent may stay without a receipt.
pub(super) const USER_TIMEOUT_MILLIS: u64 = 60_000;

/// Columns of a SELECT that set the server's side for this session. Over a Unix
/// socket they do nothing.
#[must_use]
pub(super) fn columns() -> String {
    let settings = [
        ("tcp_keepalives_idle", IDLE_SECONDS),
        ("tcp_keepalives_interval", INTERVAL_SECONDS),
        ("tcp_keepalives_count", COUNT),
        ("tcp_user_timeout", USER_TIMEOUT_MILLIS),
    ];
    settings
        .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', false)"))
        .join(", ")
}
