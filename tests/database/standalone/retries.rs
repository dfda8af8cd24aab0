//! What another try may cure, and what none does.

use super::{Case, check};
use crate::support::{Project, wait_until};

#[test]
fn a_deadlock_is_tried_again() {
    let case = Case::new();
    case.database.run("CREATE TABLE u (a int)");
    case.standalone(
        "SET lock_timeout = 0;\nBEGIN;\nLOCK TABLE t IN ACCESS EXCLUSIVE MODE;\nLOCK TABLE u IN ACCESS EXCLUSIVE MODE;\nINSERT INTO t VALUES (8, 8);\nCOMMIT;\n",
    );
    let other = case.database.session();
    // It is ours that finds the deadlock.
    other.run("SET deadlock_timeout = '1min'");
    other.run("BEGIN");
    other.run("LOCK TABLE u IN ACCESS EXCLUSIVE MODE");
    let running = case.start();
    case.wait_for_statement("LOCK TABLE u");
    let lock = other.start("LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    lock.wait().expect("the other one gets its lock");
    running.wait_until_told("statement 2 is tried again");
    other.run("COMMIT");
    let told = running.wait();
    let told: Vec<&str> = told
        .lines()
        .filter(|line| !line.starts_with("waits for"))
        .collect();
    check(
        &told.join("\n"),
        "
        statement 1 of 6
        statement 2 of 6
        statement 2 is tried again
        settled
        ",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 8"),
        "1"
    );
}

#[test]
fn a_serialization_failure_is_tried_again() {
    let case = Case::new();
    let name = case.database.name();
    case.database.run(&format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
    ));
    case.standalone("UPDATE t SET b = b + 1 WHERE a = 1;\n");
    let other = case.database.session();
    other.run("BEGIN ISOLATION LEVEL READ COMMITTED");
    other.run("UPDATE t SET b = 10 WHERE a = 1");
    let running = case.start();
    case.wait_for_statement("UPDATE t SET b = b + 1");
    other.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        statement 1 is tried again
        settled
        ",
    );
    assert_eq!(case.database.query("SELECT b FROM t WHERE a = 1"), "11");
}

#[test]
fn a_block_is_tried_again_after_a_serialization_failure() {
    let case = Case::new();
    let name = case.database.name();
    case.database.run(&format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
    ));
    case.project
        .file("2-block.sql", "UPDATE t SET b = b + 1 WHERE a = 1;\n");
    let other = case.database.session();
    other.run("BEGIN ISOLATION LEVEL READ COMMITTED");
    other.run("UPDATE t SET b = 10 WHERE a = 1");
    let running = case.start();
    case.wait_for_statement("UPDATE t SET b = b + 1");
    other.run("COMMIT");
    check(&running.wait(), "the block is tried again\nsettled\n");
    assert_eq!(case.database.query("SELECT b FROM t WHERE a = 1"), "11");
}

/// codd's "max 0 retries": the error itself, at its place, and at once.
#[test]
fn without_retries_the_error_is_told_at_its_place() {
    let case = Case::new();
    let expected = |file: &str, line: usize| {
        format!(
            "error[server-error]: canceling statement due to lock timeout\n  --> migrations/{file}:{line}:1\n  |\n{line} | ALTER TABLE t ADD COLUMN c int;\n  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement\n  = note: not tried again, as `--retry-for 0s` says\n  = note: SQLSTATE 55P03\n"
        )
    };
    let writer = case.writer();
    case.project
        .file("2-block.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    assert_eq!(case.up_without_retries(), expected("2-block.sql", 1));
    case.project.file(
        "2-block.sql",
        "-- segue: no-txn\nALTER TABLE t ADD COLUMN c int;\n",
    );
    let told = case.up_without_retries();
    let told = told.replace("waits for 1 session on t\n", "");
    assert_eq!(
        told,
        format!("statement 1 of 1\n{}", expected("2-block.sql", 2))
    );
    writer.run("COMMIT");
    check(&case.up_without_retries(), "statement 1 of 1\nsettled\n");
}

#[test]
fn a_fresh_database_needs_no_retries() {
    let database = crate::support::TestDatabase::new();
    let project = Project::on(&database);
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    project.segue(&["up", "--retry-for", "0s"]).expect_success();
}

/// A function may do anything: while it waits, everybody behind it does.
#[test]
fn a_function_that_changes_a_table_does_not_queue() {
    let case = Case::new();
    case.database.run(
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE t ADD COLUMN c int; END $$",
    );
    case.standalone("SELECT f();\n");
    let writer = case.writer();
    let running = case.start();
    running.wait_until_told("statement 1 is tried again");
    // Nobody queues meanwhile.
    case.database.run("SELECT count(*) FROM t");
    writer.run("COMMIT");
    check(
        &running.wait().replace("waits for 1 session on t\n", ""),
        "
        statement 1 of 1
        statement 1 is tried again
        settled
        ",
    );
}

/// The session that looks at locks is not the one that works.
#[test]
fn a_run_survives_the_end_of_its_control_session_during_a_pause() {
    let case = Case::new();
    case.project
        .file("2-block.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    let writer = case.writer();
    let running = case.start();
    running.wait_until_told("the block is tried again");
    // It holds the deployment's lock, and not the batch's.
    let session = case.database.session();
    let sessions = "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                    WHERE l.locktype = 'advisory' AND a.datname = current_database() AND a.pid <> pg_backend_pid() \
                    ORDER BY a.backend_start LIMIT 1";
    let control: i32 = session.query(sessions).parse().expect("a pid");
    case.terminate(control);
    running.wait_until_told("the connection was lost");
    writer.run("COMMIT");
    let told = running.wait();
    assert!(told.ends_with("settled\n"), "{told}");
    wait_until("its sessions to end", || session.query(sessions).is_empty());
    assert_eq!(
        session.query(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"
        ),
        "1"
    );
}
