//! Backfills: batches, cursors, rows that are set aside, and what dies on the
//! way.

use segue::apply::{Outcome, Settings, Until};

use crate::support::{Project, TestDatabase, TestSession, Up, settings, wait_for};

mod aside;
mod dies;
mod key;
mod killed;
mod model;
mod others;
mod pace;

/// A backfill of `t` with these options, behind a batch with `setup`.
fn project(setup: &str, directive: &str, statement: &str) -> Project {
    let project = Project::new();
    project
        .write("migrations/1-t.sql", format!("{setup}\n"))
        .write("migrations/2-fill.sql", fill(directive, statement));
    project
}

fn fill(directive: &str, statement: &str) -> String {
    format!(
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n-- segue: backfill: {directive}\n{statement}\n"
    )
}

/// `t (id bigint, a int, b int, n int)` with rows `1..=rows`; `n` counts how
/// often a row is done.
fn counted(rows: usize) -> String {
    format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, b int, n int NOT NULL DEFAULT 0);\n\
         INSERT INTO t SELECT i, i % 1000 FROM generate_series(1, {rows}) i;"
    )
}

const FILL: &str = "UPDATE t SET b = a + 1, n = n + 1 WHERE id > :lower AND id <= :upper;";

/// Stops a backfill at one row, for as long as the session holds the lock.
struct Gate<'a> {
    database: &'a TestDatabase<'a>,
    session: TestSession,
    row: usize,
}

impl<'a> Gate<'a> {
    const FILL: &'static str =
        "UPDATE t SET b = gate(id), n = n + 1 WHERE id > :lower AND id <= :upper;";

    fn new(database: &'a TestDatabase<'_>, row: usize) -> Self {
        let session = database.session();
        session.run("SELECT pg_advisory_lock(1)");
        Self {
            database,
            session,
            row,
        }
    }

    /// As [`counted`], with a function that does not pass the row.
    fn setup(&self, rows: usize) -> String {
        format!(
            "CREATE FUNCTION gate(id bigint) RETURNS int LANGUAGE plpgsql AS $$BEGIN\n\
             IF id = {} THEN WHILE NOT pg_try_advisory_xact_lock_shared(1) LOOP PERFORM pg_sleep(0.01); END LOOP; END IF;\n\
             RETURN 1; END$$;\n{}",
            self.row,
            counted(rows)
        )
    }

    /// Waits until it is at that row; its pid.
    #[track_caller]
    fn wait(&self) -> i32 {
        let sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        // It wakes every few milliseconds: what one look finds the next may miss.
        wait_for("a batch at the gate", || {
            self.database.query(sql).parse().ok()
        })
    }

    fn open(&self) {
        self.session.run("SELECT pg_advisory_unlock_all()");
    }
}

#[track_caller]
fn settles(project: &Project, database: &TestDatabase<'_>) -> Up {
    let mut up = Up::start(project, &database.url(), settings());
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    up
}

/// The batch alone.
fn get_ready(project: &Project, database: &TestDatabase<'_>) {
    let ready = Settings {
        until: Until::Ready,
        ..settings()
    };
    let mut up = Up::start(project, &database.url(), ready);
    assert_eq!(up.wait().expect("ready"), Outcome::Ready);
}

/// What the ledger says of the backfill.
fn row(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT format('%s: %s rows, %s changed, cursor %s, %s set aside, %s', \
         file, rows, changed, cursor, quarantined, CASE WHEN finished_at IS NULL THEN 'open' ELSE 'finished' END) \
         FROM segue.backfill",
    )
}

#[test]
fn each_row_is_done_once() {
    let database = TestDatabase::new();
    let project = project(&counted(5000), "t by id", FILL);
    let up = settles(&project, &database);
    assert_eq!(up.course(), "+2-fill.sql -2-fill.sql");
    assert_eq!(
        row(&database),
        "2-fill.sql: 5000 rows, 5000 changed, cursor {5000}, 0 set aside, finished"
    );
    assert_eq!(
        database.query("SELECT count(*) FROM t WHERE b = a + 1 AND n = 1"),
        "5000"
    );
    assert_eq!(
        database.query("SELECT state FROM segue.migration WHERE file = '2-fill.sql'"),
        "applied"
    );
}

#[test]
fn nothing_and_one_row_are_done_too() {
    let database = TestDatabase::new();
    let project = project(&counted(0), "t by id", FILL);
    settles(&project, &database);
    assert_eq!(
        row(&database),
        "2-fill.sql: 0 rows, 0 changed, cursor , 0 set aside, finished"
    );
    let database = TestDatabase::new();
    let project = self::project(&counted(1), "t by id", FILL);
    settles(&project, &database);
    assert_eq!(
        row(&database),
        "2-fill.sql: 1 rows, 1 changed, cursor {1}, 0 set aside, finished"
    );
}

