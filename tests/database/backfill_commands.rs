//! `segue backfill`: what people ask of a backfill, of one that runs, that
//! nobody runs, that has not begun and that has ended.

use nix::sys::signal::Signal;

use crate::support::{Background, Project, Server, TestDatabase, assert_text, wait_until};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, b int);\n\
     INSERT INTO t SELECT i, i % 7 + 1 FROM generate_series(1, 3000) i;\n";

/// A table of 3,000 rows that is deployed, and a backfill of it that is not.
fn project(database: &TestDatabase<'_>, directive: &str, statement: &str) -> Project {
    let mut project = Project::on(database);
    project.redact(r"\d{4}-\d\d-\d\d \d\d:\d\d", "[minute]");
    project.redact(r#"[^\s"]+@\S+ as \w+"#, "[somebody]");
    project.redact(r"\((\d+[smh] )+ago\)", "([ago])");
    project.file("1-t.sql", TABLE);
    project.segue(&["up"]).expect_success();
    project.file("2-fill.sql", &fill(directive, statement));
    project
}

fn fill(directive: &str, statement: &str) -> String {
    format!(
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n-- segue: backfill: {directive}\n{statement}\n"
    )
}

const FILL: &str = "UPDATE t SET b = a + 1 WHERE id > :lower AND id <= :upper;";

/// As [`project`], with a backfill that is held back before its first batch.
fn paused(database: &TestDatabase<'_>) -> Project {
    let project = project(database, "t by id", FILL);
    project
        .segue(&["backfill", "pause", "--reason", "the sale"])
        .expect(
            "",
            "
              Paused `2-fill.sql`
                     it has not begun; whoever begins it waits
        ",
            0,
        );
    project
}

/// A runner, when it has seen that it is to wait.
fn waiting<'a>(project: &'a Project, arguments: &[&str]) -> Background<'a> {
    let runner = project.spawn(arguments);
    runner.wait_for_stderr("paused by");
    runner
}

fn row(database: &TestDatabase<'_>, columns: &str) -> String {
    database.query(&format!("SELECT {columns} FROM segue.backfill"))
}

/// Transactions that are open in the database, but for the one that looks.
fn transactions(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
    )
}

#[test]
fn one_that_is_paused_before_it_begins_waits_without_a_transaction() {
    let database = TestDatabase::new();
    let project = paused(&database);
    project.segue(&["backfill", "status"]).expect(
        "
        Backfill `2-fill.sql`: t by id
          pending     not begun; `segue up` begins it
          paused      by [somebody] since [minute] UTC: the sale
                      `segue backfill resume 2-fill.sql` lets it go on
        ",
        "",
        0,
    );
    let runner = waiting(&project, &["up"]);
    assert_eq!(row(&database, "rows, cursor IS NULL"), "0|t");
    wait_until("no transaction", || transactions(&database) == "0");
    project.segue(&["backfill", "status"]).expect(
        "
        Backfill `2-fill.sql`: t by id
          done        0 rows
          begun       [minute] UTC ([ago])
          running     by pid [pid]
          paused      by [somebody] since [minute] UTC: the sale
                      `segue backfill resume 2-fill.sql` lets it go on
        ",
        "",
        0,
    );
    project.segue(&["backfill", "pause"]).expect(
        "",
        "
          Paused `2-fill.sql`, already: paused by [somebody] since [minute] UTC: the sale
        ",
        0,
    );
    project.segue(&["backfill", "resume", "2-fill.sql"]).expect(
        "",
        "
         Resumed `2-fill.sql`, paused by [somebody] since [minute] UTC: the sale
                 pid [pid] goes on from its next batch on
        ",
        0,
    );
    runner.wait().expect_success();
    assert_eq!(
        database.query("SELECT count(*) FROM t WHERE b = a + 1"),
        "3000"
    );
    project.segue(&["backfill", "status"]).expect(
        "
        No backfill of project `main` is open
        ",
        "",
        0,
    );
    let ended = project.segue(&["backfill", "status", "2-fill.sql"]);
    assert_text(
        "",
        ended.stdout.lines().next().unwrap_or_default(),
        "Backfill `2-fill.sql`: t by id",
    );
    project.segue(&["backfill", "resume", "2-fill.sql"]).expect(
        "",
        "
        error: `2-fill.sql` is done
        ",
        2,
    );
}

