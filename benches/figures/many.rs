//! Many small migrations, against one `psql -1` of their concatenation.

use std::fmt::Write as _;
use std::path::Path;

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

/// Few enough that one transaction can hold its locks.
const TABLES: usize = 500;
const ROUNDS: usize = 7;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let mut rows = Vec::new();
    let mut idle = Series::default();
    for number in [1_000, 10_000] {
        let folder = stage.folder(&format!("many-{number}"));
        let concatenation = folder.with_extension("txt");
        write(number, &folder, &concatenation);
        let path = concatenation.to_str().expect("UTF-8");
        let (mut segue, mut psql) = (Series::default(), Series::default());
        for round in 0..ROUNDS {
            // Each goes first in turn.
            for turn in 0..2 {
                let database = stage.database("many", "template0");
                if (round + turn) % 2 == 0 {
                    psql.push(timed(database.psql(&["-1", "-f", path])));
                } else {
                    segue.push(timed(database.segue(&folder, &["up"])));
                }
            }
        }
        if number == 10_000 {
            let database = stage.database("many", "template0");
            timed(database.segue(&folder, &["up"]));
            for _ in 0..ROUNDS {
                idle.push(timed(database.segue(&folder, &["up"])));
            }
        }
        rows.push(vec![
            number.to_string(),
            segue.show(),
            psql.show(),
            segue.over(&psql),
        ]);
    }
    vec![
        Section {
            title: "Many migrations of one statement",
            text: format!(
                "DDL and DML over {TABLES} tables, on a fresh database: `segue up`, which also makes its ledger and
records each migration, beside `psql -1 -f` of their concatenation. Goal: a ratio of at most 1.1."
            ),
            columns: vec!["migrations", "segue", "psql", "ratio"],
            rows,
        },
        Section {
            title: "Nothing to do",
            text: "`segue up` with nothing pending.".to_owned(),
            columns: vec!["files", "segue"],
            rows: vec![vec!["10000".to_owned(), idle.show()]],
        },
    ]
}

/// Writes the migrations, and all of them in one file.
pub fn write(number: usize, folder: &Path, concatenation: &Path) {
    let mut all = String::new();
    for index in 0..number {
        let text = statement(index);
        std::fs::write(folder.join(format!("{index:06}-step.sql")), &text).expect("a file");
        let _ = write!(all, "{text}");
    }
    std::fs::write(concatenation, all).expect("a file");
}

/// First the tables, then what is done to them over the years.
pub fn statement(index: usize) -> String {
    let table = index % TABLES;
    let lap = index / TABLES;
    match (lap, (index + lap) % 5) {
        (0, _) => format!(
            "CREATE TABLE t{table} (\n    id bigint PRIMARY KEY,\n    name text NOT NULL,\n    made_at timestamptz NOT NULL DEFAULT now()\n);\n"
        ),
        (_, 0) => format!("ALTER TABLE t{table} ADD COLUMN c{lap} integer;\n"),
        (_, 1) => format!(
            "INSERT INTO t{table} (id, name)\nSELECT {lap}000 + i, 'name ' || i FROM generate_series(1, 10) AS i;\n"
        ),
        (_, 2) => format!("CREATE INDEX t{table}_{lap} ON t{table} (name, made_at);\n"),
        (_, 3) => format!("UPDATE t{table} SET name = name || ' {lap}' WHERE id % 3 = 0;\n"),
        (_, _) => format!("COMMENT ON TABLE t{table} IS 'changed in lap {lap}';\n"),
    }
}
