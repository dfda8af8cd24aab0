//! `kill -9` of each part, at each point: traffic goes to green exactly once, or
//! not at all, and nobody but who talked to the dead one is let down.

use super::customers::{End, Errand};
use super::folders::{Folders, hold_index, index};
use super::stage::{Check, Stage};
use super::{Blue, Green};
use crate::support::{
    Action, At, Background, Proxy, Server, TestDatabase, TestSession, wait_until,
};

/// A migration in the middle of the batch that takes its time.
const SLOW: (&str, &str) = ("2026-03-02-14-01-00-slow.sql", "SELECT pg_sleep(2);\n");

fn deployed(database: &TestDatabase<'_>) -> Folders {
    let folders = Folders::deployed(&database.url());
    folders.green.file(SLOW.0, SLOW.1);
    folders
}

/// Starts `up` of green and waits until it is in the middle of its batch.
fn in_the_batch<'a>(folders: &'a Folders, session: &TestSession) -> Background<'a> {
    let up = folders.green.spawn(&["up"]);
    wait_until("the batch", || {
        session.query(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
             AND datname = current_database()",
        ) == "1"
    });
    up
}

#[track_caller]
fn wait_for_index(session: &TestSession) {
    wait_until("the build", || index(session) == "f");
}

#[test]
fn segue_dies_before_its_commit_at_it_and_in_the_tail() {
    let database = TestDatabase::new();
    let folders = deployed(&database);
    let proxy = Proxy::new(&database);
    let stage = Stage::open(&folders, &database.url(), Check::Agent, Errand::Trade);
    let session = database.session();

    let up = in_the_batch(&folders, &session);
    up.kill();
    assert_eq!(up.wait().status, 137);
    stage.customers.wait_for(Blue, 50);
    assert_eq!(stage.customers.served(Green), 0);

    // The server has committed, and the runner does not hear of it.
    let holder = hold_index(&database.url());
    proxy.trap("commit", 1, At::Reply, Action::Blackhole);
    let up = folders.green.spawn(&["up", "--database-url", &proxy.url()]);
    stage.customers.wait_for(Green, 50);
    assert_eq!(proxy.sprung(), 1);
    up.kill();
    assert_eq!(up.wait().status, 137);
    drop(proxy);
    stage.customers.wait_for(Green, 50);
    assert_eq!(index(&session), "");

    let settle = folders.green.spawn(&["settle"]);
    wait_for_index(&session);
    settle.kill();
    assert_eq!(settle.wait().status, 137);
    stage.customers.wait_for(Green, 50);

    holder.run("COMMIT");
    folders.green.segue(&["settle"]).expect_success();
    assert_eq!(index(&session), "t");
    stage.customers.wait_for(Green, 50);
    stage.close().expect_no_failure().expect_one_switch();
}

#[track_caller]
fn server_dies(check: Check) {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let folders = deployed(&database);
    let stage = Stage::open(&folders, &database.url(), check, Errand::Trade);
    let up = in_the_batch(&folders, &database.session());
    server.crash();
    // It begins anew by itself.
    let holder = hold_index(&database.url());
    stage.customers.wait_for(Green, 50);
    wait_for_index(&database.session());
    server.crash();
    drop(holder);
    stage.customers.wait_for(Green, 50);
    up.wait().expect_success();
    assert_eq!(index(&database.session()), "t");
    let day = stage.close();
    // The application says so; the balancer has somebody to ask all the time.
    day.expect_failures("the server's absence", |end| match end {
        End::Refused(_, error) => !error.contains("name"),
        _ => false,
    });
    day.expect_one_switch();
}

#[test]
fn the_server_dies_in_the_batch_and_in_the_tail_with_agent_check() {
    server_dies(Check::Agent);
}

#[test]
fn the_server_dies_in_the_batch_and_in_the_tail_with_httpchk() {
    server_dies(Check::Http);
}

#[track_caller]
fn haproxy_dies(check: Check) {
    let database = TestDatabase::new();
    let folders = deployed(&database);
    let mut stage = Stage::open(&folders, &database.url(), check, Errand::Trade);
    stage.haproxy.kill();
    stage.customers.wait_for_failure();
    stage.haproxy.start_again();
    stage.customers.wait_for(Blue, 50);
    assert_eq!(stage.customers.served(Green), 0);

    // Away at the very moment of the COMMIT.
    let up = in_the_batch(&folders, &database.session());
    stage.haproxy.kill();
    up.wait().expect_success();
    stage.haproxy.start_again();
    stage.customers.wait_for(Green, 50);

    stage.haproxy.kill();
    stage.customers.wait_for_failure();
    stage.haproxy.start_again();
    stage.customers.wait_for(Green, 50);
    let day = stage.close();
    day.expect_failures("its absence", |end| matches!(end, End::Lost(_)));
    day.expect_one_switch();
}

#[test]
fn haproxy_dies_with_agent_check() {
    haproxy_dies(Check::Agent);
}

#[test]
fn haproxy_dies_with_httpchk() {
    haproxy_dies(Check::Http);
}

/// A restart of `segue serve` is not noticed by anybody.
#[track_caller]
fn serve_dies(check: Check) {
    let database = TestDatabase::new();
    let folders = deployed(&database);
    let mut stage = Stage::open(&folders, &database.url(), check, Errand::Trade);
    stage.kill_serve();
    stage.customers.wait_for(Blue, 50);
    stage.start_serve();
    stage.customers.wait_for(Blue, 50);

    let up = in_the_batch(&folders, &database.session());
    stage.kill_serve();
    up.wait().expect_success();
    // Nobody tells the balancer.
    stage.customers.wait_for(Blue, 50);
    assert_eq!(stage.customers.served(Green), 0);
    stage.start_serve();
    stage.customers.wait_for(Green, 50);

    for _ in 0..3 {
        stage.kill_serve();
        stage.customers.wait_for(Green, 20);
        stage.start_serve();
        stage.customers.wait_for(Green, 20);
    }
    stage.close().expect_no_failure().expect_one_switch();
}

#[test]
fn serve_dies_with_agent_check() {
    serve_dies(Check::Agent);
}

#[test]
fn serve_dies_with_httpchk() {
    serve_dies(Check::Http);
}

/// What nobody tells the balancer any more: by agent-check it keeps what it
/// knows, by httpchk it goes back to blue, which serves as well.
#[track_caller]
fn serve_stays_dead(check: Check) -> super::customers::Day {
    let database = TestDatabase::new();
    let folders = Folders::deployed(&database.url());
    let mut stage = Stage::open(&folders, &database.url(), check, Errand::Trade);
    folders.green.segue(&["up"]).expect_success();
    stage.customers.wait_for(Green, 20);
    stage.kill_serve();
    match check {
        Check::Agent => {
            wait_until("agent-checks that find nobody", || {
                stage.haproxy.stat("shop", "green", "agent_status") == "L4CON"
            });
            stage.customers.wait_for(Green, 200);
        }
        Check::Http => stage.customers.wait_for(Blue, 20),
    }
    stage.start_serve();
    stage.customers.wait_for(Green, 20);
    let day = stage.close();
    day.expect_no_failure();
    day
}

#[test]
fn without_serve_agent_check_stays_with_green() {
    serve_stays_dead(Check::Agent).expect_one_switch();
}

#[test]
fn without_serve_httpchk_goes_back_to_blue() {
    serve_stays_dead(Check::Http);
}
