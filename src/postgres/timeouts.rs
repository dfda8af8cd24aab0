//! Timeouts of one statement: chosen per statement, never per session.

use std::time::Duration;

use super::{Error, Session, literal};

/// Those that end a statement or its session half-way.
const NAMES: [&str; 6] = [
    "client_connection_check_interval",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
];

/// What the timeouts were, so that a file's own `SET` holds again afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts(Vec<(String, String)>);

/// Turns all timeouts off, `lock_timeout` apart if one is given.
///
/// # Errors
/// As [`Session::execute`].
pub async fn replace(session: &Session, lock_timeout: Option<Duration>) -> Result<Timeouts, Error> {
    let names: Vec<String> = NAMES.iter().map(|name| literal(name)).collect();
    // A name that this server does not know is not among the rows.
    let sql = format!(
        "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name IN ({})",
        names.join(", ")
    );
    let mut before = Vec::new();
    let mut statements = Vec::new();
    for row in session.query(&sql).await? {
        let (Some(name), Some(value)) = (row[0].clone(), row[1].clone()) else {
            continue;
        };
        let wanted = match lock_timeout {
            Some(timeout) if name == "lock_timeout" => format!("{}ms", timeout.as_millis()),
            _ => "0".to_owned(),
        };
        if value != wanted {
            statements.push(set(&name, &wanted));
            before.push((name, value));
        }
    }
    if !statements.is_empty() {
        session.execute(&statements.join(";")).await?;
    }
    Ok(Timeouts(before))
}

impl Timeouts {
    /// Puts them back.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn restore(&self, session: &Session) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let statements: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| set(name, value))
            .collect();
        session.execute(&statements.join(";")).await
    }
}

/// The statement that bounds waits in the lock queue until the transaction
/// ends.
#[must_use]
pub fn lock_timeout_local(timeout: Duration) -> String {
    format!("SET LOCAL lock_timeout = {}", timeout.as_millis())
}

/// The same, where the bound is now longer or off.
#[must_use]
pub fn cap_lock_timeout_local(cap: Duration) -> String {
    let millis = cap.as_millis();
    format!(
        "SELECT pg_catalog.set_config('lock_timeout', '{millis}', true) FROM pg_catalog.pg_settings WHERE name = 'lock_timeout' AND (setting::pg_catalog.int8 = 0 OR setting::pg_catalog.int8 > {millis})"
    )
}

fn set(name: &str, value: &str) -> String {
    format!("SET {name} = {}", literal(value))
}
