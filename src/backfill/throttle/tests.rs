use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Looks, a second apart, and what is told of each: its signals, in order.
#[track_caller]
fn check(limits: Limits, looks: &[(Reading, &[&str])]) -> Throttle {
    let mut throttle = Throttle::new(limits);
    for (place, (reading, expected)) in looks.iter().enumerate() {
        let after = if place == 0 { Duration::ZERO } else { SECOND };
        let signals = throttle.look(reading, after);
        let signals: Vec<_> = signals.iter().map(ToString::to_string).collect();
        assert_eq!(signals, *expected, "look {place}: {reading:?}");
    }
    throttle
}

fn standby(name: &str, replayed: u64, lag: Option<u64>) -> Standby {
    Standby {
        application: name.to_owned(),
        name: name.to_owned(),
        replayed: Some(replayed),
        lag: lag.map(Duration::from_secs),
    }
}

fn wal(bytes: u64, standbys: Vec<Standby>) -> Reading {
    Reading {
        wal_bytes: Some(bytes),
        standbys,
        ..Reading::default()
    }
}

fn waiters(waiters: u64) -> Reading {
    Reading {
        waiters,
        ..Reading::default()
    }
}

fn blocked(blocked: u64) -> Reading {
    Reading {
        blocked,
        ..Reading::default()
    }
}

fn answered(query: Answer) -> Reading {
    Reading {
        query: Some(query),
        ..Reading::default()
    }
}

#[test]
fn a_signal_ends_well_below_its_limit_and_at_the_second_look() {
    let told = |sessions: u64| format!("{sessions} sessions wait for locks (limit 10)");
    let (eleven, nine, eight, seven) = (told(11), told(9), told(8), told(7));
    check(
        Limits::default(),
        &[
            (waiters(10), &[]),
            (waiters(11), &[&eleven]),
            // At the limit would be no signal, had there not been one.
            (waiters(9), &[&nine]),
            (waiters(8), &[&eight]),
            (waiters(9), &[&nine]),
            (waiters(8), &[&eight]),
            (waiters(7), &[]),
            (waiters(9), &[]),
            (waiters(11), &[&eleven]),
            (waiters(7), &[&seven]),
            (waiters(7), &[]),
        ],
    );
}

#[test]
fn who_waits_for_us_counts_at_once() {
    check(
        Limits::default(),
        &[
            (blocked(1), &["1 session waits for a lock of the backfill"]),
            (blocked(0), &["0 sessions wait for a lock of the backfill"]),
            (blocked(2), &["2 sessions wait for a lock of the backfill"]),
            (blocked(0), &["0 sessions wait for a lock of the backfill"]),
            (blocked(0), &[]),
        ],
    );
}

#[test]
fn a_limit_of_nothing_is_passed_by_one() {
    let limits = Limits {
        running_queries: Some(0),
        ..Limits::none()
    };
    let running = |running| Reading {
        running,
        ..Reading::default()
    };
    check(
        limits,
        &[
            (running(0), &[]),
            (running(1), &["1 statement runs (limit 0)"]),
            (running(0), &["0 statements run (limit 0)"]),
            (running(0), &[]),
        ],
    );
}

#[test]
fn each_standby_is_judged_by_itself_and_one_that_is_gone_is_none() {
    check(
        Limits::default(),
        &[
            (
                wal(
                    100,
                    vec![standby("a", 50, Some(14)), standby("b", 90, Some(1))],
                ),
                &["`a` is 14 s behind (limit 10 s)"],
            ),
            (
                wal(
                    100,
                    vec![standby("a", 50, Some(15)), standby("b", 90, Some(11))],
                ),
                &[
                    "`a` is 15 s behind (limit 10 s)",
                    "`b` is 11 s behind (limit 10 s)",
                ],
            ),
            // What was told last, as long as it is not known to be gone.
            (
                wal(100, vec![standby("b", 90, Some(12))]),
                &[
                    "`a` is 15 s behind (limit 10 s)",
                    "`b` is 12 s behind (limit 10 s)",
                ],
            ),
            (
                wal(100, vec![standby("b", 100, Some(12))]),
                &["`b` is 0 ms behind (limit 10 s)"],
            ),
            (wal(100, vec![standby("b", 100, None)]), &[]),
        ],
    );
}