#[test]
fn a_key_with_several_columns() {
    let database = TestDatabase::new();
    let project = project(
        "CREATE TABLE t (tenant int, id text, n int NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id));\n\
         INSERT INTO t SELECT i % 7 - 3, 'x' || i FROM generate_series(1, 1500) i;",
        "t by tenant, id",
        "UPDATE t SET n = n + 1 WHERE (tenant, id) > (:lower) AND (tenant, id) <= (:upper);",
    );
    settles(&project, &database);
    assert_eq!(
        row(&database),
        "2-fill.sql: 1500 rows, 1500 changed, cursor {3,x993}, 0 set aside, finished"
    );
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
}

/// Values of each type come back as they were, whatever the database is set
/// to, and odd ones among them.
#[test]
fn keys_of_any_type() {
    let types = [
        (
            "text",
            "'k' || i",
            "'', '''', E'a\\\\b', E'line\\nfeed', '{\"ü\"}', 'NULL', ',', '😀'",
        ),
        (
            "uuid",
            "md5(i::text)::uuid",
            "'00000000-0000-0000-0000-000000000000'",
        ),
        (
            "timestamptz",
            "timestamptz '2000-01-01' + i * interval '1.000001 s'",
            "'infinity', '-infinity', '0044-03-15 12:00:00 BC', '1890-01-01'",
        ),
        (
            "date",
            "date '2000-01-01' + i",
            "'infinity', '0044-03-15 BC', '01.02.1999'",
        ),
        (
            "interval",
            "i * interval '1 day -1.5 s'",
            "'-1 year +2 days -03:04:05.678', '1 mon -1 day'",
        ),
        (
            "numeric",
            "i / 7.0",
            "'NaN', '-123456789012345678901234567890.000000001', '1e40', '0.10'",
        ),
        (
            "float8",
            "i / 7.0",
            "'NaN', 'Infinity', '-Infinity', '4.9e-324', '0.30000000000000004', '-1e300'",
        ),
        (
            "bytea",
            "('\\x' || md5(i::text))::bytea",
            "'', '\\x00', '\\x5c27'",
        ),
        ("char(8)", "'c' || i", "'', 'a''b'"),
        ("inet", "inet '10.0.0.0' + i", "'::1', '10.0.0.0/8'"),
        ("bool", "NULL", "true, false"),
        ("money", "i::money / 100", "'-12.34'"),
    ];
    let mut setup = "DO $$BEGIN\n\
        EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German''', current_database());\n\
        EXECUTE format('ALTER DATABASE %I SET IntervalStyle = ''sql_standard''', current_database());\n\
        EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Kathmandu''', current_database());\n\
        EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -5', current_database());\n\
        EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());\n\
        END$$;\n"
        .to_owned();
    let project = Project::new();
    for (at, (of, rows, odd)) in types.iter().enumerate() {
        let values: Vec<String> = odd
            .split(", ")
            .map(|value| format!("({value}::{of})"))
            .collect();
        let rows = match *rows {
            "NULL" => String::new(),
            rows => format!(
                "INSERT INTO t{at} SELECT ({rows})::{of} FROM generate_series(1, 400) i ON CONFLICT DO NOTHING;\n"
            ),
        };
        let values = values.join(", ");
        let table = format!(
            "CREATE TABLE t{at} (k {of} PRIMARY KEY, n int NOT NULL DEFAULT 0);\n\
             INSERT INTO t{at} (k) VALUES {values};\n{rows}"
        );
        setup.push_str(&table);
        project.write(
            &format!("migrations/2-fill{at}.sql"),
            fill(
                &format!("t{at} by k"),
                &format!("UPDATE t{at} SET n = n + 1 WHERE k > :lower AND k <= :upper;"),
            ),
        );
    }
    project.write("migrations/1-t.sql", setup);
    let database = TestDatabase::new();
    settles(&project, &database);
    for (at, (of, ..)) in types.iter().enumerate() {
        assert_eq!(
            database.query(&format!("SELECT DISTINCT n FROM t{at}")),
            "1",
            "{of}"
        );
        assert_eq!(
            database.query(&format!(
                "SELECT rows - (SELECT count(*) FROM t{at}), changed - rows FROM segue.backfill WHERE relation = 't{at}'"
            )),
            "0|0",
            "{of}"
        );
    }
}

#[test]
fn gaps_cost_nothing() {
    let database = TestDatabase::new();
    let setup = "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL DEFAULT 0, b int, n int NOT NULL DEFAULT 0);\n\
        INSERT INTO t (id) SELECT -9223372036854775808 + i * 1000000000000000 FROM generate_series(0, 500) i;\n\
        INSERT INTO t (id) SELECT i FROM generate_series(1, 500) i;\n\
        INSERT INTO t (id) VALUES (1000000000000), (9223372036854775807);";
    let project = project(setup, "t by id", FILL);
    settles(&project, &database);
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
    let batches: u64 = database
        .query("SELECT batches FROM segue.backfill")
        .parse()
        .expect("a number");
    assert!(batches < 100, "{batches} batches");
}

