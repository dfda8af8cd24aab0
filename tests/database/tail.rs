//! The tail of a deployment: builds beside each other, in each other's way,
//! interrupted and taken up again.

use std::time::{Duration, Instant};

use segue::apply::{Event, Outcome, Settings, Until};
use segue::migration::Name;
use segue::postgres::activity::Blocker;

use crate::support::{Project, TestDatabase, TestSession, Up, settings, wait_until};

mod elsewhere;
mod fails;
mod kin;
mod signal;

/// Two tables in the batch, and an index on each in the tail.
fn two_indexes() -> Project {
    let project = Project::new();
    project
        .write(
            "migrations/1-tables.sql",
            "CREATE TABLE t (a int);\nCREATE TABLE u (a int);\n",
        )
        .write(
            "migrations/2-t.sql",
            concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        )
        .write(
            "migrations/3-u.sql",
            concurrent("CREATE INDEX CONCURRENTLY u_a ON u (a);"),
        );
    project
}

fn concurrent(sql: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: 1-tables.sql\n{sql}\n")
}

/// A table whose index passes gates: the build of row `a` waits while somebody
/// holds advisory lock `a`. The table has row 1.
fn gated_index() -> Project {
    let project = Project::new();
    project
        .write(
            "migrations/1-tables.sql",
            "CREATE FUNCTION gate(key int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$\n\
             BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(key); RETURN key; END $$;\n\
             CREATE TABLE t (a int);\n\
             INSERT INTO t VALUES (1);\n",
        )
        .write(
            "migrations/2-t.sql",
            concurrent("CREATE INDEX CONCURRENTLY t_a ON t (gate(a));"),
        );
    project
}

/// A function that waits at a gate without being in the lock queue, where a
/// `lock_timeout` would end a statement inside a transaction.
const POLLED_GATE: &str = "CREATE FUNCTION polled_gate(key int) RETURNS int LANGUAGE plpgsql AS $$\n\
     BEGIN WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(key) LOOP\n\
     PERFORM pg_catalog.pg_sleep(0.01); END LOOP; RETURN key; END $$;\n";

/// Waits until somebody polls a gate.
#[track_caller]
fn wait_at_polled_gate(database: &TestDatabase<'_>) {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE wait_event = 'PgSleep' AND datname = current_database()";
    wait_until("a statement at the gate", || database.query(sql) == "1");
}

/// Holds gates shut until [`TestSession::run`] opens them again.
fn shut(database: &TestDatabase<'_>, gates: &[i32]) -> TestSession {
    let session = database.session();
    for gate in gates {
        session.run(&format!("SELECT pg_advisory_lock({gate})"));
    }
    session
}

/// Waits until the backend with this pid waits at a gate.
#[track_caller]
fn wait_at_gate(database: &TestDatabase<'_>, gate: i32) -> i32 {
    let sql = format!(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 0 AND objid = {gate} \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    wait_until("a build at the gate", || !database.query(&sql).is_empty());
    database.query(&sql).parse().expect("one pid")
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::new(name)).collect()
}

pub fn jobs(jobs: usize) -> Settings {
    Settings { jobs, ..settings() }
}

/// Invalid indexes, and what the ledger says of the concurrent migrations.
fn left(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT 'invalid ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid \
         UNION ALL SELECT file || ' ' || state FROM segue.migration WHERE kind = 'concurrent' ORDER BY 1",
    )
}

/// A run that finishes whatever is left, and one that has nothing to do.
#[track_caller]
fn finish(project: &Project, database: &TestDatabase<'_>) {
    let mut up = Up::start(project, &database.url(), settings());
    assert_eq!(up.wait().expect("finished"), Outcome::Settled);
    let mut up = Up::start(project, &database.url(), settings());
    assert_eq!(up.wait().expect("nothing to do"), Outcome::Settled);
    assert_eq!(up.course(), "");
}

#[test]
fn independent_builds_run_side_by_side() {
    let database = TestDatabase::new();
    let project = two_indexes();
    let mut first = Up::start(
        &project,
        &database.url(),
        Settings {
            until: Until::Ready,
            ..settings()
        },
    );
    assert_eq!(first.wait().expect("ready"), Outcome::Ready);
    let writer = database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (1)");
    writer.run("INSERT INTO u VALUES (1)");
    let mut up = Up::start(&project, &database.url(), jobs(2));
    up.wait_for_begin("2-t.sql");
    up.wait_for_begin("3-u.sql");
    writer.run("COMMIT");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied\n3-u.sql applied");
}

#[test]
fn one_job_builds_one_by_one() {
    let database = TestDatabase::new();
    let project = two_indexes();
    let mut up = Up::start(&project, &database.url(), jobs(1));
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(up.course(), "+2-t.sql -2-t.sql +3-u.sql -3-u.sql");
}

#[test]
fn one_that_fails_leaves_the_others_running() {
    let database = TestDatabase::new();
    let project = two_indexes();
    project.write(
        "migrations/2-t.sql",
        concurrent("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);\n"),
    );
    project.write(
        "migrations/1-tables.sql",
        "CREATE TABLE t (a int);\nCREATE TABLE u (a int);\nINSERT INTO t VALUES (1), (1);\n",
    );
    let mut up = Up::start(&project, &database.url(), jobs(1));
    let Outcome::Unsettled(report) = up.wait().expect("ready") else {
        panic!("{:?}", up.events());
    };
    assert_eq!(report.done, names(&["3-u.sql"]));
    let failed: Vec<String> = report
        .failed
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(failed, ["2-t.sql"]);
    assert_eq!(up.course(), "+2-t.sql !2-t.sql +3-u.sql -3-u.sql");
    database.run("DELETE FROM t");
    finish(&project, &database);
    assert_eq!(left(&database), "2-t.sql applied\n3-u.sql applied");
}

