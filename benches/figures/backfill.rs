//! A backfill of ten million rows beside the single `UPDATE`, alone and beside
//! an application.

#[path = "backfill/alone.rs"]
mod alone;
#[path = "backfill/beside.rs"]
mod beside;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::stage::{Database, Stage, timed};
use crate::table::Section;

/// Rows of the table; `SEGUE_BENCH_ROWS` says otherwise, for a quick look.
fn rows() -> u64 {
    let asked = std::env::var("SEGUE_BENCH_ROWS").ok();
    asked
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000_000)
}

const TABLE: &str = "CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL, email_lower text, seen int NOT NULL DEFAULT 0);\n";
const UPDATE: &str = "UPDATE person SET email_lower = lower(email)";

pub fn measure(stage: &Stage) -> Vec<Section> {
    let before = stage.folder("backfill_before");
    write(&before, "1-person.sql", TABLE);
    write(&before, "2-column.sql", "SELECT 1;\n");
    let template = stage.database("backfill_template", "template0");
    timed(template.segue(&before, &["up"]));
    template.sql(&format!(
        "INSERT INTO person (id, email) SELECT i, 'Person' || i || '@Example.Org' FROM generate_series(1, {}) AS i",
        rows()
    ));
    template.sql("VACUUM (ANALYZE)");
    let mut sections = alone::measure(stage);
    sections.extend(beside::measure(stage));
    for name in ["backfill", "backfill_template"] {
        stage.drop(name);
    }
    sections
}

/// A folder with the backfill, and perhaps with a migration that ends it.
fn folder(stage: &Stage, name: &str, options: &str, is_ended: bool) -> PathBuf {
    let folder = stage.folder(name);
    write(&folder, "1-person.sql", TABLE);
    write(&folder, "2-column.sql", "SELECT 1;\n");
    write(
        &folder,
        "3-fill.sql",
        &format!(
            "-- segue: begin-concurrent-migration-with: 2-column.sql\n-- segue: backfill: person by id {options}\n{UPDATE} WHERE id > :lower AND id <= :upper;\n"
        ),
    );
    if is_ended {
        write(
            &folder,
            "4-end.sql",
            "-- segue: end-concurrent-migration: 3-fill.sql\nSELECT 1;\n",
        );
    }
    folder
}

/// The table, filled, in a database of its own.
fn database(stage: &Stage) -> Database<'_> {
    stage.database("backfill", "backfill_template")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn spawn(mut command: Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program")
}

/// All rows are done, and rightly.
fn assert_done(database: &Database<'_>) {
    let left =
        database.sql("SELECT count(*) FROM person WHERE email_lower IS DISTINCT FROM lower(email)");
    assert_eq!(left, "0", "rows are left");
}
