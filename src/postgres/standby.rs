//! How far a standby is behind its primary.

use std::time::Duration;

use super::{Error, Session, column};

/// A server that replays another one's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standby {
    /// For how long it has been behind: zero where it has replayed all that it
    /// has received; `None` if it has not replayed any transaction yet.
    pub delay: Option<Duration>,
}

impl Standby {
    /// Whether the server is a standby now, and how far behind: one round trip.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn look(session: &Session) -> Result<Option<Self>, Error> {
        let rows = session.query(include_str!("standby/look.sql")).await?;
        let Some(row) = rows.first().filter(|row| row[0].as_deref() == Some("t")) else {
            return Ok(None);
        };
        let delay = match row[1] {
            Some(_) => {
                let seconds: f64 = column(row, 1)?;
                Some(Duration::try_from_secs_f64(seconds).unwrap_or_default())
            }
            None => None,
        };
        Ok(Some(Self { delay }))
    }
}
