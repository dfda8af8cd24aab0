//! What is seen of the live database, and that nothing is done to it.

use super::{forecast, project, shown};
use crate::connect::server::Server;
use crate::support::{Project, TestDatabase, assert_text, wait_until};

/// A reader that is idle in its transaction, and one whose snapshot is old.
#[test]
fn the_text_shows_sizes_dangers_and_who_is_in_the_way() {
    let database = TestDatabase::new();
    let mut project = project(&database);
    database.run(
        "INSERT INTO orders SELECT i, i, i, 'new' FROM generate_series(1, 1000000) i;
         INSERT INTO users SELECT i, 'a@b.example' FROM generate_series(1, 1000) i; ANALYZE orders, users",
    );
    project
        .file(
            "2-a.sql",
            "ALTER TABLE users ADD COLUMN a int;\nALTER TABLE orders ALTER id TYPE bigint;\nSELECT 1;\n",
        )
        .file("3-b.sql", "-- segue: no-txn\nALTER TABLE users ADD COLUMN b int;\n")
        .file(
            "4-c.sql",
            "-- segue: begin-concurrent-migration-with: 2-a.sql\nCREATE INDEX CONCURRENTLY orders_state ON orders (state);\n",
        );
    let reader = database.session();
    reader.run("SET application_name = 'report'; BEGIN; SELECT count(*) FROM users");
    let old = database.session();
    old.run("SET application_name = 'dump'");
    old.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    old.run("SELECT 1");
    wait_until("a transaction of some age", || {
        let age = "SELECT now() - xact_start > interval '1.1 s' FROM pg_stat_activity WHERE application_name = 'dump'";
        database.query(age) == "t"
    });
    project.redact(r"PostgreSQL\n?\s*\d+\.\d+", "PostgreSQL [version]");
    project.redact(r" *\b\d+(\.\d+)? [kM]?B\b", " [bytes]");
    project.redact(r"\bfor \d+(\.\d+)?(ms|s)\b", "for [time]");
    project.redact(
        r"pg_terminate_backend\(\d+\)",
        "pg_terminate_backend([pid])",
    );
    let user = database.query("SELECT current_user");
    project.redact(&format!(r"\({user}, "), "([user], ");
    let run = project.segue(&["plan", "--forecast"]);
    run.expect_success();
    let (_, shown) = run.stdout.split_once("\nForecast\n").expect("a forecast");
    // Lines are folded, and what is redacted has another length.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_text(
        "forecast",
        &words(shown),
        &words(
            "
            Learnt by running it on a copy of the database without rows (PostgreSQL [version]), whose schema is the live one.
            table rows data indexes reads/s writes/s sessions now
            orders 1 M [bytes] [bytes] 0 0
            users 1 k [bytes] [bytes] 0 0 1
            One transaction: what it locks stays locked until its COMMIT
            2-a.sql
            !! 1 ALTER TABLE users ADD COLUMN a int
              ACCESS EXCLUSIVE on users: no reads, no writes for up to [duration], until what follows in the transaction is done
              changes catalogs only
            !! 2 ALTER TABLE orders ALTER id TYPE bigint
              ACCESS EXCLUSIVE on orders: no reads, no writes for up to [duration]
              writes all of orders and its indexes anew: [bytes] to [bytes] of disk, and as much WAL; the old one goes at COMMIT
            and 1 statement that disturbs nobody
            Outside a transaction, before ready: 3-b.sql
            ! 2 ALTER TABLE users ADD COLUMN b int
              ACCESS EXCLUSIVE on users: no reads, no writes for a moment
              changes catalogs only
            Tail: 4-c.sql
            2 CREATE INDEX CONCURRENTLY orders_state ON orders (state)
              SHARE UPDATE EXCLUSIVE on orders: reads and writes go on
              builds orders_state: reads all of orders ( [bytes]), takes [bytes] to [bytes] of disk, and as much WAL
            In the way now
            pid [pid] ([user], `report`), idle in transaction for [time]: SET application_name = 'report'; BEGIN; SELECT count(*) FROM users
            has ACCESS SHARE on users; 2-a.sql:1 would wait for it, and everybody else behind that
            ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
            Would hold up a concurrent build now
            pid [pid] ([user], `dump`), idle in transaction for [time]: SELECT 1
            ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
            !! stops the application for long, ! for a moment. Times are for storage that moves 50 to [bytes]/s; sizes of indexes come from rows and average widths of columns, reads and writes from [duration] of watching. A lock that is not had at once makes everybody wait behind it: `segue up` gives up after --lock-timeout and tries again.
            ",
        ),
    );
}

