//! The end of a block: what fails there, and a COMMIT that is never answered.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{
    Action, At, Project, Proxy, Server, TestDatabase, TestSession, assert_text, wait_until,
};

const PARENT_AND_CHILD: &str = "CREATE TABLE parent (id int PRIMARY KEY);\n\
     CREATE TABLE child (parent int CONSTRAINT child_of_parent REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n";

#[test]
fn a_deferred_constraint_fails_at_the_end() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", PARENT_AND_CHILD)
        .file("2.sql", "INSERT INTO child VALUES (1);\n")
        .file("3.sql", "CREATE TABLE c ();\n");
    project.segue(&["up"]).expect("", r#"
             Planned 3 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: insert or update on table "child" violates foreign key constraint "child_of_parent"
          = note: DETAIL: Key (parent)=(1) is not present in table "parent".
          = note: a deferred constraint or trigger failed at the end of the transaction of 3 migrations, `1.sql` to `3.sql`
          = note: SQLSTATE 23503
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#, 4);
    assert_text("relations", &database.relations(), "");
    project.file("3.sql", "INSERT INTO parent VALUES (1);\n");
    project.finishes();
    assert_text("rows", &database.query("SELECT count(*) FROM child"), "1");
}

/// A trigger of a DBA on the ledger, for example.
#[test]
fn an_error_of_the_rows_that_record_the_block_rolls_it_back() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n");
    project.finishes();
    database.run(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not on Fridays'; END$$;
         CREATE CONSTRAINT TRIGGER no AFTER INSERT ON segue.migration DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION no()",
    );
    project
        .file("2.sql", "CREATE TABLE b ();\n")
        .file("3.sql", "CREATE TABLE c ();\n");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: not on Fridays
          --> migrations/3.sql
          = note: CONTEXT: PL/pgSQL function no() line 1 at RAISE
          = note: after the last statement of `3.sql`
          = note: SQLSTATE P0001
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ",
        4,
    );
    assert_text("relations", &database.relations(), "a");
    database.run("DROP TRIGGER no ON segue.migration");
    project.finishes();
    assert_text("relations", &database.relations(), "a b c");
}

/// A database with one applied migration and one pending; runs go through the
/// proxy.
fn behind_a_proxy(database: &TestDatabase<'_>) -> (Project, Proxy) {
    let mut project = Project::deploying(database);
    project.file("1.sql", "CREATE TABLE a (id int);\n");
    project.finishes();
    project.file("2.sql", "INSERT INTO a VALUES (1);\n");
    let proxy = Proxy::new(database);
    project.env("DATABASE_URL", proxy.url());
    (project, proxy)
}

