//! Futures that are dropped: at most what `kill -9` leaves, and the next run
//! ends well.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{Done as _, TRIPLE, applied, deployment, spawn, wait_until_free};
use crate::support::{PATIENCE, TestDatabase, wait_until};

/// Each migration tells how often it was run.
const FILES: [(&str, &str); 5] = [
    (
        "a.sql",
        "CREATE TABLE t (name text);\nINSERT INTO t VALUES ('a');\nSELECT pg_sleep(0.05);",
    ),
    (
        "b.sql",
        "-- segue: no-txn\nINSERT INTO t VALUES ('b');\nVACUUM t;",
    ),
    (
        "c.sql",
        "INSERT INTO t VALUES ('c');\nSELECT pg_sleep(0.05);",
    ),
    (
        "d.sql",
        "-- segue: begin-concurrent-migration-with: c.sql\n\
         CREATE INDEX CONCURRENTLY t_name ON t (name);",
    ),
    (
        "e.sql",
        "-- segue: begin-concurrent-migration-with: c.sql\n\
         INSERT INTO t VALUES ('e');\nREINDEX TABLE CONCURRENTLY t;",
    ),
];

/// `up` and `settle` are dropped after so many milliseconds, here and there in
/// all they do.
fn check(runtime: &Runtime, after: u64) {
    let database = TestDatabase::new();
    let first = deployment(&database, &FILES);
    let all = async {
        let ready = first.up().await.expect("ready");
        ready.settle().await.expect("settled");
    };
    let is_whole = runtime.block_on(async { timeout(Duration::from_millis(after), all).await });

    let second = deployment(&database, &FILES);
    let again = async {
        let ready = second.up().await?;
        ready.settle().await
    };
    match runtime.block_on(async { timeout(2 * PATIENCE, again).await }) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => panic!("dropped after {after} ms: {error}"),
        Err(error) => panic!("dropped after {after} ms: the second run hangs: {error}"),
    }
    let state = "SELECT (SELECT string_agg(name, ' ' ORDER BY name) FROM t), \
         (SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ' ') FROM pg_index \
          WHERE indrelid = 't'::regclass)";
    assert_eq!(
        database.query(state),
        "a b c e|t_name true",
        "dropped after {after} ms, {}",
        if is_whole.is_ok() {
            "when it was done"
        } else {
            "half-way"
        }
    );
    assert_eq!(applied(&database), "a.sql b.sql c.sql d.sql e.sql");
    // Connections are ended by the runtime, which has to run for that.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_until_free(&database));
        while !waiting.is_finished() {
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
        }
    });
}

#[test]
fn at_many_points() {
    // Closer in the beginning, where the most happens.
    for after in (0..40).map(|step| step * step * 2 / 5) {
        check(super::runtime(), after);
    }
}

#[test]
fn at_many_points_on_one_thread() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    for after in (0..20).map(|step| step * 17) {
        check(&runtime, after);
    }
}

/// A statement that takes long holds its locks no longer than a runner that
/// was killed would have let it.
#[track_caller]
fn lets_go(files: &[(&str, &str)], is_in_tail: bool) {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t ()");
    let deployment = deployment(&database, files);
    let running = if is_in_tail {
        let ready = deployment.up().done().expect("ready");
        spawn(async { ready.settle().await.map(drop) })
    } else {
        spawn(async move { deployment.up().await.map(drop) })
    };
    wait_until("the statement to begin", || {
        database.running("%pg_sleep(600)%").is_some()
    });
    running.abort();
    assert!(running.done().expect_err("aborted").is_cancelled());
    wait_until("the statement to end", || {
        database.running("%pg_sleep(600)%").is_none()
    });
    database.run("BEGIN; LOCK TABLE t NOWAIT");
    wait_until_free(&database);
}

#[test]
fn a_long_statement_lets_go_of_its_locks() {
    let text = "ALTER TABLE t ADD COLUMN n int;\nSELECT pg_sleep(600);";
    lets_go(&[("a.sql", text)], false);
}

const LONG: &str = "DO $$ BEGIN LOCK TABLE t; PERFORM pg_sleep(600); END $$;";

#[test]
fn a_long_statement_outside_the_batch_lets_go_of_its_locks() {
    let text: &'static str = format!("-- segue: no-txn\n{LONG}").leak();
    lets_go(&[("a.sql", text)], false);
}

#[test]
fn a_long_statement_of_the_tail_lets_go_of_its_locks() {
    let header = "-- segue: begin-concurrent-migration-with: a.sql";
    let text: &'static str = format!("{header}\n{LONG}").leak();
    lets_go(&[("a.sql", "SELECT 1;"), ("b.sql", text)], true);
}

#[test]
fn a_build_goes_on_and_is_found() {
    let database = TestDatabase::new();
    let ready = deployment(&database, &TRIPLE).up().done().expect("ready");
    let writer = database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (0)");
    let tail = spawn(ready.settle());
    wait_until("the build to begin", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_some()
    });
    let builder = database.running("CREATE INDEX CONCURRENTLY%");
    tail.abort();
    assert!(tail.done().expect_err("aborted").is_cancelled());
    // The next one waits for the backend that is left.
    let second = spawn(deployment(&database, &TRIPLE).settle());
    let mut is_seen = false;
    for _ in 0..20 {
        is_seen |= database.running("CREATE INDEX CONCURRENTLY%") == builder;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_seen && !second.is_finished());
    writer.run("COMMIT");
    second.done().expect("no panic").expect("settled");
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(
        database
            .query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid"),
        "1"
    );
    wait_until_free(&database);
}
