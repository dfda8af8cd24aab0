use super::*;
use crate::backfill::standing::{Paused, Throttled};
use crate::cli::report::schema;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[track_caller]
fn check(course: &Course, standing: Option<&Standing>, aside: &[SetAside], expected: &str) {
    let directive = crate::backfill::parse("person by id within 1d quarantine 20").expect("valid");
    let actual = text(&Shown {
        name: &Name::new("2.sql"),
        course,
        directive: Some(&directive),
        standing,
        aside,
        now: Some(at("2026-11-22T14:00:00Z")),
    });
    assert!(
        actual == expected,
        "expected:\n{expected}\nactual:\n{actual}"
    );
}

#[test]
fn a_running_one() {
    check(
        &Course::Running(Some(4711)),
        Some(&Standing::example()),
        &[],
        "\
Backfill `2.sql`: person by id
  [========================                ] 62%
  done        6.2 of about 10 million rows, 6,100,000 of them changed
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  running     by pid 4711
  pace        2,111 rows/s, batches of 10,000 rows, 50ms between them
  ends        2026-11-22 14:20 to 14:35 UTC (in 20m 0s to 35m 0s)
  deadline    2026-11-23 12:00 UTC, and will be met
",
    );
}

#[test]
fn one_that_is_held_back_and_too_slow() {
    let standing = Standing {
        throttled: Some(Throttled {
            by: vec![
                "replica b is 14 s behind".to_owned(),
                "3 sessions wait for locks".to_owned(),
            ],
            since: Some(at("2026-11-22T13:58:00Z")),
        }),
        within: Some(Duration::from_hours(2)),
        impossible: Some("impossible: needs 3 hours at this budget".to_owned()),
        rate: Some(3000),
        ..Standing::example()
    };
    check(
        &Course::Running(None),
        Some(&standing),
        &[],
        "\
Backfill `2.sql`: person by id
  [========================                ] 62%
  done        6.2 of about 10 million rows, 6,100,000 of them changed
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  running     or interrupted: this is a standby, which cannot see its runner
  pace        2,111 rows/s, batches of 10,000 rows, 50ms between them
  ends        2026-11-22 14:20 to 14:35 UTC (in 20m 0s to 35m 0s)
  deadline    2026-11-22 14:00 UTC
              impossible: needs 3 hours at this budget
  rate        at most 3,000 rows/s, as asked
  held back   since 2026-11-22 13:58 UTC (2m 0s ago)
              replica b is 14 s behind
              3 sessions wait for locks
",
    );
}

#[test]
fn one_that_is_paused_and_nobody_runs() {
    let standing = Standing {
        paused: Some(Paused::example(Some("the sale"))),
        within: None,
        ..Standing::example()
    };
    check(
        &Course::Interrupted,
        Some(&standing),
        &[],
        "\
Backfill `2.sql`: person by id
  [========================                ] 62%
  done        6.2 of about 10 million rows, 6,100,000 of them changed
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  interrupted nobody runs it: `segue settle` goes on
  pace        batches of 10,000 rows, 50ms between them
  paused      by alice@laptop as deploy since 2026-11-22 13:59 UTC: the sale
              `segue backfill resume 2.sql` lets it go on
",
    );
}

#[test]
fn one_that_has_set_rows_aside() {
    let aside = |id: u32| SetAside {
        key: vec![id.to_string()],
        sqlstate: "22012".to_owned(),
        error: "division by zero".to_owned(),
        tries: 1,
        at: at("2026-11-22T14:00:00Z"),
    };
    let standing = Standing {
        quarantined: 12,
        rows: 10_000_000,
        changed: 10_000_000,
        within: None,
        ends: None,
        finished_at: None,
        ..Standing::example()
    };
    let all: Vec<SetAside> = (1..=12).map(aside).collect();
    check(
        &Course::Failed("12 rows could not be done".to_owned()),
        Some(&standing),
        &all,
        "\
Backfill `2.sql`: person by id
  [======================================= ] 99%
  done        10 of about 10 million rows
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  failed      12 rows could not be done
              `segue settle` tries again
  pace        batches of 10,000 rows, 50ms between them
  quarantine  12 rows of at most 20
              id 1: 22012: division by zero
              id 2: 22012: division by zero
              id 3: 22012: division by zero
              id 4: 22012: division by zero
              id 5: 22012: division by zero
              id 6: 22012: division by zero
              id 7: 22012: division by zero
              id 8: 22012: division by zero
              id 9: 22012: division by zero
              id 10: 22012: division by zero
              and 2 more; `--json` has all of them
              the next run tries them again first
",
    );
    schema::check_part(
        "backfill",
        "backfills",
        &serde_json::json!([{
            "migration": "2.sql",
            "state": "failed",
            "pid": null,
            "error": "12 rows could not be done",
            "backfill": standing.to_json(),
            "quarantine": all.iter().map(SetAside::to_json).collect::<Vec<_>>(),
        }]),
    );
}

#[test]
fn one_that_has_not_begun() {
    check(
        &Course::Pending,
        None,
        &[],
        "\
Backfill `2.sql`: person by id
  pending     not begun; `segue up` begins it
",
    );
    let paused = Standing {
        paused: Some(Paused::example(None)),
        cursor: None,
        rows: 0,
        ..Standing::example()
    };
    check(
        &Course::Pending,
        Some(&paused),
        &[],
        "\
Backfill `2.sql`: person by id
  pending     not begun; `segue up` begins it
  paused      by alice@laptop as deploy since 2026-11-22 13:59 UTC
              `segue backfill resume 2.sql` lets it go on
",
    );
}

#[test]
fn those_that_have_ended() {
    let standing = Standing {
        finished_at: Some(at("2026-11-22T14:31:00Z")),
        rows: 10_000_017,
        changed: 10_000_017,
        ..Standing::example()
    };
    check(
        &Course::Applied,
        Some(&standing),
        &[],
        "\
Backfill `2.sql`: person by id
  [========================================] 100%
  done        10,000,017 rows
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  applied     2026-11-22 14:31 UTC, after 2h 31m
",
    );
    check(
        &Course::Abandoned,
        Some(&Standing::example()),
        &[],
        "\
Backfill `2.sql`: person by id
  [========================                ] 62%
  done        6.2 of about 10 million rows, 6,100,000 of them changed
  begun       2026-11-22 12:00 UTC (2h 0m ago)
  abandoned   what is done stays done, all other rows are as they were
",
    );
}