#[test]
fn a_standby_that_says_nothing_is_measured_by_our_notes() {
    let mut throttle = Throttle::new(Limits::default());
    let mut bytes = 1000;
    for second in 0..30 {
        let signals = throttle.look(&wal(bytes, vec![standby("a", 3050, None)]), SECOND);
        // It stops at what was written in the 21st second.
        let expected = second - 21;
        let is_late = expected > 10;
        assert_eq!(!signals.is_empty(), is_late, "second {second}: {signals:?}");
        if is_late {
            let told = format!("`a` is {expected} s behind (limit 10 s)");
            assert_eq!(signals[0].to_string(), told);
        }
        bytes += 100;
    }
    // An idle server is no reason to go on while it is behind.
    for _ in 0..10 {
        throttle.look(&wal(bytes, vec![standby("a", 3050, None)]), SECOND);
    }
    assert_eq!(
        throttle.signals()[0].to_string(),
        "`a` is 18 s behind (limit 10 s)"
    );
}

#[test]
fn a_standby_may_be_left_behind() {
    let limits = Limits {
        ignore_standbys: vec!["delayed".to_owned()],
        ..Limits::default()
    };
    check(
        limits,
        &[(wal(100, vec![standby("delayed", 1, Some(3600))]), &[])],
    );
}

#[test]
fn notes_of_positions_are_bounded_and_right() {
    let mut positions = Positions::default();
    let limit = Duration::from_secs(1000);
    for second in 0..100_000 {
        positions.add(Duration::from_secs(second), second * 10, limit);
        assert!(positions.notes.len() <= Positions::KEPT_MAX);
    }
    let ago = |bytes: u64| 99_999 - positions.first_beyond(bytes).expect("noted").as_secs();
    // A note each hundredth of the limit: never more than it was.
    assert_eq!(ago(999_990 - 5_000), 499);
    assert_eq!(ago(999_990 - 36_000), 3_599);
    assert_eq!(ago(999_990 - 36_050), 3_599);
    assert_eq!(ago(0), 9_999);
    assert_eq!(positions.first_beyond(999_990), None);
    // Another server.
    positions.add(Duration::from_secs(100_000), 5, limit);
    assert_eq!(positions.notes.len(), 1);
}

#[test]
fn the_rate_of_wal_is_that_since_the_last_look() {
    let limits = Limits {
        wal_rate: Some(32 << 20),
        ..Limits::none()
    };
    check(
        limits,
        &[
            (wal(1 << 40, Vec::new()), &[]),
            (wal((1 << 40) + (32 << 20), Vec::new()), &[]),
            (
                wal((1 << 40) + (77 << 20), Vec::new()),
                &["the server writes 45 MB of WAL per second (limit 32 MB)"],
            ),
            (
                wal((1 << 40) + (77 << 20), Vec::new()),
                &["the server writes 0 bytes of WAL per second (limit 32 MB)"],
            ),
            (wal((1 << 40) + (77 << 20), Vec::new()), &[]),
        ],
    );
}

#[test]
fn an_archive_may_fail_for_a_minute() {
    let archive = |waiting, failing: Option<&str>, failing_for: Option<u64>| Reading {
        archive: Some(Archive {
            waiting,
            failing: failing.map(ToOwned::to_owned),
            failing_for: failing_for.map(Duration::from_secs),
        }),
        ..Reading::default()
    };
    let failing = "the archive has not taken `0A` for 61 s";
    check(
        Limits::default(),
        &[
            (archive(Some(64), None, None), &[]),
            (
                archive(Some(65), Some("0A"), Some(60)),
                &["65 WAL files wait for the archive (limit 64)"],
            ),
            (
                archive(Some(65), Some("0A"), Some(61)),
                &["65 WAL files wait for the archive (limit 64)", failing],
            ),
            (
                archive(Some(0), None, None),
                &["0 WAL files wait for the archive (limit 64)", failing],
            ),
            (archive(Some(0), None, None), &[]),
        ],
    );
    // Where nobody says since when, our own clock does.
    let mut throttle = Throttle::new(Limits::default());
    for second in 0..63 {
        let signals = throttle.look(&archive(None, Some("0A"), None), SECOND);
        assert_eq!(signals.is_empty(), second <= 60, "second {second}");
    }
    let signals = throttle.look(&archive(None, Some("0B"), None), SECOND);
    assert_eq!(
        signals[0].to_string(),
        "the archive has not taken `0B` for 63 s"
    );
}

