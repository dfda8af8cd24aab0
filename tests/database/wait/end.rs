//! Reached, failed, superseded and timed out are told apart.

use super::{concurrent, project_on, reached};
use crate::support::{Project, TestDatabase};

/// What `--json` prints, without the times.
fn json(stdout: &str) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(stdout).expect("JSON");
    for time in ["ready_at", "settled_at"] {
        if value[time].is_string() {
            value[time] = "[time]".into();
        }
    }
    value
}

#[test]
fn json_says_how_it_ended() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let timed_out = project.segue(&["wait", "--json", "--timeout", "300ms", "-q"]);
    assert_eq!(timed_out.status, 5);
    assert_eq!(
        json(&timed_out.stdout),
        serde_json::json!({
            "version": 1, "project": "main", "state": "ready", "migration": null,
            "outcome": "timed_out", "reason": "not ready after [t]",
            "deployment": null, "schema_version": null, "ready_at": null, "settled_at": null, "superseded_by": null,
        })
    );
    project.file("1-t.sql", "CREATE TABLE t (a nonsense);\n");
    let waiting = project.spawn(&["wait", "--json", "--timeout", "30s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    assert_eq!(project.segue(&["up"]).status, 4);
    let failed = waiting.wait();
    assert_eq!(failed.status, 1);
    let failed = json(&failed.stdout);
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(
        failed["reason"],
        "deployment 1 failed: type \"nonsense\" does not exist"
    );
    project.file("1-t.sql", super::TABLE);
    project.segue(&["up"]).expect_success();
    let reached = project.segue(&["wait", "settled", "--json"]);
    assert_eq!(reached.status, 0);
    assert_eq!(
        json(&reached.stdout),
        serde_json::json!({
            "version": 1, "project": "main", "state": "settled", "migration": null,
            "outcome": "reached", "reason": null,
            "deployment": 2, "schema_version": null, "ready_at": "[time]", "settled_at": "[time]", "superseded_by": null,
        })
    );
}

/// Two branches on one database: the other one is later, and first.
#[test]
fn a_later_folder_supersedes_and_ours_may_still_come() {
    let database = TestDatabase::new();
    let ours = project_on(&database);
    ours.file("2-ours.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let theirs = project_on(&database);
    theirs.file("3-theirs.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    let waiting = ours.spawn(&["wait", "--timeout", "60s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    theirs.segue(&["up"]).expect_success();
    waiting.wait_for_stderr("superseded");
    let superseded = "1 migration pending: `2-ours.sql`; deployment 1, of a later folder, is ready without it: superseded, unless another `segue up` brings it";
    ours.segue(&["wait", "--timeout", "3s"]).expect(
        "",
        &format!(
            "
                 Waiting {superseded}
            error: not ready after [t]: superseded by deployment 1, of a later folder
            note: {superseded}
            help: `segue up` with these files would still bring what is pending
            "
        ),
        1,
    );
    let run = ours.segue(&["wait", "--timeout", "3s", "--json"]);
    let told = json(&run.stdout);
    assert_eq!(
        (&told["outcome"], &told["superseded_by"], run.status),
        (&"superseded".into(), &1.into(), 1)
    );
    // A rollback to before both is neither pending nor superseded.
    let before = project_on(&database);
    before
        .segue(&["wait", "settled"])
        .expect("settled: deployment 1", "", 0);
    ours.segue(&["up"]).expect_success();
    reached(waiting, "ready: deployment 2\n");
    theirs
        .segue(&["wait", "settled"])
        .expect("settled: deployment 2", "", 0);
}

#[test]
fn a_tail_that_a_later_folder_has_left_out_is_superseded() {
    let database = TestDatabase::new();
    let ours = project_on(&database);
    ours.file(
        "2-i.sql",
        &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
    );
    ours.segue(&["up", "--until", "ready"]).expect_success();
    let theirs: Project = project_on(&database);
    theirs.file("3-theirs.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    theirs.segue(&["up"]).expect_success();
    ours.segue(&["wait"]).expect("ready: deployment 2", "", 0);
    let run = ours.segue(&["wait", "settled", "--timeout", "3s", "--json"]);
    assert_eq!(
        (json(&run.stdout)["outcome"].as_str(), run.status),
        (Some("superseded"), 1),
        "{}",
        run.stderr
    );
    ours.segue(&["settle"]).expect_success();
    ours.segue(&["wait", "settled"])
        .expect("settled: deployment 2", "", 0);
}

#[test]
fn no_time_is_one_look() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let once = ["wait", "--timeout", "0s"];
    project.segue(&once).expect(
        "",
        "
             Waiting 1 migration pending: `1-t.sql`; nobody works on it yet
        error: not ready after [t]
        note: 1 migration pending: `1-t.sql`; nobody works on it yet
        help: `--timeout` sets how long to wait
        ",
        5,
    );
    project.segue(&["up"]).expect_success();
    project.segue(&once).expect("ready: deployment 1\n", "", 0);
    let nobody = ["--database-url", "host=127.0.0.1 port=1 user=u dbname=d"];
    let run = project.segue(&[&once[..], &nobody[..]].concat());
    assert_eq!((run.status, run.stdout.as_str()), (5, ""), "{}", run.stderr);
}