#[test]
fn what_comes_after_a_failed_one_on_its_table_is_held_back() {
    let database = TestDatabase::new();
    let project = Project::new();
    project
        .write(
            "migrations/1-tables.sql",
            "CREATE TABLE t (a int);\nCREATE INDEX old ON t (a);\nINSERT INTO t VALUES (1), (1);\n",
        )
        .write(
            "migrations/2-new.sql",
            concurrent("CREATE UNIQUE INDEX CONCURRENTLY new ON t (a);"),
        )
        .write(
            "migrations/3-old.sql",
            concurrent("-- The new one takes its place.\nDROP INDEX CONCURRENTLY old;\nANALYZE t;"),
        );
    let mut up = Up::start(&project, &database.url(), jobs(2));
    let Outcome::Unsettled(report) = up.wait().expect("ready") else {
        panic!("{:?}", up.events());
    };
    assert_eq!(report.not_started, names(&["3-old.sql"]));
    assert_eq!(up.course(), "+2-new.sql !2-new.sql");
    assert_eq!(database.query("SELECT 'old'::regclass"), "old");
    database.run("DELETE FROM t");
    finish(&project, &database);
    assert_eq!(
        database.query("SELECT to_regclass('old'), to_regclass('new')"),
        "|new"
    );
}

#[test]
fn a_refresh_and_a_build_never_overlap() {
    let database = TestDatabase::new();
    let project = two_indexes();
    project.write(
        "migrations/1-tables.sql",
        format!(
            "{POLLED_GATE}CREATE TABLE t (a int);\nCREATE TABLE u (a int);\n\
             CREATE MATERIALIZED VIEW m AS SELECT polled_gate(7);\n"
        ),
    );
    project.write(
        "migrations/2-t.sql",
        concurrent("REFRESH MATERIALIZED VIEW m;"),
    );
    let gate = shut(&database, &[]);
    let mut ready = Up::start(
        &project,
        &database.url(),
        Settings {
            until: Until::Ready,
            ..settings()
        },
    );
    assert_eq!(ready.wait().expect("ready"), Outcome::Ready);
    gate.run("SELECT pg_advisory_lock(7)");
    let mut up = Up::start(&project, &database.url(), jobs(4));
    wait_at_polled_gate(&database);
    assert_eq!(up.course(), "+2-t.sql");
    gate.run("SELECT pg_advisory_unlock(7)");
    assert_eq!(up.wait().expect("done"), Outcome::Settled);
    assert_eq!(up.course(), "+2-t.sql -2-t.sql +3-u.sql -3-u.sql");
}

#[test]
fn whom_a_build_waits_for_is_told_within_seconds() {
    let database = TestDatabase::new();
    let project = two_indexes();
    let reader = database.session();
    reader.run("SET application_name = 'report'");
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    reader.run("SELECT 1");
    let mut up = Up::start(&project, &database.url(), jobs(1));
    up.wait_for_begin("2-t.sql");
    let began = Instant::now();
    let (blockers, since) = up.wait_for("whom the build waits for", |event| match event {
        Event::BuildWaits {
            name,
            blockers,
            since,
        } if name.as_str() == "2-t.sql" => Some((blockers.clone(), *since)),
        _ => None,
    });
    // On a machine with other things to do; alone it is less than two.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert!(
        since <= began.elapsed() + Duration::from_secs(1),
        "{since:?}"
    );
    let [blocker] = blockers.as_slice() else {
        panic!("{blockers:?}");
    };
    assert!(blocker.transaction_age.is_some());
    assert_eq!(
        Blocker {
            transaction_age: None,
            query_age: None,
            transaction_start: None,
            query_start: None,
            wait_event: None,
            user: None,
            ..blocker.clone()
        },
        Blocker {
            pid: reader.pid(),
            application: Some("report".to_owned()),
            state: Some("idle in transaction".to_owned()),
            query: Some("SELECT 1".to_owned()),
            ..Blocker::default()
        }
    );
    let row = "SELECT phase FROM segue.progress WHERE waits_for LIKE '%report%'";
    wait_until("the ledger to say it", || !database.query(row).is_empty());
    assert_eq!(database.query(row), "waiting for old snapshots");
    reader.run("COMMIT");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(database.query("SELECT count(*) FROM segue.progress"), "0");
}

#[test]
fn two_ups_at_once() {
    let database = TestDatabase::new();
    let project = two_indexes();
    let mut one = Up::start(&project, &database.url(), settings());
    let mut other = Up::start(&project, &database.url(), settings());
    assert_eq!(one.wait().expect("done"), Outcome::Settled);
    assert_eq!(other.wait().expect("done"), Outcome::Settled);
    assert_eq!(left(&database), "2-t.sql applied\n3-u.sql applied");
    finish(&project, &database);
}

#[test]
fn an_ordinary_role_is_told_who_is_in_the_way() {
    let database = TestDatabase::new();
    let role = database.role("deployer", "LOGIN");
    database.run(&format!(
        "ALTER DATABASE {} OWNER TO {role}",
        database.name()
    ));
    database.run(&format!("ALTER SCHEMA public OWNER TO {role}"));
    let reader = database.session();
    reader.run("SET application_name = 'report'");
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let user = reader.query("SELECT current_user");
    let project = two_indexes();
    let mut up = Up::start(&project, &database.url_as(&role), jobs(1));
    let blockers = up.wait_for("whom it waits for", |event| match event {
        Event::BuildWaits { blockers, .. } => Some(blockers.clone()),
        _ => None,
    });
    assert_eq!(
        blockers,
        [Blocker {
            pid: reader.pid(),
            user: Some(user),
            application: Some("report".to_owned()),
            ..Blocker::default()
        }]
    );
    reader.run("COMMIT");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
}
