//! Backfills in the states that they pass.

use std::time::Duration;

use segue::backfill::Standing;
use segue::backfill::standing::{Ends, Paused, Throttled};
use segue::history::DeploymentState;
use segue::migration::Name;
use segue::status::{EntryState, Reading, Stage, View};

use super::{COLUMN, applied, concurrent, deployment, earlier, running, status, view, with_tail};

const FILL: &str = "2026-03-02-14-05-00-fill-email-lower.sql";

fn standing() -> Standing {
    let at = |text: &str| text.parse().expect("a time");
    Standing {
        relation: "person".to_owned(),
        key: vec!["tenant".to_owned(), "id".to_owned()],
        cursor: Some(vec!["4".to_owned(), "6200000".to_owned()]),
        batches: 620,
        rows: 6_200_000,
        changed: 6_200_000,
        total: Some(10_000_000),
        batch_rows: Some(10_000),
        pause: Some(Duration::from_millis(50)),
        throttled: None,
        paused: None,
        rate: None,
        within: Some(Duration::from_hours(24)),
        began_at: at("2026-11-21T23:41:07Z"),
        finished_at: None,
        ends: Some(Ends {
            earliest: at("2026-11-21T23:48:40Z"),
            likely: at("2026-11-21T23:49:10Z"),
            latest: at("2026-11-21T23:50:30Z"),
        }),
        impossible: None,
        quarantined: 0,
        updated_at: at("2026-11-21T23:47:11Z"),
    }
}

fn of(state: EntryState, standing: Standing) -> View {
    let mut entries = earlier();
    entries.push(applied(COLUMN, 42));
    let mut fill = concurrent(FILL, state);
    fill.backfill = Some(standing);
    entries.push(fill);
    let newest = with_tail(deployment(42, DeploymentState::Ready), &[FILL]);
    let reason = "deployment 42 is ready";
    let mut view = view(Stage::Ready, reason, entries, vec![newest]);
    view.readings.insert(
        Name::new(FILL),
        Reading {
            percent: Some(62),
            rate: Some(41_207),
            left: Some(Duration::from_secs(92)),
        },
    );
    view
}

/// Half-way, in time.
pub fn filling() -> View {
    of(running("backfill", None, None), standing())
}

/// Held back by several things, with rows set aside.
pub fn held_back() -> View {
    let held = Standing {
        throttled: Some(Throttled {
            by: vec![
                "standby `b` is 14 s behind".to_owned(),
                "3 sessions wait for locks".to_owned(),
            ],
            since: Some("2026-11-21T23:45:02Z".parse().expect("a time")),
        }),
        rate: Some(5_000),
        quarantined: 2,
        ..standing()
    };
    of(running("backfill", None, None), held)
}

pub fn paused() -> View {
    let paused = Standing {
        paused: Some(Paused {
            by: "alice@laptop as deploy".to_owned(),
            at: "2026-11-21T23:45:02Z".parse().expect("a time"),
            reason: Some("the sale <b>begins</b>".to_owned()),
        }),
        ..standing()
    };
    of(running("backfill", None, None), paused)
}

/// Its time does not suffice.
pub fn too_slow() -> View {
    let why = "impossible: needs 11 days at this budget, 6 days more than it has";
    let slow = Standing {
        within: Some(Duration::from_hours(5 * 24)),
        impossible: Some(why.to_owned()),
        rows: 41_000,
        ends: Some(Ends {
            earliest: "2026-12-02T10:00:00Z".parse().expect("a time"),
            likely: "2026-12-02T22:00:00Z".parse().expect("a time"),
            latest: "2026-12-04T03:00:00Z".parse().expect("a time"),
        }),
        ..standing()
    };
    let mut view = of(running("backfill", None, None), slow);
    view.readings.clear();
    view
}

/// At its end with rows in quarantine.
pub fn set_aside() -> View {
    let error = "2 rows could not be done: id 17: division by zero (22012)";
    let ended = Standing {
        rows: 9_990_000,
        quarantined: 2,
        ends: None,
        ..standing()
    };
    let mut view = of(EntryState::Failed(error.to_owned()), ended);
    status(&mut view).deployments[0].error = Some(format!("{FILL}: {error}"));
    view
}
