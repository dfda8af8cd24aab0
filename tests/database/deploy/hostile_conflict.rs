//! `--on-conflict preempt` where it must not cancel, has to wait, or finds
//! others in the way.

use segue::history::LockKey;
use segue::migration::Name;

use super::{concurrent, gated, left, open, project_on, shut, wait_at_gate, wait_for_rows};
use crate::support::{Project, TestDatabase, TestSession, wait_until};

const INDEX: &str = "2-index.sql";

/// A migration outside a transaction that waits for a stranger, too, is bounded
/// like one inside.
#[test]
fn a_stranger_in_the_way_outside_a_transaction_is_waited_for_within_the_bound() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    let stranger = database.session();
    stranger.run("BEGIN; SELECT FROM t");
    project.file(
        "3-outside.sql",
        "-- segue: no-txn\nALTER TABLE t ADD COLUMN b int;\n",
    );
    let gave_up = project.segue(&["up", "--on-conflict", "preempt", "--retry-for", "2s"]);
    assert_eq!(gave_up.status, 5, "{}", gave_up.stderr);
    let expected = "while waiting for a lock on `t`, held by pid";
    assert!(gave_up.stderr.contains(expected), "{}", gave_up.stderr);
    // Nothing was won by a cancelled build, so it goes on.
    assert_eq!(wait_at_gate(&database, 1), pid);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("idle in transaction");
    stranger.run("ROLLBACK");
    second.wait_for_stderr("Ready");
    open(&holder);
    first.wait().expect_success();
    second.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

