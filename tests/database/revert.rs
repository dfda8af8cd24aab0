//! `segue revert`: migrations taken back by the files beside them.

use nix::sys::signal::Signal;

use crate::support::{
    Action, At, Project, Proxy, TestDatabase, assert_same_snapshot, assert_text, snapshot,
    wait_for, wait_until,
};

mod checked;
mod half;
mod kinds;
mod version;

/// Three migrations; the last two can be taken back.
fn three(database: &TestDatabase<'_>) -> Project {
    let project = developing(database);
    project
        .file("1-users.sql", "CREATE TABLE users (id int);\n")
        .file(
            "2-email.sql",
            "ALTER TABLE users ADD COLUMN email text;\nCREATE INDEX ON users (email);\n",
        )
        .file(
            "2-email.revert.sql",
            "ALTER TABLE users DROP COLUMN email;\n",
        )
        .file("3-orders.sql", "CREATE TABLE orders ();\n")
        .file("3-orders.revert.sql", "DROP TABLE orders;\n");
    project
}

/// A project whose development database this is.
fn developing(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::deploying(database);
    project.env("SEGUE_DEV_DATABASE_URL", database.url());
    project
}

/// Tables and indexes in namespace `public`.
fn relations(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')",
    )
}

fn ledger(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT file || ' ' || state || ' by ' || deployment FROM segue.migration ORDER BY file",
    )
}

fn reverted(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT file || ' of ' || coalesce(deployment::text, '-') || ' by ' || reverted_by
         || CASE WHEN revert_checksum IS NULL THEN ', without a file' ELSE '' END
         FROM segue.reverted ORDER BY id",
    )
}

#[test]
fn what_was_applied_last_is_taken_back_first() {
    let database = TestDatabase::new();
    let project = three(&database);
    project.segue(&["up"]).expect_success();
    let after = snapshot(&database.url());
    project.segue(&["revert", "--to", "1-users"]).expect(
        "",
        "
             Planned back to `1-users.sql`: 2 migrations in one transaction, newest first: `3-orders.sql` and `2-email.sql`
        Not verified no deployment has kept what the schema is at `1-users.sql`
                 Ran `3-orders.revert.sql`, 1 statement in [t]
                 Ran `2-email.revert.sql`, 1 statement in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    assert_text("relations", &relations(&database), "users");
    assert_text("ledger", &ledger(&database), "1-users.sql applied by 1");
    assert_text(
        "reverted",
        &reverted(&database),
        "3-orders.sql of 1 by 2\n2-email.sql of 1 by 2",
    );
    assert_text(
        "deployments",
        &database.query(
            "SELECT id || ' ' || state || ' ' || migration || ' ' || coalesce(reverts::text, '-')
             FROM segue.deployment ORDER BY id",
        ),
        "1 settled 3-orders.sql -\n2 settled 1-users.sql {3-orders.sql,2-email.sql}",
    );
    // Again: nothing to do.
    project.segue(&["revert", "--to", "1-users.sql"]).expect(
        "",
        "
          Up to date nothing was applied after `1-users.sql`

        ",
        0,
    );
    project.finishes();
    assert_same_snapshot("up again", &snapshot(&database.url()), &after);
    assert_text(
        "ledger",
        &ledger(&database),
        "1-users.sql applied by 1\n2-email.sql applied by 3\n3-orders.sql applied by 3",
    );
}

#[test]
fn without_its_file_nothing_is_taken_back() {
    let database = TestDatabase::new();
    let project = three(&database);
    project.segue(&["up"]).expect_success();
    let before = database.query("SELECT count(*) FROM segue.deployment");
    project.segue(&["revert", "--to", "empty"]).expect(
        "",
        "
        error[not-revertible]: no file takes `1-users.sql` back
          --> migrations/1-users.sql:1:1
          |
        1 |
          | ^ applied, and would have to be taken back
          = help: write `1-users.revert.sql` beside it, or go back less far

        ",
        3,
    );
    assert_text(
        "relations",
        &relations(&database),
        "orders users users_email_idx",
    );
    assert_text(
        "deployments",
        &database.query("SELECT count(*) FROM segue.deployment"),
        &before,
    );
}

#[test]
fn no_database_is_taken_for_one_of_development() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.segue(&["revert", "--to", "empty"]).expect(
        "",
        "
        error: no development database is named
        help: set SEGUE_DEV_DATABASE_URL or give `--database-url`. Other variables are not read here, they may name a production database

        ",
        2,
    );
}