/// An estimate is only worth what the index then takes.
#[test]
fn an_index_takes_what_was_told() {
    let database = TestDatabase::new();
    let project = project(&database);
    database.run(
        "INSERT INTO orders SELECT i, i % 1000, i, 'state ' || i % 5 FROM generate_series(1, 200000) i; ANALYZE orders",
    );
    project.file(
        "2-a.sql",
        "CREATE INDEX i1 ON orders (total);
         CREATE INDEX i2 ON orders (state);
         CREATE INDEX i3 ON orders (user_id, state);
         CREATE INDEX i4 ON orders (total) WHERE total < 1000;
         CREATE INDEX i5 ON orders (lower(state));
         CREATE INDEX i6 ON orders USING hash (total);
         CREATE INDEX i7 ON orders USING brin (total);",
    );
    let json = forecast(&project);
    project.segue(&["up"]).expect_success();
    let statements = json["parts"][0]["statements"]
        .as_array()
        .expect("statements");
    for (statement, name) in statements
        .iter()
        .zip(["i1", "i2", "i3", "i4", "i5", "i6", "i7"])
    {
        let bytes = &statement["work"][0]["disk_bytes"];
        let (low, high) = (
            bytes["low"].as_u64().expect("bytes"),
            bytes["high"].as_u64().expect("bytes"),
        );
        let real = database.query(&format!("SELECT pg_relation_size('{name}')"));
        let real: u64 = real.parse().expect("bytes");
        assert!(
            low * 9 / 10 <= real && real <= high * 11 / 10,
            "{name}: {low} to {high}, really {real}"
        );
    }
}

/// An ordinary role whose transactions may not write, and sessions of others.
#[test]
fn an_ordinary_role_that_may_only_read_has_its_forecast() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE ON SCHEMA public TO {role}",
        database.name()
    ));
    let mut project = Project::on(&database);
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        project.env("SEGUE_PG_BIN", bin);
    }
    project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    project.env("DATABASE_URL", database.url_as(&role));
    project.file("1-base.sql", "CREATE TABLE t (a int);");
    project.segue(&["up"]).expect_success();
    database.run(&format!(
        "ALTER ROLE {role} SET default_transaction_read_only = on"
    ));
    project.file("2-a.sql", "ALTER TABLE t ADD COLUMN b int;");
    let stranger = database.session();
    stranger.run("BEGIN; SELECT FROM t");
    let json = forecast(&project);
    assert_eq!(json["sees_all_sessions"], false);
    assert_eq!(json["held"][0]["mode"], "ACCESS SHARE");
    let session = &json["held"][0]["session"];
    assert_eq!(session["pid"], stranger.pid());
    assert_eq!(session["query"], serde_json::Value::Null);
    assert_text(
        "forecast",
        &shown(&json),
        "
        transaction
          ALTER TABLE t ADD COLUMN b int: t ACCESS EXCLUSIVE; -
        ",
    );
}

/// The table is locked by somebody: sizes are as noted, and nobody waits.
#[test]
fn a_table_that_is_locked_does_not_hold_it_up() {
    let database = TestDatabase::new();
    let project = project(&database);
    database.run("INSERT INTO users SELECT i FROM generate_series(1, 10000) i");
    database.run("VACUUM users");
    project.file("2-a.sql", "ALTER TABLE users ADD COLUMN a int;");
    let stranger = database.session();
    stranger.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    let run = project.segue(&["plan", "--forecast", "--format", "json"]);
    run.expect_success();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["forecast"]["copy"]["schema"], "unknown");
    assert_eq!(json["forecast"]["held"][0]["mode"], "ACCESS EXCLUSIVE");
    let table = &json["forecast"]["tables"][0];
    assert_eq!(
        (table["rows"].as_u64(), table["table"]["name"].as_str()),
        (Some(10_000), Some("users"))
    );
}

#[test]
fn a_standby_is_looked_at_as_the_live_database() {
    let primary = Server::start("local all all trust\nlocal replication all trust\n", None);
    let standby = primary.standby("on");
    let mut project = Project::new();
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        project.env("SEGUE_PG_BIN", bin);
    }
    project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    project.file("1-base.sql", "CREATE TABLE t (a int);");
    let url = primary.socket("postgres");
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
    let session = crate::support::TestSession::connect(&standby.socket("postgres"));
    wait_until("the standby to replay", || {
        session.query("SELECT count(*) FROM pg_class WHERE relname = 't'") == "1"
    });
    project.file("2-a.sql", "ALTER TABLE t ADD COLUMN b int;");
    let url = standby.socket("postgres");
    let run = project.segue(&[
        "plan",
        "--forecast",
        "--format",
        "json",
        "--database-url",
        &url,
    ]);
    run.expect_success();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["forecast"]["copy"]["schema"], "same");
    assert_text(
        "forecast",
        &shown(&json["forecast"]),
        "
        transaction
          ALTER TABLE t ADD COLUMN b int: t ACCESS EXCLUSIVE; -
        ",
    );
}
