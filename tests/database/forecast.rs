//! `segue plan --forecast`: run on a copy, told of the live database.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Project, TestDatabase, assert_text};

mod live;

const SCHEMA: &str = "
    CREATE TABLE users (id int PRIMARY KEY, email text);
    CREATE TABLE orders (id int PRIMARY KEY, user_id int, total int, state text);
    CREATE INDEX orders_user ON orders (user_id);
    CREATE TABLE events (id int, day int) PARTITION BY RANGE (day);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
    CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200);
    CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) FROM orders GROUP BY 1;
    CREATE UNIQUE INDEX ON totals (user_id);
";

/// A project whose first migration is applied.
fn project(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        project.env("SEGUE_PG_BIN", bin);
    }
    project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    project.file("1-base.sql", SCHEMA);
    project.segue(&["up"]).expect_success();
    project
}

#[track_caller]
fn forecast(project: &Project) -> Value {
    let run = project.segue(&["plan", "--forecast", "--format", "json"]);
    run.expect_success();
    assert_eq!(run.stderr, "");
    let json: Value = serde_json::from_str(&run.stdout).expect("JSON");
    json["forecast"].clone()
}

/// A line per statement: locks, work, danger; what it only reads left out.
fn shown(forecast: &Value) -> String {
    let mut text = String::new();
    for part in forecast["parts"].as_array().expect("parts") {
        let _ = writeln!(text, "{}", part["kind"].as_str().expect("a kind"));
        for statement in part["statements"].as_array().expect("statements") {
            let list = |key: &str, of: &dyn Fn(&Value) -> Option<String>| {
                let all = statement[key].as_array().expect("a list");
                all.iter().filter_map(of).collect::<Vec<_>>().join(", ")
            };
            let locks = list("locks", &|lock| {
                let mode = lock["mode"].as_str().expect("a mode");
                let is_weak = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"].contains(&mode);
                let table = lock["table"]["name"].as_str().expect("a name");
                (!is_weak).then(|| format!("{table} {mode}"))
            });
            let work = list("work", &|work| {
                let table = work["table"]["name"].as_str().expect("a name");
                Some(format!(
                    "{} {table}",
                    work["work"].as_str().expect("a kind")
                ))
            });
            let told = [locks, work].map(|text| {
                if text.is_empty() {
                    "-".to_owned()
                } else {
                    text
                }
            });
            let learnt = match statement["learnt"].as_str() {
                Some("by-running") => "",
                _ => " (by the manual)",
            };
            let failed = statement["failed"]
                .as_str()
                .map(|why| format!(" FAILED {why}"));
            let _ = writeln!(
                text,
                "  {}: {}; {}{learnt}{}",
                statement["statement"].as_str().expect("text"),
                told[0],
                told[1],
                failed.unwrap_or_default()
            );
        }
    }
    text
}

