//! For what a backfill waits: what one look sees, and whole runs.

mod archive;
mod look;
mod replication;
mod vacuum;

use std::time::Duration;

use segue::backfill::throttle::{Limits, Reading};
use segue::postgres::backfill::signals::{self, Asked, Sight};

use crate::support::LibrarySession;

/// A session that looks.
struct Eye {
    session: LibrarySession,
    asked: Asked,
}

impl Eye {
    /// On `table`, beside the backfill in backend `pid`.
    fn new(url: &str, table: &str, pid: i32) -> Self {
        let session = LibrarySession::connect(url);
        let asked = session.run(async |session| {
            signals::only_look(session).await?;
            let oid = format!("SELECT '{table}'::regclass::oid");
            let relation = session.value(&oid).await?.expect("a table");
            Ok(Asked {
                relation: relation.parse().expect("an oid"),
                pid,
                sight: Sight::of(session).await?,
            })
        });
        Self { session, asked }
    }

    fn look(&self, limits: &Limits) -> Reading {
        let look = async |session: &_| signals::read(session, limits, &self.asked).await;
        self.session.run(look)
    }
}

/// All that is in the catalogs.
fn all() -> Limits {
    Limits {
        wal_rate: Some(1),
        running_queries: Some(1),
        ..Limits::default()
    }
}

/// Bounded by the limit of a lag alone.
fn lag(limit: Duration) -> Limits {
    Limits {
        replication_lag: Some(limit),
        ..Limits::none()
    }
}
