//! Many small migrations over a connection with latency.

use std::time::Duration;

use crate::distance::{Distance, socket_of};
use crate::many;
use crate::stage::{Stage, timed};
use crate::table::{Section, Series};

const MIGRATIONS: usize = 10_000;
const ROUNDS: usize = 5;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let folder = stage.folder("far");
    let concatenation = folder.with_extension("txt");
    many::write(MIGRATIONS, &folder, &concatenation);
    let path = concatenation.to_str().expect("UTF-8");
    let mut rows = Vec::new();
    for milliseconds in [1, 5] {
        let distance = Distance::new(
            &socket_of(stage.server()),
            Duration::from_millis(milliseconds),
        );
        let (mut segue, mut psql) = (Series::default(), Series::default());
        for round in 0..ROUNDS {
            for turn in 0..2 {
                let database = stage.database("far", "template0").at(distance.url("far"));
                if (round + turn) % 2 == 0 {
                    psql.push(timed(database.psql(&["-1", "-f", path])));
                } else {
                    segue.push(timed(database.segue(&folder, &["up"])));
                }
            }
        }
        rows.push(vec![
            format!("{milliseconds} ms"),
            segue.show(),
            psql.show(),
            segue.over(&psql),
            format!(
                "{:.1}",
                psql.median().as_secs_f64() / segue.median().as_secs_f64()
            ),
        ]);
    }
    stage.drop("far");
    vec![Section {
        title: "10,000 migrations, far away",
        text: "The migrations of the first section through a proxy that makes each round trip longer. psql waits for
each answer before it sends the next statement. Goal: at least five times as fast as psql."
            .to_owned(),
        columns: vec!["added to each round trip", "segue", "psql", "ratio", "times as fast"],
        rows,
    }]
}
