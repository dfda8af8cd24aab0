//! What a wait takes of a server.

use std::time::{Duration, Instant};

use super::{TABLE, reached};
use crate::connect::server::Server;
use crate::support::{Project, TestSession, wait_until};

/// A server that logs whatever is asked, by application.
fn server() -> (Server, Project) {
    let server = Server::start("local all all trust\n", None);
    let admin = TestSession::connect(&server.socket("postgres"));
    for setting in [
        "log_line_prefix = '%a|'",
        "log_statement = 'all'",
        "log_connections = on",
    ] {
        admin.run(&format!("ALTER SYSTEM SET {setting}"));
    }
    admin.run("SELECT pg_reload_conf()");
    let mut project = Project::new();
    project.env("DATABASE_URL", server.socket("postgres"));
    project.file("1-t.sql", TABLE);
    (server, project)
}

/// How many lines of the server's log about `waiter` contain `text`.
fn logged(server: &Server, text: &str) -> usize {
    let log = std::fs::read_to_string(server.path().join("log")).expect("a log");
    log.lines()
        .filter(|line| line.starts_with("waiter|") && line.contains(text))
        .count()
}

#[test]
fn what_is_reached_already_takes_one_connection_and_one_reading() {
    let (server, mut project) = server();
    project.segue(&["up"]).expect_success();
    project.env("PGAPPNAME", "waiter");
    project
        .segue(&["wait", "settled"])
        .expect("settled: deployment 1", "", 0);
    wait_until("the log", || logged(&server, "statement: ") >= 11);
    let log = std::fs::read_to_string(server.path().join("log")).expect("a log");
    let connections = log.matches("application_name=waiter").count();
    assert_eq!(connections, 1);
    assert_eq!(logged(&server, "LISTEN"), 0);
    // Greeting and search for the ledger one after the other; standby, version,
    // token, relations, locks, migrations, deployments, reversals and progress at once.
    assert_eq!(logged(&server, "statement: "), 11);
}

#[test]
fn a_look_at_what_has_not_changed_asks_for_no_more_than_that() {
    let (server, project) = server();
    project.segue(&["up"]).expect_success();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let mut command = project.command(&["wait", "--timeout", "60s"]);
    command.env("PGAPPNAME", "waiter");
    let waiting = project.spawn_command(command);
    waiting.wait_for_stderr("nobody works on it yet");
    // By the third poll after it has begun to listen.
    wait_until("some polls", || logged(&server, "Each change gives") >= 5);
    assert_eq!(logged(&server, "LISTEN"), 1);
    assert_eq!(logged(&server, "l.classid"), 1);
    // A change without a notification.
    let admin = TestSession::connect(&server.socket("postgres"));
    admin.run(
        "BEGIN; INSERT INTO segue.deployment (project, state, migration, fingerprint, runner, ready_at) \
         VALUES ('main', 'ready', '2-u.sql', '', '', now());\
         INSERT INTO segue.migration (project, file, checksum, kind, state, deployment) \
         SELECT 'main', '2-u.sql', checksum, 'batch', 'applied', 2 FROM segue.migration; COMMIT",
    );
    reached(waiting, "ready: deployment 2\n");
}

/// Any role may notify, as often as it likes.
#[test]
fn a_flood_of_notifications_is_no_flood_of_looks() {
    let (server, project) = server();
    project.segue(&["up"]).expect_success();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let mut command = project.command(&["wait", "--timeout", "60s"]);
    command.env("PGAPPNAME", "waiter");
    let waiting = project.spawn_command(command);
    waiting.wait_for_stderr("nobody works on it yet");
    wait_until("listening", || logged(&server, "LISTEN") == 1);
    let looks = || logged(&server, "l.classid");
    let (before, began) = (looks(), Instant::now());
    let stranger = TestSession::connect(&server.socket("postgres"));
    for _ in 0..300 {
        stranger.run("NOTIFY segue");
        std::thread::sleep(Duration::from_millis(2));
    }
    let most = began.elapsed().as_millis() / 20 + 2;
    let seen = looks() - before;
    assert!(seen > 1 && seen as u128 <= most, "{seen} of at most {most}");
    project.segue(&["up"]).expect_success();
    waiting.wait().expect_success();
}
