//! Signals in the batch, and a runner that stalls in it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{Project, TestDatabase, assert_text, wait_until};

#[track_caller]
fn ends_with(signal: Signal, status: i32, expected: &str) {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "SELECT pg_sleep(20);\n");
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    let began = Instant::now();
    run.signal(signal);
    run.wait().expect("", expected, status);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_text("relations", &database.relations(), "");
    assert_text(
        "deployments",
        &database.query("SELECT state, error FROM segue.deployment"),
        "failed|interrupted",
    );
    project.file("2.sql", "");
    project.finishes();
}

#[test]
fn sigterm_in_the_batch_changes_nothing() {
    ends_with(
        Signal::SIGTERM,
        143,
        "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error: ended by SIGTERM
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh

        ",
    );
}

#[test]
fn sigint_in_the_batch_changes_nothing() {
    ends_with(
        Signal::SIGINT,
        130,
        "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error: ended by SIGINT
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh

        ",
    );
}

#[test]
fn a_signal_while_a_lock_is_waited_out_changes_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t ()");
    let application = database.session();
    application.run("BEGIN");
    application.run("LOCK TABLE t IN ACCESS SHARE MODE");
    project.file("1.sql", "ALTER TABLE t ADD COLUMN a int;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.wait().status, 143);
    application.run("COMMIT");
    project.finishes();
}

/// A table that the application uses, and an `up` that is stopped in the
/// middle of its batch while it has locked it.
const STALLING: &str = "ALTER TABLE t ADD COLUMN a int;\nSELECT pg_sleep(0.5);\n";

#[test]
fn a_runner_that_stalls_lets_go_and_starts_anew() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t ()");
    project.file("1.sql", STALLING);
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    run.pause();
    let began = Instant::now();
    database.run("SELECT * FROM t");
    let blocked = began.elapsed();
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(8)).contains(&blocked),
        "{blocked:?}"
    );
    run.resume();
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        Reconnecting the connection was lost (terminating connection due to idle-in-transaction timeout); what stands is read again first
                 Ran `1.sql`, 2 statements in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    project.has_nothing_to_do();
}

#[test]
fn what_another_run_did_meanwhile_is_not_done_again() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t ()");
    // As in the preamble of pg_dump, which would let it stall for ever.
    project.file(
        "1.sql",
        &format!("SET idle_in_transaction_session_timeout = 0;\nSET lock_timeout = 0;\n{STALLING}"),
    );
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    run.pause();
    project.segue(&["up"]).expect_success();
    run.resume();
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        Reconnecting the connection was lost (terminating connection due to idle-in-transaction timeout); what stands is read again first
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    project.has_nothing_to_do();
}

#[test]
fn a_signal_in_copy_changes_nothing() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    // Each row takes a while, so that the data is never through.
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int);\n\
             CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END$$;\n\
             CREATE TRIGGER slow BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION slow();\n",
        )
        .file(
            "2.sql",
            &format!("COPY a FROM STDIN;\n{}\\.\n", "1\n".repeat(2_000_000)),
        );
    let run = project.spawn(&["up"]);
    wait_until("the data", || {
        database.running("COPY a FROM STDIN%").is_some()
    });
    let began = Instant::now();
    run.signal(Signal::SIGTERM);
    assert_eq!(run.wait().status, 143);
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_text("relations", &database.relations(), "");
    project.file("2.sql", "COPY a FROM STDIN;\n1\n\\.\n");
    project.finishes();
}
