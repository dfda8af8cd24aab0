//! Ten runners of one folder at once, on a fresh database.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const RUNNERS: usize = 10;
const TABLES: usize = 200;
const ROWS: usize = 200_000;
const ROUNDS: usize = 5;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("runners");
    for number in 1..=TABLES {
        let rows = if number <= 2 { ROWS } else { 10 };
        let sql = format!(
            "CREATE TABLE t{number} (id serial PRIMARY KEY, a text);\nINSERT INTO t{number} (a) SELECT 'row ' || i FROM generate_series(1, {rows}) AS i;\n"
        );
        std::fs::write(folder.join(format!("{number:06}-table.sql")), sql).expect("a file");
    }
    for number in 1..=2 {
        let sql = format!(
            "-- segue: begin-concurrent-migration-with: 000200-table.sql\nCREATE INDEX CONCURRENTLY t{number}_by_a ON t{number} (a);\n"
        );
        std::fs::write(
            folder.join(format!("{:06}-index.sql", TABLES + number)),
            sql,
        )
        .expect("a file");
    }
    let (mut one, mut first, mut all) = (Series::default(), Series::default(), Series::default());
    let mut statuses = Vec::new();
    let mut applied = Vec::new();
    for _ in 0..ROUNDS {
        // Not folded: what is measured is the tail, too.
        let database = stage.database("runners", "template0");
        one.push(timed(database.segue(&folder, &["up", "--no-fold"])));
        let database = stage.database("runners", "template0");
        let began = Instant::now();
        let mut runs: Vec<Child> = std::iter::repeat_with(|| {
            let mut command = database.segue(&folder, &["up", "--no-fold", "-q"]);
            command.stdout(Stdio::null()).stderr(Stdio::inherit());
            command.spawn().expect("the program")
        })
        .take(RUNNERS)
        .collect();
        let mut ended: Vec<Duration> = Vec::new();
        while !runs.is_empty() {
            runs.retain_mut(|run| match run.try_wait().expect("a child") {
                Some(status) => {
                    ended.push(began.elapsed());
                    statuses.push(status.code());
                    false
                }
                None => true,
            });
            std::thread::sleep(Duration::from_millis(1));
        }
        first.push(ended[0]);
        all.push(ended[RUNNERS - 1]);
        applied.push(database.sql(
            "SELECT count(*) || ' of ' || count(*) FILTER (WHERE state = 'applied' AND error IS NULL) FROM segue.migration",
        ));
        let rows = database.sql("SELECT count(*) FROM t1");
        assert_eq!(rows, ROWS.to_string(), "applied once");
    }
    stage.drop("runners");
    let good = statuses.iter().filter(|status| **status == Some(0)).count();
    applied.dedup();
    vec![Section {
        title: "Ten runners at once",
        text: format!(
            "{TABLES} migrations and two indexes of {ROWS} rows, on a fresh database: one `segue up --no-fold` by itself, and ten
started at once. Of all {} runs {good} ended with status 0; applied and recorded: {}.",
            RUNNERS * ROUNDS,
            applied.join(", "),
        ),
        columns: vec!["one alone", "ten: first ends", "ten: all end"],
        rows: vec![vec![one.show(), first.show(), all.show()]],
    }]
}
