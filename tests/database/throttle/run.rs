//! Whole runs: a backfill waits while a signal is there, names it, and goes on
//! when it is gone.

use std::path::PathBuf;
use std::time::Duration;

use segue::apply::backfill::News;
use segue::apply::{ApplyError, Event, Outcome, Settings};
use segue::backfill::throttle::Limits;

use super::{all, lag};
use crate::connect::server::Server as ArchivingServer;
use crate::standby::Pair;
use crate::support::{Project, TestDatabase, TestSession, Up, settings, wait_until};

const ROWS: usize = 2000;

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, a int, b int);\n\
     INSERT INTO t SELECT i, i FROM generate_series(1, 2000) i;\n";

const FILL: &str = "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
     -- segue: backfill: t by id\n\
     UPDATE t SET b = a WHERE id > :lower AND id <= :upper;\n";

fn project() -> Project {
    let project = Project::new();
    project
        .write("migrations/1-t.sql", TABLE)
        .write("migrations/2-fill.sql", FILL);
    project
}

/// A file in the project's folder that says to wait.
fn flag(project: &Project) -> PathBuf {
    let flag = project.path().join("wait");
    std::fs::write(&flag, "").expect("a file");
    flag
}

fn waiting_for(limits: Limits) -> Settings {
    Settings {
        // On a database of its own it would be a part of the batch.
        fold: false,
        backfill: Limits {
            every: Duration::from_millis(100),
            ..limits
        },
        ..settings()
    }
}

/// Of the backfill, once its table is there: what holds it up.
fn held_by(session: &TestSession) -> String {
    let sql = "SELECT array_to_string(throttled_by, '; ') FROM segue.backfill";
    session.try_query(sql).unwrap_or_default()
}

fn rows_done(session: &TestSession) -> String {
    session.query("SELECT rows FROM segue.backfill")
}

/// Waits until it is held up by all of these.
#[track_caller]
fn wait_for_signals(session: &TestSession, signals: &[&str]) {
    wait_until(&format!("{signals:?}"), || {
        let held_by = held_by(session);
        signals.iter().all(|signal| held_by.contains(signal))
    });
}

#[track_caller]
fn settles(up: &mut Up, session: &TestSession) {
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert_eq!(
        session.query("SELECT count(*) FROM t WHERE b = a"),
        ROWS.to_string()
    );
    assert_eq!(held_by(session), "");
}

/// Whether it was told that it waits, for one of these at least (one that joins
/// within ten seconds is not told by itself), and that it goes on.
#[track_caller]
fn told(up: &Up, signals: &[&str]) {
    let news: Vec<String> = up
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Backfill {
                news: news @ (News::Throttled { .. } | News::GoesOn { .. }),
                ..
            } => Some(news.to_string()),
            _ => None,
        })
        .collect();
    let is_told = |news: &String| signals.iter().any(|signal| news.contains(signal));
    let waits = news.iter().position(is_told);
    let goes_on = news.iter().rposition(|news| news.starts_with("goes on"));
    assert!(waits.is_some() && waits < goes_on, "{news:?}");
}

/// Held up from its beginning on, until `release`.
#[track_caller]
fn check(url: &str, limits: Limits, signals: &[&str], release: impl FnOnce()) {
    let session = TestSession::connect(url);
    let project = project();
    let mut up = Up::start(&project, url, waiting_for(limits));
    wait_for_signals(&session, signals);
    assert_eq!(rows_done(&session), "0");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(rows_done(&session), "0");
    release();
    settles(&mut up, &session);
    told(&up, signals);
}

#[test]
fn a_flag_file_and_a_query_at_once() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE job (a int); INSERT INTO job VALUES (1)");
    let folder = tempfile::tempdir().expect("a folder");
    let flag = folder.path().join("wait");
    std::fs::write(&flag, "load test\n").expect("a file");
    let limits = Limits {
        query: Some("SELECT count(*) || ' jobs' FROM job HAVING count(*) > 0 UNION ALL SELECT '' FROM job HAVING count(*) = 0".to_owned()),
        flag_file: Some(flag.clone()),
        ..Limits::none()
    };
    let session = database.session();
    let signals = [
        format!("the file `{}` says: load test", flag.display()),
        "`query` says: 1 jobs".to_owned(),
    ];
    check(&database.url(), limits, &[&signals[0], &signals[1]], || {
        // One of the two is enough.
        std::fs::remove_file(&flag).expect("the file");
        wait_until("one signal to be gone", || held_by(&session) == signals[1]);
        assert_eq!(rows_done(&session), "0");
        session.run("DELETE FROM job");
    });
}

