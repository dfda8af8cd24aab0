//! A runner that is stopped (SIGSTOP) at each point, while another one takes
//! over; woken up, it finds out. Nothing runs twice, and no lock stays behind.

use std::time::{Duration, Instant};

use segue::apply::{Event, Outcome, Settings};
use segue::history::LockKey;

use super::{concurrent, gated, left, open, project_on, shut, wait_at_gate, wait_for_rows};
use crate::support::{
    Background, Project, Run, TestDatabase, TestSession, Up, settings, wait_until,
};

/// Soon, where the program itself waits half a minute.
fn impatient() -> Settings {
    Settings {
        stalled_after: Duration::from_secs(2),
        ..settings()
    }
}

/// A second runner, which does all that is left while the first is stopped.
#[track_caller]
fn taken_over(project: &Project, database: &TestDatabase<'_>) -> Vec<Event> {
    let mut second = Up::start(project, &database.url(), impatient());
    assert_eq!(second.wait().expect("taken over"), Outcome::Settled);
    second.events()
}

fn ended_a_session(events: &[Event]) -> bool {
    let is_end = |event: &Event| matches!(event, Event::StalledEnded { .. });
    events.iter().any(is_end)
}

/// Wakes the first runner up, which has nothing to do any more and says so.
#[track_caller]
fn woken(first: Background<'_>, project: &Project, database: &TestDatabase<'_>) -> Run {
    first.resume();
    let run = first.wait();
    run.expect_success();
    let advisory = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_until("all locks to be free", || database.query(advisory) == "0");
    let again = project.segue(&["up"]);
    assert!(again.stderr.contains("Up to date"), "{}", again.stderr);
    run
}

/// How often each migration has been recorded as begun or applied is one; what
/// it did, `t` counts.
const APPLIED: &str =
    "SELECT count(*), count(*) FILTER (WHERE state = 'applied') FROM segue.migration";

#[test]
fn between_two_tries_with_the_batch_lock() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    database.run("CREATE TABLE t (a int)");
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b serial;\n");
    let reader = database.session();
    reader.run("BEGIN; SELECT FROM t");
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("held by pid");
    first.pause();
    reader.run("ROLLBACK");
    let events = taken_over(&project, &database);
    assert!(ended_a_session(&events));
    let run = woken(first, &project, &database);
    assert!(run.stderr.contains("Reconnecting"), "{}", run.stderr);
    assert_eq!(database.query(APPLIED), "1|1");
}

/// One that lives is not taken for one that is stopped.
#[test]
fn one_that_waits_long_between_two_tries_is_let_alone() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    database.run("CREATE TABLE t (a int)");
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b serial;\n");
    let reader = database.session();
    reader.run("BEGIN; SELECT FROM t");
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("held by pid");
    let mut second = Up::start(&project, &database.url(), impatient());
    second.wait_for("the wait for the batch", |event| {
        matches!(event, Event::WaitingForBatch { .. }).then_some(())
    });
    std::thread::sleep(Duration::from_secs(4));
    assert!(!ended_a_session(&second.events()));
    reader.run("ROLLBACK");
    first.wait().expect_success();
    assert_eq!(second.wait().expect("settled"), Outcome::Settled);
}

/// Rows enough to fill every buffer between the two processes.
fn long_copy(more: &str) -> String {
    let row = "x".repeat(1000);
    let rows = format!("{row}\n").repeat(20_000);
    format!("{more}COPY t FROM STDIN;\n{rows}\\.\n")
}

/// A table whose first row is held up while gate 1 is shut.
const SLOW_TABLE: &str = "CREATE TABLE t (a text);\n\
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$\n\
    BEGIN WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(1) LOOP\n\
    PERFORM pg_catalog.pg_sleep(0.02); END LOOP; RETURN NEW; END $$;\n\
    CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW WHEN (pg_catalog.pg_try_advisory_xact_lock_shared(1) IS NOT TRUE) EXECUTE FUNCTION slow();\n";

