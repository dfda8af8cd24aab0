//! The proxy fails where it is told to.

use crate::support::{Action, At, Proxy, TestDatabase, TestSession, wait_until};

/// Commits through a proxy that acts at the COMMIT: whether the client was
/// told, and what the server has.
fn commit(at: At, action: Action) -> (bool, String) {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int)");
    let proxy = Proxy::new(&database);
    let session = TestSession::connect(&proxy.url());
    session.run("BEGIN");
    session.run("INSERT INTO t VALUES (1)");
    proxy.trap("commit", 1, at, action);
    let pid = session.pid();
    let pending = session.start("COMMIT");
    wait_until("the trap", || proxy.sprung() == 1);
    if action == Action::Cut {
        assert!(pending.wait().is_err());
        wait_until("the backend's end", || {
            let backends = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
            database.query(&backends) == "0"
        });
        // The next connection is not harmed.
        assert_eq!(TestSession::connect(&proxy.url()).query("SELECT 1"), "1");
        return (true, database.query("SELECT count(*) FROM t"));
    }
    wait_until("the server's side", || {
        let idle = format!("SELECT state FROM pg_stat_activity WHERE pid = {pid}");
        database.query(&idle).starts_with("idle")
    });
    (
        pending.is_finished(),
        database.query("SELECT count(*) FROM t"),
    )
}

#[test]
fn a_proxy_cuts_before_the_server_has_the_commit() {
    assert_eq!(commit(At::Before, Action::Cut), (true, "0".to_owned()));
}

#[test]
fn a_proxy_cuts_after_the_server_has_the_commit() {
    assert_eq!(commit(At::After, Action::Cut), (true, "1".to_owned()));
}

#[test]
fn a_proxy_cuts_after_the_server_has_replied() {
    assert_eq!(commit(At::Reply, Action::Cut), (true, "1".to_owned()));
}

#[test]
fn a_proxy_loses_the_commit_and_nobody_is_told() {
    assert_eq!(
        commit(At::Before, Action::Blackhole),
        (false, "0".to_owned())
    );
}

#[test]
fn a_proxy_loses_the_reply_and_nobody_is_told() {
    assert_eq!(
        commit(At::Reply, Action::Blackhole),
        (false, "1".to_owned())
    );
}

#[test]
fn a_proxy_counts_statements_and_holds_them() {
    let database = TestDatabase::new();
    let proxy = Proxy::new(&database);
    let session = TestSession::connect(&proxy.url());
    proxy.trap("select 2", 2, At::Before, Action::Cut);
    assert_eq!(session.query("SELECT 2"), "2");
    assert_eq!(session.query("SELECT 1"), "1");
    proxy.hold();
    let pending = session.start("SELECT 3");
    assert!(!pending.is_finished());
    proxy.release();
    assert_eq!(pending.wait().expect("it was only held"), "3");
    assert!(session.try_query("Select 2").is_err());
    wait_until("the trap", || proxy.sprung() == 1);
}
