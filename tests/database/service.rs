//! `settle --service`: tails run whenever there are any, whatever servers,
//! files and other runs do meanwhile.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    Background, Project, Server, TestDatabase, TestSession, assert_text, wait_until,
};

const INDEX: &str = "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
     CREATE INDEX CONCURRENTLY i ON t (a);\n";

/// A table, and an index on it that is built in the tail.
fn indexed(database: &TestDatabase<'_>) -> Project {
    let project = Project::deploying(database);
    project
        .file("1-t.sql", "CREATE TABLE t (a int);\n")
        .file("2-i.sql", INDEX);
    project
}

fn states(database: &TestDatabase<'_>) -> String {
    database.query("SELECT id, state FROM segue.deployment ORDER BY id")
}

/// Waits until so many deployments are settled. Their numbers have gaps where
/// a server has crashed.
#[track_caller]
fn wait_settled(database: &TestDatabase<'_>, count: usize) {
    let sql = "SELECT count(*) FROM segue.deployment WHERE state = 'settled'";
    wait_until("the deployment to be settled", || {
        database.query(sql) == count.to_string()
    });
}

/// A snapshot that a build has to wait for.
fn snapshot(database: &TestDatabase<'_>) -> TestSession {
    let session = database.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    session.run("SELECT 1");
    session
}

/// A service, when it is building.
fn building<'a>(project: &'a Project, database: &TestDatabase<'_>) -> Background<'a> {
    let service = project.spawn(&["settle", "--service"]);
    wait_until("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    service
}

#[test]
fn each_tail_is_run_when_its_deployment_is_ready() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    // Not even the ledger is there when it begins.
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Serving");
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_settled(&database, 1);
    // Files that come later are read.
    project.file("3-u.sql", "CREATE TABLE u (a int);\n").file(
        "4-u.sql",
        "-- segue: begin-concurrent-migration-with: 3-u.sql\n\
         CREATE INDEX CONCURRENTLY u_i ON u (a);\n",
    );
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_settled(&database, 2);
    service.signal(Signal::SIGTERM);
    let run = service.wait();
    run.expect(
        "",
        "
             Serving project main: its tails run as soon as there are any
                Tail 1 concurrent migration: `2-i.sql`
             Running `2-i.sql` (pid [pid])
            Finished `2-i.sql` in [t]
             Settled after [t] (deployment 1)
                Tail 1 concurrent migration: `4-u.sql`
             Running `4-u.sql` (pid [pid])
            Finished `4-u.sql` in [t]
             Settled after [t] (deployment 2)
             Stopped as asked
        ",
        0,
    );
}

#[test]
fn two_services_and_an_up_run_each_migration_once() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    project.file(
        "1-t.sql",
        "CREATE TABLE t (a int);\nCREATE TABLE runs (n int);\n",
    );
    project.file(
        "3-count.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\nINSERT INTO runs VALUES (1);\n",
    );
    let services = [
        project.spawn(&["settle", "--service"]),
        project.spawn(&["settle", "--service"]),
    ];
    for service in &services {
        service.wait_for_stderr("Serving");
    }
    project.segue(&["up"]).expect_success();
    wait_settled(&database, 1);
    assert_text("runs", &database.query("SELECT count(*) FROM runs"), "1");
    for service in services {
        service.signal(Signal::SIGTERM);
        service.wait().expect_success();
    }
}

#[test]
fn a_service_that_is_told_to_end_leaves_the_build_and_the_next_takes_it_up() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    project.segue(&["up", "--until", "ready"]).expect_success();
    let holder = snapshot(&database);
    let service = building(&project, &database);
    service.signal(Signal::SIGTERM);
    let run = service.wait();
    run.expect_success();
    assert!(run.stderr.contains("Detached"), "{}", run.stderr);
    assert!(database.running("CREATE INDEX CONCURRENTLY%").is_some());
    let next = project.spawn(&["settle", "--service"]);
    next.wait_for_stderr("2-i.sql");
    holder.run("COMMIT");
    wait_settled(&database, 1);
    assert_text(
        "indexes",
        &database.query(
            "SELECT indexrelid::regclass, indisvalid FROM pg_index \
             WHERE indrelid = 't'::regclass",
        ),
        "i|t",
    );
    next.signal(Signal::SIGINT);
    next.wait().expect_success();
}

#[test]
fn a_killed_service_is_replaced_by_the_next() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    project.segue(&["up", "--until", "ready"]).expect_success();
    let holder = snapshot(&database);
    let service = building(&project, &database);
    service.kill();
    service.wait();
    holder.run("COMMIT");
    let next = project.spawn(&["settle", "--service"]);
    wait_settled(&database, 1);
    next.signal(Signal::SIGTERM);
    next.wait().expect_success();
}

#[test]
fn a_tail_that_fails_is_not_run_hot_and_a_corrected_file_at_once() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file(
            "1-t.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\n",
        )
        .file(
            "2-i.sql",
            "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
             CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\n",
        );
    project.segue(&["up", "--until", "ready"]).expect_success();
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Again");
    // The first pause is five seconds, more or less.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        service.stderr().matches("Running").count(),
        1,
        "{}",
        service.stderr()
    );
    let began = Instant::now();
    service.wait_for_stderr("or as soon as something changes: 2-i.sql: ");
    wait_until("the second try", || {
        service.stderr().matches("Again").count() == 2
    });
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    // Now the pause is ten seconds; the file counts as soon as it is read.
    project.file("2-i.sql", INDEX);
    wait_settled(&database, 1);
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
}