#[test]
fn a_file_that_belongs_to_nothing_is_refused() {
    let database = TestDatabase::new();
    let project = three(&database);
    project.file("2-emial.revert.sql", "");
    project.segue(&["up"]).expect(
        "",
        "
        error[reverts-nothing]: `2-emial.revert.sql` takes a migration back by its name
          --> migrations/2-emial.revert.sql:1:1
          |
        1 |
          | ^ there is no `2-emial.sql`
          = help: did you mean `2-email.revert.sql`?

        ",
        3,
    );
}

/// A table, an index on it that is built concurrently, and what ends that; all
/// of them can be taken back.
fn triple(database: &TestDatabase<'_>) -> Project {
    let project = developing(database);
    project
        .file("0.sql", "CREATE TABLE zero ();\n")
        .file("1.sql", "CREATE TABLE a (id int);\n")
        .file("1.revert.sql", "DROP TABLE a;\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY i ON a (id);\nCREATE INDEX CONCURRENTLY j ON a (id);\n",
        )
        .file(
            "2.revert.sql",
            "-- segue: no-txn\nDROP INDEX CONCURRENTLY i;\nDROP INDEX CONCURRENTLY j;\n",
        )
        .file(
            "3.sql",
            "-- segue: end-concurrent-migration: 2.sql\nCREATE TABLE b ();\n",
        )
        .file("3.revert.sql", "DROP TABLE b;\n");
    project
}

