//! `up` until ready, and the tail after it.

use std::time::Duration;

use segue::{Deployment, Error, Event};

use super::{Done as _, TRIPLE, applied, deployment, lines, next};
use crate::support::{TestDatabase, assert_text};

const VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('t_n')";

#[test]
fn ready_comes_before_the_tail() {
    let database = TestDatabase::new();
    let deployment = deployment(&database, &TRIPLE);
    let mut events = deployment.events();

    let ready = deployment.up().done().expect("ready");
    assert_eq!(ready.deployment(), Some(1));
    assert_eq!(ready.tail(), ["b.sql"]);
    assert!(!ready.is_settled());
    assert_eq!(applied(&database), "a.sql");
    assert_eq!(database.query(VALID), "");

    let settled = ready.settle().done().expect("settled");
    assert_eq!(settled.deployment, Some(1));
    assert_eq!(applied(&database), "a.sql b.sql");
    assert_eq!(database.query(VALID), "t");
    assert_text(
        "events",
        &lines(&mut events),
        "to apply: `a.sql`; after ready: `b.sql`\n\
         the ledger was made, in namespace segue\n\
         committed 1 migration in [t]\n\
         deployment 1 is ready\n\
         to do after ready: `b.sql`\n\
         running `b.sql`\n\
         `b.sql` is done, after [t]\n\
         deployment 1 is settled\n",
    );

    let again = deployment.up().done().expect("ready");
    assert_eq!(again.deployment(), Some(1));
    assert!(again.is_settled());
    assert_eq!(again.tail(), [""; 0]);
    again.settle().done().expect("settled");
    assert_text(
        "events",
        &lines(&mut events),
        "nothing to do\ndeployment 1 is ready\n",
    );
}

#[test]
fn ready_has_the_version_of_the_schema() {
    let database = TestDatabase::new();
    let files = [("a.sql", "-- segue: schema-version: 3.1.0\nSELECT 1;\n")];
    let deployment = deployment(&database, &files);
    for ready in [
        deployment.up().done(),
        deployment.up().done(),
        deployment.wait_ready().done(),
    ] {
        let version = ready.expect("ready").schema_version();
        assert_eq!(version.as_deref(), Some("3.1.0"));
    }
}

/// A runtime with one thread, which is the test's own, and with several; the
/// tail in the background.
#[test]
fn either_runtime_will_do() {
    for threads in [0, 2] {
        let database = TestDatabase::new();
        let mut builder = match threads {
            0 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.enable_all().build().expect("a runtime");
        let deployment = deployment(&database, &TRIPLE);
        runtime.block_on(async {
            // Both futures can be moved to another thread.
            let starting = tokio::spawn(deployment.up());
            let ready = starting.await.expect("no panic").expect("ready");
            let tail = tokio::spawn(ready.settle());
            tail.await.expect("no panic").expect("settled");
        });
        assert_eq!(applied(&database), "a.sql b.sql");
    }
}

#[test]
fn a_folder_without_migrations_is_ready() {
    let database = TestDatabase::new();
    let ready = deployment(&database, &[]).up().done().expect("ready");
    assert_eq!(ready.deployment(), None);
    assert!(ready.is_settled());
}

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, Error>, status: u8, text: &str) -> Error {
    let error = result.expect_err("an error");
    assert_text("the error", &format!("{error}\n"), text);
    assert_eq!(error.exit_status(), status);
    error
}

