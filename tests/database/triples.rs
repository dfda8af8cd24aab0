//! Partner, concurrent and ending migration, pending in each combination: the
//! table of the documentation, row by row.

use crate::support::{Project, TestDatabase, TestSession, assert_text};

const PARTNER: &str = "ALTER TABLE t ADD COLUMN b int;\n";
const CONCURRENT: &str = "-- segue: begin-concurrent-migration-with: 2-partner.sql\n\
     CREATE INDEX CONCURRENTLY i ON t (b);\n";
const ENDING: &str =
    "-- segue: end-concurrent-migration: 3-index.sql\nALTER INDEX i RENAME TO j;\n";

/// A database with a table `t` and a folder that has made it.
fn case() -> (TestDatabase<'static>, Project) {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1-table.sql", "CREATE TABLE t (a int);\n");
    project.finishes();
    (database, project)
}

/// A session whose snapshot holds up each concurrent build until it commits.
fn snapshot(database: &TestDatabase<'_>) -> TestSession {
    let session = database.session();
    session.run("SET application_name = 'report'");
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    session.run("SELECT 1");
    session
}

/// States of the deployments, oldest first.
fn deployments(database: &TestDatabase<'_>) -> String {
    database.query("SELECT string_agg(state, ' ' ORDER BY id) FROM segue.deployment")
}

#[track_caller]
fn is_valid(database: &TestDatabase<'_>, index: &str) {
    let sql = format!("SELECT indisvalid FROM pg_index WHERE indexrelid = '{index}'::regclass");
    assert_text("valid", &database.query(&sql), "t");
}

#[test]
fn partner_and_concurrent() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    let listener = database.session();
    listener.run("LISTEN segue");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2-partner.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
             Settled after [t] (deployment 2)

        ",
        0,
    );
    let events: Vec<_> =
        std::iter::from_fn(|| listener.notification(std::time::Duration::from_millis(200)))
            .map(|(_, payload)| {
                let event: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
                format!(
                    "{} {} {}",
                    event["event"], event["deployment"], event["migration"]
                )
            })
            .collect();
    assert_text(
        "events",
        &events.join("\n"),
        "\"ready\" 2 \"3-index.sql\"\n\"settled\" 2 \"3-index.sql\"",
    );
    is_valid(&database, "i");
    project.has_nothing_to_do();
}

#[test]
fn concurrent_alone() {
    let (database, project) = case();
    project.file("2-partner.sql", PARTNER);
    project.finishes();
    project.file("3-index.sql", CONCURRENT);
    project.segue(&["up"]).expect(
        "",
        "
             Planned nothing before ready, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
               Ready after [t] (deployment 3)
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
             Settled after [t] (deployment 3)

        ",
        0,
    );
    is_valid(&database, "i");
    project.has_nothing_to_do();
}

#[test]
fn concurrent_whose_tail_was_left_to_somebody_else() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    project.segue(&["up", "--until", "ready"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2-partner.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
                Left the tail for `segue settle`

        ",
        0,
    );
    assert_text("deployments", &deployments(&database), "settled ready");
    project.segue(&["settle"]).expect(
        "",
        "
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
             Settled after [t] (deployment 2)

        ",
        0,
    );
    assert_text("deployments", &deployments(&database), "settled settled");
    project.segue(&["settle"]).expect(
        "",
        "
          Up to date nothing is pending

        ",
        0,
    );
    project.has_nothing_to_do();
}

/// The second deployment is ready at once, and waits for the first one's tail.
#[test]
fn concurrent_runs_elsewhere() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    let snapshot = snapshot(&database);
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("Running `3-index.sql`");
    project.file("4-other.sql", "CREATE TABLE other ();\n");
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Ready after");
    second.wait_for_stderr("Waiting");
    snapshot.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    is_valid(&database, "i");
    assert_text("relations", &database.relations(), "other t");
    assert_text(
        "deployments",
        &deployments(&database),
        "settled settled settled",
    );
    project.has_nothing_to_do();
}

#[test]
fn concurrent_whose_runner_dies_is_taken_over() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    let snapshot = snapshot(&database);
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("Running `3-index.sql`");
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Waiting");
    first.kill();
    first.wait();
    // The backend builds on without its client.
    snapshot.run("COMMIT");
    second.wait().expect_success();
    is_valid(&database, "i");
    assert_text(
        "indexes",
        &database.query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"),
        "1",
    );
    project.has_nothing_to_do();
}