#[track_caller]
fn stopped_in_copy(header: &str) {
    let database = TestDatabase::new();
    let project = project_on(&database);
    database.run(SLOW_TABLE);
    let more = "ALTER TABLE t ADD COLUMN b text GENERATED ALWAYS AS ('') STORED;\n";
    let more = if header.is_empty() { more } else { "" };
    project.file("1.sql", &long_copy(&format!("{header}{more}")));
    let gate = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_for_rows(
        &database,
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'COPY t%' AND datname = current_database()",
    );
    first.pause();
    open(&gate);
    let began = Instant::now();
    // An application that the batch's locks hold up, and another runner.
    database.run("DROP TRIGGER slow ON t");
    let blocked = began.elapsed();
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(50)).contains(&blocked),
        "{blocked:?}"
    );
    let mut second = Up::start(&project, &database.url(), impatient());
    assert_eq!(second.wait().expect("taken over"), Outcome::Settled);
    woken(first, &project, &database);
    assert_eq!(database.query("SELECT count(*) FROM t"), "20000");
    assert_eq!(database.query(APPLIED), "1|1");
}

#[test]
fn in_a_copy_of_the_batch() {
    stopped_in_copy("");
}

#[test]
fn in_a_copy_outside_of_the_batch() {
    stopped_in_copy("-- segue: no-txn\n");
}

#[test]
fn while_an_index_is_built() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    let index = database.query("SELECT 't_a'::regclass::oid");
    first.pause();
    open(&holder);
    let events = taken_over(&project, &database);
    assert!(ended_a_session(&events));
    assert_eq!(database.query("SELECT 't_a'::regclass::oid"), index);
    let run = woken(first, &project, &database);
    assert!(run.stderr.contains("Finished"), "{}", run.stderr);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

#[test]
fn in_a_transaction_of_the_tail() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file(
        "1-table.sql",
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n\
         CREATE FUNCTION polled(key int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$\n\
         BEGIN WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(key) LOOP\n\
         PERFORM pg_catalog.pg_sleep(0.02); END LOOP; RETURN key; END $$;\n\
         ALTER TABLE t ADD CONSTRAINT positive CHECK (polled(a) > 0) NOT VALID;\n",
    );
    project.file(
        "2-index.sql",
        &concurrent("ALTER TABLE t VALIDATE CONSTRAINT positive;"),
    );
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_for_rows(
        &database,
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    );
    first.pause();
    open(&holder);
    taken_over(&project, &database);
    let run = woken(first, &project, &database);
    assert!(run.stderr.contains("Finished"), "{}", run.stderr);
    let valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'positive'";
    assert_eq!(database.query(valid), "t");
}

/// After the intent was written, and before the build was sent.
#[test]
fn between_the_intent_and_the_build() {
    stopped_at_the_ledger("segue.intent", |database, first| {
        wait_for_rows(database, &waits_for("segue.intent"));
        first.pause();
    });
}

/// After the build, and before the ledger knows.
#[test]
fn between_the_build_and_its_row() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    let ledger = database.session();
    ledger.run("BEGIN; LOCK TABLE segue.migration, segue.intent IN EXCLUSIVE MODE");
    open(&holder);
    wait_for_rows(&database, &waits_for("segue.intent"));
    first.pause();
    ledger.run("ROLLBACK");
    taken_over(&project, &database);
    woken(first, &project, &database);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

