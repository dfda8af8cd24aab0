//! What `segue.require` costs a transaction of the application.

use std::path::Path;
use std::time::Duration;

use segue::postgres::ledger::Ledger;

use crate::stage::{Database, Stage};
use crate::table::{Section, Series};

const SECONDS: u32 = 5;
const ROUNDS: usize = 5;
const CLIENTS: [u32; 2] = [1, 8];

/// Transactions, each by the name of its script.
const WAYS: [(&str, &str); 4] = [
    ("plain", "BEGIN;\nSELECT 1;\nEND;\n"),
    (
        "require",
        "BEGIN;\nSELECT segue.require('>= 3.1, < 4'), 1;\nEND;\n",
    ),
    (
        "told",
        "BEGIN;\nSELECT segue.require('>= 3.1, < 4'), 1;\nEND;\n",
    ),
    (
        "apart",
        "BEGIN;\nSELECT segue.require('>= 3.1, < 4');\nSELECT 1;\nEND;\n",
    ),
];

pub fn measure(stage: &Stage) -> Vec<Section> {
    let database = stage.database("require", "template0");
    database.sql(&Ledger::script(None, &[]));
    database.sql(
        "INSERT INTO segue.deployment (project, state, fingerprint, runner) VALUES ('main', 'running', '', '');
         INSERT INTO segue.migration (project, file, checksum, kind, state, schema_version)
         SELECT 'main', i || '.sql', '', 'batch', 'applied', CASE WHEN i % 10 = 0 THEN ARRAY[3, 1, i] END
           FROM generate_series(1, 1000) AS i;
         VACUUM ANALYZE",
    );
    let folder = stage.folder("require");
    for (name, script) in WAYS {
        std::fs::write(folder.join(name), script).expect("a file");
    }
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let mut times: Vec<Series> = WAYS.iter().map(|_| Series::default()).collect();
        for round in 0..ROUNDS {
            for turn in 0..WAYS.len() {
                let way = (round + turn) % WAYS.len();
                times[way].push(latency(&database, &folder, WAYS[way].0, clients));
            }
        }
        let micros = |one: &Series| one.median().as_secs_f64() * 1e6;
        let base = micros(&times[0]);
        let added =
            |one: &Series| format!("{:+.0} µs ({})", micros(one) - base, one.over(&times[0]));
        rows.push(vec![
            clients.to_string(),
            format!("{base:.0} µs"),
            added(&times[1]),
            added(&times[2]),
            added(&times[3]),
        ]);
    }
    stage.drop("require");
    vec![Section {
        title: "`segue.require` in a transaction",
        text: format!(
            "pgbench, prepared statements, a Unix socket: `BEGIN; SELECT 1; END`, and what the same takes longer with \
             `segue.require('>= 3.1, < 4')` beside the 1, the same with `segue.app_version` set, and as a statement of its \
             own; latency of a transaction, median of {ROUNDS} rounds of {SECONDS} s that take turns, with the ratio. 100 of \
             1,000 migrations bring a version."
        ),
        columns: vec![
            "clients",
            "SELECT 1",
            "with require",
            "with app_version",
            "a statement of its own",
        ],
        rows,
    }]
}

/// Average latency of a transaction.
fn latency(database: &Database<'_>, folder: &Path, way: &str, clients: u32) -> Duration {
    let mut command = database.pgbench();
    if way == "told" {
        command.env("PGOPTIONS", "-c segue.app_version=3.1.4");
    }
    let output = command
        .args(["-n", "-M", "prepared", "-j", "2", "-f"])
        .arg(folder.join(way))
        .args(["-c", &clients.to_string(), "-T", &SECONDS.to_string()])
        .arg(database.url())
        .output()
        .expect("pgbench");
    let text = String::from_utf8_lossy(&output.stdout);
    let average = text
        .lines()
        .find_map(|line| line.strip_prefix("latency average = ")?.strip_suffix(" ms"))
        .and_then(|text| text.parse::<f64>().ok());
    let errors = String::from_utf8_lossy(&output.stderr);
    Duration::from_secs_f64(average.unwrap_or_else(|| panic!("{text}\n{errors}")) / 1e3)
}
