//! LISTEN on our channel, where the server allows it.

use super::{Error, Message, Session};

/// Channel of all our notifications.
pub const CHANNEL: &str = "segue";

/// Listens in autocommit, so that no transaction stays open; false where the
/// server refuses: on a standby (SQLSTATE 25006).
///
/// # Errors
/// As [`Session::execute`].
pub async fn listen(session: &Session) -> Result<bool, Error> {
    match session.execute("LISTEN segue").await {
        Ok(()) => Ok(true),
        Err(error)
            if error
                .server()
                .is_some_and(|server| server.sqlstate == "25006") =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Waits for the next notification; false when the connection has ended.
pub async fn notified(session: &mut Session) -> bool {
    while let Some(message) = session.message().await {
        if matches!(message, Message::Notification { channel, .. } if channel == CHANNEL) {
            return true;
        }
    }
    false
}
