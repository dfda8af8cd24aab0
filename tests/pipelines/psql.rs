//! `psql/wait-ready`: what a host without segue waits by.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio_postgres::config::{Config, Host};

use super::file;
use super::shop::path;
use crate::connect::server::Server;
use crate::support::{Background, Project, TestDatabase, TestSession, wait_until};

/// The script against a database, known by libpq's variables alone.
fn script(project: &Project, url: &str, arguments: &[&str]) -> Command {
    let config: Config = url.parse().expect("a URL");
    let mut command = Command::new(file::path("psql/wait-ready"));
    let host = match config.get_hosts().first().expect("a host") {
        Host::Unix(folder) => folder.display().to_string(),
        Host::Tcp(host) => host.clone(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    command
        .args(arguments)
        .current_dir(project.path())
        .env("PATH", path())
        .env("PGHOST", host)
        .env("PGPORT", port.to_string())
        .env("PGUSER", config.get_user().expect("a user"))
        .env("PGDATABASE", config.get_dbname().expect("a database"))
        .stdin(std::process::Stdio::null());
    command
}

/// Runs it in the background until it has said that it waits.
fn waiting<'a>(project: &'a Project, url: &str, arguments: &[&str]) -> Background<'a> {
    let run = project.spawn_command(script(project, url, arguments));
    run.wait_for_stderr("wait-ready: ");
    run
}

fn project(database: &TestDatabase<'_>) -> Project {
    let project = Project::on(database);
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    project
}

#[test]
fn what_is_ready_already_is_told_at_once() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    project
        .output_of(&mut script(
            &project,
            &database.url(),
            &["-t", "0", "1.sql"],
        ))
        .expect("ready\n", "", 0);
}

/// Long before it would have looked again.
#[test]
fn the_commit_of_the_batch_wakes_it() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    project.file("2.sql", "CREATE TABLE u (a int);\n");
    let mut ended = 0;
    // It looks every two seconds anyway, and may by chance do so just then.
    for number in 2..5 {
        let name = format!("{number}.sql");
        project.file(&name, &format!("CREATE TABLE t{number} (a int);\n"));
        let run = waiting(&project, &database.url(), &[&name]);
        project.segue(&["up"]).expect_success();
        let began = Instant::now();
        run.wait()
            .expect("ready\n", &format!("wait-ready: not applied: {name}\n"), 0);
        ended += usize::from(began.elapsed() < Duration::from_secs(1));
    }
    assert!(ended >= 2, "{ended} of 3");
}

#[test]
fn the_time_ends() {
    let database = TestDatabase::new();
    let project = project(&database);
    let run = project.output_of(&mut script(
        &project,
        &database.url(),
        &["-t", "1", "1.sql"],
    ));
    run.expect(
        "",
        "
        wait-ready: there is no ledger, or it cannot be read
        wait-ready: not ready after [duration]: there is no ledger, or it cannot be read
        ",
        5,
    );
}

#[test]
fn wrong_usage_is_told() {
    let project = Project::new();
    for arguments in [&[][..], &["-t", "soon", "1.sql"], &["-x"]] {
        let mut command = Command::new(file::path("psql/wait-ready"));
        let run = project.output_of(command.args(arguments));
        let last = run.stderr.lines().last();
        assert_eq!(
            (last, run.status),
            (Some("usage: wait-ready [-t SECONDS] [-p PROJECT] FILE…"), 2)
        );
    }
}

/// All of them, each with a deployment that is ready: one is not enough, and a
/// failed deployment is none.
#[test]
fn a_failed_deployment_is_told_and_not_taken_for_ready() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    project.file("2.sql", "SELECT 1 / 0;\n");
    let run = waiting(&project, &database.url(), &["1.sql", "2.sql"]);
    assert_eq!(project.segue(&["up"]).status, 4);
    run.wait_for_stderr("deployment 2 failed");
    project.file("2.sql", "SELECT 1;\n");
    project.segue(&["up"]).expect_success();
    run.wait().expect(
        "ready\n",
        "
        wait-ready: not applied: 2.sql
        wait-ready: not applied: 2.sql; deployment 2 failed: division by zero
        ",
        0,
    );
}

