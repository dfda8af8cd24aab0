//! Schedules against a simulated server, for many courses of chance each.

mod server;

use std::time::Duration;

use server::{Run, Server, budget, run};

use super::{Budget, Impossible, Order, Pace, Remaining, Remedy, Stage, float};

/// Two million rows: 80 seconds at full budget.
fn steady() -> Server {
    Server::steady(2e6)
}

fn runs(server: &Server, budget: &Budget) -> Vec<Run> {
    some_runs(20, server, budget)
}

fn some_runs(count: u64, server: &Server, budget: &Budget) -> Vec<Run> {
    (1..=count).map(|seed| run(server, budget, seed)).collect()
}

/// Part of the runs of which it holds.
fn part(runs: &[Run], holds: impl Fn(&Run) -> bool) -> f64 {
    let holding = runs.iter().filter(|run| holds(run)).count();
    float(holding as u64) / float(runs.len() as u64)
}

/// All sorts of servers that can do it in twice the least time.
fn able() -> Vec<(&'static str, Server)> {
    let steady = steady();
    let with = |change: fn(&mut Server)| {
        let mut server = steady.clone();
        change(&mut server);
        server
    };
    vec![
        ("steady", steady.clone()),
        ("noisy", with(|server| server.noise = 0.4)),
        ("tide", with(|server| server.tide = 0.3)),
        ("slow ones", with(|server| server.slow = 0.02)),
        ("slows down", with(|server| server.turn = Some((0.5, 1.5)))),
        ("speeds up", with(|server| server.turn = Some((0.3, 0.3)))),
        ("grows", with(|server| server.growth = 2000.0)),
        ("waits", with(|server| server.waits = Some((0.02, 1.0)))),
        ("catalog of half", with(|server| server.catalog = 0.5)),
        ("batches cost", with(|server| server.batch = 0.05)),
    ]
}

#[test]
fn it_ends_in_time_if_it_can_and_takes_that_time() {
    for (name, server) in able() {
        let within = server.least(&budget(None)) * 2.0;
        let runs = runs(&server, &budget(Some(within)));
        for run in &runs {
            assert!(run.ended <= within, "{name}: {} of {within}", run.ended);
            assert!(
                run.ended >= within * 0.5,
                "{name}: {} of {within}",
                run.ended
            );
            assert_eq!(run.impossible, [], "{name}");
        }
    }
}

#[test]
fn batches_keep_to_their_time() {
    for (name, server) in able() {
        for within in [None, Some(server.least(&budget(None)) * 2.0)] {
            for run in runs(&server, &budget(within)) {
                let longer = run.longer(0.3);
                assert!(longer <= 0.05, "{name}: {longer}");
            }
        }
    }
}

#[test]
fn the_end_told_after_a_tenth_is_within_a_tenth() {
    let steady = steady();
    let least = steady.least(&budget(None));
    for within in [
        None,
        Some(least * 1.2),
        Some(least * 2.0),
        Some(least * 10.0),
    ] {
        for server in [
            steady.clone(),
            Server {
                noise: 0.4,
                ..steady.clone()
            },
        ] {
            let runs = some_runs(40, &server, &budget(within));
            let near = part(&runs, |run| run.error() <= 0.1);
            // Forty batches of a noise of 0.4 say no more than they do.
            let enough = if server.noise > 0.2 { 0.8 } else { 0.95 };
            assert!(near >= enough, "{within:?}, noise {}: {near}", server.noise);
            let covered = part(&runs, Run::is_covered);
            assert!(
                covered >= 0.9,
                "{within:?}, noise {}: {covered}",
                server.noise
            );
        }
    }
}

#[test]
fn a_catalog_that_knows_half_of_the_rows_is_found_out() {
    for catalog in [0.5, 2.0] {
        let server = Server {
            catalog,
            ..steady()
        };
        let runs = runs(&server, &budget(None));
        let covered = part(&runs, Run::is_covered);
        assert!(covered >= 0.9, "{catalog}: {covered}");
    }
}

#[test]
fn without_a_deadline_it_is_as_fast_as_the_budget_allows() {
    let server = steady();
    let least = server.least(&budget(None));
    for run in runs(&server, &budget(None)) {
        assert!(run.ended <= least * 1.1, "{} of {least}", run.ended);
    }
    let pausing = Budget {
        pause: Duration::from_millis(50),
        ..budget(None)
    };
    let run = run(&server, &pausing, 1);
    assert!(run.batches.iter().all(|batch| batch.2 >= 0.05));
}