#[test]
fn a_query_that_fails() {
    let database = TestDatabase::new();
    let limits = Limits {
        query: Some("SELECT count(*) FROM job".to_owned()),
        ..Limits::none()
    };
    let failed = "`query` failed: relation \"job\" does not exist (SQLSTATE 42P01)";
    check(&database.url(), limits, &[failed], || {
        database.run("CREATE TABLE job (a int)");
    });
}

#[test]
fn sessions_that_wait_for_locks_of_others() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE u (a int)");
    let (holder, waiter) = (database.session(), database.session());
    holder.run("BEGIN; LOCK TABLE u");
    let waiting = waiter.start("SELECT * FROM u");
    let limits = Limits {
        lock_waiters: Some(0),
        ..Limits::none()
    };
    let signal = "1 session waits for locks (limit 0)";
    check(&database.url(), limits, &[signal], || holder.run("COMMIT"));
    waiting.wait().expect("the lock");
}

#[test]
fn who_waits_for_a_batch_is_seen_while_it_runs() {
    let database = TestDatabase::new();
    let project = project();
    // The first batch takes a while, with its rows locked.
    let slow = FILL.replace(
        "SET b = a",
        "SET b = a + CASE WHEN id = 100 THEN length(pg_sleep(3)::text) ELSE 0 END",
    );
    project.write("migrations/2-fill.sql", slow);
    let limits = Limits {
        lock_waiters: Some(10),
        ..Limits::none()
    };
    let mut up = Up::start(&project, &database.url(), waiting_for(limits));
    let (session, application) = (database.session(), database.session());
    wait_until("the batch", || {
        session.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()") == "1"
    });
    let update = application.start("UPDATE t SET b = a WHERE id = 1");
    wait_for_signals(&session, &["wait for a lock of the backfill"]);
    update.wait().expect("the row");
    settles(&mut up, &session);
    told(&up, &["for a lock of the backfill"]);
}

#[test]
fn a_vacuum_of_the_table() {
    let database = TestDatabase::new();
    let project = project();
    let flag = flag(&project);
    let limits = Limits {
        flag_file: Some(flag.clone()),
        vacuum: Limits::default().vacuum,
        ..Limits::none()
    };
    let mut up = Up::start(&project, &database.url(), waiting_for(limits));
    let (session, vacuuming) = (database.session(), database.session());
    wait_for_signals(&session, &["is there"]);
    vacuuming.run("SET vacuum_cost_delay = '100ms'");
    vacuuming.run("SET vacuum_cost_limit = 1");
    let running = vacuuming.start("VACUUM t");
    wait_for_signals(&session, &["is there", "`t` is being vacuumed"]);
    std::fs::remove_file(&flag).expect("the file");
    wait_until("the vacuum alone", || {
        held_by(&session) == "`t` is being vacuumed"
    });
    assert_eq!(rows_done(&session), "0");
    vacuuming.cancel();
    running.wait().expect_err("cancelled");
    settles(&mut up, &session);
}

/// How far is known from the first look on: a flag file keeps it until then.
#[test]
fn a_standby_that_is_behind() {
    let pair = Pair::new();
    let standby = pair.on_standby();
    pair.replayed();
    standby.run("SELECT pg_wal_replay_pause()");
    let folder = tempfile::tempdir().expect("a folder");
    let flag = folder.path().join("wait");
    std::fs::write(&flag, "").expect("a file");
    let limits = Limits {
        flag_file: Some(flag.clone()),
        ..lag(Duration::from_millis(300))
    };
    let (url, session) = (pair.primary.socket("postgres"), pair.on_primary());
    check(&url, limits, &["`walreceiver` is ", "is there"], || {
        std::fs::remove_file(&flag).expect("the file");
        wait_until("the standby alone", || {
            !held_by(&session).contains("is there")
        });
        assert_eq!(rows_done(&session), "0");
        standby.run("SELECT pg_wal_replay_resume()");
    });
}

