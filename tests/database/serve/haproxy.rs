//! A real HAProxy asks.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use super::{Served, project};
use crate::support::{HaProxy, PATIENCE, Proxy, TestDatabase, http, wait_until};

/// Waits until both backends are in these states.
#[track_caller]
fn wait_for(haproxy: &HaProxy, agent: &str, checked: &str) {
    wait_until(&format!("{agent} and {checked}"), || {
        let now = (
            haproxy.stat("agent", "app", "status"),
            haproxy.stat("checked", "app", "status"),
        );
        now == (agent.to_owned(), checked.to_owned())
    });
}

#[test]
fn haproxy_opens_and_drains_by_agent_check_and_by_httpchk() {
    let database = TestDatabase::new();
    let project = project(&database);
    let served = Served::start(&project, &[]);
    let haproxy = HaProxy::start(&format!(
        "backend agent\n    \
         server app {http} agent-check agent-addr {addr} agent-port {port} agent-inter 50ms\n\
         backend checked\n    option httpchk GET /ready\n    \
         server app {http} check inter 50ms fall 1 rise 1\n",
        http = served.http,
        addr = served.agent.ip(),
        port = served.agent.port(),
    ));
    wait_for(&haproxy, "DOWN (agent)", "DOWN");
    assert_eq!(
        haproxy.stat("agent", "app", "last_agt"),
        "via agent : down (1 migration pending: `1-t.sql`; nobody works on it yet)"
    );
    project.segue(&["up"]).expect_success();
    wait_for(&haproxy, "no check", "UP");
    // As a backup from before the deployment has it.
    database.run("TRUNCATE segue.migration, segue.deployment CASCADE; DROP TABLE t");
    wait_for(&haproxy, "DRAIN (agent)", "DOWN");
    database.run("DROP SCHEMA segue CASCADE");
    project.segue(&["up"]).expect_success();
    wait_for(&haproxy, "no check", "UP");
    // The agent would take it back at once.
    haproxy.command("disable agent agent/app");
    wait_until("maintenance", || {
        // One more answer of the agent may be under way.
        haproxy.command("set server agent/app state maint");
        std::thread::sleep(Duration::from_millis(300));
        haproxy.stat("agent", "app", "status") == "MAINT"
    });
    drop(served);
    // Nobody to ask says nothing.
    assert_eq!(haproxy.stat("agent", "app", "status"), "MAINT");
}

/// Else a restart of `segue serve` would take back for a moment what the one
/// before it has said.
#[test]
fn the_agent_says_nothing_before_the_first_look() {
    let database = TestDatabase::new();
    let mut project = project(&database);
    project.segue(&["up"]).expect_success();
    let proxy = Proxy::new(&database);
    project.env("DATABASE_URL", proxy.url());
    proxy.hold();
    let served = Served::start(&project, &[]);
    let mut stream = http::connect(served.agent);
    let soon = Some(Duration::from_millis(300));
    stream.set_read_timeout(soon).expect("a timeout");
    let mut line = [0; 1];
    let early = stream.read(&mut line).expect_err("nothing is known yet");
    assert_eq!(early.kind(), ErrorKind::WouldBlock);
    proxy.release();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut line = String::new();
    stream.read_to_string(&mut line).expect("a line");
    assert_eq!(line, "up ready #deployment 1 is settled\n");
}
