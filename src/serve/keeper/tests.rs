use std::time::Duration;

use super::*;
use crate::serve::example;

const STALE_AFTER: Duration = Duration::from_mins(5);

/// Seconds after the beginning, and what has happened then.
enum Then {
    /// It is ready, or not.
    Seen(bool),
    Away(&'static str),
    Nothing,
}

/// What is shown after each of them: whether ready, the reason, and why stale.
fn check(steps: &[(u64, Then)], expected: &[&str]) {
    let began = example::moment(0);
    let mut keeper = Keeper::new("main", &example::settings(STALE_AFTER), &began);
    let shown: Vec<String> = steps
        .iter()
        .map(|(seconds, then)| {
            let now = example::moment_after(&began, *seconds);
            match then {
                Then::Seen(is_ready) => {
                    let status = example::status(*is_ready);
                    let verdict = example::verdict(&status);
                    keeper.look(status, verdict, &now);
                }
                Then::Away(reason) => keeper.away(reason, &now),
                Then::Nothing => keeper.pass(&now),
            }
            let view = keeper.view();
            let stale = view.stale.as_ref();
            format!(
                "{} {}: {}{}",
                view.stage.as_str(),
                if view.is_ready { "yes" } else { "no" },
                view.reason,
                stale.map_or_else(String::new, |stale| format!(
                    "; stale since {}: {}",
                    &stale.since[11..19],
                    stale.reason
                )),
            )
        })
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn what_was_seen_counts_while_the_database_is_away_and_then_no_more() {
    check(
        &[
            (0, Then::Seen(true)),
            (2, Then::Away("it restarts")),
            (4, Then::Away("connection refused")),
            (299, Then::Nothing),
            (300, Then::Nothing),
            (301, Then::Away("it is starting up")),
            (302, Then::Seen(true)),
        ],
        &[
            "ready yes: deployment 2 is ready",
            "ready yes: deployment 2 is ready; stale since 00:00:02: it restarts",
            "ready yes: deployment 2 is ready; stale since 00:00:02: connection refused",
            "ready yes: deployment 2 is ready; stale since 00:00:02: connection refused",
            "ready no: the database has not been seen for more than 5m: connection refused; stale since 00:00:02: connection refused",
            "ready no: the database has not been seen for more than 5m: it is starting up; stale since 00:00:02: it is starting up",
            "ready yes: deployment 2 is ready",
        ],
    );
}

#[test]
fn a_server_that_does_not_even_fail_to_answer_counts_as_away() {
    check(
        &[(0, Then::Seen(true)), (300, Then::Nothing)],
        &[
            "ready yes: deployment 2 is ready",
            "ready no: the database has not been seen for more than 5m: it does not answer; stale since 00:05:00: it does not answer",
        ],
    );
}

#[test]
fn nothing_is_ready_before_the_database_was_seen() {
    check(
        &[
            (1, Then::Away("connection refused")),
            (2, Then::Seen(false)),
        ],
        &[
            "unknown no: the database has not been seen yet: connection refused; stale since 00:00:00: connection refused",
            "pending no: 1 migration pending: `1.sql`",
        ],
    );
}

#[test]
fn a_database_that_turns_out_to_be_another_is_not_ready_at_once() {
    check(
        &[(0, Then::Seen(true)), (2, Then::Seen(false))],
        &[
            "ready yes: deployment 2 is ready",
            "pending no: 1 migration pending: `1.sql`",
        ],
    );
}

#[test]
fn what_the_ledger_has_no_time_of_began_when_it_was_seen_first() {
    let began = example::moment(0);
    let mut keeper = Keeper::new("main", &example::settings(STALE_AFTER), &began);
    let mut since = Vec::new();
    for (seconds, is_ready) in [(1, false), (5, false), (6, true)] {
        let status = example::status(is_ready);
        let verdict = example::verdict(&status);
        keeper.look(status, verdict, &example::moment_after(&began, seconds));
        since.push(keeper.view().since.clone());
    }
    assert_eq!(
        since,
        [
            "2026-01-31T00:00:01.000Z",
            "2026-01-31T00:00:01.000Z",
            // The ledger's own.
            "2026-01-30T12:00:00.000000Z",
        ]
    );
}

#[test]
fn the_pace_of_a_build_is_known_by_the_second_look_and_forgotten_with_it() {
    let began = example::moment(0);
    let mut keeper = Keeper::new("main", &example::settings(STALE_AFTER), &began);
    let mut look = |seconds, done| {
        let mut status = example::status(true);
        for entry in &mut status.entries {
            if let EntryState::Running(_, Some(row)) = &mut entry.state {
                match done {
                    Some(done) => row.done = Some(done),
                    None => entry.state = EntryState::Applied,
                }
            }
        }
        let verdict = example::verdict(&status);
        let now = example::moment_after(&began, seconds);
        keeper.look(status, verdict, &now);
        let readings = keeper.view().readings.values();
        readings
            .map(|reading| (reading.percent, reading.rate, reading.left))
            .collect::<Vec<_>>()
    };
    assert_eq!(look(0, Some(250)), [(Some(25), None, None)]);
    let left = Some(Duration::from_secs(10));
    assert_eq!(look(5, Some(500)), [(Some(50), Some(50), left)]);
    assert_eq!(look(7, None), []);
}
