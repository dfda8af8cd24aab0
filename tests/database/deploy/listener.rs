//! `segue wait`: lost connections, failures, runners that are gone.

use std::time::{Duration, Instant};

use super::{gated, open, project_on, shut, wait_at_gate, wait_for_rows};
use crate::support::{Background, Project, Proxy, TestDatabase, TestSession, wait_until};

/// A batch that waits while somebody holds advisory lock 1, polled: a
/// `lock_timeout` would end it otherwise.
fn held_batch(project: &Project) {
    project.file(
        "1-slow.sql",
        "DO $$ BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(1) LOOP\n\
         PERFORM pg_sleep(0.01); END LOOP; END $$;\n",
    );
}

/// A wait that was over; what it told on the way depends on when it looked.
#[track_caller]
fn reached(run: Background<'_>, expected: &str) {
    let run = run.wait();
    assert_eq!(
        (run.stdout.as_str(), run.status),
        (expected, 0),
        "{}",
        run.stderr
    );
}

#[test]
fn started_in_the_middle_and_its_session_is_ended() {
    let database = TestDatabase::new();
    let mut project = gated(&database);
    project.redact(r"lost \([^)]+\)", "lost ([reason])");
    let holder = shut(&database, &[1]);
    let up = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    project
        .segue(&["wait", "ready", "--timeout", "5s"])
        .expect("ready: deployment 1", "", 0);
    let proxy = Proxy::new(&database);
    let mut command = project.command(&["wait", "settled", "--timeout", "30s"]);
    let url = format!("{}&application_name=listener", proxy.url());
    command.env("DATABASE_URL", url);
    let settled = project.spawn_command(command);
    settled.wait_for_stderr("its tail is not done");
    proxy.cut();
    let listens_again = |times: usize| {
        wait_until("it to listen again", || {
            settled.stderr().matches("its tail is not done").count() > times
        });
    };
    listens_again(1);
    // The server ends it, too.
    let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'listener'";
    // With it, perhaps, the second one by which a pooler is looked for.
    assert_ne!(database.query(end), "0");
    listens_again(2);
    let began = Instant::now();
    open(&holder);
    up.wait().expect_success();
    settled.wait().expect(
        "
        settled: deployment 1
        ",
        "
        Waiting deployment 1 is ready; its tail is not done: `2-index.sql`
        Waiting the connection was lost ([reason])
        Waiting deployment 1 is ready; its tail is not done: `2-index.sql`
        Waiting the connection was lost ([reason])
        Waiting deployment 1 is ready; its tail is not done: `2-index.sql`
        ",
        0,
    );
    // Told by the notification, or by the next look.
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_deployment_whose_runner_is_killed_is_told_within_seconds() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    held_batch(&project);
    let holder = shut(&database, &[1]);
    let up = project.spawn(&["up"]);
    wait_for_rows(
        &database,
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    );
    let waiting = project.spawn(&["wait", "--timeout", "30s"]);
    waiting.wait_for_stderr("under way");
    up.kill();
    up.wait();
    let began = Instant::now();
    waiting.wait_for_stderr("abandoned, its runner is gone");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    open(&holder);
    project.segue(&["up"]).expect_success();
    reached(waiting, "ready: deployment 2\n");
}

#[test]
fn strangers_notifications_fool_nobody() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1-table.sql", "CREATE TABLE t (a int);\n");
    let mut waiting = project.spawn(&["wait", "--timeout", "30s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    for payload in [
        "",
        "garbage",
        "{",
        "[1]",
        r#"{"version": 1, "project": "main", "event": "ready", "deployment": 1, "migration": "1-table.sql"}"#,
        r#"{"version": 1, "project": "main", "event": "failed", "deployment": 1, "migration": "1-table.sql"}"#,
    ] {
        database.run(&format!("NOTIFY segue, '{payload}'"));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.has_ended(), "{}", waiting.stderr());
    project.segue(&["up", "-q"]).expect("", "", 0);
    reached(waiting, "ready: deployment 1\n");
}

#[test]
fn a_database_that_is_not_there_yet_is_waited_for() {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    project.file("1-table.sql", "CREATE TABLE t (a int);\n");
    let late = format!("{}_late", database.name());
    project.env("DATABASE_URL", database.server().url(&late));
    let waiting = project.spawn(&["wait", "--timeout", "30s"]);
    waiting.wait_for_stderr("does not exist");
    let admin = TestSession::connect(&database.server().url("postgres"));
    admin.run(&format!("CREATE DATABASE {late}"));
    let up = project.segue(&["up", "-q"]);
    let waited = waiting.wait();
    admin.run(&format!("DROP DATABASE {late} WITH (FORCE)"));
    up.expect("", "", 0);
    assert_eq!(
        (waited.stdout.as_str(), waited.status),
        ("ready: deployment 1\n", 0)
    );
}

#[test]
fn a_failed_tail_ends_a_wait_for_settled() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let up = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    let settled = project.spawn(&["wait", "settled", "--timeout", "30s"]);
    settled.wait_for_stderr("its tail is not done");
    database.run(&format!("SELECT pg_cancel_backend({pid})"));
    assert_eq!(up.wait().status, 6);
    settled.wait().expect(
        "",
        "
             Waiting deployment 1 is ready; its tail is not done: `2-index.sql`
        error: concurrent migration `2-index.sql` failed: canceling statement due to user request
        help: `segue status` says what stands; `segue up` tries again
        ",
        1,
    );
    open(&holder);
    project
        .segue(&["wait", "settled", "--timeout", "1s"])
        .expect(
            "",
            "
                 Waiting deployment 1 is ready; its tail is not done: `2-index.sql`
            error: not settled after [duration]
            note: deployment 1 is ready; its tail is not done: `2-index.sql`
            help: `--timeout` sets how long to wait
            ",
            5,
        );
}
