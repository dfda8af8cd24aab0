//! Who is in the way of a build, and how far it is.

use segue::history::LockKey;
use segue::migration::Name;
use segue::postgres::activity::{Blocker, LockWait};
use segue::postgres::progress::Progress;
use segue::postgres::{activity, lock, progress};

use crate::support::{LibrarySession, Pending, TestDatabase, TestSession, wait_for};

/// Polls until `pid` waits for somebody.
#[track_caller]
fn wait_of(session: &LibrarySession, pid: i32) -> LockWait {
    wait_for("a build that waits for somebody", || {
        session
            .run(async |session| activity::lock_wait(session, pid).await)
            .filter(|wait| !wait.blockers.is_empty())
    })
}

/// A table, a session that builds an index on it and one that is in its way.
fn build(database: &TestDatabase<'_>, obstacle: &[&str]) -> (TestSession, TestSession, Pending) {
    database.run("CREATE TABLE t (a int)");
    let blocker = database.session();
    for sql in obstacle {
        blocker.run(sql);
    }
    let builder = database.session();
    let build = builder.start("CREATE INDEX CONCURRENTLY i ON t (a)");
    (blocker, builder, build)
}

#[test]
fn a_build_waits_for_a_writer_that_is_idle_in_transaction() {
    let database = TestDatabase::new();
    let (writer, builder, build) = build(
        &database,
        &[
            "SET application_name = 'psql'",
            "BEGIN",
            "INSERT INTO t\n VALUES (1)",
        ],
    );
    let session = LibrarySession::connect(&database.url());
    let wait = wait_of(&session, builder.pid());
    let [blocker] = wait.blockers.as_slice() else {
        panic!("{wait:?}");
    };
    assert!(blocker.transaction_age.is_some() && blocker.query_age.is_some());
    assert!(blocker.transaction_start < blocker.query_start);
    assert_eq!(
        Blocker {
            transaction_age: None,
            query_age: None,
            transaction_start: None,
            query_start: None,
            user: None,
            ..blocker.clone()
        },
        Blocker {
            pid: writer.pid(),
            application: Some("psql".to_owned()),
            state: Some("idle in transaction".to_owned()),
            wait_event: Some("Client/ClientRead".to_owned()),
            query: Some("INSERT INTO t VALUES (1)".to_owned()),
            ..Blocker::default()
        }
    );
    let shown = session.run(async |session| progress::of(session, &[builder.pid()]).await);
    assert_eq!(
        shown.get(&builder.pid()),
        Some(&Progress {
            phase: "waiting for writers before build".to_owned(),
            done: Some(0),
            total: Some(1),
            locker: Some(writer.pid()),
        })
    );
    writer.run("COMMIT");
    build.wait().expect("built");
}

#[test]
fn a_build_waits_for_an_old_snapshot() {
    let database = TestDatabase::new();
    let (reader, builder, build) = build(
        &database,
        &["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1"],
    );
    let session = LibrarySession::connect(&database.url());
    let wait = wait_of(&session, builder.pid());
    let pids: Vec<i32> = wait.blockers.iter().map(|blocker| blocker.pid).collect();
    assert_eq!(pids, [reader.pid()]);
    let old = session.run(async |session| activity::old_snapshots(session, builder.pid()).await);
    let pids: Vec<i32> = old.iter().map(|blocker| blocker.pid).collect();
    assert_eq!(pids, [reader.pid()]);
    reader.run("COMMIT");
    build.wait().expect("built");
}

#[test]
fn a_prepared_transaction_is_named_by_its_identifier() {
    let database = TestDatabase::new();
    let gid = format!("{} it''s", database.name());
    let prepare = format!("PREPARE TRANSACTION '{gid}'");
    let (other, builder, build) =
        build(&database, &["BEGIN", "INSERT INTO t VALUES (1)", &prepare]);
    let session = LibrarySession::connect(&database.url());
    let wait = wait_of(&session, builder.pid());
    let named: Vec<(i32, Option<String>)> = wait
        .blockers
        .iter()
        .map(|blocker| (blocker.pid, blocker.prepared.clone()))
        .collect();
    assert_eq!(named, [(0, Some(gid.replace("''", "'")))]);
    // For its table in the ordinary lock queue, too.
    let altering = database.session();
    let alter = altering.start("ALTER TABLE t ADD b int");
    let wait = wait_of(&session, altering.pid());
    assert_eq!(wait.relation_name.as_deref(), Some("t"));
    let gids: Vec<Option<String>> = wait
        .blockers
        .iter()
        .map(|blocker| blocker.prepared.clone())
        .collect();
    assert_eq!(gids.first(), Some(&Some(gid.replace("''", "'"))));
    altering.cancel();
    alter.wait().expect_err("cancelled");
    other.run(&format!("ROLLBACK PREPARED '{gid}'"));
    build.wait().expect("built");
}

#[test]
fn an_ordinary_role_sees_who_and_not_what() {
    let database = TestDatabase::new();
    let role = database.role("deployer", "LOGIN");
    let (writer, builder, build) = build(
        &database,
        &[
            "SET application_name = 'psql'",
            "BEGIN",
            "INSERT INTO t VALUES (1)",
        ],
    );
    let user = writer.query("SELECT current_user");
    let session = LibrarySession::connect(&database.url_as(&role));
    let wait = wait_of(&session, builder.pid());
    assert_eq!(
        wait.blockers,
        [Blocker {
            pid: writer.pid(),
            user: Some(user),
            application: Some("psql".to_owned()),
            ..Blocker::default()
        }]
    );
    let shown = session.run(async |session| progress::of(session, &[builder.pid()]).await);
    assert_eq!(shown.len(), 0);
    let old = session.run(async |session| activity::old_snapshots(session, builder.pid()).await);
    assert_eq!(old, []);
    writer.run("COMMIT");
    build.wait().expect("built");
}

#[test]
fn the_holder_of_a_lock_is_told_by_its_pid() {
    let database = TestDatabase::new();
    let key = LockKey::migration("main", &Name::new("index.sql"));
    let other = database.session();
    let session = LibrarySession::connect(&database.url());
    assert_eq!(
        session.run(async |session| activity::holder(session, key).await),
        None
    );
    other.run(&format!("SELECT pg_advisory_lock({})", key.0));
    let holder = session.run(async |session| activity::holder(session, key).await);
    assert_eq!(holder.map(|holder| holder.pid), Some(other.pid()));
    assert!(!session.run(async |session| lock::try_lock(session, key).await));
}

#[test]
fn a_session_that_waits_for_nobody_has_no_blockers() {
    let database = TestDatabase::new();
    let idle = database.session();
    let session = LibrarySession::connect(&database.url());
    let wait = session.run(async |session| activity::lock_wait(session, idle.pid()).await);
    assert_eq!(wait, None);
    assert_eq!(
        session
            .run(async |session| progress::of(session, &[]).await)
            .len(),
        0
    );
}

#[test]
fn a_statement_is_told_whole_whatever_a_backslash_means() {
    let database = TestDatabase::new();
    let name = database.name();
    database.run(&format!(
        "ALTER DATABASE {name} SET standard_conforming_strings = off"
    ));
    let other = database.session();
    other.run("SELECT\n  'session'");
    let session = LibrarySession::connect(&database.url());
    let pid = other.pid();
    let query = session
        .run(async |session| activity::backend(session, pid).await)
        .and_then(|backend| backend.query);
    assert_eq!(query.as_deref(), Some("SELECT 'session'"));
}