#[test]
fn rows_with_the_same_key_are_done_together() {
    let database = TestDatabase::new();
    let setup = "CREATE TABLE t (id int NOT NULL, a int NOT NULL DEFAULT 0, b int, n int NOT NULL DEFAULT 0);\n\
        CREATE INDEX ON t (id DESC);\n\
        INSERT INTO t (id) SELECT i / 400 FROM generate_series(0, 1999) i;";
    let project = project(setup, "t by id", FILL);
    settles(&project, &database);
    assert_eq!(
        row(&database),
        "2-fill.sql: 2000 rows, 2000 changed, cursor {4}, 0 set aside, finished"
    );
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
}

#[test]
fn rows_by_their_place() {
    let database = TestDatabase::new();
    let setup = "CREATE TABLE t (a int, b int);\n\
        INSERT INTO t SELECT i FROM generate_series(1, 20000) i;\n\
        DELETE FROM t WHERE a BETWEEN 2000 AND 18000;";
    let project = project(
        setup,
        "t by ctid",
        "UPDATE t SET b = a + 1 WHERE ctid > :lower AND ctid <= :upper AND b IS NULL;",
    );
    settles(&project, &database);
    assert_eq!(
        database.query("SELECT count(*), count(*) FILTER (WHERE b = a + 1) FROM t"),
        "3999|3999"
    );
    assert_eq!(
        database.query("SELECT changed, finished_at IS NOT NULL FROM segue.backfill"),
        "3999|t"
    );
}

#[test]
fn partitions_and_names_of_any_kind() {
    let name = format!("Ünï \"cödé\" {}", "x".repeat(48));
    assert_eq!(name.len(), 63);
    let quoted = name.replace('"', "\"\"");
    let database = TestDatabase::new();
    let setup = format!(
        "CREATE SCHEMA \"My App\";\n\
         CREATE TABLE \"My App\".\"{quoted}\" (key2 int, \"{quoted}\" int, n int NOT NULL DEFAULT 0, PRIMARY KEY (\"{quoted}\", key2)) PARTITION BY HASH (key2);\n\
         CREATE TABLE p0 PARTITION OF \"My App\".\"{quoted}\" FOR VALUES WITH (MODULUS 2, REMAINDER 0);\n\
         CREATE TABLE p1 PARTITION OF \"My App\".\"{quoted}\" FOR VALUES WITH (MODULUS 2, REMAINDER 1);\n\
         INSERT INTO \"My App\".\"{quoted}\" SELECT i, i % 10 FROM generate_series(1, 1000) i;"
    );
    let project = project(
        &setup,
        &format!("\"My App\".\"{quoted}\" by \"{quoted}\", key2"),
        &format!(
            "UPDATE \"My App\".\"{quoted}\" SET n = n + 1 WHERE (\"{quoted}\", key2) > (:lower) AND (\"{quoted}\", key2) <= (:upper);"
        ),
    );
    settles(&project, &database);
    assert_eq!(
        database.query(&format!(
            "SELECT count(*), min(n), max(n) FROM \"My App\".\"{quoted}\""
        )),
        "1000|1|1"
    );
}

#[test]
fn statements_of_each_kind() {
    let project = Project::new();
    project.write(
        "migrations/1-t.sql",
        format!(
            "{}\nCREATE TABLE u (id bigint);\nCREATE TABLE gone AS SELECT * FROM t;\nALTER TABLE gone ADD PRIMARY KEY (id);\n\
             CREATE FUNCTION note(id bigint) RETURNS bigint LANGUAGE sql AS 'INSERT INTO u VALUES (-id) RETURNING id';\n",
            counted(700)
        ),
    );
    let of = [
        (
            "2-insert",
            "t by id",
            "INSERT INTO u SELECT id FROM t WHERE id > :lower AND id <= :upper;",
        ),
        (
            "3-delete",
            "gone by id",
            "DELETE FROM gone WHERE id > :lower AND id <= :upper RETURNING *;",
        ),
        (
            "4-select",
            "t by id",
            "SELECT note(id) FROM t WHERE id > :lower AND id <= :upper;",
        ),
        (
            "5-with",
            "t by id",
            "WITH r AS (SELECT id, a FROM t WHERE id > :lower AND id <= :upper) UPDATE t SET b = r.a FROM r WHERE t.id = r.id AND r.id <= 10 -- :upper",
        ),
    ];
    for (name, directive, statement) in of {
        project.write(
            &format!("migrations/{name}.sql"),
            fill(directive, statement),
        );
    }
    let database = TestDatabase::new();
    settles(&project, &database);
    assert_eq!(
        database.query("SELECT file, rows, changed FROM segue.backfill ORDER BY file"),
        "2-insert.sql|700|700\n3-delete.sql|700|700\n4-select.sql|700|700\n5-with.sql|700|10"
    );
    assert_eq!(
        database.query("SELECT count(*), sum(id) FROM u UNION ALL SELECT count(*), 0 FROM gone"),
        "1400|0\n0|0"
    );
}
