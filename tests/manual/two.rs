//! `examples/two-pull-requests` on a real server: a deployment, and somebody's
//! change by hand, while an index is half built.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Project, TestDatabase, TestSession, wait_until};

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-pull-requests/migrations")
}

const CREATE: &str = "2026-04-01-09-00-00-create-orders.sql";
const STATE: &str = "2026-05-04-10-00-00-add-state.sql";
const INDEX: &str = "2026-05-04-10-05-00-index-state.sql";
const VIEW: &str = "2026-05-05-15-30-00-open-orders.sql";
const RENAME: &str = "2026-05-20-08-00-00-rename-index.sql";
const ALL: [&str; 5] = [CREATE, STATE, INDEX, VIEW, RENAME];

/// A pull request: its files, with the expected schema.
fn merge(project: &Project, files: &[&str]) {
    for file in files {
        let text = fs::read_to_string(migrations().join(file)).expect("a migration of the example");
        project.file(file, &text);
    }
    project
        .segue(&["write-schema", "--throwaway"])
        .expect_success();
}

/// With a database, and throwaway servers of its version.
fn project(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        project.env("SEGUE_PG_BIN", bin);
    }
    project
}

#[test]
fn the_example_has_the_files_of_its_story() {
    let mut files: Vec<String> = fs::read_dir(migrations())
        .expect("the example")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    files.sort();
    assert_eq!(files, ALL);
}

#[test]
fn a_second_pull_request_is_deployed_while_the_index_is_half_built() {
    let database = TestDatabase::new();
    let project = project(&database);
    merge(&project, &[CREATE]);
    project.segue(&["up"]).expect_success();

    // Whoever sees an old state of the database keeps a build waiting.
    let report = TestSession::connect(&database.url());
    report.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    report.query("SELECT count(*) FROM customers");

    merge(&project, &[STATE, INDEX]);
    let ada = project.spawn(&["up"]);
    wait_until("the index is half built", || {
        database.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "1"
    });

    merge(&project, &[VIEW]);
    database.run("CREATE TABLE orders_backup AS TABLE orders");
    let drift = project.segue(&["up", "--until", "ready"]);
    assert_eq!(drift.status, 4, "{}", drift.stderr);
    assert!(drift.stderr.contains("orders_backup"), "{}", drift.stderr);
    assert!(
        !drift.stderr.contains("orders_by_state"),
        "{}",
        drift.stderr
    );
    database.run("DROP TABLE orders_backup");
    project.segue(&["up", "--until", "ready"]).expect_success();
    assert_eq!(
        database.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid"),
        "1"
    );

    report.run("COMMIT");
    let ada = ada.wait();
    assert_eq!(ada.status, 0, "{}", ada.stderr);
    merge(&project, &[RENAME]);
    let last = project.segue(&["up"]);
    last.expect_success();
    assert!(!last.stderr.contains("Drift"), "{}", last.stderr);
    let index = "SELECT indexrelid::regclass FROM pg_index
                  WHERE indrelid = 'orders'::regclass AND NOT indisprimary AND indisvalid";
    assert_eq!(database.query(index), "orders_state_placed_at");
}

#[test]
fn the_example_passes_its_check() {
    let project = Project::throwaway();
    for file in ALL {
        let text = fs::read_to_string(migrations().join(file)).expect("a migration of the example");
        project.file(file, &text);
    }
    // Only its expected schema is written: the diffs are the example's own.
    project
        .segue(&["write-schema", "--throwaway"])
        .expect_success();
    let run = project.segue(&["check"]);
    assert_eq!(run.status, 0, "{}", run.stdout);
    assert!(run.stdout.ends_with("\nall is well\n"), "{}", run.stdout);
}
