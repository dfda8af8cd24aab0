//! What is done in part, of a migration or of the file that takes it back: it
//! runs once, and is not forgotten.

use super::{developing, ledger};
use crate::support::{Project, TestDatabase, assert_text, wait_until};

/// Adds 10 to a number, and takes them back statement by statement; the second
/// of them cannot run.
fn half_reverted(database: &TestDatabase<'_>) -> Project {
    let project = developing(database);
    project
        .file(
            "1.sql",
            "CREATE TABLE t (n int);\nINSERT INTO t VALUES (100);\n",
        )
        .file(
            "2.sql",
            "UPDATE t SET n = n + 10;\nCREATE INDEX i ON t (n);\n",
        )
        .file(
            "2.revert.sql",
            "-- segue: no-txn\nUPDATE t SET n = n - 10;\nDROP INDEX CONCURRENTLY wrong;\n",
        );
    project.segue(&["up"]).expect_success();
    let half = project.segue(&["revert", "--to", "1"]);
    assert_eq!(half.status, 4, "{}", half.stderr);
    project
}

fn number(database: &TestDatabase<'_>) -> String {
    database.query("SELECT n FROM t")
}

#[test]
fn it_does_not_go_on_in_a_transaction() {
    let database = TestDatabase::new();
    let project = half_reverted(&database);
    project.file("2.revert.sql", "UPDATE t SET n = n - 10;\nDROP INDEX i;\n");
    project.segue(&["revert", "--to", "1"]).expect(
        "",
        "
        error[changed-while-begun]: `2.revert.sql` was begun outside a transaction
          --> migrations/2.revert.sql:1:1
          |
        1 |
          | ^ has no `no-txn` any more
          = note: in a transaction, what is done of it would run a second time
          = help: bring `-- segue: no-txn` back, and the text of what is done; what follows may be edited

        ",
        3,
    );
    assert_text("number", &number(&database), "100");
}

#[test]
fn it_is_followed_to_another_name() {
    let database = TestDatabase::new();
    let project = half_reverted(&database);
    for gone in ["2.sql", "2.revert.sql"] {
        let path = project.path().join("migrations").join(gone);
        std::fs::remove_file(path).expect("a file");
    }
    project
        .file(
            "3.sql",
            "UPDATE t SET n = n + 10;\nCREATE INDEX i ON t (n);\n",
        )
        .file(
            "3.revert.sql",
            "-- segue: no-txn\nUPDATE t SET n = n - 10;\nDROP INDEX CONCURRENTLY i;\n",
        );
    project.segue(&["revert", "--to", "1"]).expect_success();
    assert_text("number", &number(&database), "100");
    assert_text("ledger", &ledger(&database), "1.sql applied by 1");
    project.finishes();
    assert_text("number", &number(&database), "110");
}

/// A statement that has committed inside itself, and then failed.
#[test]
fn a_call_that_has_done_something_is_not_forgotten() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project
        .file(
            "1.sql",
            "CREATE TABLE t (n int);\nCREATE PROCEDURE p() LANGUAGE plpgsql AS $$\nBEGIN INSERT INTO t VALUES (1); COMMIT; RAISE 'no'; END $$;\n",
        )
        .file("2.sql", "-- segue: no-txn\nCALL p();\n")
        .file("2.revert.sql", "DELETE FROM t;\n");
    assert_eq!(project.segue(&["up"]).status, 4);
    project.segue(&["revert", "--to", "1"]).expect(
        "",
        "
        error[not-revertible]: `2.sql` is half applied: nobody can tell what statement 1 of it has done
          --> migrations/2.sql:1:1
          |
        1 | -- segue: no-txn
          | ^ neither applied nor pending
          = help: `segue up --done 2.sql:1` goes on after it, `segue up --redo 2.sql:1` runs it again; then it can be taken back

        ",
        3,
    );
    project.segue(&["up", "--done", "2.sql:1"]).expect_success();
    project.segue(&["revert", "--to", "1"]).expect_success();
    assert_text("rows", &database.query("SELECT count(*) FROM t"), "0");
}

