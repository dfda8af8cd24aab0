//! Sessions that stay open while the schema changes below them.

use super::{compat, project, ran};
use crate::support::{Project, assert_file};

/// A worker with one connection and a statement that it has prepared, as the
/// drivers of most languages do without being asked.
const WORKER: &str = r#"#!/usr/bin/env bash
coproc psql { exec psql -X -q -At 2>&1; }

# Sends SQL; fails with the server's first error.
ask() {
    printf '%s;\n\\echo done\n' "$1" >&"${psql[1]}" || return 1
    local line error=
    while read -r line <&"${psql[0]}"; do
        case $line in
            done) [ -z "$error" ] && return 0; echo "not ok $error"; return 1 ;;
            ERROR:*) error=${error:-$line} ;;
        esac
    done
    echo "not ok psql has ended"
    return 1
}

echo "begun in $SEGUE_STATE" >> ../runs
ask "PREPARE take AS SELECT STATEMENT FROM jobs" || exit 0
while read -r state; do
    echo "asked about $state" >> ../runs
    ask "EXECUTE take" && echo "ok $state"
done
echo ended >> ../runs
"#;

/// A worker that takes these columns.
fn worker(project: &Project, columns: &str) {
    project.write("worker/run", WORKER.replace("STATEMENT", columns));
}

fn with_worker(columns: &str) -> Project {
    let project = project();
    worker(&project, columns);
    project.write(
        "segue.toml",
        "[[compat.app]]\nversion = \"1.0\"\npath = \"worker\"\ntest = \"bash run\"\nsessions = \"kept\"\n",
    );
    project
}

#[test]
fn a_cached_plan_is_caught_in_the_state_that_breaks_it() {
    let project = with_worker("*");
    let run = compat(&project, &["--jobs", "1"]);
    assert_file("tests/database/compat/kept.txt", &run.stdout);
    assert_eq!(run.status, 1);
    let runs = std::fs::read_to_string(project.path().join("runs")).expect("runs");
    assert_eq!(
        runs,
        "\
begun in 1-jobs.sql
asked about 1-jobs.sql
asked about 2-add.sql@ready
ended
begun in 2-add.sql@ready
asked about 2-add.sql@ready
asked about 3-index.sql@building
asked about 3-index.sql
ended
begun in 4-drop.sql
asked about 4-drop.sql
ended
"
    );
    ran(&project);

    // It is looked at again from the state before it.
    compat(&project, &[]);
    assert_eq!(
        ran(&project),
        [
            "asked about 1-jobs.sql",
            "asked about 2-add.sql@ready",
            "begun in 1-jobs.sql",
            "ended"
        ]
    );

    // Columns by their names go on to work.
    worker(&project, "id, status");
    let run = compat(&project, &["--format", "markdown"]);
    assert_file("tests/database/compat/kept.md", &run.stdout);
    assert_eq!(run.status, 0);
    let runs = ran(&project);
    let begun = runs.iter().filter(|line| line.starts_with("begun")).count();
    assert_eq!(begun, 2, "{runs:?}");
}

#[test]
fn a_program_that_dies_or_says_too_much_is_told() {
    let project = project();
    let entry = |version: &str, test: &str| {
        format!(
            "[[compat.app]]\nversion = \"{version}\"\npath = \".\"\nsessions = \"kept\"\ntest = '''\n{test}'''\n"
        )
    };
    project.write(
        "segue.toml",
        [
            "[compat]\ntimeout = \"3s\"\n".to_owned(),
            entry("1.0.0", "read -r state; echo $state; exit 4"),
            entry("1.0.1", r"while read -r state; do printf 'ok\nok\n'; done"),
            entry("1.0.2", "while read -r state; do echo ok 1 - inserts; done"),
            entry("1.0.3", "while read -r state; do echo asked; done"),
            entry("1.0.4", "exec no-such-program"),
            entry("1.0.5", "while read -r state; do echo \"not ok\"; done"),
        ]
        .concat(),
    );
    let run = compat(&project, &["--state", "1-jobs", "--state", "2-add@ready"]);
    assert_file("tests/database/compat/dies.txt", &run.stdout);
    assert_eq!(run.status, 1);
}
