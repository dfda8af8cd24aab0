//! Dumps that hold codd's table of applied migrations.

use super::*;

/// codd's table as its versions 4 and 5 have it, with these rows: name,
/// whether it is applied, how many statements.
fn codd(database: &TestDatabase<'_>, namespace: &str, rows: &[(&str, bool, u32)]) {
    database.run(&format!(
        "CREATE SCHEMA {namespace};
         CREATE TABLE {namespace}.sql_migrations (
             id serial PRIMARY KEY, migration_timestamp timestamptz NOT NULL, applied_at timestamptz,
             name text UNIQUE NOT NULL, application_duration interval, num_applied_statements int,
             no_txn_failed_at timestamptz, txnid bigint, connid int)"
    ));
    for (name, is_applied, statements) in rows {
        let (applied, failed) = if *is_applied {
            ("now()", "NULL")
        } else {
            ("NULL", "now()")
        };
        database.run(&format!(
            "INSERT INTO {namespace}.sql_migrations
                 (migration_timestamp, applied_at, name, application_duration, num_applied_statements, no_txn_failed_at)
             VALUES (now(), {applied}, '{name}', '1 s', {statements}, {failed})"
        ));
    }
}

fn project_with(dump: &str, database: &TestDatabase<'_>) -> Project {
    let mut project = Project::deploying(database);
    project.redact(
        r"`1-dump.sql`, \d+ statements",
        "`1-dump.sql`, [n] statements",
    );
    project
        .file("1-dump.sql", dump)
        .file("2-a.sql", "CREATE TABLE a (id int);\n")
        .file("3-b.sql", "-- codd: no-txn\nINSERT INTO a VALUES (1);\n")
        .file("4-c.sql", "INSERT INTO a VALUES (2);\n");
    project
}

#[test]
fn what_codd_has_applied_is_not_applied_again() {
    for namespace in ["codd", "codd_schema"] {
        let source = TestDatabase::new();
        source.run("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
        codd(
            &source,
            namespace,
            &[
                ("0-gone.sql", true, 1),
                ("1-dump.sql", true, 1),
                ("2-a.sql", true, 1),
                ("3-b.sql", true, 1),
            ],
        );
        let Some((text, _)) = dump(&source, &[]) else {
            return;
        };
        let database = TestDatabase::new();
        let project = project_with(&text, &database);
        project.segue(&["up"]).expect(
            "",
            "
                 Planned 3 migrations in 3 transactions and 1 migration outside a transaction
                    Note a transaction is cut before `2-a.sql`: what comes before it brings a record of what has been applied
            Not verified there is no expected schema; `segue write-schema` writes it
                 Created the ledger, in namespace segue
                     Ran `1-dump.sql`, [n] statements in [t]
               Committed 1 migration in [t]
               Took over the ledger that `1-dump.sql` brings: 2 migrations applied
            Planned anew 1 migration in one transaction
                     Ran `4-c.sql`, 1 statement in [t]
               Committed 1 migration in [t]
                   Ready after [t] (deployment 1)
                 Settled after [t] (deployment 1)

            ",
            0,
        );
        project.has_nothing_to_do();
        check(
            &records(&database),
            "1-dump.sql|batch|applied|1
             2-a.sql|batch|applied|1
             3-b.sql|standalone|applied|1
             4-c.sql|batch|applied|1",
        );
        check(&database.query("TABLE a"), "1\n2");
    }
}

/// The files that went into a dump may all be gone.
#[test]
fn rows_without_a_file_do_not_matter() {
    let source = TestDatabase::new();
    codd(&source, "codd", &[("0-gone.sql", true, 1)]);
    let Some((text, _)) = dump(&source, &[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = project_with(&text, &database);
    project.finishes();
    check(&database.query("TABLE a"), "1\n2");
}

#[test]
fn what_codd_has_left_half_done_is_refused() {
    let source = TestDatabase::new();
    source.run("CREATE TABLE a (id int)");
    codd(
        &source,
        "codd",
        &[("2-a.sql", true, 1), ("3-b.sql", false, 1)],
    );
    let Some((text, _)) = dump(&source, &[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = project_with(&text, &database);
    let run = project.segue(&["up"]);
    assert_eq!(run.status, 4);
    let error: Vec<&str> = run
        .stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .map(str::trim)
        .collect();
    check(
        &error.join("\n"),
        "error[brings-ledger]: by codd's table, only some statements of `3-b.sql` are done
         --> migrations/1-dump.sql
         = help: let codd finish it in the database that was dumped, and dump again
         note: nothing was committed: the database is as it was
         help: correct the migration, then `segue up` starts afresh",
    );
    check(&database.relations(), "");
}

/// Else the next run would apply again what codd has applied.
#[test]
fn killed_after_the_dump_nothing_is_applied_again() {
    let source = TestDatabase::new();
    source.run("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    codd(
        &source,
        "codd",
        &[("2-a.sql", true, 1), ("3-b.sql", true, 1)],
    );
    let Some((text, _)) = dump(&source, &[]) else {
        return;
    };
    let database = TestDatabase::new();
    let project = project_with(&text, &database);
    project.file("4-c.sql", "SELECT pg_sleep(1000);\n");
    let mut run = project.spawn(&["up"]);
    crate::support::wait_until("the next transaction", || {
        assert!(!run.has_ended());
        database.running("SELECT pg_sleep%").is_some()
    });
    run.kill();
    run.wait();
    crate::support::wait_until("the backend to end", || {
        database.running("SELECT pg_sleep%").is_none()
    });
    project.file("4-c.sql", "INSERT INTO a VALUES (2);\n");
    project.finishes();
    check(&database.query("TABLE a"), "1\n2");
}