#[track_caller]
fn cut_at_commit(at: At, expected: &str) {
    let database = TestDatabase::new();
    let (project, proxy) = behind_a_proxy(&database);
    proxy.trap("COMMIT", 1, at, Action::Cut);
    project.segue(&["up"]).expect("", expected, 0);
    assert_eq!(proxy.sprung(), 1);
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "1");
    assert_text(
        "deployments",
        &database.query("SELECT state FROM segue.deployment ORDER BY id"),
        "settled\nsettled",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_commit_that_never_reached_the_server_is_repeated() {
    cut_at_commit(
        At::Before,
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
        Reconnecting the connection was lost (connection closed); what stands is read again first
            Resolved the lost COMMIT did not happen
                 Ran `2.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
    );
}

#[test]
fn a_commit_whose_answer_finds_nobody_is_resolved() {
    cut_at_commit(
        At::After,
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
        Reconnecting the connection was lost (connection closed); what stands is read again first
            Resolved the lost COMMIT did happen
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
    );
}

#[test]
fn a_commit_whose_answer_is_lost_is_resolved() {
    cut_at_commit(
        At::Reply,
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
        Reconnecting the connection was lost (connection closed); what stands is read again first
            Resolved the lost COMMIT did happen
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
    );
}

/// Neither side is told, as when a cable is pulled: `--commit-wait` ends it,
/// and the next run knows.
#[test]
fn a_commit_into_the_void_ends_with_its_bound() {
    let database = TestDatabase::new();
    let (project, proxy) = behind_a_proxy(&database);
    proxy.trap("COMMIT", 1, At::Reply, Action::Blackhole);
    project
        .segue(&["up", "--commit-wait", "1s"])
        .expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2.sql`, 1 statement in [t]
        error: gave up after [t] while waiting for the server's answer to COMMIT
        note: the transaction is complete: it may be committed already, or become so later, as a whole
        help: `segue up` finds out and goes on from there; `--commit-wait` sets how long to wait

        ", 5);
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "1");
    drop(proxy);
    let mut project = project;
    project.env("DATABASE_URL", database.url());
    project.segue(&["up"]).expect_success();
    project.has_nothing_to_do();
}

#[test]
fn killed_after_commit_and_before_the_tail_the_next_run_takes_the_tail_up() {
    let database = TestDatabase::new();
    let (mut project, proxy) = behind_a_proxy(&database);
    project.file(
        "3-index.sql",
        "-- segue: begin-concurrent-migration-with: 2.sql\nCREATE INDEX CONCURRENTLY i ON a (id);\n",
    );
    proxy.trap("COMMIT", 1, At::Reply, Action::Blackhole);
    let run = project.spawn(&["up"]);
    wait_until("COMMIT", || proxy.sprung() == 1);
    run.kill();
    assert_eq!(run.wait().status, 128 + 9);
    drop(proxy);
    project.env("DATABASE_URL", database.url());
    assert_text(
        "state",
        &database.query("SELECT state FROM segue.deployment ORDER BY id DESC LIMIT 1"),
        "ready",
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
               Ready since deployment 2
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
             Settled after [t] (deployment 2)

        ",
        0,
    );
    project.has_nothing_to_do();
}

#[test]
fn killed_in_the_batch_nothing_is_kept() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "SELECT pg_sleep(20);\n");
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    run.kill();
    assert_eq!(run.wait().status, 128 + 9);
    // The server looks every two seconds whether its client is still there, and
    // the next run waits for it.
    project.file("2.sql", "");
    project.segue(&["up"]).expect_success();
    assert_text(
        "deployments",
        &database.query("SELECT state, error FROM segue.deployment ORDER BY id"),
        "failed|its runner died\nsettled|",
    );
    project.has_nothing_to_do();
}

/// A synchronous standby that never answers, until this is dropped; to be
/// dropped before the test's database, whose end would wait for it too.
struct SilentStandby<'a>(&'a Server);

impl<'a> SilentStandby<'a> {
    fn of(server: &'a Server) -> Self {
        Self::set(
            server,
            "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
            "nobody",
        );
        Self(server)
    }

    fn set(server: &Server, sql: &str, expected: &str) {
        let session = TestSession::connect(&server.url("postgres"));
        session.run(sql);
        session.run("SELECT pg_reload_conf()");
        wait_until("the setting", || {
            session.query("SHOW synchronous_standby_names") == expected
        });
    }
}

impl Drop for SilentStandby<'_> {
    fn drop(&mut self) {
        Self::set(self.0, "ALTER SYSTEM RESET synchronous_standby_names", "");
    }
}

#[test]
fn signals_wait_for_the_answer_to_commit() {
    let server = Server::start(&[]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n");
    let standby = SilentStandby::of(&server);
    let mut run = project.spawn(&["up"]);
    run.wait_for_stderr("SyncRep");
    run.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!run.has_ended(), "{}", run.stderr());
    drop(standby);
    run.wait().expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
             Waiting COMMIT was sent; pid [pid] waits for a synchronous standby to confirm (SyncRep)
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ",
        0,
    );
    project.has_nothing_to_do();
}

