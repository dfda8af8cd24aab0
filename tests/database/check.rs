//! `segue check`: a good folder passes, and each way to be wrong is found once.
//!
//! What is printed stands in `check/NAME.txt`; `UPDATE_EXPECTED=1` writes it.

use std::fmt::Write as _;

use crate::support::{Project, Server, TestDatabase, TestSession, assert_file};

mod backfill;
mod data;
mod elsewhere;
mod lint;
mod splits;

fn redact(mut project: Project) -> Project {
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
    project.redact(r"PostgreSQL \d+", "PostgreSQL [major]");
    project.redact(r"\bpg\d+\b", "pg[major]");
    // The namespace `public` has another owner on some.
    project.redact(r"\b\d+ objects?", "[n] objects");
    project
}

/// A folder without anything.
fn empty() -> Project {
    redact(Project::throwaway())
}

/// A triple with a migration in between; nothing is stored yet.
fn triple() -> Project {
    let project = empty();
    project
        .file("1.sql", "CREATE TABLE t (id int PRIMARY KEY);\n")
        .file("2.sql", "ALTER TABLE t ADD b text;\n")
        .file(
            "3.sql",
            "-- segue: begin-concurrent-migration-with: 2.sql\n\nCREATE INDEX CONCURRENTLY t_b ON t (b);\n",
        )
        .file("4.sql", "ALTER TABLE t ADD c text;\n")
        .file(
            "5.sql",
            "-- segue: end-concurrent-migration: 3.sql\nALTER INDEX t_b RENAME TO t_by_b;\n",
        );
    project
}

/// A triple with all that `segue check` asks for.
fn good() -> Project {
    let project = triple();
    project.segue(&["check", "--write", "-q"]).expect_success();
    project
}

/// Runs it and compares all that it says with `check/NAME.txt`.
#[track_caller]
fn expect(project: &Project, name: &str, arguments: &[&str]) {
    let all: Vec<&str> = ["check"].iter().chain(arguments).copied().collect();
    let run = project.segue(&all);
    let shown = all.join(" ");
    let shown = match arguments {
        ["--on", url, ..] => shown.replace(url, "URL"),
        ["--major", major] => shown.replace(major, "N"),
        _ => shown,
    };
    let mut text = format!("$ segue {shown}\n{}", run.stdout);
    write!(
        text,
        "--- stderr\n{}--- status {}\n",
        run.stderr, run.status
    )
    .expect("a string");
    assert_file(&format!("tests/database/check/{name}.txt"), &text);
}

#[test]
fn what_is_not_stored_is_found_and_written_and_then_all_is_well() {
    let project = triple();
    expect(&project, "nothing-stored", &[]);
    expect(&project, "written", &["--write"]);
    expect(&project, "good", &[]);
    let header = project.read("migrations/3.sql");
    assert!(
        header.ends_with("CREATE INDEX CONCURRENTLY t_b ON t (b);\n"),
        "{header}"
    );
    let hidden = std::fs::read_dir(project.path().join("migrations")).expect("the folder");
    assert_eq!(hidden.count(), 5);
}

#[test]
fn without_concurrent_migrations_there_is_less_to_do() {
    let project = empty();
    project.file("1.sql", "CREATE TABLE t (id int);\n");
    expect(&project, "one-file", &[]);
}

#[test]
fn a_folder_without_files_is_a_good_one() {
    expect(&empty(), "no-file", &[]);
}

#[test]
fn all_that_is_invalid_is_told_and_nothing_is_run() {
    let project = empty();
    project
        .file("1.sql", "-- segue: no-tx\nSELECT 1;\n")
        .file("2.sql", "SELECT 'open;\n")
        .file("3.sql", "COMMIT;\n")
        .file(
            "4.sql",
            "-- segue: end-concurrent-migration: 9.sql\nSELECT 1;\n",
        );
    expect(&project, "invalid", &[]);
    expect(&project, "invalid-github", &["--format", "github"]);
}

#[test]
fn a_migration_that_fails_is_told_once() {
    let project = triple();
    project.file("6.sql", "CREATE TABLE t (id int);\n");
    expect(&project, "fails", &[]);
}

#[test]
fn a_stored_diff_that_is_not_true_is_found() {
    let project = good();
    let text = project.read("migrations/3.sql");
    project.file("3.sql", &text.replace("ON t (b)", "ON t (b, id)"));
    expect(&project, "wrong-diff", &[]);
}

