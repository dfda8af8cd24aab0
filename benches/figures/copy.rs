//! One large COPY in a migration.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::stage::{Stage, peak_memory, timed};
use crate::table::{Section, Series, megabytes};

const BYTES: u64 = 1_000_000_000;
const ROUNDS: usize = 5;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("copy");
    let path = folder.join("000001-copy.sql");
    write(&path);
    let path = path.to_str().expect("UTF-8");
    let table =
        "CREATE TABLE measurements (id bigint, station text, value numeric, taken_at timestamptz)";
    let fresh = || {
        let database = stage.database("copy", "template0");
        database.sql(table);
        database
    };
    let (mut segue, mut psql) = (Series::default(), Series::default());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let database = fresh();
            if (round + turn) % 2 == 0 {
                psql.push(timed(database.psql(&["-1", "-f", path])));
            } else {
                segue.push(timed(database.segue(&folder, &["up"])));
            }
        }
    }
    let of_segue = peak_memory(fresh().segue(&folder, &["up"]));
    let of_psql = peak_memory(fresh().psql(&["-1", "-f", path]));
    stage.drop("copy");
    vec![Section {
        title: "One COPY of 1 GB",
        text: "A migration with the data in it: `segue up` beside `psql -1 -f`. Memory is the most that was ever\nresident (`VmHWM`), in a run of its own. Goals: a ratio of at most 1.05, and 32 MB."
            .to_owned(),
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

fn write(path: &Path) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let mut write = |text: &str| {
        file.write_all(text.as_bytes()).expect("room on the disk");
        text.len() as u64
    };
    let mut bytes = write("COPY measurements (id, station, value, taken_at) FROM stdin;\n");
    for row in 0u64.. {
        if bytes >= BYTES {
            break;
        }
        let (station, value, second) = (row * 7919 % 1000, row * 104_729 % 1_000_000, row % 60);
        bytes += write(&format!(
            "{row}\tstation {station:03} by the river\t{}.{:02}\t2026-01-01 12:00:{second:02}+00\n",
            value / 100,
            value % 100
        ));
    }
    write("\\.\n");
}