#[test]
fn the_rows_of_a_backfill_that_was_given_up_are_taken_back_by_its_file() {
    let database = TestDatabase::new();
    let project = developing(&database);
    database.run(
        "CREATE TABLE a (id int PRIMARY KEY, n int CHECK (n < 150));
         INSERT INTO a SELECT generate_series(1, 200)",
    );
    project.file("1.sql", "CREATE TABLE one ();\n").file(
        "2.sql",
        "-- segue: begin-concurrent-migration-with: 1.sql\n-- segue: backfill: a by id\nUPDATE a SET n = id WHERE id > :lower AND id <= :upper AND n IS NULL;\n",
    );
    assert_ne!(project.segue(&["up"]).status, 0);
    let done = || database.query("SELECT count(n) > 0 FROM a");
    assert_text("rows", &done(), "t");
    project.segue(&["abandon", "2.sql"]).expect_success();
    let told = project.segue(&["revert", "--to", "1"]);
    assert!(
        told.stderr.contains("no file takes `2.sql` back"),
        "{}",
        told.stderr
    );
    project.file("2.revert.sql", "UPDATE a SET n = NULL;\n");
    project.segue(&["revert", "--to", "1"]).expect_success();
    assert_text("rows", &done(), "f");
}

/// Somebody begins the index that comes with it while the table is taken back.
#[test]
fn what_is_pending_is_not_begun_meanwhile() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project.file("1.sql", "CREATE TABLE t (n int);\n");
    project.segue(&["up"]).expect_success();
    project
        .file("2.sql", "CREATE TABLE flags ();\n")
        .file(
            "2.revert.sql",
            "DROP TABLE flags;\nSELECT pg_advisory_lock(816);\n",
        )
        .file(
            "3.sql",
            "-- segue: begin-concurrent-migration-with: 2.sql\nCREATE INDEX CONCURRENTLY i ON t (n);\n",
        );
    project.segue(&["up", "--until", "ready"]).expect_success();
    let gate = database.session();
    gate.run("SELECT pg_advisory_lock(816)");
    let run = project.spawn(&["revert", "--to", "1", "--lock-timeout", "60s"]);
    wait_until("the block", || {
        database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            == "1"
    });
    let settle = project.spawn(&["settle"]);
    settle.wait_for_stderr("Pre-empted");
    gate.run("SELECT pg_advisory_unlock(816)");
    run.wait().expect_success();
    let settled = settle.wait();
    assert!(
        settled.stderr.contains(
            "error[partner-not-applied]: `3.sql` was not begun: its partner, `2.sql`, has been taken back meanwhile"
        ),
        "{}",
        settled.stderr
    );
    assert_text("ledger", &ledger(&database), "1.sql applied by 1");
    project.finishes();
}

/// What a schema is kept under is what was applied when it was read.
#[test]
fn a_schema_that_others_have_changed_meanwhile_is_not_kept() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project.file("1.sql", "CREATE TABLE t (n int);\nCREATE TABLE go ();\n");
    project.segue(&["up"]).expect_success();
    project.segue(&["write-schema"]).expect_success();
    let kept = |deployment: i32| {
        database.query(&format!(
            "SELECT count(*) FROM segue.past WHERE deployment = {deployment}"
        ))
    };
    project.file("2.sql", "CREATE TABLE u ();\n");
    let warn = ["up", "--on-mismatch", "warn"];
    project.segue(&warn).expect_success();
    assert_text("kept", &kept(2), "1");
    project.segue(&["write-schema"]).expect_success();
    project.file(
        "4.sql",
        "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;\n",
    );
    let run = project.spawn(&warn);
    wait_until("the block", || database.running("DO $$%").is_some());
    // As if somebody else's tail had come to its end.
    database.run(
        "INSERT INTO segue.migration (project, file, checksum, kind, state, deployment, ended_at)
         VALUES ('main', '3.sql', repeat('0', 64), 'concurrent', 'applied', 1, now());
         INSERT INTO go DEFAULT VALUES",
    );
    run.wait().expect_success();
    assert_text("kept", &kept(3), "0");
}

