//! Session mode.

use super::through;
use crate::support::{PgBouncer, TestDatabase, TestSession, wait_until};

#[test]
fn the_whole_story() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let project = through(&database, &pooler);
    project.segue(&["init"]).expect_success();
    let waiting = project.spawn(&["wait", "settled"]);
    project.segue(&["plan"]).expect_success();
    project.segue(&["up", "--until", "ready"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `1-t.sql`, 2 statements in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
                Left the tail for `segue settle`
        ",
        0,
    );
    project.segue(&["settle"]).expect_success();
    waiting.wait().expect_success();
    project
        .segue(&["write-schema", "--database-url", &pooler.url()])
        .expect_success();
    project.write("3-c.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    project
        .segue(&["add", "3-c.sql", "--database-url", &pooler.url()])
        .expect_success();
    project.segue(&["status"]).expect_success();
    project.segue(&["verify"]).expect_success();
    project.finishes();
}

#[test]
fn killed_in_the_batch_another_takes_over() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let project = through(&database, &pooler);
    database.run("CREATE TABLE held (a int)");
    let holder = database.session();
    holder.run("BEGIN; LOCK TABLE held");
    project.file(
        "1-u.sql",
        "CREATE TABLE u (a int);\nALTER TABLE held ADD COLUMN b int;\n",
    );
    let first = project.spawn(&["up", "--lock-timeout", "400ms"]);
    first.wait_for_stderr("held by");
    first.kill();
    first.wait();
    holder.run("COMMIT");
    // DISCARD ALL frees what the dead run's sessions held.
    project.segue(&["up"]).expect_success();
    assert_eq!(database.query("SELECT count(*) FROM u"), "0");
}

#[test]
fn killed_in_a_build_another_waits_for_it() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let project = through(&database, &pooler);
    let holder = database.session();
    holder.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("Running `2-i.sql`");
    let building =
        "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()";
    wait_until("the build", || database.query(building) == "1");
    first.kill();
    first.wait();
    // The pooler hangs up on the server, which builds on.
    assert_eq!(database.query(building), "1");
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Waiting for `2-i.sql`");
    holder.run("COMMIT");
    let second = second.wait();
    second.expect_success();
    assert_eq!(
        database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"),
        "t"
    );
}

#[test]
fn a_cancelled_build_is_cancelled_through_the_pooler() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let project = through(&database, &pooler);
    project.segue(&["up", "--until", "ready"]);
    let holder = database.session();
    holder.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let first = project.spawn(&["settle"]);
    first.wait_for_stderr("Running `2-i.sql`");
    project.segue(&["abandon", "2-i.sql"]).expect_success();
    first.wait();
    assert_eq!(database.query("SELECT to_regclass('t_a') IS NULL"), "t");
}

#[test]
fn a_pool_that_is_too_small_is_told() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "default_pool_size = 1"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
        error: connected to database `[database]` as user `postgres` at socket `[pooler]/.s.PGSQL.6432`, but it did not answer within [duration]
        help: if this is a pooler, its pool has no free connection: segue needs two, and while a tail runs two and one for each of `--jobs`; raise its `pool_size`, or go around it by `--direct-url`
        ",
        4,
    );
}

#[test]
fn the_pool_that_is_just_large_enough() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "default_pool_size = 4"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    project.file(
        "2-j.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\nCREATE INDEX CONCURRENTLY t_j ON t (a, a);\n",
    );
    project.segue(&["up"]).expect_success();
}

#[test]
fn startup_options_that_it_refuses() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let mut project = through(&database, &pooler);
    project.env("PGOPTIONS", "-c statement_timeout=0");
    project.segue(&["up"]).expect(
        "",
        "
        error: cannot connect to database `[database]` as user `postgres` at socket `[pooler]/.s.PGSQL.6432`: unsupported startup parameter: options (SQLSTATE 08P01)
        help: leave `options` out of the connection string and PGOPTIONS out of the environment, set `ignore_startup_parameters` in the pooler's configuration, or go around it by `--direct-url`
        ",
        4,
    );
}

#[test]
fn no_more_clients() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "max_client_conn = 1"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    let run = project.segue(&["up"]);
    assert!(
        run.status == 4 && run.stderr.contains("no more connections allowed"),
        "{}",
        run.stderr
    );
}

/// Idle sessions are closed while a build goes on, and opened again.
#[test]
fn idle_clients_are_closed() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "client_idle_timeout = 1"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    let holder = database.session();
    holder.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Running `2-i.sql`");
    std::thread::sleep(std::time::Duration::from_secs(4));
    holder.run("COMMIT");
    run.wait().expect_success();
    project.has_nothing_to_do();
}

#[test]
fn a_batch_whose_connection_ends_begins_anew() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = session"]);
    let project = through(&database, &pooler);
    project.file("1-u.sql", "CREATE TABLE u (a int);\nSELECT pg_sleep(2);\n");
    let run = project.spawn(&["up"]);
    let sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    wait_until("the batch", || !database.query(sleeping).is_empty());
    let pid = database.query(sleeping);
    TestSession::connect(&database.url()).run(&format!("SELECT pg_terminate_backend({pid})"));
    run.wait().expect_success();
    assert_eq!(database.query("SELECT count(*) FROM t"), "1");
}

/// The pooler hangs up on both sides; the server builds on.
#[test]
fn a_build_outlives_the_poolers_timeout() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "query_timeout = 1"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    let holder = database.session();
    holder.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    let run = project.spawn(&["up", "--retry-for", "3s"]);
    run.wait_for_stderr("Reconnecting");
    holder.run("COMMIT");
    let run = run.wait();
    run.expect_success();
    assert!(
        run.stderr.contains("has been built since an earlier try"),
        "{}",
        run.stderr
    );
    assert_eq!(
        database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"),
        "t"
    );
}
