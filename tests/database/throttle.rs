//! For what a backfill waits: what one look sees, and whole runs.

mod archive;
mod look;
mod replication;
mod run;
mod vacuum;

use std::cell::RefCell;
use std::time::Duration;

use segue::backfill::throttle::{Limits, Reading};
use segue::postgres::backfill::signals::{Looker, Place};
use segue::postgres::{Session, Target};

use crate::support::{server_runtime, target};

/// Somebody who looks.
struct Eye {
    target: Target,
    place: Place,
    looker: RefCell<Option<(Limits, Looker)>>,
}

impl Eye {
    /// On `table`, beside the backfill in backend `pid`.
    fn new(url: &str, table: &str, pid: i32) -> Self {
        let target = target(url);
        let mut place = server_runtime()
            .block_on(async {
                let session = Session::connect(&target, Duration::from_secs(5)).await?;
                let oid = format!("SELECT '{table}'::regclass::oid");
                let relation = session.value(&oid).await?.expect("a table");
                Place::of(&session, relation.parse().expect("an oid")).await
            })
            .expect("the server's answer");
        place.pid = pid;
        Self {
            target,
            place,
            looker: RefCell::default(),
        }
    }

    #[track_caller]
    fn look(&self, limits: &Limits) -> Reading {
        let mut looker = self.looker.borrow_mut();
        let reading = server_runtime().block_on(async {
            if looker.as_ref().is_none_or(|(of, _)| of != limits) {
                let open = Looker::open(&self.target, limits, &self.place).await?;
                *looker = Some((limits.clone(), open));
            }
            let (_, looker) = looker.as_ref().expect("just opened");
            looker.look().await
        });
        reading.expect("the server's answer")
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