#[test]
fn what_is_wrong_in_a_file_is_shown_there() {
    let database = TestDatabase::new();
    let files = [
        ("a.sql", "-- segue: no-tnx\nSELECT 1;"),
        (
            "b.sql",
            "\n-- segue: end-concurrent-migration: a.sql\nSELECT 1;",
        ),
    ];
    let text = "\
error[unknown-directive]: there is no directive `no-tnx`
  --> migrations/a.sql:1:11
  |
1 | -- segue: no-tnx
  |           ^^^^^^ not a directive
  = help: did you mean `no-txn`?

error[wrong-kind]: `a.sql` is not a concurrent migration
  --> migrations/b.sql:2:37
  |
2 | -- segue: end-concurrent-migration: a.sql
  |                                     ^^^^^ only a concurrent migration can be ended
  = note: batch migrations run in the order of their names anyway
  = help: remove this line, or give `a.sql` a `begin-concurrent-migration-with` directive
";
    let deployment = deployment(&database, &files);
    let error = check(deployment.up().done(), 3, text);
    let Error::Invalid(problems) = &error else {
        panic!("{error:?}");
    };
    let [first, _] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!(
        (first.code(), first.file(), first.line(), first.column()),
        (
            "unknown-directive",
            Some("migrations/a.sql"),
            Some(1),
            Some(11)
        )
    );
    assert_eq!(first.to_json()["helps"][0], "did you mean `no-txn`?");
    // The same without a database.
    check(deployment.check(), 3, text);
    assert_eq!(database.query("SELECT to_regnamespace('segue')"), "");
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    let database = TestDatabase::new();
    let files = [
        ("a.sql", "CREATE TABLE t (n int);"),
        (
            "b.sql",
            "INSERT INTO t VALUES (1);\nINSERT INTO u VALUES (1);",
        ),
    ];
    let error = check(
        deployment(&database, &files).up().done(),
        4,
        "\
error[server-error]: relation \"u\" does not exist
  --> migrations/b.sql:2:13
  |
2 | INSERT INTO u VALUES (1);
  |             ^
  = note: SQLSTATE 42P01
nothing was committed: the database is as it was
",
    );
    assert!(error.is_before_ready() && !error.is_passing());
    assert!(error.committed().is_some_and(segue::Committed::is_nothing));
    assert_eq!(database.relations(), "");

    // What is committed outside a transaction is told.
    let files = [
        ("a.sql", "CREATE TABLE t (n int);"),
        (
            "b.sql",
            "-- segue: no-txn\nVACUUM t;\nINSERT INTO u VALUES (1);",
        ),
    ];
    check(
        deployment(&database, &files).up().done(),
        4,
        "\
error[server-error]: relation \"u\" does not exist
  --> migrations/b.sql:3:13
  |
3 | INSERT INTO u VALUES (1);
  |             ^
  = note: SQLSTATE 42P01
committed: `a.sql`; the first statement of `b.sql`
",
    );
}

#[test]
fn a_tail_that_fails_leaves_the_deployment_ready() {
    let database = TestDatabase::new();
    let files = [
        (
            "a.sql",
            "CREATE TABLE t AS SELECT 1 AS n FROM generate_series(1, 2);",
        ),
        (
            "b.sql",
            "-- segue: begin-concurrent-migration-with: a.sql\n\
             CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);",
        ),
    ];
    let deployment = deployment(&database, &files);
    let ready = deployment.up().done().expect("ready");
    let error = ready.settle().done().expect_err("an error");
    assert_eq!(error.exit_status(), 6);
    assert!(!error.is_before_ready());
    let Error::Unsettled(unsettled) = &error else {
        panic!("{error:?}");
    };
    let [(name, problem)] = unsettled.failed.as_slice() else {
        panic!("{unsettled:?}");
    };
    assert_eq!(
        (name.as_str(), problem.sqlstate()),
        ("b.sql", Some("23505"))
    );
    // And it can be tried again.
    database.run("DELETE FROM t");
    deployment.settle().done().expect("settled");
}

#[test]
fn what_cannot_be_used_is_refused() {
    let database = TestDatabase::new();
    check(
        Deployment::new(super::embedded(&[])).up().done(),
        2,
        "no database is named\n\
         help: `Deployment::database` takes a connection string, `Deployment::environment` the variables that name one\n",
    );
    check(
        deployment(&database, &[]).project("a b").up().done(),
        2,
        "` ` cannot be in the name of a project: letters, digits, `_`, `.` and `-` can\n\
         help: `Deployment::project` names it\n",
    );
    check(
        deployment(&database, &[])
            .database("host=a hots=b")
            .up()
            .done(),
        2,
        "unknown connection parameter `hots` in the connection string\n\
         help: did you mean `host`?\n",
    );
    check(
        Deployment::new(segue::Migrations::folder("/nowhere"))
            .database(database.url())
            .up()
            .done(),
        2,
        "cannot read the folder `/nowhere`: No such file or directory (os error 2)\n",
    );
}

#[test]
fn a_bound_ends_it_in_good_order() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t ()");
    let holder = database.session();
    holder.run("BEGIN");
    holder.run("LOCK TABLE t");
    let files = [("a.sql", "ALTER TABLE t ADD COLUMN n int;")];
    let deployment = deployment(&database, &files).timeout(Duration::from_secs(4));
    let mut events = deployment.events();
    let error = check(
        deployment.up().done(),
        5,
        "gave up after 4s while waiting for the deployment to be ready\n\
         nothing was committed: the database is as it was\n",
    );
    assert!(error.is_passing());
    let mut waited = false;
    while let Some(event) = next(&mut events) {
        waited |= matches!(event, Event::Waiting { what } if what.starts_with("a lock on `t`"));
    }
    assert!(waited);
    holder.run("COMMIT");
    let _ = deployment.up().done().expect("ready");
}