#[test]
fn with_plenty_of_time_it_works_a_twentieth_of_it_in_short_batches() {
    let server = steady();
    let within = server.least(&budget(None)) * 1000.0;
    for run in runs(&server, &budget(Some(within))) {
        let duty = run.duty();
        assert!((0.04..0.07).contains(&duty), "{duty}");
        let longer = run.longer(0.1);
        assert!(longer <= 0.05, "{longer}");
    }
}

#[test]
fn a_rate_is_kept_within_each_second() {
    let limited = Budget {
        rate: Some(5000),
        ..budget(None)
    };
    for run in runs(&Server::steady(1e5), &limited) {
        assert!(run.batches.iter().all(|(rows, ..)| *rows <= 5000));
        assert!((19.0..22.0).contains(&run.ended), "{}", run.ended);
    }
    // Somebody waits; what the user asked for holds all the same.
    let foreground = Budget {
        foreground: true,
        pause: Duration::from_secs(1),
        ..limited
    };
    let run = run(&Server::steady(1e5), &foreground, 1);
    assert!((19.0..22.0).contains(&run.ended), "{}", run.ended);
}

#[test]
fn the_foreground_knows_no_pause_and_no_deadline() {
    let foreground = Budget {
        foreground: true,
        pause: Duration::from_secs(1),
        ..budget(Some(1.0))
    };
    for run in runs(&steady(), &foreground) {
        assert!(run.batches.iter().all(|batch| batch.2 <= 0.0));
        assert_eq!(run.impossible, []);
    }
}

#[test]
fn what_cannot_be_done_is_said_at_calibration() {
    let server = steady();
    let least = server.least(&budget(None));
    for run in runs(&server, &budget(Some(least / 2.0))) {
        let [(batches, Some(impossible))] = run.impossible.as_slice() else {
            panic!("{:?}", run.impossible);
        };
        assert!(*batches < 30, "{batches}");
        assert_eq!(impossible.stage, Stage::Calibration);
        let needs = impossible.needs.expect("it ends").as_secs_f64();
        assert!((needs / least - 1.0).abs() < 0.25, "{needs} of {least}");
    }
}

#[test]
fn what_is_just_possible_is_not_refused() {
    let server = steady();
    let within = server.least(&budget(None)) * 1.1;
    for run in runs(&server, &budget(Some(within))) {
        assert_eq!(run.impossible, []);
        assert!(run.ended <= within);
    }
}

#[test]
fn what_stops_being_possible_is_said_once_and_goes_on() {
    let server = Server {
        turn: Some((0.3, 4.0)),
        ..steady()
    };
    let least = server.least(&budget(None));
    for run in runs(&server, &budget(Some(least * 1.5))) {
        let [(_, Some(impossible))] = run.impossible.as_slice() else {
            panic!("{:?}", run.impossible);
        };
        assert_eq!(impossible.stage, Stage::Underway);
        let rows: u64 = run.batches.iter().map(|batch| batch.0).sum();
        assert_eq!(rows, 2_000_000);
        let (.., pause) = run.batches.last().expect("batches");
        assert!(*pause <= 0.0, "it goes on as fast as it may");
    }
}

/// Batches of one size, until the pace has made up its mind.
fn calibrated(budget: Budget, row: f64, remaining: u64) -> Pace {
    let mut pace = Pace::new(budget);
    for _ in 0..40 {
        let Order { rows, .. } = pace.next();
        pace.record(rows, super::duration(float(rows) * row), Duration::ZERO);
        pace.remaining(Remaining {
            low: remaining,
            likely: remaining,
            high: remaining,
        });
    }
    pace
}

#[test]
fn an_outlier_costs_little() {
    let mut pace = calibrated(budget(None), 1e-4, 1_000_000);
    let before = pace.next().rows;
    pace.record(before, Duration::from_secs(10), Duration::ZERO);
    let after = pace.next().rows;
    assert!(after <= before / 10, "{after} after {before}");
    for _ in 0..6 {
        let rows = pace.next().rows;
        pace.record(rows, super::duration(float(rows) * 1e-4), Duration::ZERO);
    }
    assert!(pace.next().rows > before * 9 / 10, "{:?}", pace.next());
}

