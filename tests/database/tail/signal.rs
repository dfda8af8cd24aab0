//! Signals while the tail runs.

use segue::apply::tail::Report;
use segue::apply::{Event, Outcome, Settings, Signal, Until};
use segue::migration::Name;

use super::{
    POLLED_GATE, concurrent, finish, gated_index, jobs, left, names, shut, two_indexes,
    wait_at_gate, wait_at_polled_gate,
};
use crate::support::{TestDatabase, Up, settings};

#[test]
fn sigterm_leaves_a_build_to_the_server() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    // The INSERT of the batch does not pass the gate: there is no index yet.
    let mut up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    up.signal(Signal::Terminate);
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            detached: vec![(Name::new("2-t.sql"), pid)],
            ..Report::default()
        }))
    );
    up.kill();
    assert_eq!(left(&database), "2-t.sql begun\ninvalid t_a");
    let mut second = Up::start(&project, &database.url(), settings());
    let holder = second.wait_for("who runs it", |event| match event {
        Event::RunsElsewhere { holder, .. } => Some(holder.clone()),
        _ => None,
    });
    assert_eq!(holder.pid, pid);
    assert_eq!(holder.application.as_deref(), Some("segue: main/2-t.sql"));
    gate.run("SELECT pg_advisory_unlock(1)");
    assert_eq!(second.wait().expect("finished"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied");
    finish(&project, &database);
}

#[test]
fn a_second_sigint_cancels_a_build_and_removes_what_it_left() {
    let database = TestDatabase::new();
    let project = gated_index();
    let gate = shut(&database, &[1]);
    let mut up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    up.signal(Signal::Interrupt);
    let builds = up.wait_for("what goes on", |event| match event {
        Event::Detached { builds } => Some(builds.clone()),
        _ => None,
    });
    assert_eq!(builds, [(Name::new("2-t.sql"), pid)]);
    up.signal(Signal::Interrupt);
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            cancelled: names(&["2-t.sql"]),
            ..Report::default()
        }))
    );
    assert_eq!(database.query("SELECT to_regclass('t_a')"), "");
    gate.run("SELECT pg_advisory_unlock_all()");
    finish(&project, &database);
    assert_eq!(left(&database), "2-t.sql applied");
}

#[test]
fn a_signal_cancels_what_a_transaction_would_lose() {
    let database = TestDatabase::new();
    let project = two_indexes();
    project
        .write(
            "migrations/1-tables.sql",
            format!("{POLLED_GATE}CREATE TABLE t (a int);\nCREATE TABLE u (a int);\nINSERT INTO t VALUES (1);\n"),
        )
        .write(
            "migrations/2-t.sql",
            concurrent("UPDATE t SET a = polled_gate(a);"),
        );
    let gate = shut(&database, &[1]);
    let mut up = Up::start(&project, &database.url(), jobs(1));
    wait_at_polled_gate(&database);
    up.signal(Signal::Terminate);
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            cancelled: names(&["2-t.sql"]),
            not_started: names(&["3-u.sql"]),
            ..Report::default()
        }))
    );
    gate.run("SELECT pg_advisory_unlock_all()");
    finish(&project, &database);
    assert_eq!(left(&database), "2-t.sql applied\n3-u.sql applied");
}

#[test]
fn what_cannot_be_removed_in_time_is_left_to_the_next_run() {
    let database = TestDatabase::new();
    let project = two_indexes();
    let until_ready = Settings {
        until: Until::Ready,
        ..settings()
    };
    let mut ready = Up::start(&project, &database.url(), until_ready);
    assert_eq!(ready.wait().expect("ready"), Outcome::Ready);
    // Who wrote to the table is in the way of a DROP INDEX, too.
    let writer = database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (1)");
    let mut up = Up::start(&project, &database.url(), jobs(1));
    up.wait_for("whom it waits for", |event| {
        matches!(event, Event::BuildWaits { .. }).then_some(())
    });
    up.signal(Signal::Interrupt);
    up.signal(Signal::Interrupt);
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            left_behind: names(&["2-t.sql"]),
            not_started: names(&["3-u.sql"]),
            ..Report::default()
        }))
    );
    writer.run("COMMIT");
    finish(&project, &database);
    assert_eq!(left(&database), "2-t.sql applied\n3-u.sql applied");
}

#[test]
fn a_signal_ends_waiting_for_another_runner() {
    let database = TestDatabase::new();
    let project = gated_index();
    let _gate = shut(&database, &[1]);
    let _up = Up::start(&project, &database.url(), jobs(2));
    let pid = wait_at_gate(&database, 1);
    let mut second = Up::start(&project, &database.url(), jobs(2));
    second.wait_for("who runs it", |event| {
        matches!(event, Event::RunsElsewhere { .. }).then_some(())
    });
    second.signal(Signal::Terminate);
    assert_eq!(
        second.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            elsewhere: vec![(Name::new("2-t.sql"), pid)],
            ..Report::default()
        }))
    );
}
