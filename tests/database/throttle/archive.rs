//! The archive of WAL.

use segue::backfill::throttle::{Archive, Reading, Unseen};

use super::{Eye, all};
use crate::connect::server::Server;
use crate::support::{TestSession, wait_until};

/// A server that archives by this command.
fn archiving(command: &str) -> Server {
    let server = Server::start("local all all trust\n", None);
    let session = TestSession::connect(&server.socket("postgres"));
    session.run("ALTER SYSTEM SET archive_mode = 'on'");
    session.run(&format!("ALTER SYSTEM SET archive_command = '{command}'"));
    session.run("CREATE TABLE t (a int); CREATE ROLE weak LOGIN");
    drop(session);
    server.control("stop");
    server.control("start");
    server
}

/// Begins a new file of WAL so many times.
fn switch(session: &TestSession, times: usize) {
    for _ in 0..times {
        session.run("INSERT INTO t VALUES (1)");
        session.run("SELECT pg_switch_wal()");
    }
}

fn archive(seen: &Reading) -> &Archive {
    seen.archive.as_ref().expect("it archives")
}

#[test]
fn one_that_fails() {
    let server = archiving("false");
    let session = TestSession::connect(&server.socket("postgres"));
    let eye = Eye::new(&server.socket("postgres"), "t", 1);
    switch(&session, 3);
    wait_until("a failure", || archive(&eye.look(&all())).failing.is_some());
    let first = eye.look(&all());
    assert!(archive(&first).waiting >= Some(3), "{first:?}");
    wait_until("time to pass", || {
        archive(&eye.look(&all())).failing_for > archive(&first).failing_for
    });
    // Who may not look into the folder knows that it fails, and how much has
    // been written since the last success: none.
    let weak = Eye::new(&server.socket("weak"), "t", 1).look(&all());
    assert_eq!(weak.unseen, [Unseen::Archive, Unseen::Sessions]);
    let expected = Archive {
        failing: archive(&first).failing.clone(),
        ..Archive::default()
    };
    assert_eq!(archive(&weak), &expected);

    session.run("ALTER SYSTEM SET archive_command = 'true'");
    session.run("SELECT pg_reload_conf()");
    switch(&session, 1);
    let expected = Archive {
        waiting: Some(0),
        ..Archive::default()
    };
    wait_until("the archive to get on", || {
        archive(&eye.look(&all())) == &expected
    });
    let weak = Eye::new(&server.socket("weak"), "t", 1);
    assert_eq!(archive(&weak.look(&all())), &expected);
}

#[test]
fn one_that_is_slow_is_counted_with_and_without_its_folder() {
    let server = archiving("true");
    let session = TestSession::connect(&server.socket("postgres"));
    let (eye, weak) = (
        Eye::new(&server.socket("postgres"), "t", 1),
        Eye::new(&server.socket("weak"), "t", 1),
    );
    switch(&session, 2);
    wait_until("the archive to be even", || {
        archive(&weak.look(&all())).waiting == Some(0)
    });
    session.run("ALTER SYSTEM SET archive_command = 'sleep 3600'");
    session.run("SELECT pg_reload_conf()");
    wait_until("the command", || {
        session.query("SHOW archive_command") == "sleep 3600"
    });
    switch(&session, 5);
    for eye in [&eye, &weak] {
        let seen = eye.look(&all());
        assert_eq!(archive(&seen).waiting, Some(5), "{seen:?}");
        assert_eq!(archive(&seen).failing, None);
    }
}
