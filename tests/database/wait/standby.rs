//! On a standby that streams: what it shows, it has replayed.

use std::time::Duration;

use super::{TABLE, reached};
use crate::standby::Pair;
use crate::support::{TestSession, wait_until};

/// A primary that `DATABASE_URL` leads to, its standby, and a file.
fn pair() -> Pair {
    let mut pair = Pair::new();
    pair.project
        .env("DATABASE_URL", pair.primary.socket("postgres"));
    pair.project.file("1-t.sql", TABLE);
    pair
}

#[test]
fn ready_on_the_primary_is_not_ready_on_a_standby_that_lags() {
    let pair = pair();
    let (project, url) = (&pair.project, pair.standby.socket("postgres"));
    project.segue(&["up"]).expect_success();
    pair.replayed();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let standby = pair.on_standby();
    standby.run("SELECT pg_wal_replay_pause()");
    let arguments = ["wait", "--timeout", "60s", "--database-url", &url];
    let mut waiting = project.spawn(&arguments);
    waiting.wait_for_stderr("`2-u.sql`; nobody works on it yet");
    project.segue(&["up"]).expect_success();
    project
        .segue(&["wait"])
        .expect("ready: deployment 2", "", 0);
    // More than the time between two looks.
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!waiting.has_ended(), "{}", waiting.stderr());
    assert_eq!(standby.query("SELECT to_regclass('u') IS NULL"), "t");
    standby.run("SELECT pg_wal_replay_resume()");
    reached(waiting, "ready: deployment 2\n");
    assert_eq!(standby.query("SELECT count(*) FROM u"), "0");
}

#[test]
fn a_standby_that_is_promoted_is_listened_to() {
    let pair = pair();
    let (project, url) = (&pair.project, pair.standby.socket("postgres"));
    project.segue(&["up"]).expect_success();
    pair.replayed();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let waiting = project.spawn(&["wait", "--timeout", "60s", "--database-url", &url]);
    waiting.wait_for_stderr("`2-u.sql`; nobody works on it yet");
    pair.primary.control("stop");
    pair.standby.control("promote");
    let session = pair.on_standby();
    wait_until("it to listen", || {
        session.query("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN segue'") == "1"
            || session.query(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'object' \
                 AND classid = 'pg_database'::regclass AND objid = 0",
            ) != "0"
            || !waiting.stderr().is_empty()
    });
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
    let run = waiting.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
}

#[test]
fn a_runner_that_dies_on_the_primary_is_missed_on_the_standby() {
    let pair = pair();
    let (project, url) = (&pair.project, pair.standby.socket("postgres"));
    project.segue(&["up"]).expect_success();
    let primary = TestSession::connect(&pair.primary.socket("postgres"));
    project.file(
        "2-slow.sql",
        "SELECT pg_sleep(14);\nSELECT pg_sleep(300);\n",
    );
    let up = project.spawn(&["up"]);
    let beats =
        "SELECT count(*) FROM segue.progress WHERE file = '' AND phase = 'batch of deployment 2'";
    wait_until("a sign of life", || primary.query(beats) == "1");
    pair.replayed();
    let waiting = project.spawn(&["wait", "--timeout", "100s", "--database-url", &url]);
    waiting.wait_for_stderr("deployment 2 is under way");
    // It lives, for longer than a silence may last.
    wait_until("the second statement", || {
        primary.query(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(300)%' AND state = 'active'",
        ) == "1"
    });
    assert!(
        !waiting.stderr().contains("abandoned"),
        "{}",
        waiting.stderr()
    );
    up.kill();
    up.wait();
    wait_until("it to be missed", || {
        // The primary is not idle.
        primary.run("SELECT pg_current_xact_id()");
        waiting.stderr().contains("seems abandoned")
    });
    assert!(
        waiting.stderr().contains(
            "deployment 2 seems abandoned: its runner has given no sign of life for more than [duration]"
        ),
        "{}",
        waiting.stderr()
    );
    project.file("2-slow.sql", "SELECT 1;\n");
    project.segue(&["up"]).expect_success();
    reached(waiting, "ready: deployment 3\n");
}
