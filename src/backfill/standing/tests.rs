use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn standing() -> Standing {
    Standing::example()
}

#[track_caller]
fn check(standing: &Standing, is_running: bool, line: &str, troubles: &[&str]) {
    assert_eq!(standing.line(is_running), line);
    assert_eq!(standing.troubles(is_running), troubles);
}

#[test]
fn a_running_one_says_how_far_how_fast_and_until_when() {
    check(
        &standing(),
        true,
        "62% · 6.2 of about 10 million rows · 2,111 rows/s · ends 2026-11-22 14:20 to 14:35 UTC",
        &[],
    );
    assert_eq!(standing().is_in_time(), Some(true));
}

#[test]
fn what_nobody_runs_has_no_end() {
    check(
        &standing(),
        false,
        "62% · 6.2 of about 10 million rows",
        &[],
    );
}

#[test]
fn what_is_in_the_way_is_named() {
    let held = Standing {
        throttled: Some(Throttled {
            by: vec![
                "replica b is 14 s behind".to_owned(),
                "flag file".to_owned(),
            ],
            since: Some(at("2026-11-22T13:58:00Z")),
        }),
        quarantined: 1,
        ..standing()
    };
    let line =
        "62% · 6.2 of about 10 million rows · 2,111 rows/s · ends 2026-11-22 14:20 to 14:35 UTC";
    let throttled = "held back since 2026-11-22 13:58 UTC: replica b is 14 s behind; flag file";
    check(&held, true, line, &[throttled, "1 row in quarantine"]);
    // What was in the way of a runner that is gone is not in anybody's.
    let line = "62% · 6.2 of about 10 million rows";
    check(&held, false, line, &["1 row in quarantine"]);
}

#[test]
fn a_paused_one_does_not_end() {
    let paused = Standing {
        paused: Some(Paused::example(Some("the sale"))),
        ..standing()
    };
    check(
        &paused,
        true,
        "62% · 6.2 of about 10 million rows",
        &["paused by alice@laptop as deploy since 2026-11-22 13:59 UTC: the sale"],
    );
}

#[test]
fn an_estimate_that_was_too_low_is_no_bound() {
    let beyond = Standing {
        rows: 10_000_001,
        ends: None,
        ..standing()
    };
    check(&beyond, true, "99% · 10,000,001 rows", &[]);
    let unknown = Standing {
        total: None,
        ends: None,
        rows: 1,
        ..standing()
    };
    check(&unknown, true, "1 row", &[]);
}

#[test]
fn a_finished_one_is_whole() {
    let finished = Standing {
        finished_at: Some(at("2026-11-22T14:31:00Z")),
        rows: 9_990_000,
        ..standing()
    };
    check(&finished, false, "100% · 9,990,000 rows", &[]);
    assert_eq!(finished.is_in_time(), Some(true));
}

#[test]
fn a_deadline_that_cannot_be_met_is_said() {
    let late = Standing {
        within: Some(Duration::from_hours(2)),
        impossible: Some("impossible: needs 3 hours at this budget".to_owned()),
        ..standing()
    };
    assert_eq!(late.deadline(), Some(at("2026-11-22T14:00:00Z")));
    assert_eq!(late.is_in_time(), Some(false));
    let troubles = ["impossible: needs 3 hours at this budget"];
    assert_eq!(late.troubles(true), troubles);
}

#[test]
fn numbers_are_as_large_as_they_need_be() {
    let of = |rows, total| {
        let total = Some(total);
        Standing {
            rows,
            total,
            ..standing()
        }
        .counts()
    };
    assert_eq!(of(41_200, 120_000), "41,200 of about 120,000 rows");
    assert_eq!(of(41_200, 1_000_000), "41,200 of about 1 million rows");
    assert_eq!(of(999_999, 1_250_000), "999,999 of about 1.2 million rows");
    assert_eq!(
        of(1_100_000_000, 12_000_000_000),
        "1.1 of about 12 billion rows"
    );
}

#[test]
fn another_day_is_said() {
    let (from, to) = (at("2026-11-22T23:50:00Z"), at("2026-11-23T00:10:00Z"));
    assert_eq!(span(from, to), "2026-11-22 23:50 to 2026-11-23 00:10 UTC");
    assert_eq!(span(from, from), "about 2026-11-22 23:50 UTC");
}

#[test]
fn a_row_that_is_set_aside_says_which_and_why() {
    let row = SetAside {
        key: vec!["4".to_owned(), "17".to_owned()],
        sqlstate: "22012".to_owned(),
        error: "division by zero\nCONTEXT: …".to_owned(),
        tries: 2,
        at: at("2026-11-22T14:00:00Z"),
    };
    let key = ["tenant".to_owned(), "id".to_owned()];
    assert_eq!(row.line(&key), "tenant 4, id 17: 22012: division by zero");
}