#[test]
fn vacuums_count_as_configured() {
    let vacuum = |is_to_prevent_wraparound| Reading {
        vacuums: vec![Vacuum {
            relation: "public.t".to_owned(),
            is_to_prevent_wraparound,
        }],
        ..Reading::default()
    };
    let limits = |vacuum| Limits {
        vacuum,
        ..Limits::default()
    };
    check(
        limits(Vacuums::All),
        &[(vacuum(false), &["`public.t` is being vacuumed"])],
    );
    check(
        limits(Vacuums::Wraparound),
        &[
            (vacuum(false), &[]),
            (
                vacuum(true),
                &["`public.t` is being vacuumed to prevent wraparound"],
            ),
        ],
    );
    check(limits(Vacuums::Never), &[(vacuum(true), &[])]);
}

#[test]
fn what_a_query_says() {
    let said = |value: Option<&str>| Answer::of_value(value);
    for no in [
        None,
        Some(""),
        Some(" "),
        Some("f"),
        Some("false"),
        Some("0"),
        Some("0.00"),
        Some("-0"),
    ] {
        assert_eq!(said(no), Answer::No, "{no:?}");
    }
    for yes in ["t", "true"] {
        assert_eq!(said(Some(yes)), Answer::Yes(String::new()));
    }
    for reason in ["1", "-0.5", "NaN", "queue is long", "off"] {
        assert_eq!(said(Some(reason)), Answer::Yes(reason.to_owned()));
    }
    assert_eq!(said(Some("a\tb\nc")), Answer::Yes("ab".to_owned()));
    let long = "ü".repeat(1000);
    assert_eq!(
        said(Some(&long)),
        Answer::Yes(format!("{}…", "ü".repeat(200)))
    );
}

#[test]
fn the_users_own_signals_are_named_with_their_reason() {
    let limits = Limits {
        query: Some("SELECT …".to_owned()),
        flag_file: Some("/run/stop".into()),
        ..Limits::none()
    };
    let flag = |flag| Reading {
        flag: Some(flag),
        ..Reading::default()
    };
    check(
        limits.clone(),
        &[
            (answered(Answer::No), &[]),
            (answered(Answer::yes("")), &["`query` says so"]),
            (
                answered(Answer::yes("7 jobs wait")),
                &["`query` says: 7 jobs wait"],
            ),
            (
                answered(Answer::failed("no such table")),
                &["`query` failed: no such table"],
            ),
            (answered(Answer::No), &["`query` failed: no such table"]),
            (answered(Answer::No), &[]),
        ],
    );
    check(
        limits,
        &[
            (flag(Answer::No), &[]),
            (flag(Answer::yes("")), &["the file `/run/stop` is there"]),
            (
                flag(Answer::yes("sale")),
                &["the file `/run/stop` says: sale"],
            ),
            (
                flag(Answer::failed("Permission denied")),
                &["the file `/run/stop` cannot be looked for: Permission denied"],
            ),
        ],
    );
}

#[test]
fn nothing_is_asked_without_limits() {
    assert!(Limits::none().is_none());
    let all = Reading {
        wal_bytes: Some(1 << 40),
        standbys: vec![standby("a", 1, Some(3600))],
        archive: Some(Archive {
            waiting: Some(1000),
            failing: Some("0A".to_owned()),
            failing_for: Some(Duration::from_hours(1)),
        }),
        blocked: 5,
        waiters: 50,
        running: 1000,
        query: Some(Answer::yes("")),
        flag: Some(Answer::yes("")),
        ..Reading::default()
    };
    check(Limits::none(), &[(all, &[])]);
}