#[test]
fn ending_alone() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    project.finishes();
    project.file("4-end.sql", ENDING);
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `4-end.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 3)
             Settled after [t] (deployment 3)

        ",
        0,
    );
    is_valid(&database, "j");
    project.has_nothing_to_do();
}

#[test]
fn partner_concurrent_and_ending() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT)
        .file("4-end.sql", ENDING)
        .file("5-other.sql", "CREATE TABLE other ();\n");
    project.segue(&["plan"]).expect(
        "
        Not ready before `3-index.sql` is done, because `4-end.sql` needs it.
        Project `main`: 4 migrations pending.

        Batch
          1. one transaction
               2-partner.sql
          2. concurrent, before ready because `4-end.sql` needs it; then plan again
               3-index.sql
          3. one transaction, 2 migrations
               4-end.sql
               5-other.sql

        Ready by the COMMIT of step 3.

        The schema is not verified: there is no expected schema.

        ",
        "",
        0,
    );
    project.segue(&["up"]).expect(
        "",
        "
           Not ready before `3-index.sql` is done, because `4-end.sql` needs it
             Planned 3 migrations in 2 transactions, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2-partner.sql`, 1 statement in [t]
           Committed 1 migration in [t]
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
        Planned anew 2 migrations in one transaction
                 Ran `4-end.sql`, 1 statement in [t]
                 Ran `5-other.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    is_valid(&database, "j");
    project.has_nothing_to_do();
}

#[test]
fn concurrent_and_ending() {
    let (database, project) = case();
    project.file("2-partner.sql", PARTNER);
    project.finishes();
    project
        .file("3-index.sql", CONCURRENT)
        .file("4-end.sql", ENDING);
    project.segue(&["up"]).expect(
        "",
        "
           Not ready before `3-index.sql` is done, because `4-end.sql` needs it
             Planned 1 migration in one transaction, 1 concurrent migration before ready
        Not verified there is no expected schema; `segue write-schema` writes it
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
        Planned anew 1 migration in one transaction
                 Ran `4-end.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 3)
             Settled after [t] (deployment 3)

        ",
        0,
    );
    is_valid(&database, "j");
    project.has_nothing_to_do();
}

#[test]
fn ending_while_concurrent_runs_elsewhere() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT);
    let snapshot = snapshot(&database);
    let first = project.spawn(&["up"]);
    first.wait_for_stderr("Running `3-index.sql`");
    project.file("4-end.sql", ENDING);
    let bounded = project.segue(&["up", "--concurrent-wait", "1s"]);
    assert_eq!(bounded.status, 5);
    let told = bounded.stderr;
    let (line, error) = (told.lines().next(), told.find("error: "));
    assert_text(
        "first line",
        line.unwrap_or_default(),
        "Not ready before `3-index.sql` is done, because `4-end.sql` needs it",
    );
    // Its progress is told before that, as often as there is time.
    assert_text(
        "error",
        &told[error.expect("an error")..],
        "
        error: gave up after [t] while waiting for `3-index.sql`, which runs in pid [pid] and which `4-end.sql` needs done
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--concurrent-wait` sets how long to wait
        ",
    );
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Waiting");
    // Nothing of ours is held while it waits.
    database.run("ALTER TABLE segue.deployment SET (fillfactor = 90)");
    snapshot.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    is_valid(&database, "j");
    project.has_nothing_to_do();
}

#[test]
fn concurrent_that_fails() {
    let (database, project) = case();
    database.run("INSERT INTO t VALUES (1), (1)");
    let unique = CONCURRENT.replace(
        "INDEX CONCURRENTLY i ON t (b)",
        "UNIQUE INDEX CONCURRENTLY i ON t (a)",
    );
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", &unique);
    project.segue(&["up"]).expect("", r#"
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `2-partner.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Repaired `3-index.sql`: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index "i"
          --> migrations/3-index.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        error: the tail is not done: `3-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 3-index.sql` gives it up

        "#, 6);
    assert_text("deployments", &deployments(&database), "settled ready");
    project.segue(&["settle"]).expect("", r#"
             Planned 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Repaired `3-index.sql`: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index "i"
          --> migrations/3-index.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        error: the tail is not done: `3-index.sql` failed
        note: the deployment is ready
        help: `segue settle` tries again; `segue abandon 3-index.sql` gives it up

        "#, 6);
    database.run("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
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
    is_valid(&database, "i");
    assert_text("deployments", &deployments(&database), "settled settled");
    project.has_nothing_to_do();
}

#[test]
fn concurrent_that_failed_and_was_edited() {
    let (database, project) = case();
    database.run("INSERT INTO t VALUES (1), (1)");
    let unique = CONCURRENT.replace(
        "INDEX CONCURRENTLY i ON t (b)",
        "UNIQUE INDEX CONCURRENTLY i ON t (a)",
    );
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", &unique);
    assert_eq!(project.segue(&["up"]).status, 6);
    project.file("3-index.sql", CONCURRENT);
    project.segue(&["up"]).expect(
        "",
        "
                Note the text of `3-index.sql` has changed since it was tried; the new one runs
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
    is_valid(&database, "i");
    assert_text(
        "indexes",
        &database.query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"),
        "1",
    );
    project.has_nothing_to_do();
}

/// The very story of codd's issue 181: who forgets the directive is told.
#[test]
fn what_a_concurrent_migration_makes_is_not_there_yet() {
    let (database, project) = case();
    project
        .file("2-partner.sql", PARTNER)
        .file("3-index.sql", CONCURRENT)
        .file("4-end.sql", "ALTER INDEX i RENAME TO j;\n");
    project.segue(&["up"]).expect("", r#"
             Planned 2 migrations in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: relation "i" does not exist
          --> migrations/4-end.sql:1:1
          |
        1 | ALTER INDEX i RENAME TO j;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `i` is created by `3-index.sql`, a concurrent migration, which runs after the batch
          = note: SQLSTATE 42P01
          = help: write `-- segue: end-concurrent-migration: 3-index.sql` at the top of the file: it then waits until that one is done
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#, 4);
    assert_text(
        "columns",
        &database.query("SELECT count(*) FROM information_schema.columns WHERE table_name = 't'"),
        "1",
    );
    project.file("4-end.sql", ENDING);
    project.finishes();
    is_valid(&database, "j");
}
