//! README's console run and `examples/concurrent-index` on a real server, with
//! few rows.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::{Project, TestDatabase, TestSession};

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/concurrent-index/migrations")
}

/// Copies those files of the example that come with a deployment.
fn merge(project: &Project, files: &[&str]) {
    for file in files {
        let text = fs::read_to_string(migrations().join(file)).expect("a migration of the example");
        project.file(file, &text);
    }
}

fn fill(database: &TestDatabase<'_>) {
    TestSession::connect(&database.url()).run(
        "INSERT INTO orders (email, total)
         SELECT 'customer' || i || '@example.org', i FROM generate_series(1, 2000) AS i",
    );
}

const CREATE: &str = "2026-01-12-09-30-00-create-orders.sql";
const COLUMN: &str = "2026-03-02-14-00-00-add-col.sql";
const INDEX: &str = "2026-03-02-14-05-00-index-orders.sql";
const COUPONS: &str = "2026-03-03-09-10-00-create-coupons.sql";
const LANGUAGE: &str = "2026-03-03-11-45-00-customers-language.sql";
const RENAME: &str = "2026-03-16-10-00-00-rename-index.sql";
const ALL: [&str; 6] = [CREATE, COLUMN, INDEX, COUPONS, LANGUAGE, RENAME];

fn index_of(database: &TestDatabase<'_>) -> String {
    TestSession::connect(&database.url()).query(
        "SELECT indexrelid::regclass::text FROM pg_index
          WHERE indrelid = 'orders'::regclass AND NOT indisprimary AND indisvalid",
    )
}

/// A run of `segue up` that finds everything done by deployment `number`.
#[track_caller]
fn nothing_to_do(project: &Project, number: usize) {
    let run = project.segue(&["up"]);
    let expected =
        format!("  Up to date nothing is pending\n       Ready since deployment {number}\n");
    assert_eq!(run.stderr, expected);
    assert_eq!((run.stdout.as_str(), run.status), ("", 0));
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
fn the_example_is_applied_deployment_by_deployment() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    let deployments: [&[&str]; 5] = [
        &[CREATE],
        &[COLUMN, INDEX],
        &[COUPONS],
        &[LANGUAGE],
        &[RENAME],
    ];
    for (index, files) in deployments.iter().enumerate() {
        merge(&project, files);
        project.segue(&["up"]).expect_success();
        if index == 0 {
            fill(&database);
        }
        nothing_to_do(&project, index + 1);
    }
    assert_eq!(index_of(&database), "orders_state_email_placed_at");
    let settled = TestSession::connect(&database.url())
        .query("SELECT count(*) FROM segue.deployment WHERE state = 'settled'");
    assert_eq!(settled, "5");
}

#[test]
fn the_example_is_applied_to_a_fresh_database_at_once() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    merge(&project, &ALL);
    project.segue(&["up"]).expect_success();
    assert_eq!(index_of(&database), "orders_state_email_placed_at");
    nothing_to_do(&project, 1);
}

/// Commands of the first console block, each with what it printed.
fn console(readme: &str) -> Vec<(String, String)> {
    let block = readme.split("```console\n").nth(1).expect("a console run");
    let block = block.split("```").next().expect("its end");
    let mut runs: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            runs.push((command.to_owned(), String::new()));
        } else {
            let (_, output) = runs.last_mut().expect("a command first");
            output.push_str(line);
            output.push('\n');
        }
    }
    runs
}

/// Without what differs between a small table and a large one: times, pids,
/// and how often progress is told.
fn settled_text(text: &str) -> String {
    let varying = [
        (r"\b\d+(\.\d+)?(ms|s|m)\b", "[duration]"),
        (r"\bpid \d+", "pid [pid]"),
    ];
    let mut kept: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("Progress "))
        .flat_map(|line| [line, "\n"])
        .collect();
    for (pattern, replacement) in varying {
        let pattern = Regex::new(pattern).expect("a regular expression");
        kept = pattern.replace_all(&kept, replacement).into_owned();
    }
    kept
}

#[test]
fn the_console_run_of_the_readme_is_a_real_one() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    let database = TestDatabase::new();
    let project = Project::on(&database);
    merge(&project, &[CREATE]);
    project.segue(&["up"]).expect_success();
    fill(&database);
    merge(&project, &[COLUMN, INDEX]);
    let runs = console(&readme);
    let (mut expected, mut actual) = (String::new(), String::new());
    for (command, output) in &runs {
        let words: Vec<&str> = command.split_whitespace().collect();
        let printed = match words.as_slice() {
            ["segue", arguments @ ..] => {
                let run = project.segue(arguments);
                assert_eq!(run.status, 0, "{command}\n{}", run.stderr);
                // A command has a result or tells what it does.
                format!("{}{}", run.stdout, run.stderr)
            }
            ["cat", file] => project.read(file),
            _ => panic!("README.md: `{command}` is not a command that the test knows"),
        };
        expected.extend(["$ ", command, "\n", &settled_text(output)]);
        actual.extend(["$ ", command, "\n", &settled_text(&printed)]);
    }
    assert!(runs.iter().any(|(command, _)| command == "segue up"));
    crate::support::assert_text("README.md", &actual, &expected);
}
