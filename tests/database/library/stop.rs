//! Runs that are asked to end.

use segue::Error;

use super::{Done as _, TRIPLE, applied, deployment, spawn, wait_until_free};
use crate::support::{TestDatabase, wait_until};

#[test]
fn a_build_goes_on_in_the_server() {
    let database = TestDatabase::new();
    let deployment = deployment(&database, &TRIPLE);
    let ready = deployment.up().done().expect("ready");
    // A build waits for whoever has written to the table.
    let writer = database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (0)");
    let tail = ready.settle();
    let stopper = tail.stopper();
    let tail = spawn(tail);
    wait_until("the build to begin", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    stopper.stop();
    let error = tail.done().expect("no panic").expect_err("an error");
    let Error::Unsettled(unsettled) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(unsettled.detached, ["b.sql"]);
    assert_eq!(
        error.to_string(),
        "the deployment is ready, and its tail is not done; goes on in the server: `b.sql`"
    );
    writer.run("COMMIT");
    wait_until("the build to end", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_none()
    });
    // The next one finds it.
    super::deployment(&database, &TRIPLE)
        .settle()
        .done()
        .expect("settled");
    assert_eq!(applied(&database), "a.sql b.sql");
}

#[test]
fn a_build_can_be_cancelled_instead() {
    let database = TestDatabase::new();
    let deployment = deployment(&database, &TRIPLE);
    let ready = deployment.up().done().expect("ready");
    let reader = database.session();
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    reader.run("SELECT count(*) FROM t");
    let tail = ready.settle();
    let stopper = tail.stopper();
    let tail = spawn(tail);
    wait_until("the build to begin", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    stopper.cancel();
    let error = tail.done().expect("no panic").expect_err("an error");
    let Error::Unsettled(unsettled) = error else {
        panic!("{error:?}");
    };
    assert_eq!(unsettled.open, ["b.sql"]);
    assert_eq!(database.running("CREATE INDEX CONCURRENTLY%"), None);
    drop(reader);
    wait_until_free(&database);
}

#[test]
fn before_ready_it_is_rolled_back() {
    let database = TestDatabase::new();
    let files = [("a.sql", "CREATE TABLE t ();\nSELECT pg_sleep(600);")];
    let deployment = deployment(&database, &files);
    let stopper = deployment.stopper();
    let running = spawn(deployment.up());
    wait_until("the statement to begin", || {
        database.running("SELECT pg_sleep(600)%").is_some()
    });
    stopper.stop();
    let error = running.done().expect("no panic").expect_err("an error");
    assert_eq!(
        error.to_string(),
        "stopped\nnothing was committed: the database is as it was"
    );
    assert_eq!(database.relations(), "");
    wait_until_free(&database);
}