/// Of a file whose very first statement fails nothing has begun.
#[test]
fn what_has_done_nothing_is_in_nobodys_way() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project.file("1.sql", "CREATE TABLE t (n int);\n").file(
        "2.sql",
        "-- segue: schema-version: 1.0.0\nCREATE INDEX i ON t (n);\n",
    );
    project.segue(&["up"]).expect_success();
    for first in ["DROP INDEX CONCURRENTLY wrong", "SELECT nope"] {
        let text = format!("-- segue: no-txn\n{first};\nDROP INDEX CONCURRENTLY i;\n");
        project.file("2.revert.sql", &text);
        let run = project.segue(&["revert", "--to", "1"]);
        assert_eq!(run.status, 4, "{}", run.stderr);
        assert_text(
            "ledger",
            &ledger(&database),
            "1.sql applied by 1\n2.sql applied by 1",
        );
        let version = database.query("SELECT segue.schema_version()");
        assert_text("version", &version, "1.0.0");
        project.segue(&["up"]).expect_success();
    }
    assert_text(
        "intents",
        &database.query("SELECT count(*) FROM segue.intent"),
        "0",
    );
}

#[test]
fn half_taken_back_is_told_where_one_looks() {
    let database = TestDatabase::new();
    let project = half_reverted(&database);
    let status = project.segue(&["status"]).stdout;
    assert!(
        status.contains(
            "  reverting   `2.sql`: half taken back; `segue revert` goes on, with the `--to` that it was begun with\n"
        ),
        "{status}"
    );
    let status = project.segue(&["status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["migrations"][1]["state"], "half-reverted");
    // The folder that lacks it is no better off.
    let older = Project::on(&database);
    older.file("1.sql", &project.read("migrations/1.sql"));
    let wait = older.segue(&["wait", "ready", "--timeout", "0s"]);
    assert_eq!(wait.status, 5, "{}", wait.stderr);
    assert!(
        wait.stderr
            .contains("`2.sql` is half taken back; the last deployment, 2, failed"),
        "{}",
        wait.stderr
    );
    // With another text before what is done it does not go on.
    project.file("2.revert.sql", "-- segue: no-txn\nSELECT 1;\n");
    let other = project.segue(&["revert", "--to", "1"]);
    assert!(
        other.stderr.contains("edit only what follows\n"),
        "{}",
        other.stderr
    );
}

/// A migration that an older segue has applied, of a name that takes another
/// one back now.
#[test]
fn a_migration_of_such_a_name_is_not_taken_for_a_revert() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project
        .file("1.sql", "CREATE TABLE t (n int);\n")
        .file("2.sql", "CREATE TABLE u ();\n");
    project.segue(&["up"]).expect_success();
    database.run("UPDATE segue.migration SET file = '1.revert.sql' WHERE file = '2.sql'");
    let text = project.read("migrations/2.sql");
    std::fs::remove_file(project.path().join("migrations/2.sql")).expect("a file");
    project.file("1.revert.sql", &text);
    project.segue(&["up"]).expect(
        "",
        "
        error[not-revertible]: `1.revert.sql` was applied as a migration by an older segue
          --> migrations/1.revert.sql:1:1
          |
        1 |
          | ^ takes another one back by its name now
          = help: give the file another name: the ledger follows it there

        ",
        3,
    );
    std::fs::remove_file(project.path().join("migrations/1.revert.sql")).expect("a file");
    project.file("2-again.sql", &text);
    project.finishes();
    assert_text(
        "ledger",
        &ledger(&database),
        "1.sql applied by 1\n2-again.sql applied by 1",
    );
}

#[test]
fn a_version_is_looked_up_in_the_ledger() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project
        .file(
            "1.sql",
            "-- segue: schema-version: 1.0.0\nCREATE TABLE t ();\n",
        )
        .file(
            "2.sql",
            "-- segue: schema-version: 1.1.0\nCREATE TABLE u ();\n",
        )
        .file("2.revert.sql", "DROP TABLE u;\n");
    project.segue(&["up"]).expect_success();
    project.file(
        "1.sql",
        "-- segue: schema-version: 0.9.0\nCREATE TABLE t ();\n",
    );
    project.segue(&["revert", "--to", "7.0.0"]).expect(
        "",
        "
        error[not-revertible]: no migration brings version 7.0.0
          = help: what has been applied brings 1.0.0, 1.1.0

        ",
        3,
    );
    project.segue(&["revert", "--to", "1.0"]).expect_success();
    assert_text(
        "version",
        &database.query("SELECT segue.schema_version()"),
        "1.0.0",
    );
}
