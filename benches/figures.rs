//! The figures of `docs/benchmarks.md`, segue beside psql in the same run:
//!
//! ```text
//! make bench                    all of them; writes docs/benchmarks.md
//! scripts/bench wake ready      some of them, only printed
//! ```
//!
//! Every time is that of a whole process, from its start to its end, against
//! one server that `scripts/with-server` starts.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints its findings"
)]

#[path = "figures/at.rs"]
mod at;
#[path = "figures/backfill.rs"]
mod backfill;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/database/connect/certificates.rs"]
mod certificates;
#[path = "figures/compat.rs"]
mod compat;
#[path = "figures/copy.rs"]
mod copy;
#[path = "figures/distance.rs"]
mod distance;
#[path = "figures/dump.rs"]
mod dump;
#[path = "figures/far.rs"]
mod far;
#[path = "figures/gate.rs"]
mod gate;
#[path = "figures/jobs.rs"]
mod jobs;
#[path = "figures/machine.rs"]
mod machine;
#[path = "figures/many.rs"]
mod many;
#[path = "figures/peers.rs"]
mod peers;
#[path = "figures/ready.rs"]
mod ready;
#[path = "figures/require.rs"]
mod require;
#[path = "figures/runners.rs"]
mod runners;
#[path = "figures/schema.rs"]
mod schema;
#[path = "figures/selects.rs"]
mod selects;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/database/connect/server.rs"]
mod server;
#[path = "figures/stage.rs"]
mod stage;
#[path = "figures/stall.rs"]
mod stall;
#[path = "figures/sync.rs"]
mod sync;
#[path = "figures/table.rs"]
mod table;
#[path = "figures/wake.rs"]
mod wake;

use std::process::ExitCode;

use stage::Stage;
use table::Section;

/// A measurement, by the name that chooses it.
type Figure = (&'static str, fn(&Stage) -> Vec<Section>);

const FIGURES: [Figure; 18] = [
    ("many", many::measure),
    ("far", far::measure),
    ("peers", peers::measure),
    ("selects", selects::measure),
    ("copy", copy::measure),
    ("dump", dump::measure),
    ("wake", wake::measure),
    ("ready", ready::measure),
    ("gate", gate::measure),
    ("stall", stall::measure),
    ("schema", schema::measure),
    ("jobs", jobs::measure),
    ("backfill", backfill::measure),
    ("runners", runners::measure),
    ("sync", sync::measure),
    ("at", at::measure),
    ("require", require::measure),
    ("compat", compat::measure),
];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    for name in &wanted {
        if !FIGURES.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = FIGURES.iter().map(|(known, _)| *known).collect();
            eprintln!("bench: no figure `{name}`; there are {}", known.join(", "));
            return ExitCode::from(2);
        }
    }
    let Some(stage) = Stage::new() else {
        eprintln!("bench: SEGUE_TEST_URL and SEGUE_TEST_PG_BIN name no server: run scripts/bench");
        return ExitCode::from(2);
    };
    let mut page = machine::heading(&stage);
    println!("{page}");
    for (name, measure) in FIGURES {
        if !wanted.is_empty() && !wanted.iter().any(|one| one == name) {
            continue;
        }
        for section in measure(&stage) {
            let section = section.to_string();
            println!("{section}");
            page.push('\n');
            page.push_str(&section);
        }
    }
    if wanted.is_empty() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");
        std::fs::write(path, page).expect("docs/ is writable");
    }
    ExitCode::SUCCESS
}