#[test]
fn a_diff_for_another_major_version_only_is_found() {
    let project = good();
    let text = project.read("migrations/3.sql");
    let major = regex::Regex::new("\"\\d\\d\":").expect("a pattern");
    assert!(major.is_match(&text), "{text}");
    project.file("3.sql", &major.replace(&text, "\"13\":"));
    let schema = project.path().join("expected-schema");
    for part in std::fs::read_dir(&schema).expect("the folder") {
        let part = part.expect("an entry").path();
        if part
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("pg"))
        {
            std::fs::rename(part, schema.join("pg13")).expect("a name");
        }
    }
    // Which version is checked follows the expected schema otherwise.
    let version = Server::shared_major();
    expect(&project, "other-major", &["--major", &version.to_string()]);
}

#[test]
fn a_schema_that_is_not_the_expected_one_is_shown() {
    let project = good();
    project.file(
        "6.sql",
        "ALTER TABLE t ALTER b SET DEFAULT 'x';\nCREATE VIEW v AS SELECT 1 AS id;\nALTER TABLE t DROP c;\n",
    );
    expect(&project, "unexpected", &[]);
}

#[test]
fn a_second_run_that_does_something_is_found() {
    let project = empty();
    project
        .file(
            "1.sql",
            "-- segue: no-txn\nCREATE TABLE IF NOT EXISTS t (id int);\n",
        )
        .file(
            "2.sql",
            "DELETE FROM segue.migration WHERE file = '1.sql';\n",
        );
    expect(&project, "second-up", &[]);
}

#[test]
fn the_forms_for_programs_tell_the_same() {
    let project = good();
    let text = project.read("migrations/3.sql");
    project.file("3.sql", &text.replace("ON t (b)", "ON t (b, id)"));
    let mut project = project;
    project.redact(r#""duration_ms": [0-9.]+"#, "\"duration_ms\": [number]");
    project.redact(r#""major": \d+"#, "\"major\": [major]");
    project.redact(r#"("majors": \[\s+)\d+"#, "[majors]");
    project.redact(r#""count": \d+"#, "\"count\": [number]");
    project.redact(r#""fingerprint": "[0-9a-f]{32}""#, "[fingerprint]");
    expect(&project, "github", &["--format", "github"]);
    expect(&project, "gitlab", &["--format", "gitlab"]);
    expect(&project, "json", &["--format", "json"]);
}

#[test]
fn a_major_version_that_is_not_installed_is_told_before_anything_runs() {
    let mut project = empty();
    project.redact(r"\d+\.\d+ in .*", "[version] in [folder]");
    project.file("1.sql", "SELECT 1;\n");
    project.write("segue.toml", "majors = [8]\n");
    let run = project.segue(&["check"]);
    run.expect(
        "",
        "
         error: PostgreSQL [major] is not installed here
         note: [version] in [folder]
         help: `--on URL` checks on a server that runs elsewhere
        ",
        2,
    );
}

#[test]
fn what_is_kept_for_versions_that_are_not_listed_is_told() {
    let project = good();
    let text = project.read("migrations/3.sql");
    let major = Server::shared_major();
    let part = format!("\"{major}\":");
    assert!(text.contains(&part), "{text}");
    project.file(
        "3.sql",
        &text.replace(&part, &format!("\"13\": [],\n--   {part}")),
    );
    project.write("expected-schema/pg13/x", "");
    project.write("segue.toml", format!("majors = [{major}]\n"));
    expect(&project, "unlisted", &[]);
}

#[test]
#[ignore = "needs several major versions: scripts/test-all runs it"]
fn each_major_version_is_written_and_proved() {
    let bins = std::env::var("SEGUE_TEST_PG_BINS").expect("folders of binaries, between colons");
    let mut project = triple();
    let path = std::env::var("PATH").unwrap_or_default();
    project.env("PATH", format!("{bins}:{path}"));
    project.env("SEGUE_PG_BIN", "");
    project.write("segue.toml", "majors = [15, 17]\n");
    project.redact(r"PostgreSQL \d+", "PostgreSQL");
    expect(&project, "majors-nothing-stored", &[]);
    expect(&project, "majors-written", &["--write"]);
    expect(&project, "majors-good", &[]);
    std::fs::remove_dir_all(project.path().join("expected-schema/pg17")).expect("a folder");
    expect(&project, "majors-one-missing", &[]);
}
