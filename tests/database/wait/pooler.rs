//! Through PgBouncer, whose modes decide whether anything can be heard.

use super::{project_on, reached};
use crate::support::{PgBouncer, TestDatabase, wait_until};

/// Starts two waits through the pooler, before anything is there, and deploys
/// past it.
fn check(mode: &str) {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &[&format!("pool_mode = {mode}")]);
    let project = project_on(&database);
    let url = pooler.url();
    let arguments = [
        "wait",
        "settled",
        "--timeout",
        "60s",
        "--database-url",
        &url,
    ];
    let waits = [project.spawn(&arguments), project.spawn(&arguments)];
    for wait in &waits {
        wait.wait_for_stderr("nobody works on it yet");
    }
    project.segue(&["up"]).expect_success();
    for wait in waits {
        reached(wait, "settled: deployment 1\n");
    }
    // Whoever is given these processes next hears nothing of ours.
    let channels = "SELECT count(*) FROM pg_listening_channels()";
    assert_eq!(pooler.session().query(channels), "0", "{mode}");
}

#[test]
fn session_mode() {
    check("session");
}

#[test]
fn transaction_mode_is_polled() {
    check("transaction");
}

#[test]
fn statement_mode_is_polled() {
    check("statement");
}

#[test]
fn a_pooler_that_restarts_is_waited_for() {
    let database = TestDatabase::new();
    let mut pooler = PgBouncer::start(&database, &["pool_mode = transaction"]);
    let project = project_on(&database);
    let waiting = project.spawn(&["wait", "--timeout", "60s", "--database-url", &pooler.url()]);
    waiting.wait_for_stderr("nobody works on it yet");
    pooler.stop();
    wait_until("the loss to be told", || {
        let told = waiting.stderr();
        told.contains("the connection was lost") || told.contains("no server accepts")
    });
    project.segue(&["up"]).expect_success();
    pooler.restart();
    reached(waiting, "ready: deployment 1\n");
}