/// Another batch that has claimed the same build goes first; that is told.
#[test]
fn another_batch_that_pre_empts_is_waited_for_and_told() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    let other = database.session();
    let key = LockKey::preemption("main", &Name::new(INDEX)).0;
    other.run(&format!("SELECT pg_advisory_lock({key})"));
    project.file("3-column.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let gave_up = project.segue(&["up", "--on-conflict", "preempt", "--concurrent-wait", "1s"]);
    assert_eq!(gave_up.status, 5, "{}", gave_up.stderr);
    let expected = "while waiting for the batch that has pre-empted `2-index.sql`, pid";
    assert!(gave_up.stderr.contains(expected), "{}", gave_up.stderr);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("for another run to end its batch: pid");
    open(&other);
    second.wait_for_stderr("Ready");
    open(&holder);
    first.wait().expect_success();
    second.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

/// Cancelled, it could never be run again without somebody who looks.
#[test]
fn a_procedure_that_commits_by_itself_is_not_cancelled() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let table = project.read("migrations/1-table.sql");
    let work = "CREATE PROCEDURE work() LANGUAGE plpgsql AS $$\n\
        BEGIN INSERT INTO t VALUES (2); COMMIT; INSERT INTO t VALUES (3);\n\
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(1); COMMIT; END $$;\n";
    project.file("1-table.sql", &format!("{table}{work}"));
    project.file(INDEX, &concurrent("CALL work();"));
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    project.file("3-column.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let refused = project.segue(&["up", "--on-conflict", "preempt"]);
    assert_eq!(refused.status, 4, "{}", refused.stderr);
    let expected = "`--on-conflict preempt` cannot cancel it: its statement commits by itself";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    first.wait().expect_success();
    project.segue(&["up"]).expect_success();
    assert_eq!(database.query("SELECT count(*), count(b) FROM t"), "3|0");
}

/// A partitioned table, made, whose indexes are to be built side by side.
fn partitioned(database: &TestDatabase<'_>) -> Project {
    let project = project_on(database);
    project.file(
        "1-table.sql",
        "CREATE TABLE p (a int) PARTITION BY LIST (a);\n\
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n\
         CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);\n\
         CREATE TABLE elsewhere (a int);\n",
    );
    project.file(
        INDEX,
        &concurrent("CREATE INDEX CONCURRENTLY p_a ON p (a);"),
    );
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    project
}

/// A session whose snapshot each build waits for at its end.
fn snapshot(database: &TestDatabase<'_>) -> TestSession {
    let session = database.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM elsewhere");
    session
}

/// The builder of `p2`, once both wait for a snapshot.
const BOTH: &str = "SELECT max(pid) FILTER (WHERE relid = 'p2'::regclass) \
    FROM pg_stat_progress_create_index WHERE datname = current_database() \
    AND phase = 'waiting for old snapshots' HAVING count(*) = 2";

/// All indexes, and those that are valid.
const INDEXES: &str = "SELECT count(*), count(*) FILTER (WHERE indisvalid) FROM pg_index \
    WHERE indrelid IN ('p'::regclass, 'p1'::regclass, 'p2'::regclass)";

/// The lock that the batch needs is that of a session beside the one which
/// holds the migration's lock.
#[track_caller]
fn beside(action: &str) {
    let database = TestDatabase::new();
    let project = partitioned(&database);
    let snapshot = snapshot(&database);
    let first = project.spawn(&["settle"]);
    let builder = wait_for_rows(&database, BOTH);
    let main = LockKey::migration("main", &Name::new(INDEX)).halves();
    let is_main = format!(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = {builder} AND classid = {} AND objid = {}",
        main.0, main.1
    );
    assert_eq!(database.query(&is_main), "");
    project.file(
        "3-column.sql",
        "ALTER TABLE p2 ALTER COLUMN a SET DEFAULT 2;\n",
    );
    let second = project.spawn(&["up", "--on-conflict", action]);
    match action {
        "wait" => second.wait_for_stderr("Waiting for `2-index.sql` to release a lock on `p2`"),
        "fail" => second.wait_for_stderr("needs a lock on `p2` that `2-index.sql` holds"),
        _ => second.wait_for_stderr("Ready"),
    };
    if action == "fail" {
        assert_eq!(second.wait().status, 4);
        snapshot.run("COMMIT");
        first.wait().expect_success();
        project.segue(&["up"]).expect_success();
    } else {
        snapshot.run("COMMIT");
        first.wait().expect_success();
        second.wait().expect_success();
    }
    assert_eq!(database.query(INDEXES), "3|3");
    let advisory = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_until("all locks to be free", || database.query(advisory) == "0");
}

#[test]
fn wait_for_a_session_that_helps() {
    beside("wait");
}

#[test]
fn fail_by_a_session_that_helps() {
    beside("fail");
}

#[test]
fn preempt_of_a_session_that_helps() {
    beside("preempt");
}

/// Whoever pre-empts removes what is half-way, and waits a while for those who
/// are in the way of that; its own claim is none of them.
#[test]
fn a_stranger_in_the_way_of_what_is_removed_is_waited_for() {
    let database = TestDatabase::new();
    let project = partitioned(&database);
    let snapshot = snapshot(&database);
    let first = project.spawn(&["settle"]);
    wait_for_rows(&database, BOTH);
    // The builds outlive it, and nobody runs them again.
    first.kill();
    first.wait();
    let stranger = database.session();
    stranger.run("BEGIN");
    let lock = stranger.start("LOCK TABLE p2 IN SHARE UPDATE EXCLUSIVE MODE");
    wait_for_rows(
        &database,
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'p2'::regclass",
    );
    project.file(
        "3-column.sql",
        "ALTER TABLE p1 ALTER COLUMN a SET DEFAULT 1;\n",
    );
    let second = project.spawn(&["up", "--on-conflict", "preempt", "--until", "ready"]);
    lock.wait().expect("the lock");
    std::thread::sleep(std::time::Duration::from_secs(1));
    stranger.run("COMMIT");
    let second = second.wait();
    second.expect_success();
    assert!(!second.stderr.contains("warn"), "{}", second.stderr);
    assert_eq!(database.query(INDEXES), "1|0");
    snapshot.run("COMMIT");
    project.segue(&["settle"]).expect_success();
    assert_eq!(database.query(INDEXES), "3|3");
}
