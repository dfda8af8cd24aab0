//! `segue check --torture`: what dies in the middle, and what comes of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use segue::postgres::throwaway::crash::Crash;
use segue::postgres::throwaway::{Options, Throwaway};

use crate::support::{Project, TestSession, assert_text, server_options};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("threads")
}

fn start() -> Throwaway {
    let options = Options {
        restarts: true,
        cache_dir: Some(env!("CARGO_TARGET_TMPDIR").into()),
        ..server_options()
    };
    Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// Connects as soon as the server has recovered.
fn connect_again(url: &str) -> TestSession {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match TestSession::try_connect(url) {
            Ok(session) => return session,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// What is committed is there again.
fn survives(crash: &impl AsyncFn(&Throwaway, i32)) {
    let server = start();
    let url = server.url("postgres");
    let session = TestSession::connect(&url);
    session.run("CREATE TABLE t AS SELECT 1 AS a");
    runtime().block_on(crash(&server, session.pid()));
    assert!(session.try_query("SELECT 1").is_err());
    assert_eq!(connect_again(&url).query("SELECT a FROM t"), "1");
}

#[test]
fn a_server_that_is_shut_down_at_once_comes_again() {
    survives(&async |server, _| server.crash(Crash::Immediate).await.expect("up again"));
}

#[test]
fn a_server_that_is_killed_comes_again() {
    survives(&async |server, _| server.crash(Crash::Kill).await.expect("up again"));
}

#[test]
fn a_server_recovers_from_a_backend_that_is_killed() {
    survives(&async |server, pid| server.kill_backend(pid).await.expect("a signal"));
}

#[test]
fn a_process_that_is_no_backend_is_left_alone() {
    let server = start();
    let own = i32::try_from(std::process::id()).expect("a pid");
    runtime().block_on(async {
        server.kill_backend(own).await.expect("nothing to do");
        server.fill_disk(own).await.expect("nothing to do");
    });
}

#[test]
fn where_a_session_sees_a_full_disk_nothing_of_it_is_kept() {
    let server = start();
    let url = server.url("postgres");
    let session = TestSession::connect(&url);
    session.run("CREATE TABLE t (a text)");
    runtime().block_on(async { server.fill_disk(session.pid()).await.expect("prlimit") });
    let fill = "INSERT INTO t SELECT repeat('x', 999) FROM generate_series(1, 999)";
    assert!(session.try_query(fill).is_err());
    // The server may have crashed: its log could not be written.
    let other = connect_again(&url);
    assert_eq!(other.query("SELECT count(*) FROM t"), "0");
    other.run(fill);
    assert_eq!(other.query("SELECT count(*) FROM t"), "999");
}

fn project() -> Project {
    let mut project = Project::throwaway();
    project.redact(r"(?m) in \d[\da-z. ]*$", " in [duration]");
    project.redact(r"PostgreSQL \d+", "PostgreSQL [major]");
    project
}

#[test]
fn a_small_plan_comes_to_the_same_end_whatever_dies() {
    let project = project();
    project
        .file("1.sql", "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n")
        .file(
            "2.sql",
            "-- segue: no-txn\nINSERT INTO t VALUES (2);\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n",
        )
        .file("3.sql", "ALTER TABLE t ADD b int NOT NULL DEFAULT 0;\n")
        .file(
            "4.sql",
            "-- segue: begin-concurrent-migration-with: 3.sql\nCREATE INDEX CONCURRENTLY t_b ON t (b);\n",
        );
    let run = project.segue(&["check", "--torture=12", "--seed", "1", "-q"]);
    let text = format!("{}--- status {}\n", run.stdout, run.status);
    assert_text(
        "what is told",
        &text,
        "
        ✓ all 4 files are valid
        ✓ no rule of `segue lint` objects
        PostgreSQL [major]
          ✓ a fresh database is made, by 4 migrations in [duration]
          ✓ a second `segue up` does nothing
          - expected schema: there is none; `segue check --write` writes it
          - stored diffs: there are none, as there is no expected schema
          ✓ sound while a concurrent migration has not run, 1 deployment in [duration]
          ✓ whatever dies, running again ends the same, 12 trials in [duration]

        all is well
        --- status 0
        ",
    );
}

#[test]
fn what_does_not_come_to_the_same_end_is_found() {
    let mut project = project();
    project.redact(
        r"(?s)seen after: .*?\n  = note: undisturbed",
        "seen after: [points]\n  = note: undisturbed",
    );
    project.redact(r"here: \d+ rows", "here: [n] rows");
    project.redact("digest [0-9a-f]{32}", "digest [digest]");
    // It says that it may run twice, and that is not true; six times, so that
    // some of the points hit one.
    let mut file =
        String::from("-- segue: no-txn\n-- segue: rerunnable\nCREATE TABLE t (a text);\n");
    for letter in ["a", "b", "c", "d", "e", "f"] {
        writeln!(
            file,
            "DO $$ BEGIN INSERT INTO t VALUES ('{letter}'); COMMIT; END $$;"
        )
        .expect("a string");
    }
    project.file("1.sql", &file);
    let run = project.segue(&["check", "--torture=18", "--seed", "1", "-q"]);
    let text = format!("{}--- status {}\n", run.stdout, run.status);
    assert_text(
        "what is told",
        &text,
        "
        ✓ the only file is valid
        ✓ no rule of `segue lint` objects
        PostgreSQL [major]
          ✓ a fresh database is made, by 1 migration in [duration]
          ✓ a second `segue up` does nothing
          - expected schema: there is none; `segue check --write` writes it
          - stored diffs: there are no concurrent migrations
          - deployments without concurrent migrations: there are no concurrent migrations
          ✗ after a fault, running again does not end the same, 18 trials in [duration]

        error[resumed-differently]: after a fault, `public.t` has not the rows of an undisturbed run
          = note: seen after: [points]
          = note: undisturbed: 6 rows, digest [digest]
          = note: here: [n] rows, digest [digest]
          = help: `--seed 1` with the same number of points tries the same ones again

        1 finding
        --- status 1
        ",
    );
}

#[test]
fn nothing_is_tortured_while_something_else_is_wrong() {
    let project = project();
    project.file("1.sql", "CREATE TABLE t (a nothing);\n");
    let run = project.segue(&["check", "--torture", "-q"]);
    let line = run.stdout.lines().find(|line| line.contains("torture"));
    assert_eq!(line, Some("  - torture: once nothing else is found"));
    assert_eq!(run.status, 1);
}