#[test]
fn a_server_that_stays_slow_gets_smaller_batches_at_once() {
    let mut pace = calibrated(budget(None), 1e-4, 1_000_000);
    let mut longer = 0;
    for _ in 0..100 {
        let rows = pace.next().rows;
        let seconds = float(rows) * 1e-3;
        longer += u32::from(seconds > 0.3);
        pace.record(rows, super::duration(seconds), Duration::ZERO);
    }
    assert!(longer <= 5, "{longer}");
    let rows = pace.next().rows;
    assert!((150..=200).contains(&rows), "{rows}");
}

#[test]
fn a_row_that_takes_longer_than_a_batch_may_is_a_batch() {
    let mut pace = calibrated(budget(None), 1.0, 1000);
    assert_eq!(pace.next().rows, 1);
    pace.shrink();
    assert_eq!(pace.next().rows, 1);
}

#[test]
fn a_batch_that_was_in_the_way_is_halved() {
    let mut pace = calibrated(budget(None), 1e-4, 1_000_000);
    let before = pace.next().rows;
    pace.shrink();
    assert_eq!(pace.next().rows, before / 2);
}

#[test]
fn a_clock_that_jumps_changes_the_deadline_only() {
    let within = Budget {
        within: Some(Duration::from_hours(1)),
        ..budget(None)
    };
    let mut pace = calibrated(within, 1e-4, 6_000_000);
    let relaxed = pace.next();
    assert!(relaxed.pause > Duration::from_millis(100), "{relaxed:?}");
    // Ten minutes for ten minutes' work.
    pace.time_left(Some(Duration::from_mins(10)));
    assert_eq!(pace.next().pause, Duration::ZERO);
    pace.time_left(Some(Duration::from_hours(1)));
    // An hour for ten minutes' work, as before.
    assert!(pace.next().pause > Duration::from_millis(100));
    pace.time_left(Some(Duration::ZERO));
    assert_eq!(pace.next().pause, Duration::ZERO);
    pace.record(1000, Duration::from_millis(100), Duration::ZERO);
    let impossible = pace.impossible().expect("no time left").to_string();
    assert!(
        impossible.starts_with("impossible: needs 10 minutes more, has none"),
        "{impossible}"
    );
}

#[track_caller]
fn verdict(budget: Budget, text: &str) -> Impossible {
    let pace = calibrated(budget, 1e-3, 1_000_000);
    let impossible = pace.impossible().expect("impossible").clone();
    assert_eq!(impossible.to_string(), text);
    impossible
}

#[test]
fn it_says_what_would_do() {
    verdict(
        budget(Some(500.0)),
        "impossible: needs 17 minutes at this budget, has 8 minutes; \
         it would do with `within 18 minutes`",
    );
    let pausing = Budget {
        pause: Duration::from_millis(200),
        ..budget(Some(1500.0))
    };
    verdict(
        pausing,
        "impossible: needs 35 minutes at this budget, has 25 minutes; \
         it would do with `pause 63 ms`, with `batch-time 580 ms` or with `within 37 minutes`",
    );
    let limited = Budget {
        rate: Some(100),
        ..budget(Some(5000.0))
    };
    let impossible = verdict(
        limited,
        "impossible: needs 167 minutes at this budget, has 83 minutes; \
         it would do with a rate of 222 rows per second or with `within 176 minutes`",
    );
    assert!(matches!(impossible.remedies[0], Remedy::Rate(_)));
}

#[test]
fn it_says_what_kept_it_waiting() {
    let mut pace = Pace::new(budget(Some(1200.0)));
    for second in 0..40 {
        let Order { rows, .. } = pace.next();
        let work = super::duration(float(rows) * 1e-3);
        pace.waited(&format!("standby b is {second} s behind"), work);
        pace.waited("somebody sneezed", work / 100);
        pace.record(rows, work, work);
        pace.remaining(Remaining {
            low: 1_000_000,
            likely: 1_000_000,
            high: 1_000_000,
        });
    }
    let impossible = pace.impossible().expect("impossible").to_string();
    assert_eq!(
        impossible,
        "impossible: needs 33 minutes at this budget, has 20 minutes; it would do without \
         its waits or with `within 39 minutes`; it waited because standby b is 39 s behind for \
         50 % of the time"
    );
}
