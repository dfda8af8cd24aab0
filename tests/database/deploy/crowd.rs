//! Five runners at once, of older and newer folders; some are killed on the
//! way. All end, each migration is applied once, and who asks is answered
//! rightly.

use std::time::Duration;

use super::{concurrent, project_on};
use crate::support::{Project, TestDatabase, wait_until};

/// What each version of the application brings; the index of one is in the way
/// of the next one's column.
const VERSIONS: [&[(&str, &str)]; 3] = [
    &[
        (
            "1-table.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t SELECT generate_series(1, 20000);\n",
        ),
        ("2-index.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a);"),
    ],
    &[
        ("3-column.sql", "ALTER TABLE t ADD COLUMN b serial;\n"),
        ("4-index.sql", "CREATE INDEX CONCURRENTLY t_b ON t (b);"),
    ],
    &[
        (
            "5-end.sql",
            "-- segue: end-concurrent-migration: 2-index.sql\nALTER INDEX t_a RENAME TO t_c;\n",
        ),
        (
            "6-row.sql",
            "CREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\n",
        ),
        ("7-index.sql", "CREATE INDEX CONCURRENTLY u_a ON u (a);"),
    ],
];

/// The folder of version `number`, from 1.
fn version(database: &TestDatabase<'_>, number: usize) -> Project {
    let project = project_on(database);
    for (index, files) in VERSIONS[..number].iter().enumerate() {
        for (name, sql) in *files {
            let partner = ["1-table.sql", "3-column.sql", "6-row.sql"][index];
            let text = if sql.starts_with("CREATE INDEX") {
                concurrent(sql).replace("1-table.sql", partner)
            } else {
                (*sql).to_owned()
            };
            project.file(name, &text);
        }
    }
    project
}

/// All versions are applied, once, and nothing is left to do.
#[track_caller]
fn expect_all_done(database: &TestDatabase<'_>, newest: &Project) {
    newest.segue(&["up"]).expect_success();
    let query = |sql: &str| database.query(sql);
    assert_eq!(
        query(
            "SELECT count(*), count(*) FILTER (WHERE state = 'applied' AND error IS NULL) FROM segue.migration"
        ),
        "7|7"
    );
    assert_eq!(
        query(
            "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indrelid \
             WHERE indisvalid AND relnamespace = 'public'::regnamespace ORDER BY 1"
        ),
        "t_b\nt_c\nu_a"
    );
    assert_eq!(
        query("SELECT count(*), count(DISTINCT b) FROM t"),
        "20000|20000"
    );
    assert_eq!(query("SELECT count(*) FROM u"), "1");
    // What became ready is settled; a row of a run that died says no more than
    // that it began or failed.
    let odd = "SELECT id, state, error FROM segue.deployment \
        WHERE (ready_at IS NOT NULL) <> (state = 'settled') OR state = 'settled' AND error IS NOT NULL";
    assert_eq!(query(odd), "");
    let advisory = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_until("all locks to be free", || query(advisory) == "0");
    for number in 1..=3 {
        let folder = version(database, number);
        for state in ["ready", "settled"] {
            let run = folder.segue(&["wait", state, "--timeout", "10s"]);
            assert_eq!(run.status, 0, "version {number} {state}: {}", run.stderr);
        }
    }
    let later = version(database, 3);
    later.file("8-later.sql", "CREATE TABLE later (a int);\n");
    let run = later.segue(&["wait", "ready", "--timeout", "1s"]);
    assert_ne!(run.status, 0, "{}", run.stderr);
}

/// Runs `up` of these versions at once, `--on-conflict preempt` where one is
/// negative.
#[track_caller]
fn together(database: &TestDatabase<'_>, versions: [i32; 5]) {
    let folders = versions.map(|number| version(database, number.unsigned_abs() as usize));
    let runs = [0, 1, 2, 3, 4].map(|index| {
        let action = match versions[index] {
            ..0 => "preempt",
            _ => "wait",
        };
        folders[index].spawn(&["up", "--on-conflict", action])
    });
    for run in runs {
        run.wait().expect_success();
    }
    expect_all_done(database, &version(database, 3));
}

#[test]
fn five_on_a_fresh_database() {
    together(&TestDatabase::new(), [1, 2, 3, 3, 2]);
}

#[test]
fn five_on_a_used_one() {
    let database = TestDatabase::new();
    version(&database, 1).segue(&["up"]).expect_success();
    together(&database, [3, 2, 1, 3, 2]);
}

#[test]
fn five_that_pre_empt_each_other() {
    let database = TestDatabase::new();
    version(&database, 1)
        .segue(&["up", "--until", "ready"])
        .expect_success();
    together(&database, [-1, -2, -3, 3, -2]);
}

#[test]
fn five_of_which_some_are_killed_or_stopped() {
    // `SEGUE_TEST_SEED=7` repeats a round that has failed.
    let seed = std::env::var("SEGUE_TEST_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let mut random = fastrand::Rng::with_seed(seed);
    let database = TestDatabase::new();
    let folders = [1, 2, 3, 3, 2].map(|number| version(&database, number));
    let mut runs = Vec::new();
    for folder in &folders {
        let action = ["wait", "preempt"][random.usize(..2)];
        runs.push(folder.spawn(&["up", "--on-conflict", action]));
        std::thread::sleep(Duration::from_millis(random.u64(..150)));
    }
    let (killed, stopped) = (random.usize(..5), random.usize(..5));
    std::thread::sleep(Duration::from_millis(random.u64(..400)));
    runs[stopped].pause();
    std::thread::sleep(Duration::from_millis(random.u64(..400)));
    runs[killed].kill();
    std::thread::sleep(Duration::from_millis(random.u64(..2_000)));
    runs[stopped].resume();
    for (index, run) in runs.into_iter().enumerate() {
        let run = run.wait();
        assert!(
            run.status == 0 || index == killed && run.status == 137,
            "seed {seed}, run {index}: {}",
            run.stderr
        );
    }
    expect_all_done(&database, &version(&database, 3));
}