#[test]
fn an_archive_that_is_behind_and_statements_that_run() {
    let server = ArchivingServer::start("local all all trust\n", None);
    let url = server.socket("postgres");
    let session = TestSession::connect(&url);
    session.run("ALTER SYSTEM SET archive_mode = 'on'");
    session.run("ALTER SYSTEM SET archive_command = 'false'");
    drop(session);
    server.control("stop");
    server.control("start");
    let (session, application) = (TestSession::connect(&url), TestSession::connect(&url));
    session.run("CREATE TABLE u (a int)");
    for _ in 0..3 {
        session.run("INSERT INTO u VALUES (1)");
        session.run("SELECT pg_switch_wal()");
    }
    let sleeping = application.start("SELECT pg_sleep(3600)");
    let limits = Limits {
        archive_backlog: Some(2),
        running_queries: Some(0),
        ..Limits::none()
    };
    let signals = [
        "1 statement runs (limit 0)",
        "wait for the archive (limit 2)",
    ];
    check(&url, limits, &signals, || {
        application.cancel();
        sleeping.wait().expect_err("cancelled");
        session.run("ALTER SYSTEM SET archive_command = 'true'");
        session.run("SELECT pg_reload_conf()");
        // The next try is up to a minute away, but for a new file.
        session.run("INSERT INTO u VALUES (1)");
        session.run("SELECT pg_switch_wal()");
    });
}

/// Nobody can connect any more, and the session that looks is ended.
#[test]
fn who_cannot_look_waits() {
    let database = TestDatabase::new();
    let project = project();
    let flag = flag(&project);
    let limits = Limits {
        flag_file: Some(flag.clone()),
        ..all()
    };
    let limits = Limits {
        wal_rate: None,
        running_queries: None,
        ..limits
    };
    let mut up = Up::start(&project, &database.url(), waiting_for(limits));
    let session = database.session();
    wait_for_signals(&session, &["is there"]);
    let name = database.name();
    let elsewhere = TestSession::connect(&database.server().url("postgres"));
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE '%segue_look%'"
    );
    // One that is lost is made again.
    assert_eq!(elsewhere.query(&end), "1");
    std::thread::sleep(Duration::from_millis(500));
    elsewhere.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    assert_eq!(elsewhere.query(&end), "1");
    wait_for_signals(&session, &["is there", "the signals cannot be read: "]);
    std::fs::remove_file(&flag).expect("the file");
    assert_eq!(rows_done(&session), "0");
    elsewhere.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    settles(&mut up, &session);
}

#[test]
fn a_wait_that_has_a_bound_fails_and_goes_on_later() {
    let database = TestDatabase::new();
    let project = project();
    let flag = flag(&project);
    let limits = Limits {
        flag_file: Some(flag.clone()),
        longest: Some(Duration::from_millis(300)),
        ..Limits::none()
    };
    let mut up = Up::start(&project, &database.url(), waiting_for(limits.clone()));
    let ended: Result<Outcome, ApplyError> = up.wait();
    assert!(matches!(ended, Ok(Outcome::Unsettled(_))), "{ended:?}");
    assert_eq!(up.course(), "+2-fill.sql !2-fill.sql");
    std::fs::remove_file(&flag).expect("the file");
    let mut up = Up::start(&project, &database.url(), waiting_for(limits));
    settles(&mut up, &database.session());
}

#[test]
fn none_holds_up_what_its_ending_migration_waits_for() {
    let database = TestDatabase::new();
    let project = project();
    project.write(
        "migrations/3-end.sql",
        "-- segue: end-concurrent-migration: 2-fill.sql\nALTER TABLE t ALTER b SET NOT NULL;\n",
    );
    let flag = flag(&project);
    let limits = Limits {
        flag_file: Some(flag),
        ..Limits::none()
    };
    let mut up = Up::start(&project, &database.url(), waiting_for(limits));
    settles(&mut up, &database.session());
}

#[test]
fn the_configuration_is_heard() {
    let database = TestDatabase::new();
    let mut project = project();
    project.env("SEGUE_DATABASE_URL", database.url());
    project.write(
        "segue.toml",
        "[up]\nfold = false\n\n[backfill]\nsignal-every = \"100ms\"\nflag-file = \"wait\"\n",
    );
    project.write("wait", "maintenance\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("says: maintenance");
    let session = database.session();
    assert_eq!(rows_done(&session), "0");
    std::fs::remove_file(project.path().join("wait")).expect("the file");
    run.wait().expect_success();
    assert_eq!(
        session.query("SELECT count(*) FROM t WHERE b = a"),
        ROWS.to_string()
    );
}
