//! Builds whose runner died, was cut off, or is another one.

use std::time::Duration;

use segue::apply::tail::Report;
use segue::apply::{ApplyError, Event, Outcome, Settings};
use segue::migration::Name;

use super::{finish, gated_index, jobs, left, shut, wait_at_gate};
use crate::support::{Project, Proxy, TestDatabase, Up, settings};

/// Kills a run whose build is at `gate`, starts another one, and opens the
/// gates when that one has found out who runs it.
#[track_caller]
fn killed_at(gates: &[i32], gate: i32) {
    let database = TestDatabase::new();
    let project = gated_index();
    let holder = shut(&database, gates);
    let up = Up::start(&project, &database.url(), jobs(2));
    if gate == 2 {
        // Committed after the first scan's snapshot and before the index
        // takes new rows, so it is the second scan that finds it.
        wait_at_gate(&database, 1);
        database.run("INSERT INTO t VALUES (2)");
        holder.run("SELECT pg_advisory_unlock(1)");
    }
    let pid = wait_at_gate(&database, gate);
    up.kill();
    let mut second = Up::start(&project, &database.url(), settings());
    let elsewhere = second.wait_for("who runs it", |event| match event {
        Event::RunsElsewhere { holder, .. } => Some(holder.pid),
        _ => None,
    });
    assert_eq!(elsewhere, pid);
    holder.run("SELECT pg_advisory_unlock_all()");
    assert_eq!(second.wait().expect("finished"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied");
    finish(&project, &database);
}

#[test]
fn killed_in_the_first_scan() {
    killed_at(&[1], 1);
}

#[test]
fn killed_in_the_second_scan() {
    killed_at(&[1, 2], 2);
}

#[test]
fn a_killed_builder_is_taken_over_from() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    let up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    let mut second = Up::start(&project, &database.url(), settings());
    second.wait_for("who runs it", |event| {
        matches!(event, Event::RunsElsewhere { .. }).then_some(())
    });
    up.kill();
    database.run(&format!("SELECT pg_terminate_backend({pid})"));
    second.wait_for_begin("2-t.sql");
    gate.run("SELECT pg_advisory_unlock_all()");
    assert_eq!(second.wait().expect("taken over"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied");
}

#[test]
fn a_lost_connection_is_made_again_and_the_build_taken_up() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    let mut up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    database.run(&format!("SELECT pg_terminate_backend({pid})"));
    up.wait_for("the loss", |event| {
        matches!(event, Event::ConnectionLost { .. }).then_some(())
    });
    gate.run("SELECT pg_advisory_unlock_all()");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied");
}

#[test]
fn waiting_for_a_runner_without_progress_is_bounded() {
    let database = TestDatabase::new();
    let project = gated_index();
    let _gate = shut(&database, &[1]);
    let _up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    let mut second = Up::start(
        &project,
        &database.url(),
        Settings {
            concurrent_wait: Duration::from_secs(2),
            ..settings()
        },
    );
    assert_eq!(
        second.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            elsewhere: vec![(Name::new("2-t.sql"), pid)],
            ..Report::default()
        }))
    );
}

#[test]
fn a_build_whose_client_was_cut_off_is_waited_for() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    let proxy = Proxy::new(&database);
    let mut up = Up::start(&project, &proxy.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    proxy.cut();
    let holder = up.wait_for("who runs it", |event| match event {
        Event::RunsElsewhere { holder, .. } => Some(holder.pid),
        _ => None,
    });
    assert_eq!(holder, pid);
    let built = database.query("SELECT 't_a'::regclass::oid");
    gate.run("SELECT pg_advisory_unlock_all()");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(database.query("SELECT 't_a'::regclass::oid"), built);
    assert_eq!(left(&database), "2-t.sql applied");
    finish(&project, &database);
}

/// Adds a migration that needs the concurrent one of [`gated_index`] done.
fn add_ending(project: &Project) {
    project.write(
        "migrations/3-end.sql",
        "-- segue: end-concurrent-migration: 2-t.sql\nALTER INDEX t_a RENAME TO t_b;\n",
    );
}

#[test]
fn an_ending_migration_waits_for_a_build_that_runs_elsewhere() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    let mut first = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    add_ending(&project);
    let mut second = Up::start(&project, &database.url(), settings());
    let holder = second.wait_for("who runs it", |event| match event {
        Event::RunsElsewhere { holder, .. } => Some(holder.pid),
        _ => None,
    });
    assert_eq!(holder, pid);
    second.wait_for("its progress", |event| match event {
        Event::Progress { phase, .. } => (phase == "building index: scanning table").then_some(()),
        _ => None,
    });
    gate.run("SELECT pg_advisory_unlock_all()");
    assert_eq!(first.wait().expect("built"), Outcome::Settled);
    assert_eq!(second.wait().expect("ended"), Outcome::Settled);
    assert_eq!(database.query("SELECT to_regclass('t_b')"), "t_b");
}

#[test]
fn the_wait_of_an_ending_migration_is_bounded() {
    let database = TestDatabase::new();
    let project = gated_index();
    let _gate = shut(&database, &[1]);
    let _first = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    add_ending(&project);
    let bounded = Settings {
        concurrent_wait: Duration::from_secs(1),
        ..settings()
    };
    let mut second = Up::start(&project, &database.url(), bounded);
    let error = second.wait().expect_err("too long");
    let ApplyError::TimedOut {
        what,
        option,
        committed,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (what, option, committed),
        (
            format!("`2-t.sql`, which runs in pid {pid} and which `3-end.sql` needs done"),
            "--concurrent-wait",
            Vec::new()
        )
    );
}
