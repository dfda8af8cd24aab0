//! What others see of a deployment: its sessions, and its notifications.

use std::time::Duration;

use serde_json::Value;

use super::{concurrent, expect_done, project_on, wait_for_rows};
use crate::support::{TestDatabase, wait_for};

#[test]
fn no_session_of_ours_is_in_the_way_of_the_build() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let writer = database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    // The second one waits for the first one, and a listener for both.
    let first = project.spawn(&["settle"]);
    wait_for_rows(
        &database,
        "SELECT 1 FROM segue.progress WHERE waits_for IS NOT NULL",
    );
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    let listener = project.spawn(&["wait", "settled"]);
    listener.wait_for_stderr("Waiting");
    let looker = database.session();
    let sessions = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name LIKE 'segue%'";
    assert!(looker.query(sessions).parse::<u32>().expect("a number") >= 4);
    let in_the_way = "SELECT pid, xact_start, application_name, state, wait_event, query FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name LIKE 'segue%' \
          AND query NOT LIKE 'CREATE INDEX%' \
          AND (state LIKE 'idle in transaction%' OR wait_event = 'advisory' \
               OR backend_xmin IS NOT NULL AND clock_timestamp() - xact_start > interval '1 s')";
    // Over two of everybody's polls.
    for _ in 0..20 {
        assert_eq!(looker.query(in_the_way), "");
        std::thread::sleep(Duration::from_millis(60));
    }
    writer.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    listener.wait().expect_success();
    expect_done(&project, &database);
}

#[test]
fn each_state_is_told_on_channel_segue() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project
        .file("1-table.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    let listener = database.session();
    listener.run("LISTEN segue");
    let told = || {
        let told = wait_for("a notification", || {
            listener.notification(Duration::from_millis(10))
        });
        assert_eq!(told.0, "segue");
        serde_json::from_str::<Value>(&told.1).expect("JSON")
    };
    project.segue(&["up"]).expect_success();
    let fingerprint = database.query("SELECT fingerprint FROM segue.deployment");
    for event in ["ready", "settled"] {
        assert_eq!(
            told(),
            serde_json::json!({
                "version": 1,
                "project": "main",
                "event": event,
                "deployment": 1,
                "migration": "2-index.sql",
                "schema_version": null,
                "fingerprint": fingerprint,
            })
        );
    }
    project.file("3-bad.sql", "SELECT 1/0;\n");
    assert_eq!(project.segue(&["up"]).status, 4);
    let failed = told();
    assert_eq!(
        (
            &failed["event"],
            &failed["deployment"],
            &failed["migration"]
        ),
        (&"failed".into(), &2.into(), &"3-bad.sql".into())
    );
    assert_eq!(listener.notification(Duration::from_millis(100)), None);
}
