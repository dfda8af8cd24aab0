//! `/events`: what changes, as it changes.

use serde_json::{Value, json};

use super::{INDEX, Served, project};
use crate::support::{TestDatabase, http, wait_until};

/// State, readiness and what runs, of a message's data.
fn told(message: &http::Message) -> Value {
    let served = &message.data["served"];
    json!([message.event, served["state"], served["ready"]])
}

#[test]
fn a_deployment_is_told_from_pending_to_settled() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.file("2-i.sql", INDEX);
    let served = Served::start(&project, &[]);
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    let mut events = http::Events::open(served.http, "/events", "");
    assert_eq!(
        told(&events.next().expect("the present state")),
        json!(["status", "pending", false])
    );
    // A writer of the table holds the build up.
    project.segue(&["up", "--until", "ready"]).expect_success();
    assert_eq!(
        told(&events.until("ready")),
        json!(["ready", "ready", true])
    );
    let writer = database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let settling = project.spawn(&["settle"]);
    let waiting = loop {
        let message = events.next().expect("progress");
        let waits_for = &message.data["migrations"][0]["progress"]["waits_for"];
        if waits_for.as_str().is_some_and(|text| !text.is_empty()) {
            break message;
        }
    };
    assert_eq!(waiting.event, "progress");
    let waits_for = waiting.data["migrations"][0]["progress"]["waits_for"].as_str();
    let pid = writer.pid();
    assert!(
        waits_for.is_some_and(|text| text.contains(&pid.to_string())),
        "{waits_for:?} names {pid}"
    );
    let blockers = || {
        let metrics = served.get("/metrics").body;
        metrics
            .lines()
            .any(|line| line == r#"segue_tail_blocked{project="main",migration="2-i.sql"} 1"#)
    };
    assert!(blockers(), "{}", served.get("/metrics").body);
    writer.run("COMMIT");
    settling.wait().expect_success();
    assert_eq!(
        told(&events.until("settled")),
        json!(["settled", "settled", true])
    );
}

#[test]
fn who_comes_back_hears_the_present_state_at_once() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    served.wait_for_ready("503 not ready: 1 migration pending: `1-t.sql`; nobody works on it yet");
    let mut events = http::Events::open(served.http, "/events", "");
    let last = events.next().expect("the present state");
    events.close();
    project.segue(&["up"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
    let header = format!("Last-Event-ID: {}\r\n", last.id);
    let mut events = http::Events::open(served.http, "/events", &header);
    let now = events.next().expect("the present state");
    assert_eq!(told(&now), json!(["status", "settled", true]));
    assert_ne!(now.id, last.id);
}

#[test]
fn a_failed_deployment_is_told() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.file("2-x.sql", "SELECT 1 / 0;\n");
    let served = Served::start(&project, &[]);
    served.wait_for_ready(
        "503 not ready: 2 migrations pending: `1-t.sql` and `2-x.sql`; nobody works on it yet",
    );
    let mut events = http::Events::open(served.http, "/events", "");
    assert_eq!(project.segue(&["up"]).status, 4);
    let failed = events.until("failed");
    assert_eq!(told(&failed), json!(["failed", "failed", false]));
    served.wait_for_ready("503 not ready: deployment 1 failed: division by zero");
}

#[test]
fn a_client_that_reads_nothing_holds_nobody_up() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let idle: Vec<_> = (0..20)
        .map(|_| http::Events::open(served.http, "/events", ""))
        .collect();
    project.segue(&["up"]).expect_success();
    served.wait_for_ready("200 ready: deployment 1 is settled");
    for mut events in idle {
        // However late it reads, it comes to the newest state.
        wait_until("the newest state", || {
            events.next().expect("it goes on").data["served"]["state"] == "settled"
        });
    }
}