#[test]
fn locks_and_work_are_seen_statement_by_statement() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.file(
        "2-batch.sql",
        "ALTER TABLE users ADD COLUMN name text;
         ALTER TABLE users ADD COLUMN token float DEFAULT random();
         ALTER TABLE users ADD CHECK (id > 0);
         CREATE TABLE fresh (id int PRIMARY KEY);
         ALTER TABLE fresh ADD COLUMN a float DEFAULT random();
         ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;
         CREATE INDEX orders_total ON orders (total);
         INSERT INTO users VALUES (1);
         UPDATE orders SET total = 0;
         INSERT INTO orders SELECT id FROM users;
         COMMENT ON TABLE orders IS 'x';
         ALTER TABLE events ADD COLUMN note text;
         ALTER TABLE events ADD CHECK (day > 0);
         REFRESH MATERIALIZED VIEW totals;
         TRUNCATE orders;
         DROP TABLE users CASCADE;
        ",
    );
    assert_text(
        "forecast",
        &shown(&forecast(&project)),
        "
        transaction
          ALTER TABLE users ADD COLUMN name text: users ACCESS EXCLUSIVE; -
          ALTER TABLE users ADD COLUMN token float DEFAULT random(): -; rewrite users
          ALTER TABLE users ADD CHECK (id > 0): -; scan users
          CREATE TABLE fresh (id int PRIMARY KEY): -; -
          ALTER TABLE fresh ADD COLUMN a float DEFAULT random(): -; -
          ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users: orders SHARE ROW EXCLUSIVE; scan orders
          CREATE INDEX orders_total ON orders (total): -; build orders
          INSERT INTO users VALUES (1): -; -
          UPDATE orders SET total = 0: -; change orders
          INSERT INTO orders SELECT id FROM users: -; write orders
          COMMENT ON TABLE orders IS 'x': -; -
          ALTER TABLE events ADD COLUMN note text: events ACCESS EXCLUSIVE, events_1 ACCESS EXCLUSIVE, events_2 ACCESS EXCLUSIVE; -
          ALTER TABLE events ADD CHECK (day > 0): -; scan events_1, scan events_2
          REFRESH MATERIALIZED VIEW totals: totals ACCESS EXCLUSIVE; refresh totals
          TRUNCATE orders: orders ACCESS EXCLUSIVE; empty orders
          DROP TABLE users CASCADE: -; -
        ",
    );
    let json = forecast(&project);
    assert_eq!(json["copy"]["schema"], "same");
    // Nothing of it has happened.
    assert_eq!(
        database.query("SELECT count(*) FROM pg_class WHERE relname = 'fresh'"),
        "0"
    );
}

/// What waits for others is held up on the copy until its locks are seen;
/// `DETACH` waits between two transactions, without any.
#[test]
fn concurrent_statements_are_seen_while_they_wait() {
    let database = TestDatabase::new();
    let project = project(&database);
    project.file("2-batch.sql", "SELECT 1;");
    let tail = [
        (
            "build",
            "CREATE INDEX CONCURRENTLY orders_state ON orders (state)",
        ),
        ("drop", "DROP INDEX CONCURRENTLY orders_user"),
        (
            "events",
            "CREATE INDEX CONCURRENTLY events_day ON events (day)",
        ),
        ("refresh", "REFRESH MATERIALIZED VIEW CONCURRENTLY totals"),
        ("reindex", "REINDEX TABLE CONCURRENTLY users"),
        ("vacuum", "VACUUM users"),
        (
            "zdetach",
            "ALTER TABLE events DETACH PARTITION events_2 CONCURRENTLY",
        ),
    ];
    for (name, sql) in tail {
        project.file(
            &format!("3-{name}.sql"),
            &format!("-- segue: begin-concurrent-migration-with: 2-batch.sql\n{sql};\n"),
        );
    }
    assert_text(
        "forecast",
        &shown(&forecast(&project)),
        "
        transaction
          SELECT 1: -; -
        tail
          CREATE INDEX CONCURRENTLY orders_state ON orders (state): orders SHARE UPDATE EXCLUSIVE; build orders
        tail
          DROP INDEX CONCURRENTLY orders_user: orders SHARE UPDATE EXCLUSIVE; -
        tail
          CREATE INDEX CONCURRENTLY events_day ON events (day): events SHARE UPDATE EXCLUSIVE, events_1 SHARE UPDATE EXCLUSIVE, events_2 SHARE UPDATE EXCLUSIVE; build events_1, build events_2 (by the manual)
        tail
          REFRESH MATERIALIZED VIEW CONCURRENTLY totals: totals EXCLUSIVE; -
        tail
          REINDEX TABLE CONCURRENTLY users: users SHARE UPDATE EXCLUSIVE; build users
        tail
          VACUUM users: users SHARE UPDATE EXCLUSIVE; - (by the manual)
        tail
          ALTER TABLE events DETACH PARTITION events_2 CONCURRENTLY: events SHARE UPDATE EXCLUSIVE, events_2 ACCESS EXCLUSIVE; - (by the manual)
        ",
    );
}