#[test]
fn a_server_that_restarts_is_waited_out() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let project = indexed(&database);
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Serving");
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_settled(&database, 1);
    server.crash();
    project.file("3-u.sql", "CREATE TABLE u (a int);\n").file(
        "4-u.sql",
        "-- segue: begin-concurrent-migration-with: 3-u.sql\n\
         CREATE INDEX CONCURRENTLY u_i ON u (a);\n",
    );
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_settled(&database, 2);
    // And in the middle of a build.
    project.file(
        "5-u.sql",
        "-- segue: begin-concurrent-migration-with: 3-u.sql\n\
         CREATE INDEX CONCURRENTLY u_j ON u (a);\n",
    );
    let holder = snapshot(&database);
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_until("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    server.crash();
    drop(holder);
    wait_settled(&database, 3);
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
}

#[test]
fn a_database_that_is_missing_and_files_that_are_broken_are_waited_out() {
    let database = TestDatabase::new();
    let mut project = indexed(&database);
    project.file("3-broken.sql", "-- segue: no-such-directive\nSELECT 1;\n");
    let missing = format!("{}_later", database.name());
    project.env("DATABASE_URL", database.server().url(&missing));
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Waiting");
    assert!(
        service.stderr().contains("does not exist"),
        "{}",
        service.stderr()
    );
    database.run(&format!("CREATE DATABASE {missing}"));
    std::fs::remove_file(project.path().join("migrations/3-broken.sql")).expect("a file");
    project.segue(&["up", "--until", "ready"]).expect_success();
    let session = TestSession::connect(&database.server().url(&missing));
    // The folder may hold the same name twice for a moment.
    wait_until("the deployment to be settled", || {
        session.query("SELECT state FROM segue.deployment") == "settled"
    });
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
    drop(session);
    database.run(&format!("DROP DATABASE {missing} WITH (FORCE)"));
}

#[test]
fn what_the_folder_lacks_is_left_and_told() {
    let database = TestDatabase::new();
    let newer = indexed(&database);
    newer.segue(&["up", "--until", "ready"]).expect_success();
    let older = Project::deploying(&database);
    older.file("1-t.sql", "CREATE TABLE t (a int);\n");
    let service = older.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Left to others, since this folder lacks it: `2-i.sql`");
    std::thread::sleep(Duration::from_millis(500));
    assert_text("states", &states(&database), "1|ready");
    newer.segue(&["settle"]).expect_success();
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
}

#[test]
fn a_concurrent_migration_that_no_deployment_has_named_is_not_run() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    project.segue(&["up"]).expect_success();
    project.file(
        "3-j.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
         CREATE INDEX CONCURRENTLY j ON t (a);\n",
    );
    let service = project.spawn(&["settle", "--service"]);
    service.wait_for_stderr("Serving");
    std::thread::sleep(Duration::from_secs(1));
    assert_text(
        "records",
        &database.query("SELECT count(*) FROM segue.migration"),
        "2",
    );
    project.segue(&["up", "--until", "ready"]).expect_success();
    wait_settled(&database, 2);
    service.signal(Signal::SIGTERM);
    service.wait().expect_success();
}

#[test]
fn its_commands_run_once_for_each_deployment_and_again_until_they_succeed() {
    let database = TestDatabase::new();
    let project = indexed(&database);
    // Fails the first time.
    let ready =
        "echo $SEGUE_STATE $SEGUE_DEPLOYMENT >> told; test -e opened || { touch opened; exit 1; }";
    let settled = "echo $SEGUE_STATE $SEGUE_DEPLOYMENT >> told";
    let service = project.spawn(&[
        "settle",
        "--service",
        "--on-ready",
        ready,
        "--on-settled",
        settled,
    ]);
    let lines = |count: usize| {
        wait_until("the commands", || {
            std::fs::read_to_string(project.path().join("told"))
                .is_ok_and(|told| told.lines().count() >= count)
        });
    };
    project.segue(&["up", "--until", "ready"]).expect_success();
    lines(3);
    project.file("3-u.sql", "CREATE TABLE u (a int);\n");
    project.segue(&["up"]).expect_success();
    lines(5);
    service.signal(Signal::SIGTERM);
    let run = service.wait();
    run.expect_success();
    let told = project.read("told");
    let mut told: Vec<_> = told.lines().collect();
    told.sort_unstable();
    assert_eq!(
        told,
        ["ready 1", "ready 1", "ready 2", "settled 1", "settled 2"],
        "{}",
        run.stderr
    );
}

#[test]
fn the_service_manager_is_told() {
    let database = TestDatabase::new();
    let mut project = indexed(&database);
    let socket = project.path().join("notify");
    let manager = UnixDatagram::bind(&socket).expect("a socket");
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    project.env("NOTIFY_SOCKET", socket.into_os_string());
    let service = project.spawn(&["settle", "--service"]);
    let hear = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    service.signal(Signal::SIGTERM);
    assert_eq!(hear(), "STOPPING=1");
    service.wait().expect_success();
}