#[test]
fn a_pause_outlives_its_runner() {
    let database = TestDatabase::new();
    let project = paused(&database);
    let runner = waiting(&project, &["up"]);
    runner.kill();
    runner.wait();
    let state = || {
        let run = project.segue(&["backfill", "status", "--json"]);
        let value: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        value["backfills"][0]["state"].clone()
    };
    wait_until("the runner to be gone", || state() == "interrupted");
    project.segue(&["status"]).expect_success();
    let runner = waiting(&project, &["settle"]);
    assert_eq!(row(&database, "rows"), "0");
    // A later deployment is ready all the same.
    project.file("3-later.sql", "CREATE TABLE later ();\n");
    project.segue(&["up", "--until", "ready"]).expect_success();
    assert_eq!(row(&database, "rows"), "0");
    project.segue(&["backfill", "resume"]).expect_success();
    runner.wait().expect_success();
    assert_eq!(row(&database, "rows, changed"), "3000|3000");
}

#[test]
fn a_pause_outlives_the_server() {
    let server = Server::restarting();
    let database = TestDatabase::on(&server);
    let project = paused(&database);
    // It runs what a deployment has announced.
    project.file("3-later.sql", "CREATE TABLE later ();\n");
    project.segue(&["up", "--until", "ready"]).expect_success();
    let runner = waiting(&project, &["settle", "--service"]);
    server.crash();
    wait_until("the server", || {
        let run = project.segue(&["backfill", "status", "--json"]);
        run.stdout.contains("\"state\": \"running\"")
    });
    assert_eq!(row(&database, "rows, paused_at IS NULL"), "0|f");
    project.segue(&["backfill", "resume"]).expect_success();
    wait_until("the end", || {
        row(&database, "finished_at IS NOT NULL") == "t"
    });
    runner.signal(Signal::SIGTERM);
    runner.wait().expect_success();
}

#[test]
fn of_two_who_pause_one_is_first() {
    let database = TestDatabase::new();
    let project = project(&database, "t by id", FILL);
    let first = project.spawn(&["backfill", "pause", "--reason", "one"]);
    let second = project.spawn(&["backfill", "pause", "--reason", "two"]);
    let (first, second) = (first.wait(), second.wait());
    first.expect_success();
    second.expect_success();
    let already = [&first, &second].map(|run| run.stderr.contains("already"));
    assert_ne!(already[0], already[1], "{}{}", first.stderr, second.stderr);
    let kept = if already[0] { "two" } else { "one" };
    assert_eq!(row(&database, "pause_reason"), kept);
}

#[test]
fn a_rate_bounds_what_is_done() {
    let database = TestDatabase::new();
    let project = project(&database, "t by id", FILL);
    project.segue(&["backfill", "rate", "500"]).expect(
        "",
        "
                Rate `2-fill.sql`: at most 500 rows/s, before: no bound but its own budget
                     it has not begun; whoever begins it obeys
        ",
        0,
    );
    project
        .segue(&["backfill", "rate", "2-fill.sql", "500"])
        .expect(
            "",
            "
                Rate `2-fill.sql`: at most 500 rows/s, already before this
        ",
            0,
        );
    let runner = project.spawn(&["up"]);
    let sql = "coalesce(max(rows), 0) >= 1000";
    wait_until("a thousand rows", || row(&database, sql) == "t");
    // Load only makes it slower. The first batch comes at once, and what is
    // seen may be a batch behind.
    let sql = "extract(epoch FROM updated_at - began_at) >= 0.5 * (rows - 500) / 500.0";
    assert_eq!(
        row(&database, sql),
        "t",
        "{}",
        row(&database, "rows, updated_at - began_at")
    );
    project.segue(&["backfill", "rate", "none"]).expect(
        "",
        "
                Rate `2-fill.sql`: no bound but its own budget, before: at most 500 rows/s
                     pid [pid] obeys from its next batch on
        ",
        0,
    );
    runner.wait().expect_success();
    assert_eq!(row(&database, "rows"), "3000");
}