/// On a connection of its own that leads to the database at hand: what was read
/// before the old session let go of its lock does not know of its commit.
#[test]
fn a_commit_under_way_on_a_connection_of_its_own_repeats_nothing() {
    let server = Server::start(&[]);
    let database = TestDatabase::on(&server);
    database.run("CREATE TABLE a (id int)");
    // Only what runs on the file's own connection waits for the standby.
    let role = database.role("deploy", "SUPERUSER LOGIN");
    database.run(&format!("ALTER ROLE {role} SET synchronous_commit = local"));
    let mut project = Project::deploying(&database);
    let proxy = Proxy::new(&database);
    project
        .env("DATABASE_URL", database.url_as(&role))
        .env("OWN", proxy.url());
    project.file(
        "1.sql",
        "-- segue: env-vars: OWN\n-- segue: connection: ${OWN}\nINSERT INTO a VALUES (1);\n",
    );
    proxy.trap("COMMIT", 1, At::After, Action::Cut);
    let standby = SilentStandby::of(&server);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Reconnecting");
    // The old session waits, and the next one for its lock.
    run.wait_for_stderr("for another run to end its batch");
    drop(standby);
    let run = run.wait();
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(database.query("SELECT count(*) FROM a"), "1");
    assert_text(
        "ledger",
        &database.query("SELECT file, state, deployment FROM segue.migration"),
        "1.sql|applied|1",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_standby_that_never_answers_ends_with_the_bound() {
    let server = Server::start(&[]);
    let database = TestDatabase::on(&server);
    let project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n");
    let standby = SilentStandby::of(&server);
    project
        .segue(&["up", "--commit-wait", "3s"])
        .expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
             Waiting COMMIT was sent; pid [pid] waits for a synchronous standby to confirm (SyncRep)
        error: gave up after [t] while waiting for the server's answer to COMMIT
        note: the transaction is complete: it may be committed already, or become so later, as a whole
        help: `segue up` finds out and goes on from there; `--commit-wait` sets how long to wait

        ", 5);
    // The old session still commits, and holds the batch's lock.
    project
        .segue(&["up", "--retry-for", "1s"])
        .expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Waiting for another run to end its batch: pid [pid] (postgres, `segue`), active for [t]: COMMIT
        error: gave up after [t] while waiting for the batch lock, held by pid [pid]
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ", 5);
    drop(standby);
    project.segue(&["up"]).expect_success();
    assert_text("relations", &database.relations(), "a");
    assert_text(
        "deployments",
        &database.query("SELECT state FROM segue.deployment ORDER BY id"),
        "settled",
    );
    project.has_nothing_to_do();
}

/// Whoever ends our session while it works, or the server with it: what stands
/// is read again, and the rest is done.
#[test]
fn a_session_that_is_terminated_in_the_batch_is_replaced() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "SELECT pg_sleep(0.7);\n");
    let run = project.spawn(&["up"]);
    let mut pid = None;
    wait_until("the sleep", || {
        pid = database.running("SELECT pg_sleep%");
        pid.is_some()
    });
    let pid = pid.expect("found");
    database.query(&format!("SELECT pg_terminate_backend({pid})"));
    run.wait().expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    project.has_nothing_to_do();
}

#[test]
fn a_server_that_ends_all_sessions_is_reached_again() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "SELECT pg_sleep(0.7);\n");
    let run = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    // As a restart does, control session and all.
    database.query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    run.wait().expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
    project.has_nothing_to_do();
}

/// What kills each session that runs it must not be tried for ever.
#[test]
fn a_batch_that_loses_its_session_again_and_again_ends() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1.sql", "CREATE TABLE a ();\n")
        .file("2.sql", "SELECT pg_terminate_backend(pg_backend_pid());\n");
    project.segue(&["up"]).expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        Reconnecting the connection was lost (terminating connection due to administrator command; line 1 of `2.sql` was under way); what stands is read again first
        error[not-finished]: the connection was lost 6 times in a row
          = note: terminating connection due to administrator command; line 1 of `2.sql` was under way
          = help: the server's log says why, if it was the server
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ", 4);
    assert_text("relations", &database.relations(), "");
    project.file("2.sql", "");
    project.finishes();
}

/// A file may free all advisory locks; the block is recorded all the same, and
/// once.
#[test]
fn the_batch_lock_is_not_a_files_to_free() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int);\nSELECT pg_advisory_unlock_all();\nSELECT pg_sleep(1);\n",
        )
        .file("2.sql", "INSERT INTO a VALUES (1);\n");
    let first = project.spawn(&["up"]);
    wait_until("the sleep", || {
        database.running("SELECT pg_sleep%").is_some()
    });
    let second = project.spawn(&["up"]);
    assert_eq!(first.wait().status, 0);
    second.wait();
    assert_text("rows", &database.query("SELECT count(*) FROM a"), "1");
    project.has_nothing_to_do();
}
