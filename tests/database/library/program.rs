//! `examples/library`: a whole program that brings its migrations along.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::{Background, Project, SEGUE, TestDatabase, assert_text, wait_until};

/// The program, built if it is not.
fn program() -> PathBuf {
    // `target/debug/segue`, or where else the tests are built.
    let profile = Path::new(SEGUE).parent().expect("a folder");
    let name = profile.file_name().expect("a profile").to_str();
    let mut build = Command::new(env!("CARGO"));
    build
        .args([
            "build",
            "--quiet",
            "--package",
            "migrate-at-start",
            "--target-dir",
        ])
        .arg(profile.parent().expect("the target folder"))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if name == Some("release") {
        build.arg("--release");
    }
    let output = build.output().expect("cargo");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    profile.join("migrate-at-start")
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/library/migrations");

fn start<'a>(project: &'a Project, program: &Path, database: &TestDatabase<'_>) -> Background<'a> {
    let mut command = Command::new(program);
    // Nothing else, of the environment least of all.
    command
        .env_clear()
        .env("DATABASE_URL", database.url())
        .env("LISTEN", "127.0.0.1:0");
    project.spawn_command(command)
}

/// The first release is there, with rows, so that the index of the second one
/// is built after ready.
fn released(project: &Project) {
    let name = "2026-01-01-00-00-00-notes.sql";
    let text = std::fs::read_to_string(Path::new(FOLDER).join(name)).expect("a file");
    project.file(name, &text);
    project.segue(&["up"]).expect_success();
}

#[test]
fn it_serves_while_the_index_is_built_and_prints_nothing_of_its_own() {
    let program = program();
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.redact(r"127\.0\.0\.1:\d+", "[address]");
    released(&project);
    // In the way of the build, not of the batch.
    let snapshot = database.session();
    snapshot.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class");

    let server = start(&project, &program, &database);
    server.wait_for_stdout("serving on");
    server.wait_for_stderr("running `2026-01-02-00-00-01-author-index.sql`");
    let valid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('notes_author') \
                 AND indisvalid";
    assert_eq!(database.query(valid), "0");
    snapshot.run("COMMIT");
    server.wait_for_stderr("is settled");
    server.signal(Signal::SIGTERM);
    let run = server.wait();
    assert_eq!(run.status, 0);
    assert_eq!(run.stdout, "serving on [address]\nsettled\n");
    let told = regex::Regex::new("(?m)^(waiting for|`.*`: ).*\n").expect("a pattern");
    assert_text(
        "events",
        &told.replace_all(&run.stderr, ""),
        "to apply: `2026-01-02-00-00-00-author.sql`; after ready: `2026-01-02-00-00-01-author-index.sql`\n\
         committed 1 migration in [t]\n\
         deployment 2 is ready\n\
         to do after ready: `2026-01-02-00-00-01-author-index.sql`\n\
         running `2026-01-02-00-00-01-author-index.sql`\n\
         `2026-01-02-00-00-01-author-index.sql` is done, after [t]\n\
         deployment 2 is settled\n",
    );
    assert_eq!(database.query(valid), "1");
}

#[test]
fn ten_replicas_start_at_once() {
    let program = program();
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    released(&project);
    let replicas: Vec<_> = (0..10)
        .map(|_| start(&project, &program, &database))
        .collect();
    for replica in &replicas {
        replica.wait_for_stdout("serving on");
    }
    // One of them dies, at work or not.
    replicas[0].kill();
    // Who finds it settled already says nothing of it.
    wait_until("the tail to be done", || {
        database.query("SELECT state FROM segue.deployment ORDER BY id DESC LIMIT 1") == "settled"
    });
    let mut committed = 0;
    for (index, replica) in replicas.into_iter().enumerate() {
        if index > 0 {
            replica.signal(Signal::SIGTERM);
        }
        let run = replica.wait();
        committed += run.stderr.matches("committed 1 migration").count();
        assert_eq!(
            run.status,
            if index == 0 { 137 } else { 0 },
            "{}",
            run.stderr
        );
    }
    assert_eq!(committed, 1);
    assert_eq!(database.query("SELECT count(*) FROM notes"), "1000");
    assert_eq!(
        database.query("SELECT count(*), min(state), max(state) FROM segue.migration"),
        "3|applied|applied"
    );
}

#[test]
fn a_server_that_is_away_is_told_with_its_exit_status() {
    let program = program();
    let project = Project::new();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(
            "DATABASE_URL",
            "postgres://app:secret@127.0.0.1:1/app?target_session_attrs=nonsense",
        )
        .env("LISTEN", "127.0.0.1:0");
    let run = project.output_of(&mut command);
    assert_eq!((run.stdout.as_str(), run.status), ("", 2));
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
}
