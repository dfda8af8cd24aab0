//! How long it takes with nobody else there, what it leaves behind, and how
//! well it knows its end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{UPDATE, assert_done, database, folder, rows};
use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series, megabytes};

const ROUNDS: usize = 3;

/// What is looked at while segue runs.
#[derive(Default)]
struct Watched {
    took: Duration,
    /// Resident memory after a tenth of the rows and the most at the end, in
    /// bytes.
    memory: (Option<u64>, Option<u64>),
    /// How far the end that was predicted after a tenth of the rows is from
    /// the real one, as a share of the whole time.
    error: Option<f64>,
}

pub fn measure(stage: &Stage) -> Vec<Section> {
    let foreground = folder(stage, "backfill_foreground", "", true);
    let tail = folder(stage, "backfill_tail", "", false);
    let (mut psql, mut ours, mut as_tail) =
        (Series::default(), Series::default(), Series::default());
    let mut left = [Vec::new(), Vec::new(), Vec::new()];
    let mut watched = Vec::new();
    for _ in 0..ROUNDS {
        let database = database(stage);
        psql.push(timed(database.psql(&["-c", UPDATE])));
        left[0].push(left_behind(&database));
        assert_done(&database);

        let database = super::database(stage);
        let one = watch(&database, database.segue(&foreground, &["up"]));
        ours.push(one.took);
        left[1].push(left_behind(&database));
        assert_done(&database);
        watched.push(one);

        let database = super::database(stage);
        let one = watch(&database, database.segue(&tail, &["up"]));
        as_tail.push(one.took);
        left[2].push(left_behind(&database));
        assert_done(&database);
        watched.push(one);
    }
    let errors: Vec<String> = watched.iter().map(|one| share(one.error)).collect();
    let memory: Vec<String> = watched
        .iter()
        .map(|one| format!("{}, {}", megabytes(one.memory.0), megabytes(one.memory.1)))
        .collect();
    let row = |what: &str, series: &Series, left: &[String]| {
        vec![
            what.to_owned(),
            series.show(),
            series.over(&psql),
            left.join("; "),
        ]
    };
    let table = vec![
        row("one `UPDATE` by psql", &psql, &left[0]),
        row("segue, in the foreground", &ours, &left[1]),
        row("segue, in the tail", &as_tail, &left[2]),
    ];
    vec![
        Section {
            title: "A backfill by itself",
            text: format!(
                "`{UPDATE}` over {} rows, once as one statement by psql, once as a backfill with\nnothing asked of it: in the foreground, since its ending migration is pending, and in the tail, where it looks at the\nserver's signals. {ROUNDS} rounds. Behind each: dead rows and size of the table after it, while autovacuum is on. Goal: a ratio of at\nmost 1.3.",
                rows()
            ),
            columns: vec!["", "time", "ratio", "dead rows, size of the table"],
            rows: table,
        },
        Section {
            title: "What a backfill knows of its end",
            text: "The same runs of segue: how far the end that it predicted after a tenth of the rows was from the real\none, as a share of the whole time (goal: within 10 %); its resident memory after that tenth and the most until its end."
                .to_owned(),
            columns: vec!["", "foreground, tail, …"],
            rows: vec![
                vec!["error of the prediction".to_owned(), errors.join("; ")],
                vec!["memory".to_owned(), memory.join("; ")],
            ],
        },
    ]
}

/// Runs segue and looks at its row meanwhile.
fn watch(database: &Database<'_>, mut command: Command) -> Watched {
    let began = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("segue");
    let mut watched = Watched::default();
    let mut predicted = None;
    loop {
        watched.memory.1 = resident(child.id(), "VmHWM:").or(watched.memory.1);
        if predicted.is_none() && tenth_is_done(database) {
            watched.memory.0 = resident(child.id(), "VmRSS:");
            predicted = prediction(database);
        }
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "{command:?}: {status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    watched.took = began.elapsed();
    let times = database.sql(
        "SELECT extract(epoch FROM finished_at), extract(epoch FROM finished_at - began_at) FROM segue.backfill",
    );
    let mut times = times.split('|').map(str::parse::<f64>);
    if let (Some(predicted), Some(Ok(end)), Some(Ok(whole))) =
        (predicted, times.next(), times.next())
    {
        watched.error = Some((predicted - end) / whole);
    }
    watched
}

fn tenth_is_done(database: &Database<'_>) -> bool {
    let there = database.sql("SELECT to_regclass('segue.backfill') IS NOT NULL");
    let sql = format!("SELECT rows >= {} FROM segue.backfill", rows() / 10);
    there == "t" && database.sql(&sql) == "t"
}

/// When it is to end, in seconds since 1970.
fn prediction(database: &Database<'_>) -> Option<f64> {
    let at = database.sql("SELECT extract(epoch FROM likely_at) FROM segue.backfill");
    at.parse().ok()
}

/// A line of `/proc/PID/status`, in bytes.
fn resident(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn left_behind(database: &Database<'_>) -> String {
    // Statistics come a moment after the work that they count.
    std::thread::sleep(Duration::from_secs(2));
    database.sql(
        "SELECT round(n_dead_tup / 1e6, 1) || ' M, ' || pg_table_size(relid) / 1000000 || ' MB' FROM pg_stat_user_tables WHERE relname = 'person'",
    )
}

fn share(error: Option<f64>) -> String {
    error.map_or_else(
        || "not predicted".to_owned(),
        |error| format!("{:+.1} %", error * 100.0),
    )
}
