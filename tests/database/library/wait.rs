//! Waiting for somebody else's run.

use std::time::Duration;

use segue::Error;

use super::{Done as _, TRIPLE, deployment, spawn};
use crate::support::{Server, TestDatabase};

#[test]
fn ready_and_settled_are_waited_for() {
    let database = TestDatabase::new();
    let waiter = deployment(&database, &TRIPLE);
    let ready = spawn(waiter.wait_ready());
    let settled = spawn(waiter.wait_settled());
    let runner = deployment(&database, &TRIPLE).up().done().expect("ready");
    let ready = ready.done().expect("no panic").expect("ready");
    assert_eq!(ready.deployment(), Some(1));
    assert_eq!(ready.tail(), ["b.sql"]);
    assert!(!settled.is_finished());
    // Whoever has waited may run the tail as well.
    ready.settle().done().expect("settled");
    settled.done().expect("no panic").expect("settled");
    runner.settle().done().expect("settled");
    // What is ready already is so at once, for a role that may only read too.
    assert!(waiter.wait_ready().done().expect("ready").is_settled());
}

#[test]
fn nobody_comes() {
    let database = TestDatabase::new();
    let waiter = deployment(&database, &TRIPLE).timeout(Duration::from_millis(300));
    let error = waiter.wait_ready().done().expect_err("an error");
    assert_eq!(
        error.to_string(),
        "gave up after 300ms while waiting for the deployment to be ready: 1 migration pending: \
         `a.sql`; nobody works on it yet"
    );
    assert!(error.is_passing() && error.committed().is_none());
    // Not even the ledger.
    assert_eq!(database.query("SELECT to_regnamespace('segue')"), "");
}

#[test]
fn the_run_that_is_waited_for_fails() {
    let database = TestDatabase::new();
    let files = [("a.sql", "SELECT pg_sleep(0.5);\nSELECT 1/0;")];
    let running = spawn(deployment(&database, &files).up());
    let error = deployment(&database, &files)
        .wait_ready()
        .done()
        .expect_err("an error");
    let Error::FailedElsewhere { reason } = &error else {
        panic!("{error:?}");
    };
    assert!(reason.contains("division by zero"), "{reason}");
    assert_eq!(error.exit_status(), 4);
    running.done().expect("no panic").expect_err("an error");
}

#[test]
fn a_restart_is_waited_through_and_a_stop_ends_it() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let of = || deployment(&database, &TRIPLE);
    let waiting = spawn(of().wait_ready());
    let (ended, stopper) = {
        let waiter = of();
        let stopper = waiter.stopper();
        (spawn(waiter.wait_ready()), stopper)
    };
    std::thread::sleep(Duration::from_millis(200));
    server.crash();
    stopper.stop();
    let error = ended.done().expect("no panic").expect_err("an error");
    assert!(matches!(error, Error::Stopped { .. }), "{error:?}");
    let _ = of().up().done().expect("ready");
    let ready = waiting.done().expect("no panic").expect("ready");
    assert_eq!(ready.deployment(), Some(1));
}