/// A `no-txn` migration is applied before the batch that it belongs to is over.
#[test]
fn an_applied_migration_is_not_ready_by_itself() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.file("2.sql", "-- segue: no-txn\nCREATE TABLE u (a int);\n");
    project.file("3.sql", "SELECT 1 / 0;\n");
    assert_eq!(project.segue(&["up"]).status, 4);
    let run = waiting(&project, &database.url(), &["2.sql"]);
    assert!(run.stderr().contains("applied, and not announced as ready"));
    project.file("3.sql", "SELECT 1;\n");
    project.segue(&["up"]).expect_success();
    assert_eq!(run.wait().status, 0);
}

/// Any role may send what it likes on the channel.
#[test]
fn a_notification_is_a_hint_and_no_proof() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let run = waiting(&project, &database.url(), &["-t", "4", "2.sql"]);
    let session = database.session();
    for text in ["ready", "\\necho ready", "x\\nready\\n\\\\q\\n"] {
        session.run(&format!("SELECT pg_notify('segue', E'{text}')"));
    }
    run.wait().expect(
        "",
        "
        wait-ready: not applied: 2.sql
        wait-ready: not ready after [duration]: not applied: 2.sql
        ",
        5,
    );
}

/// Names that would be SQL, or psql's, are names.
#[test]
fn names_are_not_run() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let name = "'; DROP TABLE t; -- \\! touch x `touch y`.sql";
    let run = project.output_of(&mut script(&project, &database.url(), &["-t", "0", name]));
    run.expect(
        "",
        &format!(
            "wait-ready: not applied: {name}\nwait-ready: not ready after [duration]: not applied: {name}\n"
        ),
        5,
    );
    assert_eq!(database.query("SELECT count(*) FROM t"), "0");
    assert!(!project.path().join("x").exists() && !project.path().join("y").exists());
}

#[test]
fn a_lost_connection_begins_anew() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.segue(&["up"]).expect_success();
    let run = waiting(&project, &database.url(), &["2.sql"]);
    let session = database.session();
    for _ in 0..3 {
        wait_until("its connection", || {
            session.query(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE application_name = 'wait-ready' AND datname = current_database()",
            ) == "1"
        });
    }
    project.file("2.sql", "SELECT 1;\n");
    project.segue(&["up"]).expect_success();
    let run = run.wait();
    assert_eq!((run.stdout.as_str(), run.status), ("ready\n", 0));
}

/// No connection and no folder of its own is left.
#[test]
fn a_signal_ends_it_and_its_psql() {
    use nix::sys::signal::Signal;
    let database = TestDatabase::new();
    let mut project = project(&database);
    let temporary = project.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    project.env("TMPDIR", &temporary);
    let mut command = script(&project, &database.url(), &["1.sql"]);
    command.env("TMPDIR", &temporary);
    let run = project.spawn_command(command);
    run.wait_for_stderr("wait-ready: ");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.wait().status, 143);
    let session = database.session();
    wait_until("its connection to end", || {
        session.query(
            "SELECT count(*) FROM pg_stat_activity
              WHERE application_name = 'wait-ready' AND datname = current_database()",
        ) == "0"
    });
    let left = std::fs::read_dir(&temporary).expect("a folder").count();
    assert_eq!(left, 0);
}

/// There the row is the proof: it comes with the replay, not before.
#[test]
fn on_a_standby_its_own_replay_decides() {
    let primary = Server::start("local all all trust\nlocal replication all trust\n", None);
    let standby = primary.standby("on");
    let mut project = Project::new();
    project.env("DATABASE_URL", primary.socket("postgres"));
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    project.segue(&["up"]).expect_success();
    let url = standby.socket("postgres");
    let on_standby = TestSession::connect(&url);
    wait_until("the standby to replay", || {
        on_standby.query("SELECT to_regclass('segue.deployment') IS NOT NULL") == "t"
    });
    on_standby.run("SELECT pg_wal_replay_pause()");
    project.file("2.sql", "CREATE TABLE u (a int);\n");
    let mut run = waiting(&project, &url, &["2.sql"]);
    project.segue(&["up"]).expect_success();
    project
        .output_of(&mut script(
            &project,
            &primary.socket("postgres"),
            &["-t", "0", "2.sql"],
        ))
        .expect("ready\n", "", 0);
    assert!(!run.has_ended());
    assert_eq!(on_standby.query("SELECT to_regclass('u')"), "");
    on_standby.run("SELECT pg_wal_replay_resume()");
    assert_eq!(run.wait().status, 0);
    assert_eq!(on_standby.query("SELECT to_regclass('u')"), "u");
}
