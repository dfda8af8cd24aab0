//! What an application feels of a backfill.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use super::{UPDATE, assert_done, database, folder, rows, spawn};
use crate::stage::{Database, Stage};
use crate::table::{Section, Series, milliseconds};

/// The application: scheduled whatever becomes of the one before, so that a
/// stall is felt by all that come meanwhile.
const RATE: &str = "200";
const CLIENTS: &str = "8";
/// How long it is looked at where nothing else goes on.
const ALONE: Duration = Duration::from_secs(30);
/// What a user would ask for who is in no hurry, as far as a benchmark can wait.
const WITHIN: &str = "10m";
/// Of the fixed batches, as codd's example has them.
const FIXED: u64 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Not,
    Once,
    Fixed,
    Segue,
    SegueWithin,
}

pub fn measure(stage: &Stage) -> Vec<Section> {
    let script = stage.folder("backfill_application").join("script.sql");
    let text = format!(
        "\\set id random(1, {})\n\\set other random(1, {})\nSELECT email FROM person WHERE id = :id;\nUPDATE person SET seen = seen + 1 WHERE id = :other;\n",
        rows(),
        rows()
    );
    std::fs::write(&script, text).expect("a file");
    let segue = folder(stage, "backfill_beside", "", false);
    let within = folder(stage, "backfill_within", &format!("within {WITHIN}"), false);
    let mut undisturbed = None;
    let mut table = Vec::new();
    for (how, title) in [
        (How::Not, "nothing"),
        (How::Once, "one `UPDATE` by psql"),
        (How::Fixed, "batches of 1,000 without a pause"),
        (How::Segue, "segue, as fast as its batches allow"),
        (How::SegueWithin, "segue, `within 10m`"),
    ] {
        let database = database(stage);
        let migrations = if how == How::SegueWithin {
            &within
        } else {
            &segue
        };
        let (took, latencies) = run(&database, how, migrations, &script);
        let p99 = latencies.p99();
        let base = *undisturbed.get_or_insert(p99);
        table.push(vec![
            title.to_owned(),
            format!("{} ms", milliseconds(latencies.median())),
            format!("{} ms", milliseconds(p99)),
            format!("{:.1}", p99.as_secs_f64() / base.as_secs_f64()),
            format!("{} s", took.as_secs()),
            latencies.len().to_string(),
        ]);
        if how != How::Not {
            assert_done(&database);
        }
    }
    vec![Section {
        title: "What the application feels of a backfill",
        text: format!(
            "pgbench reads a row and updates another one, {RATE} times a second (`-c {CLIENTS} -R {RATE}`, latency from\nthe time that each was due), while {} rows are filled: by nobody, by one `UPDATE`, by a procedure that commits\nafter every {FIXED} rows, by segue in the tail without a deadline and with one. Goal: a p99 of at most 1.5 times the undisturbed one.",
            rows()
        ),
        columns: vec!["beside", "median", "p99", "ratio", "took", "transactions"],
        rows: table,
    }]
}

fn run(database: &Database<'_>, how: How, migrations: &Path, script: &Path) -> (Duration, Series) {
    if how == How::Fixed {
        database.sql(&format!(
            "CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
             DECLARE lower bigint := 0;
             BEGIN
               WHILE lower < {} LOOP
                 {UPDATE} WHERE id > lower AND id <= lower + {FIXED};
                 lower := lower + {FIXED};
                 COMMIT;
               END LOOP;
             END $$",
            rows()
        ));
    }
    let logs = tempfile::tempdir().expect("a folder");
    let mut application = pgbench(database, script, logs.path());
    let began = Instant::now();
    let work = match how {
        How::Not => None,
        How::Once => Some(database.psql(&["-c", UPDATE])),
        How::Fixed => Some(database.psql(&["-c", "CALL fill()"])),
        How::Segue | How::SegueWithin => Some(database.segue(migrations, &["up"])),
    };
    match work {
        None => std::thread::sleep(ALONE),
        Some(work) => assert!(spawn(work).wait().expect("a child").success()),
    }
    let took = began.elapsed();
    // What was held up until now is written by then.
    std::thread::sleep(Duration::from_secs(3));
    stop(&mut application);
    (took, latencies(logs.path()))
}

fn stop(application: &mut Child) {
    let pid = i32::try_from(application.id()).expect("a pid");
    let status = std::process::Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status();
    assert!(status.expect("kill").success());
    application.wait().expect("a child");
}

fn pgbench(database: &Database<'_>, script: &Path, logs: &Path) -> Child {
    let mut command = database.pgbench();
    command
        .args(["-n", "-M", "prepared", "-c", CLIENTS, "-R", RATE, "-T"])
        .arg("36000")
        .arg("-f")
        .arg(script)
        .args(["--log", "--log-prefix"])
        .arg(logs.join("log"))
        .arg(database.url());
    spawn(command)
}

/// Of each transaction, from when it was due to its end: the third field of
/// pgbench's log, in microseconds.
fn latencies(logs: &Path) -> Series {
    let mut all = Series::default();
    for entry in std::fs::read_dir(logs).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(path).expect("a log");
        // The last line may be cut.
        for line in text.lines() {
            let micros = line
                .split_whitespace()
                .nth(2)
                .and_then(|field| field.parse().ok());
            if let Some(micros) = micros {
                all.push(Duration::from_micros(micros));
            }
        }
    }
    all
}
