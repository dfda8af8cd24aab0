//! The dump of a database as a migration.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use crate::stage::{Database, Stage, peak_memory, timed};
use crate::table::{Section, Series, megabytes};

const TABLES: usize = 50;
const ROWS: usize = 16_000;
const ROUNDS: usize = 5;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("dump");
    let path = folder.join("000001-dump.sql");
    let bytes = write(&stage.database("dumped", "template0"), &path);
    stage.drop("dumped");
    let path = path.to_str().expect("UTF-8");
    let (mut segue, mut psql) = (Series::default(), Series::default());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let database = stage.database("dump", "template0");
            if (round + turn) % 2 == 0 {
                psql.push(timed(database.psql(&["-1", "-f", path])));
            } else {
                segue.push(timed(database.segue(&folder, &["up"])));
            }
        }
    }
    let fresh = || stage.database("dump", "template0");
    let of_segue = peak_memory(fresh().segue(&folder, &["up"]));
    let of_psql = peak_memory(fresh().psql(&["-1", "-f", path]));
    stage.drop("dump");
    vec![Section {
        title: "A dump of 100 MB as a migration",
        text: format!(
            "What `pg_dump` says of {TABLES} tables with indexes and foreign keys, {} MB, as the only migration: `segue up`
beside `psql -1 -f`.",
            bytes / 1_000_000
        ),
        columns: vec!["", "segue", "psql", "ratio"],
        rows: vec![
            vec![
                "time".to_owned(),
                segue.show(),
                psql.show(),
                segue.over(&psql),
            ],
            vec![
                "memory".to_owned(),
                megabytes(of_segue),
                megabytes(of_psql),
                String::new(),
            ],
        ],
    }]
}

/// Writes the dump; its size in bytes.
fn write(database: &Database<'_>, path: &Path) -> u64 {
    let mut sql = String::new();
    for table in 0..TABLES {
        let reference = match table {
            0 => String::new(),
            _ => format!(" REFERENCES t{}", table - 1),
        };
        let _ = write!(
            sql,
            "CREATE TABLE t{table} (
    id bigint PRIMARY KEY{reference},
    email text NOT NULL,
    note text,
    price numeric(12, 2) NOT NULL,
    placed_at timestamptz NOT NULL);
INSERT INTO t{table}
SELECT i, 'customer' || i * 7919 % 250000 || '@example.org', repeat('note ' || i % 97 || ' ', 6), i * 0.37, '2026-01-01'::timestamptz + i * interval '1 min'
  FROM generate_series(1, {ROWS}) AS i;
CREATE INDEX ON t{table} (email);
CREATE INDEX ON t{table} (placed_at, price);
"
        );
    }
    let setup = path.with_extension("setup");
    std::fs::write(&setup, sql).expect("a file");
    timed(database.psql(&["-1", "-f", setup.to_str().expect("UTF-8")]));
    let status = database
        .pg_dump(&[])
        .stdout(File::create(path).expect("a file"))
        .stderr(Stdio::inherit())
        .status()
        .expect("pg_dump");
    assert!(status.success(), "pg_dump: {status}");
    std::fs::metadata(path).expect("a file").len()
}
