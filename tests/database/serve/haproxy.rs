//! A real HAProxy asks.

use super::{Served, project};
use crate::support::{HaProxy, TestDatabase, wait_until};

/// Waits until both backends are in these states.
#[track_caller]
fn wait_for(haproxy: &HaProxy, agent: &str, checked: &str) {
    let mut last = (String::new(), String::new());
    wait_until(&format!("{agent} and {checked}"), || {
        let now = (
            haproxy.stat("agent", "app", "status"),
            haproxy.stat("checked", "app", "status"),
        );
        if now != last {
            eprintln!("{now:?}");
            last.clone_from(&now);
        }
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
    // Maintenance is the operator's alone: nobody is asked while it lasts.
    haproxy.command("set server agent/app state maint");
    wait_until("a look at the agent after it", || {
        haproxy.stat("agent", "app", "status") == "MAINT"
    });
    drop(served);
    // Nobody to ask says nothing.
    assert_eq!(haproxy.stat("agent", "app", "status"), "MAINT");
}