fn waits_for(table: &str) -> String {
    format!(
        "SELECT pid FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

#[track_caller]
fn stopped_at_the_ledger(table: &str, stop: impl FnOnce(&TestDatabase<'_>, &Background<'_>)) {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let ledger = database.session();
    ledger.run(&format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE"));
    let first = project.spawn(&["settle"]);
    stop(&database, &first);
    ledger.run("ROLLBACK");
    let events = taken_over(&project, &database);
    assert!(ended_a_session(&events));
    woken(first, &project, &database);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

/// After the COMMIT of the batch, and before the tail.
#[test]
fn between_the_batch_and_the_tail() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    project.file("3-other.sql", "CREATE TABLE other (a int);\n");
    // Its lock cannot be had, so the tail does not begin.
    let stranger = database.session();
    let key = LockKey::migration("main", &segue::migration::Name::new("2-index.sql")).0;
    stranger.run(&format!("SELECT pg_advisory_lock({key})"));
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("run by");
    first.pause();
    drop(stranger);
    taken_over(&project, &database);
    woken(first, &project, &database);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
    let settled = "SELECT count(*) FROM segue.deployment WHERE state <> 'settled'";
    assert_eq!(database.query(settled), "0");
}

/// Whoever waits holds nothing.
#[test]
fn while_it_waits_for_another_one() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let builder = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("run by");
    first.pause();
    open(&holder);
    builder.wait().expect_success();
    woken(first, &project, &database);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

/// Stopped after it was pre-empted, it comes too late for everything.
#[test]
fn a_build_that_is_stopped_can_be_preempted() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    first.pause();
    project.file("3-column.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let preempting = Settings {
        on_conflict: segue::plan::OnConflict::Preempt,
        ..impatient()
    };
    let mut second = Up::start(&project, &database.url(), preempting);
    second.wait_for("readiness", |event| {
        matches!(event, Event::Ready { .. }).then_some(())
    });
    open(&holder);
    assert_eq!(second.wait().expect("settled"), Outcome::Settled);
    assert!(ended_a_session(&second.events()));
    woken(first, &project, &database);
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

/// A table whose partitions are built side by side, each build waiting for the
/// snapshot of the session that is returned, and their runner stopped.
fn stopped_side_by_side<'a>(
    project: &'a Project,
    database: &TestDatabase<'_>,
) -> (Background<'a>, TestSession) {
    project.file(
        "1-table.sql",
        "CREATE TABLE p (a int) PARTITION BY LIST (a);\n\
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n\
         CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);\n\
         INSERT INTO p VALUES (1), (2);\n",
    );
    project.file(
        "2-index.sql",
        &concurrent("CREATE INDEX CONCURRENTLY p_a ON p (a);"),
    );
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    database.run("CREATE TABLE elsewhere (a int)");
    let snapshot = database.session();
    snapshot.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM elsewhere");
    let first = project.spawn(&["settle"]);
    wait_for_rows(
        database,
        "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() \
         AND phase = 'waiting for old snapshots' HAVING count(*) = 2",
    );
    first.pause();
    (first, snapshot)
}

const VALID: &str = "SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text COLLATE \"C\") FROM pg_index \
    WHERE indisvalid AND indrelid IN ('p'::regclass, 'p1'::regclass, 'p2'::regclass)";

fn ended_sessions(events: &[Event]) -> usize {
    let is_end = |event: &&Event| matches!(event, Event::StalledEnded { .. });
    events.iter().filter(is_end).count()
}

/// The session beside the one with the migration's lock says of its partition
/// that it is at work, and would say so for ever.
#[test]
fn while_partitions_are_built_side_by_side() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let (first, snapshot) = stopped_side_by_side(&project, &database);
    let p1 = "SELECT 'p1_a_idx'::regclass::oid";
    let before = database.query(p1);
    // A build that ended well is kept, whoever says to be at work on it.
    let at_p2 = "FROM pg_stat_progress_create_index WHERE relid = 'p2'::regclass";
    database.run(&format!("SELECT pg_cancel_backend(pid) {at_p2}"));
    let left = format!("SELECT pid {at_p2}");
    wait_until("the build to end", || database.query(&left).is_empty());
    snapshot.run("COMMIT");
    let events = taken_over(&project, &database);
    assert_eq!(ended_sessions(&events), 2);
    woken(first, &project, &database);
    assert_eq!(database.query(p1), before);
    assert_eq!(database.query(VALID), "p1_a_idx p2_a_idx p_a");
}

#[test]
fn builds_side_by_side_that_are_stopped_can_be_preempted() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    let (first, snapshot) = stopped_side_by_side(&project, &database);
    project.file("3-column.sql", "ALTER TABLE p ADD COLUMN b int;\n");
    let preempting = Settings {
        on_conflict: segue::plan::OnConflict::Preempt,
        ..impatient()
    };
    let mut second = Up::start(&project, &database.url(), preempting);
    second.wait_for("readiness", |event| {
        matches!(event, Event::Ready { .. }).then_some(())
    });
    let events = second.events();
    assert_eq!(ended_sessions(&events), 2, "{events:#?}");
    snapshot.run("COMMIT");
    assert_eq!(second.wait().expect("settled"), Outcome::Settled);
    woken(first, &project, &database);
    assert_eq!(database.query(VALID), "p1_a_idx p2_a_idx p_a");
}
