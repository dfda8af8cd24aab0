//! Runs that end in the middle, or meet another one: nothing half-made is ever
//! used.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Place;
use crate::support::wait_until;

/// A migration that takes as long as a file is there.
fn slow() -> Place {
    let place = Place::new();
    place
        .project
        .file("1.sql", "CREATE TABLE t ();\n")
        .file("2.sql", "CREATE TABLE u ();\nSELECT pg_sleep(0);\n");
    place
}

const COUNT: &[&str] = &["SELECT count(*) FROM pg_class WHERE relname IN ('t', 'u')"];

/// Has the second file wait until it is killed.
fn stuck(place: &Place) {
    place
        .project
        .file("2.sql", "CREATE TABLE u ();\nSELECT pg_sleep(600);\n");
}

/// The postmaster of the only data that is kept, once it is in the middle of
/// the second file.
fn wait_for_second(place: &Place) -> Pid {
    let mut pid = None;
    wait_until("the second file", || {
        let Some(folder) = place.kept().into_iter().next() else {
            return false;
        };
        let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        pid = text.lines().next().and_then(|line| line.parse().ok());
        // Line 5 is the folder of the socket.
        let socket = text.lines().nth(4).unwrap_or_default().to_owned();
        let sleeps = std::process::Command::new("psql")
            .args(["-XAtq", "-U", "postgres", "-d", "postgres", "-h", &socket])
            .args(["-c", "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query ~ '^SELECT pg_sleep'"])
            .output();
        sleeps.is_ok_and(|output| output.stdout == b"1\n")
    });
    Pid::from_raw(pid.expect("a pid"))
}

#[test]
fn a_run_that_is_killed_leaves_nothing_half_made() {
    let place = slow();
    place.query("1", COUNT);
    stuck(&place);
    let run = place.project.spawn(&["at", "2", "--", "true"]);
    wait_for_second(&place);
    run.kill();
    assert_eq!(run.wait().status, 137);
    place
        .project
        .file("2.sql", "CREATE TABLE u ();\nSELECT pg_sleep(0);\n");
    assert_eq!(place.query("2", COUNT), "2\n");
    assert_eq!(
        place
            .query(
                "1",
                &["SELECT datname FROM pg_database WHERE datname ~ '^segue_visit'"]
            )
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_server_that_is_killed_leaves_nothing_that_is_used() {
    let place = slow();
    place.query("1", COUNT);
    let identifier = &[
        "SELECT system_identifier FROM pg_control_system()",
        "SELECT count(*) FROM pg_database WHERE datname ~ '^segue_state_'",
    ];
    let before = place.query("1", identifier);
    assert_eq!(place.query("1", identifier), before);
    stuck(&place);
    let run = place.project.spawn(&["at", "2", "--", "true"]);
    let postmaster = wait_for_second(&place);
    kill(postmaster, Signal::SIGKILL).expect("a process of ours");
    assert_ne!(run.wait().status, 0);
    place
        .project
        .file("2.sql", "CREATE TABLE u ();\nSELECT pg_sleep(0);\n");
    // Made from nothing: one template, that of the state.
    let templates = &["SELECT count(*) FROM pg_database WHERE datname ~ '^segue_state_'"];
    assert_eq!(place.query("2", templates), "1\n");
    assert_eq!(place.query("2", COUNT), "2\n");
}

#[test]
fn data_that_is_damaged_is_made_anew() {
    let place = slow();
    place.query("1", COUNT);
    let folder = place.kept().pop().expect("a folder");
    fs::remove_file(folder.join("data/global/pg_control")).expect("a file");
    assert_eq!(place.query("1", COUNT), "1\n");
    // As a machine that is started again finds it, not all of it written.
    fs::write(folder.join("sound"), "another start").expect("a file");
    assert_eq!(place.query("1", COUNT), "1\n");
    // What it should have is not there.
    fs::remove_file(folder.join("shared")).expect("a file");
    assert_eq!(place.query("1", COUNT), "1\n");
}

#[test]
fn two_at_once_do_not_wait_for_each_other() {
    let place = slow();
    let wait =
        "echo runs; while [ ! -e go ]; do sleep 0.05; done; psql -XAtqc 'CREATE TABLE own ()'";
    let first = place.project.spawn(&["at", "2", "--", "sh", "-c", wait]);
    first.wait_for_stdout("runs");
    let second = place.project.spawn(&["at", "2", "--", "sh", "-c", wait]);
    second.wait_for_stdout("runs");
    assert_eq!(place.kept().len(), 2);
    place.project.write("go", "");
    for run in [first, second] {
        run.wait().expect("runs\n", "    Visiting 2.sql\n", 0);
    }
}

#[test]
fn a_signal_while_a_state_is_made_ends_it() {
    let place = slow();
    stuck(&place);
    let run = place.project.spawn(&["at", "2", "--", "echo", "never"]);
    wait_for_second(&place);
    run.signal(Signal::SIGINT);
    run.wait()
        .expect("", "\n    Visiting 2.sql\nerror: ended by SIGINT\n", 130);
}

#[test]
fn a_folder_that_cannot_be_used_is_done_without() {
    let mut place = slow();
    place.project.write("file", "");
    let file = place.project.path().join("file");
    place.project.env("SEGUE_CACHE_DIR", file);
    let run = place.at("1", &["echo", "runs"]);
    run.expect(
        "runs\n",
        "
        Visiting 1.sql
            Note states are made anew for this run: cannot keep states in `[project]/file/states`: Not a directory; SEGUE_CACHE_DIR names another folder
        ",
        0,
    );
    let run = place
        .project
        .segue(&["at", "1", "--throwaway", "--", "echo", "runs"]);
    run.expect("runs\n", "    Visiting 1.sql\n", 0);
}

#[test]
fn what_cannot_be_is_told_with_what_can() {
    let place = Place::triple();
    place.at("3@biulding", &["true"]).expect(
        "",
        "
        error: `biulding` is no moment
        help: did you mean `@building`?
        help: a moment is `before`, `ready`, `building` or `backfilling:40%`; without one everything up to the migration is settled
        ",
        2,
    );
    place.at("4@building", &["true"]).expect(
        "",
        "
        error: there is no `4.sql@building`: `4.sql` builds no index by itself, outside of a transaction
        help: around it there are `4.sql@before`, `4.sql@ready`, `4.sql@backfilling:50%` and `4.sql`
        ",
        2,
    );
    // That there is nothing to build is seen on the way only.
    place.project.file(
        "1.sql",
        "CREATE TABLE t (id int, a text) PARTITION BY LIST (id);\n",
    );
    place.project.file(
        "3.sql",
        "-- segue: begin-concurrent-migration-with: 2.sql\n\nCREATE INDEX CONCURRENTLY t_b ON t (b);\n",
    );
    place.at("3@building", &["true"]).expect(
        "",
        "
            Visiting 3.sql@building
        error: `3.sql@building` cannot be reached: `3.sql` was done without building an index
        help: it has nothing to build in this state: the table is partitioned and has no partitions, for example
        ",
        2,
    );
    place
        .project
        .file("2.sql", "ALTER TABLE nothing ADD b text;\n");
    place.at("2", &["true"]).expect(
        "",
        "
            Visiting 2.sql
        error[migration-failed]: relation \"nothing\" does not exist
          --> migrations/2.sql:1:1
          |
        1 | ALTER TABLE nothing ADD b text;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the server refused this statement
          |
          = note: SQLSTATE 42P01
        error: `2.sql` cannot be reached: a migration fails
        ",
        4,
    );
}
