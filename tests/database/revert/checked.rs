//! What `segue check` says of files that take migrations back.

use crate::support::Project;

/// Runs `segue check` on two migrations, the second of which is taken back.
#[track_caller]
fn check(arguments: &[&str], migration: &str, revert: &str, status: i32, expected: &str) {
    let mut project = Project::throwaway();
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[t]");
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int PRIMARY KEY, name text, born timestamptz DEFAULT now());\n",
        )
        .file("2.sql", migration)
        .file("2.revert.sql", revert);
    let all: Vec<&str> = ["check", "--no-lint", "-q"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let run = project.segue(&all);
    let of_interest: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| !line.starts_with("  ✓") && !line.starts_with("PostgreSQL"))
        .collect();
    crate::support::assert_text("check", &of_interest.join("\n"), expected);
    assert_eq!(run.status, status, "{}", run.stderr);
}

#[test]
fn a_file_that_forgets_something_is_found() {
    check(
        &[],
        "ALTER TABLE a ALTER COLUMN born DROP DEFAULT, ADD COLUMN x int;\n",
        "ALTER TABLE a DROP COLUMN x;\n",
        1,
        "?",
    );
}

#[test]
fn a_file_that_fails_is_found() {
    check(
        &[],
        "ALTER TABLE a ADD COLUMN x int;\n",
        "ALTER TABLE a DROP COLUMN y;\n",
        1,
        "?",
    );
}

#[test]
fn rows_that_are_lost_are_found() {
    let (migration, revert) = (
        "ALTER TABLE a DROP COLUMN name;\n",
        "ALTER TABLE a ADD COLUMN name text;\n",
    );
    check(&[], migration, revert, 0, "");
    check(&["--data"], migration, revert, 1, "?");
}
