//! Who is in the way, in words and in JSON.

use serde_json::Value;

use super::idle_reader;
use crate::support::{Project, TestDatabase, TestSession};

/// A run that waits for `released` to end its transaction, told with `lines`
/// about that.
#[track_caller]
fn check(database: &TestDatabase<'_>, file: &str, released: &TestSession, end: &str, lines: &str) {
    let project = Project::deploying(database);
    project.file("1.sql", file);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    released.run(end);
    let run = run.wait();
    assert_eq!(run.status, 0, "{run:?}");
    let begin = run.stderr.find("     Waiting").expect("told");
    let rest = &run.stderr[begin..];
    let told = &rest[..rest.find("         Ran").expect("it ran")];
    crate::support::assert_text("the wait", told, lines);
}

fn transaction(database: &TestDatabase<'_>, statements: &[&str]) -> TestSession {
    let session = database.session();
    session.run("SET application_name = 'shop'");
    session.run("BEGIN");
    for sql in statements {
        session.run(sql);
    }
    session
}

#[test]
fn a_row() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let other = transaction(&database, &["UPDATE t SET a = 2"]);
    check(
        &database,
        "UPDATE t SET a = 3;\n",
        &other,
        "COMMIT",
        "
             Waiting for a row of `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: UPDATE t SET a = 2
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        ",
    );
}

#[test]
fn an_advisory_lock_that_a_file_asks_for() {
    let database = TestDatabase::new();
    let other = transaction(&database, &["SELECT pg_advisory_lock(7)", "COMMIT"]);
    check(
        &database,
        "SELECT pg_advisory_xact_lock(7);\n",
        &other,
        "SELECT pg_advisory_unlock(7)",
        "
             Waiting for an advisory lock, held by pid [pid] (postgres, `shop`), idle: COMMIT
                     held by its session until that ends: `SELECT pg_terminate_backend([pid])`
        ",
    );
}

#[test]
fn an_object_that_is_no_relation() {
    let database = TestDatabase::new();
    database.run("CREATE TYPE mood AS ENUM ('sad')");
    let other = transaction(&database, &["DROP TYPE mood"]);
    check(
        &database,
        "COMMENT ON TYPE mood IS 'how it feels';\n",
        &other,
        "ROLLBACK",
        "
             Waiting for a lock on `type mood`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: DROP TYPE mood
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        ",
    );
}

#[test]
fn a_prepared_transaction() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int)");
    let gid = format!("{} it''s", database.name());
    let other = transaction(
        &database,
        &[
            "INSERT INTO t VALUES (1)",
            &format!("PREPARE TRANSACTION '{gid}'"),
        ],
    );
    check(
        &database,
        "ALTER TABLE t ADD COLUMN b int;\n",
        &other,
        &format!("COMMIT PREPARED '{gid}'"),
        "
             Waiting for a lock on `t`, held by prepared transaction `[database] it's` (postgres), prepared [t] ago
                     ended by `COMMIT PREPARED '[database] it''s'` or `ROLLBACK PREPARED '[database] it''s'`
        ",
    );
}

#[test]
fn several_and_those_who_come_later() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let (first, second) = (idle_reader(&database), idle_reader(&database));
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    let third = transaction(&database, &["SELECT 3 FROM t"]);
    first.run("COMMIT");
    second.run("COMMIT");
    run.wait_for_stderr("SELECT 3");
    third.run("COMMIT");
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
                     and pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT * FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`), idle in transaction for [t]: SELECT 3 FROM t
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
}

/// As managed services give a role: it sees who, and is told once what would
/// show it more.
#[test]
fn an_ordinary_role_sees_who_is_in_the_way() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}; CREATE TABLE t (a int); ALTER TABLE t OWNER TO {role}",
        database.name()
    ));
    let mut project = Project::deploying(&database);
    project.env("DATABASE_URL", database.url_as(&role));
    let reader = idle_reader(&database);
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project.segue(&["up", "--retry-for", "3s"]).expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`)
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
              Hidden are state, age and statement of other roles' sessions
                     `GRANT pg_read_all_stats TO ROLE`, for the role that segue connects as, shows them
        error: gave up after [t] while waiting for a lock on `t`, held by pid [pid] (postgres, `shop`)
        note: pid [pid]: ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ", 5);
    reader.run("COMMIT");
    project.finishes();
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

#[test]
fn programs_read_who_was_in_the_way_when_it_gave_up() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let reader = idle_reader(&database);
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.segue(&["up", "--retry-for", "2s", "--log-format", "json"]);
    assert_eq!(run.status, 5);
    let events: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for event in ["waiting-for-lock", "error"] {
        let event = events.iter().find(|one| one["event"] == event);
        let event = event.expect("told");
        let blocker = &event["blockers"][0];
        assert_eq!(blocker["pid"], reader.pid());
        assert_eq!(blocker["application"], "shop");
        assert_eq!(blocker["state"], "idle in transaction");
        assert_eq!(blocker["query"], "SELECT * FROM t");
        assert!(blocker["transaction_age_ms"].is_number(), "{blocker}");
        for key in ["transaction_start", "query_start"] {
            assert!(blocker[key].is_string(), "{blocker}");
        }
    }
    // As of the end, not of the beginning.
    let age = |event: &str| {
        let event = events.iter().find(|one| one["event"] == event);
        event.expect("told")["blockers"][0]["transaction_age_ms"].as_f64()
    };
    assert!(age("error") > age("waiting-for-lock").map(|age| age + 1000.0));
    let waiting = events.iter().find(|one| one["event"] == "waiting-for-lock");
    assert_eq!(waiting.expect("told")["lock"], "relation");
}
