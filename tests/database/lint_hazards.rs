//! What the rules about locks, scans and rewrites believe of PostgreSQL, asked
//! of a server: each statement that a rule finds fault with, and one beside it
//! that it does not.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use segue::lint::{File, Settings, lint};
use segue::text::Source;

use crate::support::{TestDatabase, TestSession, assert_file};

const TABLES: &str = "
CREATE TABLE t (id int PRIMARY KEY, k int, r int4range);
CREATE TABLE u (id int, t int REFERENCES t);
CREATE TABLE w (id int);
CREATE DOMAIN positive AS int;
CREATE TABLE d (n positive);
CREATE TABLE p (id int, k int) PARTITION BY LIST (k);
CREATE TABLE p1 (id int, k int);
CREATE TABLE p2 (id int, k int, CHECK (k IS NOT NULL AND k = 2));
CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n FROM t GROUP BY k;
CREATE UNIQUE INDEX ON v (k);
INSERT INTO t SELECT id, id % 10, int4range(id, id + 1) FROM generate_series(1, 1000) AS id;
INSERT INTO u SELECT id, id FROM generate_series(1, 1000) AS id;
INSERT INTO d SELECT generate_series(1, 1000);
INSERT INTO p1 SELECT id, 1 FROM generate_series(1, 1000) AS id;
INSERT INTO p2 SELECT id, 2 FROM generate_series(1, 1000) AS id;
REFRESH MATERIALIZED VIEW v;
";

/// The rules that are held against the statement, of those here.
fn rules(sql: &str, rule: &str) -> bool {
    let known: BTreeSet<&str> = segue::lint::TABLE.iter().map(|rule| rule.name).collect();
    assert!(known.contains(rule), "{rule}");
    let read = |name: &str, text: &str| {
        let source = Arc::new(Source::new(name, text));
        File::of_text(name, &source).expect("a valid file")
    };
    let mut files = vec![read("a.sql", TABLES), read("b.sql", sql)];
    files[0].is_judged = false;
    let found = lint(&files, &Settings::default());
    found.iter().any(|finding| finding.code().as_str() == rule)
}

/// What a statement does in a transaction that is rolled back: locks that stop
/// others, tables that are written anew, and what the server says of scans.
fn done_by(session: &TestSession, sql: &str) -> String {
    let nodes = "SELECT string_agg(relname || relfilenode, ' ' ORDER BY relname) FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')";
    let before = session.query(nodes);
    session.run("BEGIN");
    session.notices();
    let result = session.try_query(sql);
    let mut facts: Vec<String> = Vec::new();
    if let Err(error) = &result {
        let code = error.code().map_or("?", |code| code.code());
        facts.push(format!("fails with {code}"));
    } else {
        let locks = session.query(
            "SELECT string_agg(DISTINCT relname || ' ' || mode, ', ' ORDER BY relname || ' ' || mode) \
             FROM pg_locks JOIN pg_class ON pg_class.oid = relation \
             WHERE pid = pg_backend_pid() AND relnamespace = 'public'::regnamespace \
             AND relkind IN ('r', 'p', 'm') \
             AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')",
        );
        facts.extend((!locks.is_empty()).then_some(locks));
        let after = session.query(nodes);
        let changed = before.split(' ').zip(after.split(' '));
        for (one, other) in changed {
            if one != other {
                let name = other.trim_end_matches(|one: char| one.is_ascii_digit());
                facts.push(format!("writes {name} anew"));
            }
        }
    }
    for notice in session.notices() {
        for (said, fact) in [
            ("verifying table", "reads"),
            ("is implied by existing", "trusts the checks of"),
        ] {
            if notice.contains(said) {
                let table = notice.split('"').nth(1).unwrap_or_default();
                facts.push(format!("{fact} {table}"));
            }
        }
    }
    session.run("ROLLBACK");
    if facts.is_empty() {
        "stops nobody".to_owned()
    } else {
        facts.join("; ")
    }
}

