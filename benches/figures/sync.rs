//! What the triggers of `segue.keep_in_sync` cost per written row.

use segue::postgres::ledger::Ledger;

use crate::stage::{Database, Stage, timed};
use crate::table::{Section, Series};

const ROWS: u32 = 1_000_000;
const ROUNDS: usize = 3;

/// Kinds of sync, each with what makes it.
const WAYS: [(&str, &str); 3] = [
    ("no triggers", "SELECT 1"),
    (
        "one way",
        "SELECT segue.keep_in_sync('person', 'mail_lower', 'lower(mail)')",
    ),
    (
        "both ways",
        "SELECT segue.keep_in_sync('person', 'mail_lower', 'lower(mail)', 'mail', 'mail_lower')",
    ),
];

/// Writes, each with the statement for so many rows.
const WRITES: [(&str, &str); 4] = [
    (
        "INSERT, the old column given",
        "INSERT INTO person (id, mail) SELECT i, 'Some.Name' || i || '@Example.org' FROM generate_series(1, :rows) AS i",
    ),
    (
        "UPDATE of neither column",
        "UPDATE person SET visits = visits + 1",
    ),
    (
        "UPDATE of the old column",
        "UPDATE person SET mail = mail || 'x'",
    ),
    (
        "UPDATE of the new column, as a backfill",
        "UPDATE person SET mail_lower = lower(mail)",
    ),
];

pub fn measure(stage: &Stage) -> Vec<Section> {
    let mut times: Vec<Vec<Series>> = WRITES
        .iter()
        .map(|_| WAYS.iter().map(|_| Series::default()).collect())
        .collect();
    for round in 0..ROUNDS {
        for turn in 0..WAYS.len() {
            // Each way is the first one in one of the rounds.
            let way = (round + turn) % WAYS.len();
            for (write, (_, sql)) in WRITES.iter().enumerate() {
                let database = prepared(stage, WAYS[way].1, write);
                let sql = sql.replace(":rows", &ROWS.to_string());
                times[write][way].push(timed(database.psql(&["-c", &sql])));
            }
        }
    }
    stage.drop("sync");
    let rows = WRITES.iter().zip(&times).map(|((name, _), series)| {
        let per_row = |one: &Series| one.median().as_secs_f64() * 1e6 / f64::from(ROWS);
        let base = per_row(&series[0]);
        let added = |one: &Series| format!("{:+.2} µs", per_row(one) - base);
        vec![
            (*name).to_owned(),
            format!("{base:.2} µs"),
            added(&series[1]),
            series[1].over(&series[0]),
            added(&series[2]),
            series[2].over(&series[0]),
        ]
    });
    vec![Section {
        title: "Two columns kept in sync, per written row",
        text: format!(
            "One statement over {ROWS} rows of a table with a primary key, by psql; median of {ROUNDS} rounds over the rows. \
             `segue.keep_in_sync` of `lower(mail)`. For the updates the new column is filled before, but for the backfill's."
        ),
        columns: vec![
            "write",
            "no triggers",
            "one way",
            "ratio",
            "both ways",
            "ratio",
        ],
        rows: rows.collect(),
    }]
}

/// A table as it is before a write.
fn prepared<'a>(stage: &'a Stage, keep: &str, write: usize) -> Database<'a> {
    let database = stage.database("sync", "template0");
    database.sql(&Ledger::script(None, &[]));
    database.sql(
        "CREATE TABLE person (id bigint PRIMARY KEY, mail text, mail_lower text, visits int DEFAULT 0)",
    );
    if write > 0 {
        let filled = if write == 3 { "NULL" } else { "lower(mail)" };
        database.sql(&format!(
            "INSERT INTO person (id, mail, mail_lower) SELECT i, mail, {filled} FROM generate_series(1, {ROWS}) AS i, LATERAL (SELECT 'Some.Name' || i || '@Example.org') AS one (mail)"
        ));
        database.sql("VACUUM ANALYZE person");
    }
    database.sql(keep);
    database.sql("CHECKPOINT");
    database
}
