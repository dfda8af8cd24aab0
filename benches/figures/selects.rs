//! Very many tiny statements in one file.

use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const STATEMENTS: usize = 100_000;
const ROUNDS: usize = 7;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("selects");
    let path = folder.join("000001-selects.sql");
    std::fs::write(&path, "SELECT 1;\n".repeat(STATEMENTS)).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let (mut segue, mut psql) = (Series::default(), Series::default());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let database = stage.database("selects", "template0");
            if (round + turn) % 2 == 0 {
                psql.push(timed(database.psql(&["-1", "-f", path])));
            } else {
                segue.push(timed(database.segue(&folder, &["up"])));
            }
        }
    }
    stage.drop("selects");
    vec![Section {
        title: "100,000 times `SELECT 1;` in one file",
        text: "Hardly any work for the server, so what counts is how a client talks to it. Goal: at most half of psql's
time."
            .to_owned(),
        columns: vec!["segue", "psql", "ratio"],
        rows: vec![vec![segue.show(), psql.show(), segue.over(&psql)]],
    }]
}
