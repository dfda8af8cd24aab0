//! What is told follows the database.

use serde_json::json;

use super::{INDEX, Served, project};
use crate::support::{TestDatabase, http, wait_until};

#[test]
fn readiness_comes_with_the_deployment() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    assert_eq!(
        served.check(),
        "down #1 migration pending: `1-t.sql`; nobody works on it yet\n"
    );
    project.segue(&["up"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
    assert_eq!(served.check(), "up ready #deployment 1 is settled\n");
    let answer = served.get("/ready");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut body = answer.json();
    body["since"] = json!("[time]");
    body["seen_at"] = json!("[time]");
    assert_eq!(
        body,
        json!({
            "version": 1,
            "project": "main",
            "goal": "ready",
            "ready": true,
            "reason": "deployment 1 is settled",
            "state": "settled",
            "since": "[time]",
            "deployment": 1,
            "schema_version": null,
            "seen_at": "[time]",
            "stale": null,
        })
    );
    let told = project.segue(&["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    let mut status = served.get("/status").json();
    let fields = status.as_object_mut().expect("an object");
    assert!(fields.remove("served").is_some());
    let text = served.process.redacted(&status.to_string());
    assert_eq!(text, served.process.redacted(&told.to_string()));
}

#[test]
fn what_is_told_on_standard_error_has_a_line_per_change() {
    let database = TestDatabase::new();
    let mut project = project(&database);
    project.redact(r"127\.0\.0\.1:\d+", "[address]");
    project.file("2-i.sql", INDEX);
    let served = project.spawn(&["serve", "--listen", "127.0.0.1:0", "--agent", "127.0.0.1:0"]);
    served.wait_for_stderr("Not ready");
    project.segue(&["up"]).expect_success();
    served.wait_for_stderr("is settled");
    served.signal(nix::sys::signal::Signal::SIGTERM);
    let run = served.wait();
    // The looks may fall anywhere: what lies between the first and the last
    // line depends on it.
    let lines: Vec<&str> = run.stderr.lines().map(str::trim_start).collect();
    assert_eq!(
        (lines.first(), lines.get(1), lines.get(2), lines.last()),
        (
            Some(&"Listening http://[address]"),
            Some(&"agent-check on [address]"),
            Some(&"Not ready 1 migration pending: `1-t.sql`; nobody works on it yet"),
            Some(&"Ready deployment 1 is settled"),
        ),
        "{}",
        run.stderr
    );
    assert_eq!((run.stdout.as_str(), run.status), ("", 0));
}

#[test]
fn a_database_that_is_restored_to_before_drains() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let served = Served::start(&project, &[]);
    served.wait_for_ready("200 ready: deployment 1 is settled");
    // As a backup from before the deployment has it.
    database.run("TRUNCATE segue.migration, segue.deployment CASCADE; DROP TABLE t");
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    assert_eq!(
        served.check(),
        "up drain #1 migration pending: `1-t.sql`; nobody works on it yet\n"
    );
    database.run("DROP SCHEMA segue CASCADE");
    project.segue(&["up"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
    assert_eq!(served.check(), "up ready #deployment 1 is settled\n");
}

#[test]
fn ready_and_settled_are_two_goals() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    project.file("2-i.sql", INDEX);
    let (ready, settled) = (
        Served::start(&project, &[]),
        Served::start(&project, &["--goal", "settled"]),
    );
    ready.wait_for_ready("200 ready: deployment 1 is ready");
    settled.wait_for_ready("503 not ready: deployment 1 is ready; its tail is not done: `2-i.sql`");
    project.segue(&["up"]).expect_success();
    settled.wait_for_ready("200 ready: deployment 2 is settled");
}

#[test]
fn what_others_notify_changes_nothing() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let waiting = "503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet";
    served.wait_for_ready(waiting);
    let mut events = http::Events::open(served.http, "/events", "");
    let first = events.next().expect("the present state");
    assert_eq!(first.event, "status");
    let looks = || {
        let metrics = served.get("/metrics").body;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("segue_looks_total"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0)
    };
    let before: u64 = looks();
    let payload = json!({
        "version": 1, "project": "main", "event": "ready", "deployment": 7,
        "migration": "1-t.sql", "schema_version": null, "fingerprint": "sha256:",
    });
    database.run(&format!("SELECT pg_notify('segue', '{payload}')"));
    wait_until("three more looks", || looks() >= before + 3);
    assert_eq!(served.ready(), waiting);
    project.segue(&["up"]).expect_success();
    // Nothing came of it to be told in between.
    let next = events.next().expect("the next change");
    assert!(
        next.event != "ready" || next.data["served"]["deployment"] == 1,
        "{next:?}"
    );
}