#[test]
fn a_deadline_can_be_moved() {
    let database = TestDatabase::new();
    let project = paused(&database);
    project.segue(&["backfill", "within", "2d"]).expect(
        "",
        "
        error: `2-fill.sql` has not begun
        help: the directive `backfill` of its file says `within D`
        ",
        2,
    );
    let runner = waiting(&project, &["up"]);
    project.segue(&["backfill", "within", "2d"]).expect(
        "",
        "
              Within `2-fill.sql` is to be done by [minute] UTC, before: in its own time
                     pid [pid] obeys from its next batch on
        ",
        0,
    );
    assert_eq!(row(&database, "within = interval '2 days'"), "t");
    project.segue(&["backfill", "within", "1ms"]).expect(
        "",
        "
              Within `2-fill.sql` is to be done by [minute] UTC, before: by [minute] UTC
                     pid [pid] obeys from its next batch on
                Note [minute] UTC is over: it goes as fast as its budget allows, and is told to be late
        ",
        0,
    );
    project
        .segue(&["backfill", "within", "none"])
        .expect_success();
    assert_eq!(row(&database, "within IS NULL"), "t");
    project.segue(&["backfill", "resume"]).expect_success();
    runner.wait().expect_success();
}

#[test]
fn what_is_aborted_stays_as_far_as_it_is() {
    let database = TestDatabase::new();
    let project = project(&database, "t by id", FILL);
    project.segue(&["backfill", "rate", "100"]).expect_success();
    let runner = project.spawn(&["up"]);
    let sql = "coalesce(max(rows), 0) > 0";
    wait_until("a batch", || row(&database, sql) == "t");
    project.segue(&["backfill", "pause"]).expect_success();
    runner.wait_for_stderr("paused by");
    let aborted = project.segue(&["backfill", "abort"]);
    let rows = row(&database, "rows");
    aborted.expect_success();
    for part in [
        "Aborted `2-fill.sql`; `up` leaves it out",
        &format!("{rows} of about"),
        "what is done stays done, all other rows are as they were",
    ] {
        assert!(aborted.stderr.contains(part), "{part}: {}", aborted.stderr);
    }
    assert_eq!(database.query("SELECT count(b) FROM t"), rows);
    runner.wait().expect_success();
    project
        .segue(&["backfill", "abort", "2-fill.sql"])
        .expect_success();
    project.segue(&["backfill", "pause", "2-fill.sql"]).expect(
        "",
        "
        error: `2-fill.sql` was given up
        ",
        2,
    );
    project.segue(&["up"]).expect_success();
    assert_eq!(database.query("SELECT count(b) FROM t"), rows);
}

#[test]
fn rows_in_quarantine_are_listed_and_tried_again() {
    let database = TestDatabase::new();
    let statement = "UPDATE t SET b = 10 / (a - 1000) WHERE id > :lower AND id <= :upper;";
    let project = project(&database, "t by id", statement);
    database.run("UPDATE t SET a = 1000 WHERE id IN (17, 2000)");
    assert_eq!(project.segue(&["up"]).status, 6);
    let status = project.segue(&["backfill", "status"]);
    let quarantine = status.stdout.split("  quarantine  ").nth(1);
    assert_text(
        "",
        quarantine.unwrap_or(&status.stdout),
        "2 rows of at most 100
              id 17: 22012: division by zero
              id 2000: 22012: division by zero
              the next run tries them again first
",
    );
    database.run("UPDATE t SET a = 3 WHERE id = 17");
    assert_eq!(project.segue(&["backfill", "retry"]).status, 6);
    assert_eq!(
        database.query("SELECT key, tries FROM segue.quarantine"),
        "{2000}|2"
    );
    database.run("UPDATE t SET a = 3 WHERE id = 2000");
    // What needs it done is written meanwhile; that is `up`'s business.
    project.file(
        "3-end.sql",
        "-- segue: end-concurrent-migration: 2-fill.sql\nALTER TABLE t DROP COLUMN a;\n",
    );
    project.segue(&["backfill", "retry"]).expect_success();
    assert_eq!(database.query("SELECT count(a) FROM t"), "3000");
    assert_eq!(
        row(&database, "quarantined, finished_at IS NOT NULL"),
        "0|t"
    );
    assert_eq!(database.query("SELECT count(b) FROM t"), "3000");
    project.segue(&["backfill", "retry", "2-fill.sql"]).expect(
        "",
        "
                Done `2-fill.sql`, already before this
        ",
        0,
    );
}

