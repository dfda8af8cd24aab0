//! A server that crashes, restarts or is another one.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{TABLE, reached};
use crate::connect::server::Server;
use crate::support::{Project, TestSession, wait_for, wait_until};

const HBA: &str = "local all all trust\nlocal replication all trust\n";

fn project_on(server: &Server) -> Project {
    let mut project = Project::new();
    project.env("DATABASE_URL", server.socket("postgres"));
    project.env("PGAPPNAME", "waiter");
    project.file("1-t.sql", TABLE);
    project
}

/// The waiter's server process, once it listens.
fn waiter(server: &Server) -> i32 {
    wait_for("the waiter", || {
        let session = TestSession::try_connect(&server.socket("postgres")).ok()?;
        let pid = session
            .try_query(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'waiter' \
                 AND state = 'idle' ORDER BY backend_start LIMIT 1",
            )
            .ok()?;
        pid.parse().ok()
    })
}

#[test]
fn its_server_process_is_killed_and_the_server_recovers() {
    let server = Server::start(HBA, None);
    let project = project_on(&server);
    let waiting = project.spawn(&["wait", "settled", "--timeout", "60s"]);
    waiting.wait_for_stderr("nobody works on it yet");
    kill(Pid::from_raw(waiter(&server)), Signal::SIGKILL).expect("a process");
    waiting.wait_for_stderr("the connection was lost");
    waiter(&server);
    project
        .segue(&["up", "--connect-wait", "30s"])
        .expect_success();
    reached(waiting, "settled: deployment 1\n");
}

#[test]
fn a_server_that_is_down_and_comes_back_ready() {
    let server = Server::start(HBA, None);
    let project = project_on(&server);
    project.segue(&["up"]).expect_success();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let waiting = project.spawn(&["wait", "--timeout", "60s"]);
    waiting.wait_for_stderr("`2-u.sql`; nobody works on it yet");
    server.control("stop");
    waiting.wait_for_stderr("no server accepts connections");
    server.control("start");
    project.segue(&["up"]).expect_success();
    // A sequence skips numbers in a crash.
    let run = waiting.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("ready: deployment "),
        "{}",
        run.stdout
    );
}

/// Both hosts are named, and the wait goes where the primary is.
#[test]
fn the_primary_fails_over() {
    let primary = Server::start(HBA, None);
    let standby = primary.standby("on");
    let mut project = project_on(&primary);
    project.segue(&["up"]).expect_success();
    project.file("2-u.sql", "CREATE TABLE u (a int);\n");
    let url = format!(
        "host={},{} port={},{} user=postgres dbname=postgres target_session_attrs=primary",
        primary.path().display(),
        standby.path().display(),
        primary.port,
        standby.port,
    );
    project.env("DATABASE_URL", url);
    let waiting = project.spawn(&["wait", "--timeout", "60s"]);
    waiting.wait_for_stderr("`2-u.sql`; nobody works on it yet");
    let replica = TestSession::connect(&standby.socket("postgres"));
    wait_until("the standby to have the first deployment", || {
        replica
            .try_query("SELECT count(*) FROM segue.deployment")
            .is_ok_and(|count| count == "1")
    });
    primary.control("stop");
    waiting.wait_for_stderr("no server");
    standby.control("promote");
    project.segue(&["up"]).expect_success();
    // The number that the old primary gave may have been lost with it.
    let run = waiting.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("ready: deployment "),
        "{}",
        run.stdout
    );
}