#[test]
fn a_statement_that_fails_is_told_and_the_rest_is_by_the_manual() {
    let database = TestDatabase::new();
    let project = project(&database);
    project
        .file(
            "2-a.sql",
            "ALTER TABLE users ADD COLUMN a int;\nALTER TABLE nowhere ADD COLUMN a int;\n",
        )
        .file(
            "3-b.sql",
            "ALTER TABLE orders OWNER TO a_role_that_is_missing;",
        )
        .file("4-c.sql", "ALTER TABLE orders ADD COLUMN a int;");
    assert_text(
        "forecast",
        &shown(&forecast(&project)),
        "
        transaction
          ALTER TABLE users ADD COLUMN a int: users ACCESS EXCLUSIVE; -
          ALTER TABLE nowhere ADD COLUMN a int: -; - (by the manual) FAILED relation \"nowhere\" does not exist
          ALTER TABLE orders OWNER TO a_role_that_is_missing: orders ACCESS EXCLUSIVE; - (by the manual)
          ALTER TABLE orders ADD COLUMN a int: orders ACCESS EXCLUSIVE; - (by the manual)
        ",
    );
    // A role that is missing is made, as on every throwaway server.
    project.file("2-a.sql", "ALTER TABLE users ADD COLUMN a int;");
    assert_text(
        "forecast",
        &shown(&forecast(&project)),
        "
        transaction
          ALTER TABLE users ADD COLUMN a int: users ACCESS EXCLUSIVE; -
          ALTER TABLE orders OWNER TO a_role_that_is_missing: orders ACCESS EXCLUSIVE; -
          ALTER TABLE orders ADD COLUMN a int: -; -
        ",
    );
}

#[test]
fn drift_is_told_and_learnt_from_all_the_same() {
    let database = TestDatabase::new();
    let project = project(&database);
    database.run("ALTER TABLE orders ADD COLUMN by_hand int");
    project.file("2-a.sql", "ALTER TABLE users ADD COLUMN a int;");
    let json = forecast(&project);
    assert_eq!(
        json["copy"],
        serde_json::json!({ "schema": "differs", "differs": ["table public.orders"], "reason": null })
    );
    assert_eq!(json["parts"][0]["statements"][0]["learnt"], "by-running");
}

#[test]
fn without_a_server_it_is_said_what_to_do() {
    let database = TestDatabase::new();
    let mut project = project(&database);
    project.file("2-a.sql", "ALTER TABLE users ADD COLUMN a int;");
    project.env("SEGUE_PG_BIN", "/nowhere");
    project.segue(&["plan", "--forecast"]).expect(
        "",
        "
        error: no PostgreSQL server in `/nowhere` (SEGUE_PG_BIN): No such file or directory
        help: a forecast needs a server for a copy of the schema: install PostgreSQL's, name its binaries by SEGUE_PG_BIN, or give `--on URL`, a server on which segue may make a database and drop it
        ",
        2,
    );
    // A server of the user's does as well, and keeps nothing of it.
    let url = database.server().url("postgres");
    let run = project.segue(&["plan", "--forecast", "--on", &url]);
    run.expect_success();
    assert!(
        run.stdout.contains("ACCESS EXCLUSIVE on users"),
        "{}",
        run.stdout
    );
    for (arguments, why) in [
        (
            ["--format", "dot"],
            "error: `--forecast` is shown as text or JSON only\nhelp: `--format text` or `--format json`\n",
        ),
        (
            ["--throwaway", "--strict"],
            "error: `--forecast` is of a live database, and `--throwaway` names a new one\nhelp: leave out `--throwaway`: the copy of the schema is made on a throwaway server anyway\n",
        ),
    ] {
        let arguments = [&["plan", "--forecast"][..], &arguments].concat();
        project.segue(&arguments).expect("", why, 2);
    }
}
