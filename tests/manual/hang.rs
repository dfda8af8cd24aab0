//! The runs of `docs/why-did-my-deployment-hang.md`, on a real server.
//! `UPDATE_EXPECTED=1` writes what they print into it.

use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::{PgBouncer, Project, TestDatabase, TestSession, wait_until};

const TABLE: &str = "2026-01-12-create-orders.sql";
const COLUMN: &str = "2026-03-02-add-email.sql";
const INDEX: &str = "2026-03-02-index-email.sql";

/// Commands and what they printed.
type Scene = Vec<(&'static str, String)>;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/why-did-my-deployment-hang.md")
}

/// A database with a table, and a folder with a column and an index for it.
fn orders(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project.redact(database.name(), "shop");
    project.file(TABLE, "CREATE TABLE orders (id bigint PRIMARY KEY);\n");
    project.segue(&["up"]).expect_success();
    project.file(COLUMN, "ALTER TABLE orders ADD COLUMN email text;\n");
    project.file(
        INDEX,
        &format!(
            "-- segue: begin-concurrent-migration-with: {COLUMN}\n\
             CREATE INDEX CONCURRENTLY orders_email ON orders (email);\n"
        ),
    );
    project
}

/// A session of somebody who looks at an old state of the database.
fn report(database: &TestDatabase<'_>) -> TestSession {
    let session = database.session();
    session.run("SET application_name = 'nightly report'");
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    session
}

/// What it printed, with one pid for all.
fn ran(run: &crate::support::Run) -> String {
    let text = format!("{}{}", run.stdout, run.stderr).replace("pid [pid]", "pid 4711");
    let pid = Regex::new(r"_backend\(\d+\)").expect("a regular expression");
    pid.replace_all(&text, "_backend(4711)").into_owned()
}

fn second_instance() -> Scene {
    let database = TestDatabase::new();
    let project = orders(&database);
    let report = report(&database);
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("Running");
    // What the second one sees of the first is the build.
    wait_until("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    report.run("COMMIT");
    first.wait().expect_success();
    let second = second.wait();
    second.expect_success();
    vec![("segue up", ran(&second))]
}

fn itself() -> Scene {
    let database = TestDatabase::new();
    let project = orders(&database);
    let run = project.segue(&["up"]);
    run.expect_success();
    vec![("segue up", ran(&run))]
}

fn old_snapshot() -> Scene {
    let database = TestDatabase::new();
    let project = orders(&database);
    let report = report(&database);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("nightly report");
    report.run("COMMIT");
    let run = run.wait();
    run.expect_success();
    vec![("segue up", ran(&run))]
}

fn lock_queue() -> Scene {
    let database = TestDatabase::new();
    let project = orders(&database);
    let report = database.session();
    report.run("SET application_name = 'nightly report'");
    report.run("BEGIN; SELECT * FROM orders");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("nightly report");
    report.run("COMMIT");
    let run = run.wait();
    run.expect_success();
    vec![("segue up", ran(&run))]
}

fn pooler() -> Scene {
    let database = TestDatabase::new();
    let mut project = orders(&database);
    let pooler = PgBouncer::start(&database, &["pool_mode = transaction"]);
    project.env("DATABASE_URL", pooler.url());
    let refused = project.segue(&["up"]);
    assert_eq!(refused.status, 2);
    let direct = project.segue(&["up", "--direct-url", &database.url()]);
    direct.expect_success();
    vec![
        ("segue up", ran(&refused)),
        ("segue up --direct-url \"$DIRECT_URL\"", ran(&direct)),
    ]
}

/// Without what differs from run to run.
fn settled(text: &str) -> String {
    let varying = [
        (r"\b\d+(\.\d+)?(ms|s|m)\b", "[duration]"),
        (r"\bpid \d+", "pid [pid]"),
    ];
    let lines = text.lines();
    let kept = lines.filter(|line| !line.trim_start().starts_with("Progress "));
    let mut kept: String = kept.flat_map(|line| [line, "\n"]).collect();
    for (pattern, replacement) in varying {
        let pattern = Regex::new(pattern).expect("a regular expression");
        kept = pattern.replace_all(&kept, replacement).into_owned();
    }
    kept
}

#[test]
fn each_run_is_a_real_one() {
    let scenes = [
        second_instance(),
        itself(),
        old_snapshot(),
        lock_queue(),
        pooler(),
    ];
    let text = std::fs::read_to_string(page()).expect("the page");
    let mut parts = text.split("```console\n");
    let mut expected = parts.next().expect("an introduction").to_owned();
    let mut count = 0;
    for (part, scene) in parts.zip(&scenes) {
        let (_, rest) = part.split_once("```\n").expect("its end");
        expected.push_str("```console\n");
        for (command, output) in scene {
            expected.extend(["$ ", command, "\n", output]);
        }
        expected.extend(["```\n", rest]);
        count += 1;
    }
    assert_eq!(count, scenes.len(), "a run of the page is missing");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(page(), expected).expect("the page is writable");
        return;
    }
    crate::support::assert_text("the page", &settled(&text), &settled(&expected));
}