#[test]
fn a_triple_goes_back_from_its_end() {
    let database = TestDatabase::new();
    let project = triple(&database);
    project.segue(&["up"]).expect_success();
    project.segue(&["revert", "--to", "0"]).expect(
        "",
        "
             Planned back to `0.sql`: 3 migrations, 2 in 2 transactions and 1 outside a transaction, newest first: `3.sql`, `2.sql` and `1.sql`
        Not verified no deployment has kept what the schema is at `0.sql`
                 Ran `3.revert.sql`, 1 statement in [t]
           Committed 1 migration in [t]
             Running `2.revert.sql` outside a transaction (pid [pid])
                 Ran `2.revert.sql`, 2 statements in [t]
                 Ran `1.revert.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    assert_text("relations", &relations(&database), "zero");
    assert_text("ledger", &ledger(&database), "0.sql applied by 1");
    assert_text(
        "intents",
        &database.query("SELECT count(*) FROM segue.intent"),
        "0",
    );
    project.finishes();
    assert_text("relations", &relations(&database), "a b i j zero");
}

#[test]
fn half_taken_back_is_neither_and_goes_on() {
    let database = TestDatabase::new();
    let project = triple(&database);
    project.segue(&["up"]).expect_success();
    project.file(
        "2.revert.sql",
        "-- segue: no-txn\nDROP INDEX CONCURRENTLY i;\nDROP INDEX CONCURRENTLY k;\n",
    );
    project.segue(&["revert", "--to", "0"]).expect(
        "",
        r#"
             Planned back to `0.sql`: 3 migrations, 2 in 2 transactions and 1 outside a transaction, newest first: `3.sql`, `2.sql` and `1.sql`
        Not verified no deployment has kept what the schema is at `0.sql`
                 Ran `3.revert.sql`, 1 statement in [t]
           Committed 1 migration in [t]
             Running `2.revert.sql` outside a transaction (pid [pid])
        error[server-error]: index "k" does not exist
          --> migrations/2.revert.sql:3:1
          |
        3 | DROP INDEX CONCURRENTLY k;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42704
        note: committed before this: `3.revert.sql`
        note: committed: the first statement of `2.revert.sql`
        help: correct the file that takes back, then `segue revert` goes on after what is committed

        "#,
        4,
    );
    assert_text("relations", &relations(&database), "a j zero");
    project.segue(&["up"]).expect(
        "",
        "
        error[half-reverted]: `2.sql` is half taken back: `2.revert.sql` has begun and has not ended
          --> migrations/2.sql
          = help: `segue revert`, with the `--to` that it was begun with, goes on where it stopped

        ",
        3,
    );
    let wait = project.segue(&["wait", "settled", "--timeout", "0s"]);
    assert_eq!(wait.status, 5, "{}", wait.stderr);
    project.file(
        "2.revert.sql",
        "-- segue: no-txn\nDROP INDEX CONCURRENTLY i;\nDROP INDEX CONCURRENTLY j;\n",
    );
    project.segue(&["revert", "--to", "0"]).expect_success();
    assert_text("relations", &relations(&database), "zero");
    project.finishes();
    assert_text("relations", &relations(&database), "a b i j zero");
}

#[test]
fn what_a_build_has_left_is_removed_first() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project
        .file("0.sql", "CREATE TABLE zero ();\n")
        .file("1.sql", "CREATE TABLE a (id int);\n")
        .file("1.revert.sql", "ALTER TABLE a RENAME TO was_a;\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY i ON a (id);\n",
        );
    project.segue(&["up", "--until", "ready"]).expect_success();
    let holder = database.session();
    holder.run("BEGIN; INSERT INTO a VALUES (1)");
    let run = project.spawn(&["settle"]);
    let building = wait_for("the build", || {
        database.running("CREATE INDEX CONCURRENTLY%")
    });
    // While it runs, nothing is taken back.
    let refused = project.segue(&["revert", "--to", "0"]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("error[not-revertible]: `2.sql` runs now, in pid [pid]"),
        "{}",
        refused.stderr
    );
    run.signal(Signal::SIGKILL);
    drop(run);
    database.run(&format!("SELECT pg_terminate_backend({building})"));
    wait_until("the build to end", || {
        database.running("CREATE INDEX CONCURRENTLY%").is_none()
    });
    holder.run("COMMIT");
    assert_text("relations", &relations(&database), "a i zero");
    project.segue(&["revert", "--to", "0"]).expect_success();
    assert_text("relations", &relations(&database), "was_a zero");
    assert_text("ledger", &ledger(&database), "0.sql applied by 1");
    assert_text(
        "reverted",
        &reverted(&database),
        "2.sql of 1 by 2, without a file\n1.sql of 1 by 2",
    );
    // Nobody waits for what is none of theirs any more.
    assert_text(
        "deployments",
        &database.query("SELECT state FROM segue.deployment ORDER BY id"),
        "settled\nsettled",
    );
}

#[test]
fn a_backfill_begins_anew_after_that() {
    let database = TestDatabase::new();
    let project = developing(&database);
    database.run(
        "CREATE TABLE a (id int PRIMARY KEY, n int); INSERT INTO a SELECT generate_series(1, 50)",
    );
    project
        .file("1.sql", "CREATE TABLE one ();\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\n-- segue: backfill: a by id\nUPDATE a SET n = id WHERE id > :lower AND id <= :upper AND n IS NULL;\n",
        )
        .file("2.revert.sql", "UPDATE a SET n = NULL;\n");
    project.segue(&["up"]).expect_success();
    assert_text("rows", &database.query("SELECT count(n) FROM a"), "50");
    project.segue(&["revert", "--to", "1"]).expect_success();
    assert_text("rows", &database.query("SELECT count(n) FROM a"), "0");
    project.segue(&["up"]).expect_success();
    assert_text("rows", &database.query("SELECT count(n) FROM a"), "50");
}

/// A project with an expected schema, so that what is applied is verified, and
/// what the schema was before it is known.
fn verified(database: &TestDatabase<'_>, revert: &str) -> Project {
    let project = developing(database);
    project.file(
        "1.sql",
        "CREATE TABLE a (id int, name text DEFAULT 'none');\n",
    );
    project.segue(&["up"]).expect_success();
    project.segue(&["write-schema"]).expect_success();
    project
        .file(
            "2.sql",
            "ALTER TABLE a ALTER COLUMN name DROP DEFAULT;\nCREATE TABLE b ();\n",
        )
        .file("2.revert.sql", revert);
    project
        .segue(&["up", "--on-mismatch", "warn"])
        .expect_success();
    project.segue(&["write-schema"]).expect_success();
    // The next one finds the schema, and leaves it.
    project.file("3.sql", "CREATE TABLE c ();\n");
    project.file("3.revert.sql", "DROP TABLE c;\n");
    project
        .segue(&["up", "--on-mismatch", "warn"])
        .expect_success();
    project
}

#[test]
fn the_schema_is_the_one_from_before() {
    let database = TestDatabase::new();
    let project = verified(
        &database,
        "DROP TABLE b;\nALTER TABLE a ALTER COLUMN name SET DEFAULT 'none';\n",
    );
    let told = project.segue(&["revert", "--to", "1"]);
    told.expect(
        "",
        "
             Planned back to `1.sql`: 2 migrations in one transaction, newest first: `3.sql` and `2.sql`
                 Ran `3.revert.sql`, 1 statement in [t]
                 Ran `2.revert.sql`, 2 statements in [t]
            Verified the schema is the one from before ([t])
           Committed 2 migrations in [t]
               Ready after [t] (deployment 4)
             Settled after [t] (deployment 4)

        ",
        0,
    );
    // What is the schema now is no drift.
    let up = project.segue(&["up", "--on-mismatch", "warn"]);
    assert!(!up.stderr.contains("Drift"), "{}", up.stderr);
}

#[test]
fn what_a_file_forgets_rolls_back() {
    let database = TestDatabase::new();
    let project = verified(&database, "DROP TABLE b;\n");
    let before = snapshot(&database.url());
    let told = project.segue(&["revert", "--to", "1"]);
    told.expect(
        "",
        "
             Planned back to `1.sql`: 2 migrations in one transaction, newest first: `3.sql` and `2.sql`
                 Ran `3.revert.sql`, 1 statement in [t]
                 Ran `2.revert.sql`, 1 statement in [t]
            Mismatch the schema is not the one from before
        --- expected
        +++ live

          table public.a
            column name
        -     default: 'none'::text

        1 object differs
        error: the schema is not the one from before: table public.a
        note: nothing was committed: the database is as it was
        help: correct the files that take back, then `segue revert` starts afresh; `--on-mismatch warn` leaves the schema as they make it

        ",
        4,
    );
    assert_same_snapshot("rolled back", &snapshot(&database.url()), &before);
    assert_text(
        "ledger",
        &ledger(&database),
        "1.sql applied by 1\n2.sql applied by 2\n3.sql applied by 3",
    );
    project
        .segue(&["revert", "--to", "1", "--on-mismatch", "warn"])
        .expect_success();
    assert_text("ledger", &ledger(&database), "1.sql applied by 1");
}

#[track_caller]
fn cut_at_commit(at: At) {
    let database = TestDatabase::new();
    let mut project = three(&database);
    project.segue(&["up"]).expect_success();
    let proxy = Proxy::new(&database);
    project.env("SEGUE_DEV_DATABASE_URL", proxy.url());
    proxy.trap("COMMIT", 1, at, Action::Cut);
    project
        .segue(&["revert", "--to", "1-users"])
        .expect_success();
    assert_eq!(proxy.sprung(), 1);
    assert_text("relations", &relations(&database), "users");
    assert_text(
        "reverted",
        &reverted(&database),
        "3-orders.sql of 1 by 2\n2-email.sql of 1 by 2",
    );
    assert_text(
        "deployments",
        &database.query("SELECT state FROM segue.deployment ORDER BY id"),
        "settled\nsettled",
    );
}

#[test]
fn a_commit_that_never_reached_the_server_is_repeated() {
    cut_at_commit(At::Before);
}

#[test]
fn a_commit_whose_answer_finds_nobody_is_resolved() {
    cut_at_commit(At::After);
}

#[test]
fn a_run_that_is_killed_is_taken_up() {
    let database = TestDatabase::new();
    let project = triple(&database);
    project.segue(&["up"]).expect_success();
    let holder = database.session();
    // DROP INDEX CONCURRENTLY waits for whoever may use the index.
    holder.run("BEGIN; SELECT count(*) FROM a");
    let run = project.spawn(&["revert", "--to", "0"]);
    wait_until("the index to be dropped", || {
        database.running("%DROP INDEX CONCURRENTLY%").is_some()
    });
    run.signal(Signal::SIGKILL);
    drop(run);
    holder.run("COMMIT");
    project.segue(&["revert", "--to", "0"]).expect_success();
    assert_text("relations", &relations(&database), "zero");
    assert_text("ledger", &ledger(&database), "0.sql applied by 1");
    project.finishes();
    assert_text("relations", &relations(&database), "a b i j zero");
}

#[test]
fn two_at_once_take_back_once() {
    let database = TestDatabase::new();
    let project = three(&database);
    project.segue(&["up"]).expect_success();
    let holder = database.session();
    holder.run("BEGIN; SELECT count(*) FROM users");
    let first = project.spawn(&["revert", "--to", "1-users"]);
    first.wait_for_stderr("Retrying");
    let second = project.spawn(&["revert", "--to", "1-users"]);
    holder.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    assert_text(
        "reverted",
        &reverted(&database),
        "3-orders.sql of 1 by 2\n2-email.sql of 1 by 2",
    );
    assert_text("relations", &relations(&database), "users");
}
