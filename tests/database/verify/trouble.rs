//! What happens during a check does not leave half of anything.

use nix::sys::signal::Signal;

use super::case::Case;
use crate::support::wait_until;

/// Holds the check of a block up: a stranger's lock is on a view that has to be
/// rendered. Gives the run and the stranger.
fn held_up(case: &Case) -> crate::support::TestSession {
    case.file("2-view.sql", "CREATE VIEW v AS SELECT a FROM t;\n")
        .expect();
    case.project.segue(&["up"]).expect_success();
    // The view's text names the column.
    case.file("3-rename.sql", "ALTER TABLE t RENAME COLUMN a TO z;\n")
        .expect();
    let stranger = case.database.session();
    stranger.run("BEGIN");
    stranger.run("LOCK TABLE v IN ACCESS EXCLUSIVE MODE");
    stranger
}

#[test]
fn a_lock_is_waited_for_outside_of_the_transaction() {
    let case = Case::with_table();
    let stranger = held_up(&case);
    let up = case.project.spawn(&["up"]);
    up.wait_for_stderr("Retrying");
    stranger.run("ROLLBACK");
    let run = up.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}

#[test]
fn a_signal_rolls_back() {
    let case = Case::with_table();
    let stranger = held_up(&case);
    let up = case.project.spawn(&["up"]);
    up.wait_for_stderr("Retrying");
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
    let case = Case::with_table();
    let stranger = held_up(&case);
    let up = case.project.spawn(&["up"]);
    up.wait_for_stderr("Retrying");
    // All of the run's sessions, wherever they are in the check.
    case.database.query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'segue%'",
    );
    stranger.run("ROLLBACK");
    let run = up.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}
