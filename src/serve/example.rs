//! Values for the tests of this module's parts.

use std::time::{Duration, Instant};

use super::state::{Moment, State};
use super::{Course, Phase, Settings};
use crate::history::{Deployment, DeploymentState, ProgressRow};
use crate::migration::{Kind, Name};
use crate::readiness::{Goal, Verdict};
use crate::schema::Rules;
use crate::status::{Entry, EntryState, Stale, Status, View};
use crate::version::Version;

/// Midnight, and seconds after it.
pub(super) fn moment(seconds: i64) -> Moment {
    let midnight: jiff::Timestamp = "2026-01-31T00:00:00Z".parse().expect("a time");
    Moment {
        instant: Instant::now(),
        time: midnight + jiff::SignedDuration::from_secs(seconds),
    }
}

pub(super) fn moment_after(began: &Moment, seconds: u64) -> Moment {
    Moment {
        instant: began.instant + Duration::from_secs(seconds),
        time: began.time + Duration::from_secs(seconds),
    }
}

pub(super) fn settings(stale_after: Duration) -> Settings {
    let listen = "127.0.0.1:0".parse().expect("an address");
    Settings {
        listen,
        agent: None,
        goal: Goal::Ready,
        stale_after,
        drain: Duration::ZERO,
        drift_every: None,
        rules: Rules::default(),
        hosts: Vec::new(),
    }
}

pub(super) fn serving() -> Course {
    Course {
        phase: Phase::Serving,
        drains: false,
    }
}

/// A batch migration and, once that is done, a concurrent one that is built.
pub(super) fn status(is_ready: bool) -> Status {
    let entry = |name: &str, kind, state, deployment| Entry {
        name: Name::new(name),
        kind,
        state,
        is_modified: false,
        is_missing: false,
        deployment,
        at: None,
        partner: None,
        ends: Vec::new(),
        backfill: None,
    };
    if !is_ready {
        return Status {
            project: "main".to_owned(),
            entries: vec![entry("1.sql", Kind::Batch, EntryState::Pending, None)],
            deployments: Vec::new(),
            is_standby: false,
            schema_version: None,
        };
    }
    let row = ProgressRow {
        pid: 42,
        phase: "building index: scanning table".to_owned(),
        done: Some(250),
        total: Some(1000),
        waits_for: Some("pid 1 (app); pid 2 (psql)".to_owned()),
        ends_wait: None,
        partitions: Some((1, 2)),
    };
    Status {
        project: "main".to_owned(),
        entries: vec![
            entry("1.sql", Kind::Batch, EntryState::Applied, Some(2)),
            entry(
                "2-\"i\\\".sql",
                Kind::Concurrent,
                EntryState::Running(Some(42), Some(row)),
                Some(2),
            ),
        ],
        deployments: vec![Deployment {
            id: 2,
            state: DeploymentState::Ready,
            migration: Some(Name::new("1.sql")),
            fingerprint: String::new(),
            tail: Vec::new(),
            started_at: "2026-01-30T11:59:59.000000Z".to_owned(),
            ready_at: Some("2026-01-30T12:00:00.000000Z".to_owned()),
            settled_at: None,
            error: None,
            is_held: true,
        }],
        is_standby: false,
        schema_version: Some(Version::new(3, 1, 0)),
    }
}

/// What [`crate::readiness`] would say of it.
pub(super) fn verdict(status: &Status) -> Verdict {
    match status.ready() {
        Some(ready) => Verdict::Reached(Some(Box::new(ready.clone()))),
        None => Verdict::NotYet {
            missing: "1 migration pending: `1.sql`".to_owned(),
        },
    }
}

/// A database as [`status`] has it, or one that is away.
pub(super) fn view(is_ready: bool, stale: Option<&str>) -> View {
    let status = status(is_ready);
    View {
        is_ready,
        reason: match verdict(&status) {
            Verdict::NotYet { missing } => missing,
            _ => "deployment 2 is ready".to_owned(),
        },
        stage: status.stage().0,
        since: "2026-01-30T12:00:00.000000Z".to_owned(),
        status: Some(status),
        seen_at: Some("2026-01-31T00:00:00.000Z".to_owned()),
        stale: stale.map(|reason| Stale {
            since: "2026-01-31T00:00:01.000Z".to_owned(),
            reason: reason.to_owned(),
        }),
        ..View::unseen("main", Goal::Ready, "")
    }
}

/// The first of a server that began at midnight.
pub(super) fn first() -> State {
    State::new("main", Goal::Ready, &moment(0))
}
