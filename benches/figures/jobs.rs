//! Two independent indexes, and that of a partitioned table, by `--jobs`.

use std::path::Path;

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const ROWS: usize = 5_000_000;
const PARTITIONS: usize = 8;
const ROUNDS: usize = 3;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let before = stage.folder("jobs_before");
    let two = stage.folder("jobs_two");
    let partitioned = stage.folder("jobs_partitioned");
    let tables = format!(
        "CREATE TABLE t (a int, b text);\nCREATE TABLE u (a int, b text);\n\
         CREATE TABLE p (a int, b text) PARTITION BY HASH (a);\n{}",
        (0..PARTITIONS)
            .map(|part| format!(
                "CREATE TABLE p{part} PARTITION OF p FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {part});\n"
            ))
            .collect::<Vec<_>>()
            .concat()
    );
    for folder in [&before, &two, &partitioned] {
        write(folder, "1-tables.sql", &tables);
    }
    concurrent(&two, "2-t.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a)");
    concurrent(&two, "3-u.sql", "CREATE INDEX CONCURRENTLY u_a ON u (a)");
    concurrent(
        &partitioned,
        "2-p.sql",
        "CREATE INDEX CONCURRENTLY p_a ON p (a)",
    );

    let template = stage.database("jobs_template", "template0");
    timed(template.segue(&before, &["up"]));
    for table in ["t", "u", "p"] {
        template.sql(&format!(
            "INSERT INTO {table} SELECT i * 7919::bigint % 100000007, 'row ' || i FROM generate_series(1, {ROWS}) AS i"
        ));
    }
    template.sql("VACUUM (ANALYZE)");
    let mut rows = Vec::new();
    // Workers of one build fill the cores already; without them the places are
    // all there is.
    for workers in [2, 0] {
        for (what, folder) in [("two indexes", &two), ("one of 8 partitions", &partitioned)] {
            let mut cells = vec![what.to_owned(), workers.to_string()];
            let mut first: Option<Series> = None;
            for jobs in ["1", "2", "4"] {
                let mut series = Series::default();
                for _ in 0..ROUNDS {
                    let database = stage.database("jobs", "jobs_template");
                    database.sql(&format!(
                        "ALTER DATABASE jobs SET max_parallel_maintenance_workers = {workers}"
                    ));
                    series.push(timed(database.segue(folder, &["up", "--jobs", jobs])));
                }
                let over = first
                    .as_ref()
                    .map(|first| format!(", {}", series.over(first)));
                cells.push(format!("{}{}", series.show(), over.unwrap_or_default()));
                first.get_or_insert(series);
            }
            rows.push(cells);
        }
    }
    for name in ["jobs", "jobs_template"] {
        stage.drop(name);
    }
    vec![Section {
        title: "Builds side by side",
        text: format!(
            "`segue up` with nothing but a tail: two `CREATE INDEX CONCURRENTLY` on tables of {ROWS} rows, and one on a\npartitioned table of as many rows in {PARTITIONS} partitions. The number behind each time is its share of that of\n`--jobs 1`. A build may have so many parallel workers of its own."
        ),
        columns: vec!["what", "workers", "--jobs 1", "--jobs 2", "--jobs 4"],
        rows,
    }]
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn concurrent(folder: &Path, name: &str, sql: &str) {
    let text = format!("-- segue: begin-concurrent-migration-with: 1-tables.sql\n{sql};\n");
    write(folder, name, &text);
}
