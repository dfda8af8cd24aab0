//! On a standby that streams: what it shows, it has replayed.

use std::time::Duration;

use super::{TABLE, reached};
use crate::connect::server::Server;
use crate::support::{Project, TestSession, wait_until};

const HBA: &str = "local all all trust\nlocal replication all trust\n";

struct Pair {
    primary: Server,
    standby: Server,
    project: Project,
}

impl Pair {
    fn new() -> Self {
        let primary = Server::start(HBA, None);
        let standby = primary.standby("on");
        let mut project = Project::new();
        project.env("DATABASE_URL", primary.socket("postgres"));
        project.write("segue.toml", "[up]\nfold = false\n");
        project.file("1-t.sql", TABLE);
        Self {
            primary,
            standby,
            project,
        }
    }

    fn on_standby(&self) -> TestSession {
        TestSession::connect(&self.standby.socket("postgres"))
    }

    fn replayed(&self) {
        let primary = TestSession::connect(&self.primary.socket("postgres"));
        let at = primary.query("SELECT pg_current_wal_lsn()");
        let standby = self.on_standby();
        wait_until("the standby to replay", || {
            standby.query(&format!("SELECT pg_last_wal_replay_lsn() >= '{at}'")) == "t"
        });
    }
}

#[test]
fn ready_on_the_primary_is_not_ready_on_a_standby_that_lags() {
    let pair = Pair::new();
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
    let pair = Pair::new();
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
    let pair = Pair::new();
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