#[test]
fn who_cannot_see_waits() {
    let mut throttle = Throttle::new(Limits::default());
    let text = |signals: Vec<Signal>| signals.iter().map(ToString::to_string).collect::<Vec<_>>();
    throttle.look(&blocked(1), Duration::ZERO);
    // What was there stays, and one look may fail.
    let missed = text(throttle.missed("too many clients", SECOND));
    assert_eq!(missed, ["1 session waits for a lock of the backfill"]);
    let missed = text(throttle.missed("too many clients", SECOND));
    assert_eq!(
        missed,
        [
            "the signals cannot be read: too many clients",
            "1 session waits for a lock of the backfill",
        ]
    );
    // To see again is enough for the one, the other has to be gone twice.
    let seen = text(throttle.look(&blocked(0), SECOND));
    assert_eq!(seen, ["0 sessions wait for a lock of the backfill"]);
    assert_eq!(text(throttle.missed("x", SECOND)).len(), 1);
    assert_eq!(text(throttle.look(&blocked(0), SECOND)), [""; 0]);
}

/// The seconds at which something is told, and what.
fn told(throttle: &mut Throttle, seconds: u64, reading: impl Fn(u64) -> Reading) -> Vec<String> {
    let mut told = Vec::new();
    for second in 0..seconds {
        throttle.look(&reading(second), SECOND);
        match throttle.news() {
            Some(News::Waits { signals, lasts }) => {
                let kinds: Vec<_> = signals.iter().map(Signal::kind).collect();
                told.push(format!("{second}: {} {lasts:?}", kinds.join(" ")));
            }
            Some(News::GoesOn { waited }) => told.push(format!("{second}: goes on {waited:?}")),
            None => {}
        }
    }
    told
}

#[test]
fn a_wait_is_told_when_it_begins_once_a_minute_and_when_it_ends() {
    let mut throttle = Throttle::new(Limits::default());
    let news = told(&mut throttle, 200, |second| {
        if (10..140).contains(&second) {
            waiters(20)
        } else {
            waiters(0)
        }
    });
    assert_eq!(
        news,
        [
            "10: lock-waiters 0ns",
            "70: lock-waiters 60s",
            "130: lock-waiters 120s",
            "141: goes on 131s",
        ]
    );
    assert_eq!(throttle.lasts(), None);
    assert_eq!(throttle.waited(), Duration::from_secs(131));
}

#[test]
fn a_signal_that_joins_is_told() {
    let news = told(&mut Throttle::new(Limits::default()), 40, |second| {
        Reading {
            waiters: 20,
            blocked: u64::from(second >= 20),
            ..Reading::default()
        }
    });
    assert_eq!(
        news,
        ["0: lock-waiters 0ns", "20: blocking lock-waiters 20s"]
    );
}

#[test]
fn short_waits_are_not_told_one_by_one() {
    let mut throttle = Throttle::new(Limits::default());
    // Every fifth second somebody waits for us.
    let news = told(&mut throttle, 130, |second| {
        blocked(u64::from(second % 5 == 0))
    });
    assert_eq!(
        news,
        [
            "0: blocking 0ns",
            "2: goes on 2s",
            "60: blocking 0ns",
            "62: goes on 2s",
            "120: blocking 0ns",
            "122: goes on 2s",
        ]
    );
    assert_eq!(throttle.waited(), Duration::from_secs(2 * 26));
}

#[test]
fn a_wait_has_a_bound_where_it_is_given() {
    let wait = |longest| {
        let limits = Limits {
            longest,
            ..Limits::default()
        };
        let mut throttle = Throttle::new(limits);
        let mut failed_at = None;
        for second in 0..600 {
            throttle.look(&waiters(if second < 30 { 0 } else { 20 }), SECOND);
            if throttle.is_too_long() {
                failed_at = failed_at.or(Some(second));
            }
        }
        failed_at
    };
    assert_eq!(wait(None), None);
    assert_eq!(wait(Some(Duration::from_mins(2))), Some(150));
}

#[test]
fn what_is_not_seen_is_told_once() {
    let mut throttle = Throttle::new(Limits::default());
    let reading = Reading {
        unseen: vec![Unseen::Standbys],
        ..Reading::default()
    };
    assert_eq!(throttle.unseen(&reading), [Unseen::Standbys]);
    assert_eq!(throttle.unseen(&reading), []);
}