#[test]
fn what_is_found_is_what_servers_do() {
    let database = TestDatabase::new();
    database.run(TABLES);
    let session = database.session();
    session.run("SET client_min_messages = debug1");
    let mut shown = String::new();
    for (rule, sql) in [
        ("vacuum-full-cluster", "CLUSTER t USING t_pkey"),
        ("vacuum-full-cluster", "ALTER TABLE w SET UNLOGGED"),
        ("vacuum-full-cluster", "ALTER TABLE w SET (fillfactor = 80)"),
        ("refresh-not-concurrently", "REFRESH MATERIALIZED VIEW v"),
        (
            "refresh-not-concurrently",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        ),
        (
            "exclusion-constraint",
            "ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&)",
        ),
        (
            "domain-constraint-scans",
            "ALTER DOMAIN positive ADD CHECK (VALUE > 0)",
        ),
        (
            "domain-constraint-scans",
            "ALTER DOMAIN positive ADD CHECK (VALUE > 5)",
        ),
        (
            "domain-constraint-scans",
            "ALTER DOMAIN positive SET NOT NULL",
        ),
        (
            "domain-constraint-scans",
            "ALTER DOMAIN positive ADD CHECK (VALUE > 5) NOT VALID",
        ),
        (
            "attach-partition-scans",
            "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1)",
        ),
        (
            "attach-partition-scans",
            "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)",
        ),
        ("lock-table", "LOCK TABLE t"),
        ("lock-table", "LOCK TABLE t IN SHARE MODE"),
        ("lock-table", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
        (
            "several-strong-locks",
            "ALTER TABLE t ADD a int; ALTER TABLE u ADD a int; ALTER TABLE w ADD a int",
        ),
        (
            "several-strong-locks",
            "ALTER TABLE t ADD a int; ALTER TABLE u ADD a int; CREATE INDEX ON w (id)",
        ),
        (
            "long-statement-under-lock",
            "ALTER TABLE t ADD a int; UPDATE t SET a = k",
        ),
        ("long-statement-under-lock", "UPDATE t SET k = k + 1"),
        (
            "column-becomes-required",
            "ALTER TABLE t ADD a int NOT NULL",
        ),
        (
            "column-becomes-required",
            "ALTER TABLE t ADD a int NOT NULL DEFAULT 0",
        ),
    ] {
        let found = if rules(sql, rule) {
            "found"
        } else {
            "not found"
        };
        writeln!(
            shown,
            "{sql}\n    {rule}: {found}\n    {}",
            done_by(&session, sql)
        )
        .expect("a string");
    }
    assert_file("tests/database/lint_hazards.txt", &shown);
    // No transaction takes it.
    let node = "SELECT relfilenode FROM pg_class WHERE relname = 'w'";
    let before = database.query(node);
    session.run("VACUUM FULL w");
    assert_ne!(database.query(node), before);
    let before = database.query(node);
    session.run("VACUUM w");
    assert_eq!(database.query(node), before);
}

#[test]
fn what_is_dropped_or_emptied_by_cascade_is_not_named() {
    let database = TestDatabase::new();
    database.run(TABLES);
    let session = database.session();
    session.run("BEGIN; TRUNCATE t CASCADE");
    assert_eq!(session.query("SELECT count(*) FROM u"), "0");
    session.run("ROLLBACK");
    assert!(rules("TRUNCATE t CASCADE", "truncate-cascade"));
    let error = session.try_query("TRUNCATE t").expect_err("it refuses");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("0A000")
    );
    let keys =
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'u'::regclass AND contype = 'f'";
    assert_eq!(session.query(keys), "1");
    session.run("BEGIN; DROP TABLE t CASCADE");
    assert_eq!(session.query(keys), "0");
    assert_eq!(session.query("SELECT to_regclass('v')"), "");
    session.run("ROLLBACK");
    assert!(rules("DROP TABLE t CASCADE", "drop-cascade"));
    let error = session.try_query("DROP TABLE t").expect_err("it refuses");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("2BP01")
    );
}

#[test]
fn without_a_policy_no_row_is_there() {
    let database = TestDatabase::new();
    database.run(TABLES);
    let reader = database.role("reader", "LOGIN");
    database.run(&format!("GRANT SELECT ON t TO \"{reader}\""));
    let count = || TestSession::connect(&database.url_as(&reader)).query("SELECT count(*) FROM t");
    assert_eq!(count(), "1000");
    database.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY");
    assert_eq!(count(), "0");
    assert!(rules(
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "row-security-without-policy"
    ));
    database.run("CREATE POLICY all_rows ON t USING (true)");
    assert_eq!(count(), "1000");
}

#[test]
fn a_default_that_is_taken_away_stops_inserts_of_older_code() {
    let database = TestDatabase::new();
    database.run(TABLES);
    let sql = "ALTER TABLE t ADD a int NOT NULL DEFAULT 0; ALTER TABLE t ALTER a DROP DEFAULT";
    assert!(rules(sql, "column-becomes-required"));
    database.run(sql);
    let session = database.session();
    let error = session
        .try_query("INSERT INTO t (id) VALUES (2000)")
        .expect_err("it fails");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("23502")
    );
}

#[test]
fn a_lock_outlives_its_statement() {
    let database = TestDatabase::new();
    database.run(TABLES);
    let (session, reader) = (database.session(), database.session());
    session.run("BEGIN; ALTER TABLE t ADD a int; UPDATE t SET a = k");
    reader.run("SET lock_timeout = '20ms'");
    let error = reader
        .try_query("SELECT 1 FROM t LIMIT 1")
        .expect_err("it waits");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("55P03")
    );
    session.run("ROLLBACK");
    // The update alone keeps no reader out.
    session.run("BEGIN; UPDATE t SET k = k");
    assert_eq!(reader.query("SELECT 1 FROM t LIMIT 1"), "1");
    session.run("ROLLBACK");
}
