//! Dumps that hold segue's own tables.

use super::*;
use crate::support::{Action, At, Proxy, wait_until};

#[test]
fn what_the_dump_says_is_applied_is_not_applied_again() {
    let Some(text) = dump_of_three(&[]) else {
        return;
    };
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    // Versions of pg_dump differ.
    project.redact(
        r"`1-dump.sql`, \d+ statements",
        "`1-dump.sql`, [n] statements",
    );
    write_three(&project);
    project
        .file("0-first.sql", "CREATE TABLE first ();\n")
        .file("1-dump.sql", &text)
        .file("5-d.sql", "INSERT INTO b VALUES (3);\n");
    project.segue(&["plan"]).expect(
        "
        Project `main`: 6 migrations pending.

        Batch
          1. one transaction, 2 migrations, which brings segue's ledger; then plan again
               0-first.sql
               1-dump.sql
             cut before `2-a.sql`: what comes before it brings a record of what has been applied
          2. one transaction, 3 migrations
               2-a.sql
               3-b.sql
               5-d.sql

        Ready by the COMMIT of step 2.

        Tail
          4-c.sql

        The schema is not verified: there is no expected schema.

        ",
        "",
        0,
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 5 migrations in 2 transactions, then 1 concurrent migration
                Note a transaction is cut before `2-a.sql`: what comes before it brings a record of what has been applied
        Not verified there is no expected schema; `segue write-schema` writes it
                 Ran `0-first.sql`, 1 statement in [t]
                 Ran `1-dump.sql`, [n] statements in [t]
           Committed 2 migrations in [t]
           Took over the ledger that `1-dump.sql` brings: 3 migrations applied
        Planned anew 1 migration in one transaction
                 Ran `5-d.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)

        ",
        0,
    );
    project.has_nothing_to_do();
    check(
        &records(&database),
        "0-first.sql|batch|applied|2
         1-dump.sql|batch|applied|2
         2-a.sql|batch|applied|1
         3-b.sql|batch|applied|1
         4-c.sql|concurrent|applied|1
         5-d.sql|batch|applied|2",
    );
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t
         2|settled|5-d.sql|{}|t",
    );
    assert_text("relations", &database.relations(), "a b first");
    assert_text("rows", &database.query("TABLE b"), "1\n2\n3");
    assert_text(
        "value",
        &database.query("SELECT t FROM a WHERE id = 2"),
        "back\\slash",
    );
}

/// With nothing behind it, the deployment is made ready all the same.
#[test]
fn a_dump_alone_makes_a_deployment_ready() {
    for options in [&[][..], &["--inserts"], &["--quote-all-identifiers"]] {
        let Some(text) = dump_of_three(options) else {
            return;
        };
        let database = TestDatabase::new();
        let project = Project::deploying(&database);
        write_three(&project);
        project.file("1-dump.sql", &text);
        project.finishes();
        check(
            &deployments(&database),
            "1|settled|4-c.sql|{4-c.sql}|t\n2|settled|4-c.sql|{}|t",
        );
    }
}

/// A dump of a database in which the concurrent migration has not run.
#[test]
fn what_the_dump_says_is_pending_runs() {
    let source = TestDatabase::new();
    let project = Project::deploying(&source);
    write_three(&project);
    project.segue(&["up", "--until", "ready"]).expect_success();
    source.run(
        "UPDATE segue.deployment SET state = 'running', ready_at = NULL;
         INSERT INTO segue.migration (project, file, checksum, kind, state, deployment)
         SELECT project, '4-c.sql', checksum, 'concurrent', 'begun', 1 FROM segue.migration LIMIT 1;
         INSERT INTO segue.intent (project, file, checksum, statement, fingerprint, sql, state, relation, pid, backend_start, deployment)
         SELECT 'main', '4-c.sql', repeat('0', 64), 0, repeat('0', 64), 'x', 'begun', 1259, 1, '', 1;
         INSERT INTO segue.progress (project, file, phase) VALUES ('main', '4-c.sql', 'x')",
    );
    let Some((text, _)) = dump(&source, &[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    write_three(&project);
    project.file("1-dump.sql", &text);
    project.finishes();
    check(
        &records(&database),
        "1-dump.sql|batch|applied|2
         2-a.sql|batch|applied|1
         3-b.sql|batch|applied|1
         4-c.sql|concurrent|applied|2",
    );
    check(
        &deployments(&database),
        "1|failed|4-c.sql|{4-c.sql}|f\n2|settled|4-c.sql|{4-c.sql}|t",
    );
    assert_text(
        "index",
        &database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_id'::regclass"),
        "t",
    );
}

/// As `up` has made it before it was dumped, and dumped again under its name.
#[test]
fn what_an_older_dump_of_that_name_says_of_itself_does_not_count() {
    let source = source();
    source.run("UPDATE segue.migration SET file = '1-dump.sql' WHERE file = '2-a.sql'");
    let Some((text, _)) = dump(&source, &[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1-dump.sql", &text);
    project.segue(&["up"]).expect_success();
    assert_text(
        "record",
        &database.query("SELECT deployment FROM segue.migration WHERE file = '1-dump.sql'"),
        "2",
    );
}

#[test]
fn the_ledger_of_an_older_segue_is_upgraded() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let tables = include_str!("../../../src/postgres/ledger/0001.sql");
    project
        .file(
            "1-dump.sql",
            &format!(
                "CREATE SCHEMA segue;\n{tables}\nCREATE TABLE a ();\nINSERT INTO segue.migration (project, file, checksum, kind, state) VALUES ('main', '2-a.sql', repeat('0', 64), 'batch', 'applied');\n"
            ),
        )
        .file("2-a.sql", "CREATE TABLE a ();\n");
    project.segue(&["up"]).expect_success();
    check(
        &records(&database),
        "1-dump.sql|batch|applied|1\n2-a.sql|batch|applied|",
    );
    let newest = segue::postgres::ledger::VERSION.to_string();
    assert_text(
        "version",
        &database.query("SELECT version FROM segue.ledger"),
        &newest,
    );
}

#[test]
fn the_ledger_of_a_newer_segue_is_refused() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.redact(r"this segue knows \d+", "this segue knows [n]");
    let tables = include_str!("../../../src/postgres/ledger/0001.sql");
    project.file(
        "1-dump.sql",
        &format!("CREATE SCHEMA segue;\n{tables}\nUPDATE segue.ledger SET version = 1000;\n"),
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error[server-error]: unexpected answer from the server: the ledger in namespace segue has version 1000, this segue knows [n]: a newer segue has upgraded it, use that one
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        ",
        4,
    );
    assert_text(
        "namespace",
        &database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'"),
        "0",
    );
}

#[test]
fn where_a_dump_cannot_be_followed_nothing_runs() {
    let tables = "CREATE SCHEMA segue;\nCREATE TABLE segue.ledger (version int);\n";
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file("1-a.sql", "CREATE TABLE a ();\n")
        .file("2-dump.sql", tables);
    project.segue(&["up"]).expect(
        "",
        "
        error[brings-ledger]: `2-dump.sql` brings segue's own tables without their rows
          --> migrations/2-dump.sql:2:1
          |
        2 | CREATE TABLE segue.ledger (version int);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ nobody could tell what has been applied
          = help: dump their rows too, or leave the tables out: `pg_dump --exclude-schema=segue`

        ",
        3,
    );
    let tables = format!("{tables}INSERT INTO segue.ledger VALUES (2);\n");
    project.file("2-dump.sql", &format!("-- segue: no-txn\n{tables}"));
    project.segue(&["up"]).expect(
        "",
        "
        error[brings-ledger]: `2-dump.sql` brings segue's own tables, and runs outside a transaction block
          --> migrations/2-dump.sql:3:1
          |
        3 | CREATE TABLE segue.ledger (version int);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ they have to come with all that they speak of
          = help: remove `no-txn` from its header: a dump runs inside a transaction

        ",
        3,
    );
    project
        .file("1-a.sql", "-- segue: no-txn\nCREATE TABLE a ();\n")
        .file("2-dump.sql", &tables);
    project.segue(&["up"]).expect(
        "",
        "
        error[brings-ledger]: `2-dump.sql` brings segue's own tables after what needs them
          --> migrations/2-dump.sql:2:1
          |
        2 | CREATE TABLE segue.ledger (version int);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ comes too late
          = note: each transaction of the batch and each `no-txn` file is recorded there
          = help: give it a name before those of the migrations that are committed before it, or leave the tables out: `pg_dump --exclude-schema=segue`

        ",
        3,
    );
    assert_text("relations", &database.relations(), "");
    project
        .file("1-a.sql", "CREATE TABLE a ();\n")
        .file("2-dump.sql", "");
    project.finishes();
    project.file("3-dump.sql", &tables);
    project.segue(&["up"]).expect(
        "",
        "
        error[brings-ledger]: `3-dump.sql` brings segue's own tables, which this database has already
          --> migrations/3-dump.sql:2:1
          |
        2 | CREATE TABLE segue.ledger (version int);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ would be made a second time
          = help: leave them out: `pg_dump --exclude-schema=segue`
          = help: where it is for fresh databases only, `segue adopt --up-to 3-dump.sql --write` records it, and all before it, as applied here

        ",
        3,
    );
}

#[test]
fn killed_while_the_dump_is_applied_nothing_stands() {
    let Some(text) = dump_of_three(&[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    write_three(&project);
    project.file("1-dump.sql", &format!("{text}\nSELECT pg_sleep(1000);\n"));
    let mut run = project.spawn(&["up"]);
    wait_until("the end of the dump", || {
        assert!(!run.has_ended());
        database.running("SELECT pg_sleep%").is_some()
    });
    run.kill();
    run.wait();
    wait_until("the backend to end", || {
        database.running("SELECT pg_sleep%").is_none()
    });
    assert_text("relations", &database.relations(), "");
    project.file("1-dump.sql", &text);
    project.finishes();
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t\n2|settled|4-c.sql|{}|t",
    );
}

#[test]
fn killed_after_the_dump_the_next_run_goes_on() {
    let Some(text) = dump_of_three(&[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    write_three(&project);
    project
        .file("1-dump.sql", &text)
        .file("5-d.sql", "SELECT pg_sleep(1000);\n");
    let mut run = project.spawn(&["up"]);
    wait_until("the next transaction", || {
        assert!(!run.has_ended());
        database.running("SELECT pg_sleep%").is_some()
    });
    run.kill();
    run.wait();
    wait_until("the backend to end", || {
        database.running("SELECT pg_sleep%").is_none()
    });
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t\n2|running|5-d.sql|{}|f",
    );
    project.file("5-d.sql", "INSERT INTO b VALUES (3);\n");
    project.finishes();
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t
         2|failed|5-d.sql|{}|f
         3|settled|5-d.sql|{}|t",
    );
    assert_text("rows", &database.query("TABLE b"), "1\n2\n3");
}

#[track_caller]
fn cut_at_commit(at: At, resolved: &str) {
    let Some(text) = dump_of_three(&[]) else {
        return;
    };
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    write_three(&project);
    project.file("1-dump.sql", &text);
    let proxy = Proxy::new(&database);
    project.env("DATABASE_URL", proxy.url());
    proxy.trap("COMMIT", 1, at, Action::Cut);
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(run.stderr.contains(resolved), "{}", run.stderr);
    assert_eq!(proxy.sprung(), 1);
    check(
        &records(&database),
        "1-dump.sql|batch|applied|2
         2-a.sql|batch|applied|1
         3-b.sql|batch|applied|1
         4-c.sql|concurrent|applied|1",
    );
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t\n2|settled|4-c.sql|{}|t",
    );
    project.has_nothing_to_do();
}

#[test]
fn a_lost_commit_that_never_reached_the_server_is_repeated() {
    cut_at_commit(At::Before, "the lost COMMIT did not happen");
}

#[test]
fn a_lost_commit_that_happened_is_not_repeated() {
    cut_at_commit(At::After, "the lost COMMIT did happen");
}

#[test]
fn of_two_runs_at_once_one_applies_the_dump() {
    let Some(text) = dump_of_three(&[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    write_three(&project);
    project.file("1-dump.sql", &format!("{text}\nSELECT pg_sleep(1);\n"));
    let first = project.spawn(&["up"]);
    let second = project.spawn(&["up"]);
    first.wait().expect_success();
    second.wait().expect_success();
    assert_text(
        "record",
        &database.query("SELECT deployment FROM segue.migration WHERE file = '1-dump.sql'"),
        "2",
    );
    project.has_nothing_to_do();
}

/// The dump's owner owns the ledger; the role that deploys is a member.
#[test]
fn a_ledger_of_another_role_is_written_as_that_role() {
    let source = source();
    let database = TestDatabase::new();
    let owner = database.role("owner", "");
    let deployer = database.role("deployer", "LOGIN");
    source.run(&format!("ALTER SCHEMA segue OWNER TO {owner}"));
    for table in source
        .query("SELECT tablename FROM pg_tables WHERE schemaname = 'segue'")
        .lines()
    {
        source.run(&format!("ALTER TABLE segue.{table} OWNER TO {owner}"));
    }
    for routine in source
        .query("SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'segue'::regnamespace")
        .lines()
    {
        source.run(&format!("ALTER ROUTINE {routine} OWNER TO {owner}"));
    }
    let dumped = dump(&source, &[]);
    // Their roles go with the other database.
    source.run(&format!("DROP OWNED BY {owner}"));
    let Some((text, _)) = dumped else { return };
    database.run(&format!(
        "GRANT {owner} TO {deployer}; GRANT ALL ON DATABASE {} TO {owner}, {deployer};
         ALTER SCHEMA public OWNER TO {deployer}",
        database.name()
    ));
    let text = text.replace("OWNER TO postgres", &format!("OWNER TO {deployer}"));
    let mut project = Project::deploying(&database);
    project.env("DATABASE_URL", database.url_as(&deployer));
    project.file("1-dump.sql", &text);
    write_three(&project);
    project.finishes();
    assert_text(
        "owners",
        &database.query(&format!(
            "SELECT DISTINCT tableowner = '{owner}' FROM pg_tables WHERE schemaname = 'segue'"
        )),
        "t",
    );
    check(
        &deployments(&database),
        "1|settled|4-c.sql|{4-c.sql}|t\n2|settled|4-c.sql|{}|t",
    );
    database.run(&format!("DROP OWNED BY {owner}, {deployer}"));
}
