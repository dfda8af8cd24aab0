//! What the application feels while an `ALTER TABLE` waits behind a reader.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series};

const ROUNDS: usize = 3;
/// The application: scheduled whatever becomes of the one before, so that a
/// stall is felt by all that come meanwhile.
const RATE: &str = "500";
const CLIENTS: &str = "16";
const SECONDS: u64 = 34;
/// When the reader begins, and how much later the migration.
const READER_AFTER: Duration = Duration::from_secs(3);
const MIGRATION_LATER: Duration = Duration::from_secs(1);
const READER_SECONDS: u64 = 20;

const TABLE: &str = "CREATE TABLE busy (id int PRIMARY KEY, payload text);";
const ALTER: &str = "ALTER TABLE busy ADD COLUMN note text;\n";
const SCRIPT: &str = "\\set id random(1, 100000)\nSELECT payload FROM busy WHERE id = :id;\n";

/// How the `ALTER TABLE` is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Not,
    Psql,
    PsqlOnce,
    Segue,
}

/// What one run showed.
struct Felt {
    p99: Duration,
    longest: Duration,
    /// From the reader's end to the ALTER's COMMIT; `None`: it was not done.
    done_after: Option<Duration>,
}

pub fn measure(stage: &Stage) -> Vec<Section> {
    let before = stage.folder("stall-before");
    let after = stage.folder("stall-after");
    for folder in [&before, &after] {
        std::fs::write(folder.join("000001-busy.sql"), TABLE).expect("a file");
    }
    std::fs::write(after.join("000002-note.sql"), ALTER).expect("a file");
    let script = before.with_extension("pgbench");
    std::fs::write(&script, SCRIPT).expect("a file");
    let rows = [
        (How::Not, "no migration"),
        (How::Psql, "psql"),
        (How::PsqlOnce, "psql, `lock_timeout = '1s'`, once"),
        (How::Segue, "segue"),
    ];
    let rows = rows
        .into_iter()
        .map(|(how, title)| {
            let felt: Vec<Felt> = (0..ROUNDS)
                .map(|_| run(stage, how, &before, &after, &script))
                .collect();
            vec![
                title.to_owned(),
                show(felt.iter().map(|one| one.p99)),
                show(felt.iter().map(|one| one.longest)),
                match how {
                    How::Not => String::new(),
                    _ if felt.iter().any(|one| one.done_after.is_none()) => "not done".to_owned(),
                    _ => show(felt.iter().filter_map(|one| one.done_after)),
                },
            ]
        })
        .collect();
    stage.drop("stall");
    vec![Section {
        title: "What the application feels",
        text: format!(
            "`ALTER TABLE … ADD COLUMN` behind a transaction that has read the table and stays open for {READER_SECONDS} s, while
pgbench reads it {RATE} times a second (`-c {CLIENTS} -R {RATE}`, latency from the time that each was due). Median
of {ROUNDS} runs, then the least and the most. Goals: a p99 below 50 ms, no stall of 150 ms, done within a
second of the reader's end."
        ),
        columns: vec!["", "p99 latency", "longest", "ALTER done after the reader's end"],
        rows,
    }]
}

fn run(stage: &Stage, how: How, before: &Path, after: &Path, script: &Path) -> Felt {
    let database = stage.database("stall", "template0");
    if how == How::Segue {
        timed(database.segue(before, &["up"]));
    } else {
        database.sql(TABLE);
    }
    database.sql("INSERT INTO busy SELECT i, 'payload ' || i FROM generate_series(1, 100000) AS i");
    database.sql("VACUUM (ANALYZE) busy");
    let logs = tempfile::tempdir().expect("a folder");
    let mut application = pgbench(&database, script, logs.path());
    std::thread::sleep(READER_AFTER);
    let mut reader = spawn(database.psql(&[
        "-c",
        "BEGIN; SELECT 1 FROM busy LIMIT 1",
        "-c",
        &format!("SELECT pg_sleep({READER_SECONDS})"),
        "-c",
        "COMMIT",
    ]));
    std::thread::sleep(MIGRATION_LATER);
    let migration = match how {
        How::Not => None,
        How::Psql => Some(database.psql(&["-c", ALTER])),
        How::PsqlOnce => Some(database.psql(&["-c", "SET lock_timeout = '1s'", "-c", ALTER])),
        How::Segue => Some(database.segue(after, &["up"])),
    };
    let migration = migration.map(spawn);
    assert!(reader.wait().expect("a child").success());
    let read = SystemTime::now();
    if let Some(mut migration) = migration {
        let status = migration.wait().expect("a child");
        assert!(status.success() || how == How::PsqlOnce, "{status}");
    }
    assert!(application.wait().expect("a child").success());
    let mut latencies = latencies(logs.path());
    latencies.sort_unstable();
    Felt {
        p99: latencies[latencies.len() * 99 / 100],
        longest: *latencies.last().expect("transactions"),
        // The COMMIT may be seen a moment before the reader's process ends.
        done_after: altered(&database).map(|at| at.duration_since(read).unwrap_or_default()),
    }
}

fn pgbench(database: &Database<'_>, script: &Path, logs: &Path) -> Child {
    let mut command = database.pgbench();
    command
        .args(["-n", "-M", "prepared", "-c", CLIENTS, "-R", RATE, "-T"])
        .arg(SECONDS.to_string())
        .arg("-f")
        .arg(script)
        .args(["--log", "--log-prefix"])
        .arg(logs.join("log"))
        .arg(database.url());
    spawn(command)
}

fn spawn(mut command: Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program")
}

/// Of each transaction, from when it was due to its end: the third field of
/// pgbench's log, in microseconds.
fn latencies(logs: &Path) -> Vec<Duration> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(logs).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(path).expect("a log");
        all.extend(text.lines().map(|line| {
            let field = line.split_whitespace().nth(2).expect("a latency");
            Duration::from_micros(field.parse().expect("microseconds"))
        }));
    }
    all
}

/// When the column came.
fn altered(database: &Database<'_>) -> Option<SystemTime> {
    let micros = database.sql(
        "SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
           FROM pg_attribute WHERE attrelid = 'busy'::regclass AND attname = 'note'",
    );
    let micros = micros.parse().ok()?;
    Some(UNIX_EPOCH + Duration::from_micros(micros))
}

fn show(times: impl Iterator<Item = Duration>) -> String {
    let mut series = Series::default();
    times.for_each(|time| series.push(time));
    series.show()
}
