//! `segue compat`: small programs, psql in shells, against every state of a
//! schema.
//!
//! What is printed stands in `compat/NAME`; `UPDATE_EXPECTED=1` writes it.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::{Project, Run, Server, assert_file, wait_until};

mod code;
mod kept;
mod promise;

/// Four migrations, three versions of the schema, an index in between.
fn migrations(project: &Project) {
    project
        .file(
            "1-jobs.sql",
            "-- segue: schema-version: 1.0.0\n\nCREATE TABLE jobs (id int GENERATED ALWAYS AS IDENTITY, status text);\n",
        )
        .file(
            "2-add.sql",
            "-- segue: schema-version: 1.1.0\n\nALTER TABLE jobs ADD COLUMN abort boolean NOT NULL DEFAULT false;\n",
        )
        .file(
            "3-index.sql",
            "-- segue: begin-concurrent-migration-with: 2-add.sql\n\nCREATE INDEX CONCURRENTLY jobs_status ON jobs (status);\n",
        )
        .file(
            "4-drop.sql",
            "-- segue: end-concurrent-migration: 3-index.sql\n-- segue: schema-version: 2.0.0\n\nALTER TABLE jobs DROP COLUMN status;\n",
        );
}

/// A project without code, whose results are kept in a folder of its own.
fn project() -> Project {
    let mut project = Project::throwaway();
    migrations(&project);
    let cache = project.path().join("cache");
    project.env("SEGUE_CACHE_DIR", cache.into_os_string());
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
    project.redact(r"logs/[0-9a-f]{64}\.log", "logs/[key].log");
    project.redact(r#""duration_ms": \d+(\.\d+)?"#, "\"duration_ms\": 0");
    project.redact(r#"time="\d+\.\d+""#, "time=\"0.000\"");
    project.redact(r#""major": \d+"#, "\"major\": 0");
    project.redact("is not found: .*", "is not found: [what the shell said]");
    // psql says which socket, and servers of other versions say it otherwise.
    project.redact(r"psql:[^ ]*: ", "psql: ");
    project
}

/// Code that inserts into these columns, and writes down that it was run.
fn app(project: &Project, version: &str, columns: &str, values: &str) {
    project.write(
        &format!("apps/{version}/test"),
        format!(
            "echo \"{version} $SEGUE_STATE $SEGUE_SCHEMA_VERSION $SEGUE_APP_VERSION\" >> ../../runs\n\
             exec psql -X -q -v ON_ERROR_STOP=1 -c \"INSERT INTO jobs ({columns}) VALUES ({values})\"\n"
        ),
    );
}

/// Three versions of the code, by what they write.
fn good() -> Project {
    let project = project();
    app(&project, "1.0.0", "status", "'todo'");
    app(&project, "1.1.0", "status, abort", "'todo', true");
    app(&project, "2.0.0", "abort", "true");
    let entry = |version: &str| {
        format!(
            "[[compat.app]]\nversion = \"{version}\"\npath = \"apps/{version}\"\ntest = \"sh test\"\n"
        )
    };
    project.write(
        "segue.toml",
        ["1.0.0", "1.1.0", "2.0.0"].map(entry).concat(),
    );
    project
}

fn compat(project: &Project, arguments: &[&str]) -> Run {
    let url = Server::shared().url("postgres");
    let all: Vec<&str> = ["compat", "--on", &url]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    project.segue(&all)
}

/// What was run since the last time, sorted.
fn ran(project: &Project) -> Vec<String> {
    let path = project.path().join("runs");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn each_cell_is_what_its_code_does_and_only_what_changed_is_run_again() {
    let project = good();
    let run = compat(&project, &[]);
    assert_file("tests/database/compat/good.txt", &run.stdout);
    assert_eq!(
        (run.stderr.as_str(), run.status),
        ("     Testing 15 cells\n", 0)
    );
    let all = ran(&project);
    assert_eq!(all.len(), 15);
    assert_eq!(all[0], "1.0.0 1-jobs.sql 1.0.0 1.0.0");
    assert_eq!(all[1], "1.0.0 2-add.sql@ready 1.1.0 1.0.0");
    assert_eq!(all[2], "1.0.0 3-index.sql 1.1.0 1.0.0");
    assert_eq!(all[3], "1.0.0 3-index.sql@building 1.1.0 1.0.0");

    // Nothing has changed.
    let run = compat(&project, &[]);
    assert!(
        run.stdout.ends_with("15 as seen by an earlier run\n"),
        "{}",
        run.stdout
    );
    assert_eq!((run.stderr.as_str(), run.status), ("", 0));
    assert_eq!(ran(&project), [""; 0]);
    for (format, name) in [
        ("markdown", "good.md"),
        ("junit", "good.xml"),
        ("json", "good.json"),
    ] {
        let run = compat(&project, &["--format", format]);
        assert_file(&format!("tests/database/compat/{name}"), &run.stdout);
        assert_eq!(run.status, 0);
    }
    let run = compat(&project, &["--format", "html", "--output", "matrix.html"]);
    assert_eq!(
        run.stdout,
        "15 cells: 8 must work, 3 work, 4 need not work; 15 as seen by an earlier run\n"
    );
    assert!(project.read("matrix.html").starts_with("<!doctype html>"));

    // One version of the code changes, and breaks in one state of those in
    // which it must work.
    project.write("apps/1.0.0/test", "echo \"1.0.0 $SEGUE_STATE\" >> ../../runs\npsql -X -q -At -c \"SELECT 'not valid' FROM pg_index WHERE indexrelid = to_regclass('jobs_status') AND NOT indisvalid\" | { ! grep . >&2; }\n");
    let run = compat(&project, &["--format", "markdown"]);
    assert_file("tests/database/compat/building.md", &run.stdout);
    assert_eq!(run.status, 1);
    assert_eq!(ran(&project).len(), 5);

    // What must work and does not is looked at again, and nothing else.
    let run = compat(&project, &[]);
    assert_file("tests/database/compat/building.txt", &run.stdout);
    assert_eq!(run.status, 1);
    assert_eq!(ran(&project), ["1.0.0 3-index.sql@building"]);

    // Another migration at the end: the states before it are as they were.
    project.file("5-more.sql", "CREATE TABLE more ();\n");
    let run = compat(&project, &["-q"]);
    assert_eq!(run.status, 1);
    assert_eq!(
        ran(&project),
        [
            "1.0.0 3-index.sql@building",
            "1.0.0 5-more.sql",
            "1.1.0 5-more.sql 2.0.0 1.1.0",
            "2.0.0 5-more.sql 2.0.0 2.0.0",
        ]
    );
    let run = compat(
        &project,
        &["-q", "--again", "--app", "2.0", "--state", "latest"],
    );
    assert_eq!(run.status, 0);
    assert_eq!(ran(&project), ["2.0.0 5-more.sql 2.0.0 2.0.0"]);
}

#[test]
fn what_is_not_run_is_not_passed() {
    let project = good();
    let entry = |version: &str, rest: &str| {
        format!("[[compat.app]]\nversion = \"{version}\"\npath = \"apps/{version}\"\n{rest}\n")
    };
    project.write(
        "segue.toml",
        [
            "[compat]\ntimeout = \"3s\"\n".to_owned(),
            entry("1.0.0", "test = \"no-such-program\""),
            entry(
                "1.1.0",
                "prepare = \"echo no compiler here >&2; exit 3\"\ntest = \"sh test\"",
            ),
            entry("2.0.0", "test = \"sleep 60\""),
        ]
        .concat(),
    );
    let states = ["--state", "3-index", "--state", "latest"];
    let run = compat(&project, &states);
    assert_file("tests/database/compat/not-run.txt", &run.stdout);
    assert_eq!(run.status, 1);
    // Only cells that must work.
    let all: Vec<&str> = ["--promised"].iter().chain(&states).copied().collect();
    let run = compat(&project, &all);
    assert_file("tests/database/compat/promised.txt", &run.stdout);
    assert_eq!(run.status, 1);
    assert_eq!(ran(&project), [""; 0]);
}

#[test]
fn a_state_that_cannot_be_reached_is_told() {
    let project = good();
    project.file("3-index.sql", "-- segue: begin-concurrent-migration-with: 2-add.sql\n\nCREATE INDEX CONCURRENTLY jobs_status ON jobs (nothing);\n");
    let run = compat(&project, &["--app", "1.0.0"]);
    assert_file(
        "tests/database/compat/unreachable.txt",
        &format!("{}--- stderr\n{}", run.stdout, run.stderr),
    );
    assert_eq!(run.status, 1);
}

#[test]
fn a_signal_ends_the_test_and_what_is_done_is_known() {
    let project = good();
    project.write(
        "apps/1.1.0/test",
        "echo begun >> ../../runs\nsleep 1000 &\necho $! > ../../pid\nwait\n",
    );
    let url = Server::shared().url("postgres");
    let jobs = [
        "compat", "--on", &url, "--jobs", "1", "--state", "latest", "--state", "3-index",
    ];
    let run = project.spawn(&jobs);
    wait_until("the test runs", || {
        std::fs::read_to_string(project.path().join("pid")).is_ok_and(|text| text.ends_with('\n'))
    });
    let pid = project.read("pid");
    run.signal(Signal::SIGINT);
    let run = run.wait();
    run.expect(
        "",
        "
             Testing 6 cells
        error: ended by SIGINT
        note: 5 cells not run
        help: run it again: what is done is known
        ",
        130,
    );
    let is_gone = || !Path::new("/proc").join(pid.trim()).exists();
    wait_until("what the test has started is gone", is_gone);
    assert_eq!(ran(&project), ["1.0.0 3-index.sql 1.1.0 1.0.0", "begun"]);
}

#[test]
fn what_is_asked_for_must_be_there() {
    let project = good();
    let fails = |arguments: &[&str], said: &str| {
        let run = compat(&project, arguments);
        run.expect("", said, 2);
    };
    fails(
        &["--app", "3"],
        "error: there is no code 3.0.0 in [[compat.app]]\nhelp: there are 1.0.0, 1.1.0 and 2.0.0\n",
    );
    fails(
        &["--state", "2-ad"],
        "error: no migration is named `2-ad`\nhelp: did you mean `2-add.sql`?\nhelp: a state is the name of a migration, a version, `empty`, or `latest`, which is `4-drop.sql`; `segue at --list` prints all\n",
    );
    project.segue(&["at", "--list"]).expect(
        "
        empty
        1-jobs.sql            1.0.0
        2-add.sql@ready       1.1.0
        3-index.sql@building  1.1.0
        3-index.sql           1.1.0
        4-drop.sql            2.0.0
        ",
        "",
        0,
    );
    let run = project.segue(&["at", "latest", "psql", "-c", "SELECT 1"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("stands after `--`"), "{}", run.stderr);
    let run = project.segue(&["compat", "--database-url", "postgres://localhost/x"]);
    assert_eq!(run.status, 2);
    project.write("segue.toml", "");
    fails(
        &[],
        "error: segue.toml names no version of the code\nhelp: add one, for example: `[[compat.app]]`, `version = \"1.0.0\"`, `ref = \"v1.0.0\"`, `test = \"make test-db\"`\n",
    );
}

/// Runs git in the project.
fn git(project: &Project, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .current_dir(project.path())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("git").success(), "{arguments:?}");
}

/// Roles, databases and settings that one test leaves are not there in the
/// next, nor do they end the run.
#[test]
fn a_cell_finds_nothing_that_another_one_has_left_on_the_server() {
    let project = project();
    project.write(
        "apps/test",
        "set -e\n\
         q() { psql -X -q -v ON_ERROR_STOP=1 \"$@\"; }\n\
         q -c 'CREATE ROLE stray' -c 'CREATE DATABASE stray'\n\
         q -c 'ALTER SYSTEM SET log_statement = \"all\"'\n\
         q -d template1 -c 'CREATE TABLE stray ()'\n\
         q -d postgres -c 'ALTER ROLE postgres SET default_transaction_read_only = on'\n",
    );
    project.write(
        "segue.toml",
        "[[compat.app]]\nversion = \"1.0.0\"\npath = \"apps\"\ntest = \"sh test\"\n",
    );
    let states = ["--state", "1-jobs", "--state", "2-add", "--jobs", "1"];
    for again in [&[][..], &["--again"]] {
        let all: Vec<&str> = ["compat"]
            .iter()
            .chain(&states)
            .chain(again)
            .copied()
            .collect();
        let run = project.segue(&all);
        assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("1-jobs.sql      ✓"), "{}", run.stdout);
        assert!(run.stdout.contains("2-add.sql       ✓"), "{}", run.stdout);
    }
}