/// A row that has another key now is still to do, and one that was deleted is
/// not: segue cannot know which, and says so.
#[test]
fn rows_that_are_gone_stay_in_quarantine_until_they_are_let_go() {
    let database = TestDatabase::new();
    let statement = "UPDATE t SET b = 10 / (a - 1000) WHERE id > :lower AND id <= :upper;";
    let project = project(&database, "t by id", statement);
    database.run("UPDATE t SET a = 1000 WHERE id IN (17, 2000)");
    assert_eq!(project.segue(&["up"]).status, 6);
    database.run("UPDATE t SET id = -17 WHERE id = 17; DELETE FROM t WHERE id = 2000");
    let retry = project.segue(&["backfill", "retry"]);
    assert_eq!(retry.status, 6);
    let help = retry
        .stderr
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("= help: rows") || line.starts_with("= help: correct"));
    assert_eq!(
        help.collect::<Vec<_>>(),
        [
            "= help: rows that were deleted: `segue backfill retry --gone 2-fill.sql` lets them go",
            "= help: rows whose key was changed: do each by hand under its new key before that",
        ],
        "{}",
        retry.stderr
    );
    let status = project.segue(&["backfill", "status"]);
    let quarantine = status.stdout.split("  quarantine  ").nth(1);
    assert_text(
        "",
        quarantine.unwrap_or(&status.stdout),
        "2 rows of at most 100
              id 17: 02000: no row has this key any more: it was deleted, or its key was changed
              id 2000: 02000: no row has this key any more: it was deleted, or its key was changed
              the next run tries them again first
",
    );
    database.run("UPDATE t SET b = 7 WHERE id = -17");
    project
        .segue(&["backfill", "retry", "--gone"])
        .expect_success();
    assert_eq!(
        row(&database, "quarantined, finished_at IS NOT NULL"),
        "0|t"
    );
    assert_eq!(
        database.query("SELECT count(*), count(b) FROM t"),
        "2999|2999"
    );
}

#[test]
fn one_that_somebody_runs_is_not_retried_beside_him() {
    let database = TestDatabase::new();
    let project = paused(&database);
    let runner = waiting(&project, &["up"]);
    project.segue(&["backfill", "retry"]).expect(
        "",
        "
        error: `2-fill.sql` is run by pid [pid]: rows in quarantine are tried again when that has ended
        ",
        6,
    );
    project.segue(&["backfill", "resume"]).expect_success();
    runner.wait().expect_success();
}

#[test]
fn a_name_that_is_none_is_corrected() {
    let database = TestDatabase::new();
    let project = project(&database, "t by id", FILL);
    project.segue(&["backfill", "status", "fill.sql"]).expect(
        "",
        "
        error: no backfill is named `fill.sql`
        help: did you mean `2-fill.sql`?
        ",
        2,
    );
    project.segue(&["backfill", "pause", "1-t.sql"]).expect(
        "",
        "
        error: `1-t.sql` is no backfill
        help: `segue status` tells how far other migrations are
        ",
        2,
    );
    project.file("3-fill.sql", &fill("t by id", FILL));
    project.segue(&["backfill", "pause"]).expect(
        "",
        "
        error: several backfills are open: `2-fill.sql` and `3-fill.sql`
        help: name the one that is meant
        ",
        2,
    );
    assert_eq!(row(&database, "count(*)"), "0");
}

#[test]
fn where_there_is_no_ledger_nothing_is_written() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    project.file("1-t.sql", TABLE);
    project.segue(&["backfill", "status"]).expect(
        "
        No backfill of project `main` is open
        ",
        "",
        0,
    );
    project.segue(&["backfill", "pause"]).expect(
        "",
        "
        error: no backfill is open
        help: `segue status -v` lists the migrations, `segue backfill status NAME` tells of one that has ended
        ",
        2,
    );
    project.file("2-fill.sql", &fill("t by id", FILL));
    project.segue(&["backfill", "pause"]).expect(
        "",
        "
        error: `2-fill.sql` has not begun
        help: `segue up` makes the tables that a wish is written into
        ",
        2,
    );
    project.segue(&["backfill", "resume"]).expect(
        "",
        "
          Not paused `2-fill.sql`: nothing to resume
        ",
        0,
    );
    let sql = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_eq!(database.query(sql), "0");
}

#[test]
fn a_reader_cannot_pause() {
    let database = TestDatabase::new();
    let mut project = paused(&database);
    project.segue(&["backfill", "resume"]).expect_success();
    let reader = database.role("reader", "LOGIN");
    database.run(&format!(
        "GRANT USAGE ON SCHEMA segue TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA segue TO {reader}"
    ));
    project.env("DATABASE_URL", database.url_as(&reader));
    project.segue(&["backfill", "status"]).expect_success();
    project.segue(&["backfill", "pause"]).expect(
        "",
        "
        error: permission denied for table backfill (SQLSTATE 42501)
        ",
        4,
    );
    assert_eq!(row(&database, "paused_at IS NULL"), "t");
}
