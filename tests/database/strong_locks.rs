//! The warning that one transaction locks several busy tables.

use crate::support::{Project, TestDatabase};

const SCHEMA: &str = "
    CREATE TABLE users (id int PRIMARY KEY);
    CREATE TABLE orders (id int PRIMARY KEY, user_id int);
    CREATE TABLE quiet (id int PRIMARY KEY);
";

/// Three tables, of which two are in use, and migrations that lock all of them.
fn project(database: &TestDatabase<'_>) -> Project {
    database.run(SCHEMA);
    let project = Project::on(database);
    project
        .file("1.sql", "ALTER TABLE users ADD COLUMN a int;")
        .file(
            "2.sql",
            "ALTER TABLE quiet ADD COLUMN a int; CREATE TABLE fresh (id int); ALTER TABLE fresh ADD COLUMN a int;",
        )
        .file(
            "3.sql",
            "ALTER TABLE public.orders ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;",
        );
    project
}

#[test]
fn strong_locks_on_tables_in_use_are_told() {
    let database = TestDatabase::new();
    let project = project(&database);
    let application = database.session();
    application.run("BEGIN; SELECT FROM users; SELECT FROM orders");
    project.segue(&["plan"]).expect(
        "
        Project `main`: 3 migrations pending.
        Warning: the transaction locks several busy tables at once, each until its COMMIT: `users` (ACCESS EXCLUSIVE) and `orders` (SHARE ROW EXCLUSIVE), by `1.sql` and `3.sql`; to lock one at a time, deploy them one after the other.

        Batch
          1. one transaction, 3 migrations
               1.sql
               2.sql
               3.sql

        Ready by its COMMIT.

        The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    let json = project.segue(&["plan", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["strong_locks"],
        serde_json::json!([{ "step": 1, "locks": [
            { "table": "users", "mode": "ACCESS EXCLUSIVE", "migration": "1.sql" },
            { "table": "orders", "mode": "SHARE ROW EXCLUSIVE", "migration": "3.sql" },
        ] }])
    );
    application.run("COMMIT");
    let calm = project.segue(&["plan"]);
    assert!(!calm.stdout.contains("Warning"), "{}", calm.stdout);
}

/// Nobody has a lock at the moment, but the counters show the application.
#[test]
fn counters_show_what_is_busy_and_up_tells_it_once() {
    let database = TestDatabase::new();
    let project = project(&database);
    let application = database.session();
    application.run(
        "INSERT INTO users SELECT * FROM generate_series(1, 1000);
         INSERT INTO orders SELECT * FROM generate_series(1, 1000)",
    );
    // Counters of a session that is idle come late, of one that ends at once.
    drop(application);
    crate::support::wait_until("the counters", || {
        let sum = "SELECT count(*) FROM pg_stat_user_tables WHERE n_tup_ins = 1000";
        database.query(sum) == "2"
    });
    let up = project.segue(&["up"]);
    up.expect_success();
    let warnings: Vec<&str> = up
        .stderr
        .lines()
        .filter(|line| line.contains("Warning"))
        .collect();
    assert_eq!(
        warnings,
        [
            "     Warning the transaction locks several busy tables at once, each until its COMMIT: `users` (ACCESS EXCLUSIVE) and `orders` (SHARE ROW EXCLUSIVE), by `1.sql` and `3.sql`; to lock one at a time, deploy them one after the other"
        ]
    );
}

/// How busy tables are changes from moment to moment, what is planned does not.
#[test]
fn an_application_that_comes_meanwhile_is_no_reason_to_plan_anew() {
    let database = TestDatabase::new();
    let project = project(&database);
    let other = Project::on(&database);
    other.file("1.sql", "SELECT pg_sleep(3); SELECT 1 / 0;");
    let first = other.spawn(&["up"]);
    crate::support::wait_until("the first run", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Waiting");
    let application = database.session();
    application.run("BEGIN; SELECT FROM users; SELECT FROM orders");
    assert_eq!(first.wait().status, 4);
    second.wait_for_stderr("Retrying");
    application.run("COMMIT");
    let second = second.wait();
    second.expect_success();
    assert!(!second.stderr.contains("Planned anew"), "{}", second.stderr);
}
