//! What happens during a check does not leave half of anything.

use nix::sys::signal::Signal;

use super::case::Case;
use crate::support::{Background, TestSession, wait_until};

/// Locks the view alone; `LOCK TABLE` would lock what it reads, too.
const LOCK: &str = "ALTER VIEW v RENAME TO w";

/// With a view, and a migration that changes its text after a while.
fn slow() -> Case {
    let case = Case::with_table();
    case.file("2-view.sql", "CREATE VIEW v AS SELECT a FROM t;\n")
        .expect();
    case.project.segue(&["up"]).expect_success();
    case.file(
        "3-rename.sql",
        "ALTER TABLE t RENAME COLUMN a TO z;\nSELECT pg_sleep(1);\n",
    )
    .expect();
    case
}

/// A run, and a stranger's lock on the view that comes after it has begun, in
/// the way of the check.
fn started<'a>(case: &'a Case, arguments: &[&str]) -> (Background<'a>, TestSession) {
    let up = case.project.spawn(arguments);
    wait_until("the migration", || {
        case.database.running("SELECT pg_sleep%").is_some()
    });
    let stranger = case.database.session();
    stranger.run("BEGIN");
    stranger.run(LOCK);
    (up, stranger)
}

/// As [`started`], and the check has met the lock.
fn held_up(case: &Case) -> (Background<'_>, TestSession) {
    let (up, stranger) = started(case, &["up"]);
    up.wait_for_stderr("Retrying");
    (up, stranger)
}

#[test]
fn a_lock_in_the_way_of_the_first_look_is_told() {
    let case = slow();
    let stranger = case.database.session();
    stranger.run("BEGIN");
    stranger.run(LOCK);
    let up = case.project.spawn(&["up"]);
    up.wait_for_stderr("Waiting for a lock on");
    stranger.run("ROLLBACK");
    let run = up.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
}

#[test]
fn a_lock_is_waited_for_outside_of_the_transaction() {
    let case = slow();
    let (up, stranger) = held_up(&case);
    stranger.run("ROLLBACK");
    let run = up.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}

#[test]
fn a_signal_rolls_back() {
    let case = slow();
    let (up, stranger) = held_up(&case);
    up.signal(Signal::SIGINT);
    let run = up.wait();
    assert_eq!(run.status, 130, "{}", run.stderr);
    drop(stranger);
    let columns =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'z'";
    wait_until("the rollback", || case.database.query(columns) == "0");
    case.project.finishes();
}

#[test]
fn a_lost_connection_is_made_up_for() {
    let case = slow();
    // Long enough to be caught waiting.
    let (up, stranger) = started(&case, &["up", "--lock-timeout", "500ms"]);
    // In the middle of the check.
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until("the check to wait again", || {
        case.database.query(kill) == "t"
    });
    up.wait_for_stderr("Reconnecting");
    stranger.run("ROLLBACK");
    let run = up.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}
