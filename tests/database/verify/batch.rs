//! Before readiness.

use super::case::Case;

#[test]
fn what_is_expected_is_made_ready() {
    let case = Case::new();
    case.file("1-table.sql", "CREATE TABLE t (a int);\n")
        .expect();
    case.up(
        "
              Planned 1 migration in one transaction
              Created the ledger, in namespace segue
                  Ran `1-table.sql`, 1 statement in [t]
             Verified the schema is as expected ([t])
            Committed 1 migration in [t]
                Ready after [t] (deployment 1)
              Settled after [t] (deployment 1)
        ",
        0,
    );
    case.project.has_nothing_to_do();
}

#[test]
fn a_mismatch_rolls_back() {
    let case = Case::with_table();
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .expect();
    case.project.file(
        "2-column.sql",
        "ALTER TABLE t ADD COLUMN c bigint;\nCREATE TABLE u ();\n",
    );
    case.up(
        "
             Planned 1 migration in one transaction
                 Ran `2-column.sql`, 2 statements in [t]
            Mismatch the schema is not as expected
        --- expected
        +++ live

        + table public.u

          table public.t
            column c
        -     type: integer
        +     type: bigint

        2 objects differ: 1 only in live, 1 changed
        error: the schema is not as expected: table public.t, table public.u
        note: nothing was committed: the database is as it was
        help: correct the migrations or the expected schema, then `segue up` starts afresh; `--on-mismatch warn` makes the deployment ready all the same
        ",
        4,
    );
    assert_eq!(case.database.relations(), "t");
    assert_eq!(case.deployments(), "settled failed");
    // What was wrong is corrected.
    case.project
        .file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    case.project.finishes();
}

#[test]
fn a_mismatch_may_be_told_only() {
    let case = Case::with_table();
    case.file("2-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.file("2-table.sql", "CREATE TABLE v ();\n");
    let ran = case.project.segue(&["up", "--on-mismatch", "warn"]);
    ran.expect(
        "",
        "
             Planned 1 migration in one transaction
                 Ran `2-table.sql`, 1 statement in [t]
            Mismatch the schema is not as expected; going on all the same
        --- expected
        +++ live

        - table public.u

        + table public.v

        2 objects differ: 1 only in expected, 1 only in live
           Committed 1 migration in [t]
               Ready after [t] (deployment 2)
             Settled after [t] (deployment 2)
        ",
        0,
    );
    assert_eq!(case.database.relations(), "t v");
    // The configuration may say so, too.
    case.project
        .file("3-table.sql", "CREATE TABLE w ();\n")
        .write("segue.toml", "[up]\non-mismatch = \"warn\"\n");
    case.project.segue(&["up"]).expect_success();
    let strict = case.project.segue(&["up", "--on-mismatch", "no"]);
    assert_eq!(strict.status, 2);
}

#[test]
fn of_several_blocks_the_last_one_is_checked() {
    let case = Case::with_table();
    case.file("2-table.sql", "CREATE TABLE u ();\n");
    case.project
        .file("3-vacuum.sql", "-- segue: no-txn\nVACUUM t;\n");
    case.file("4-table.sql", "CREATE TABLE v ();\n").expect();
    case.project.file("4-table.sql", "CREATE TABLE w ();\n");
    let run = case.project.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("note: committed before this: 2 migrations, `2-table.sql` to `3-vacuum.sql`"),
        "{}",
        run.stderr
    );
    assert_eq!(case.database.relations(), "t u");
    assert_eq!(case.deployments(), "settled failed");
    case.project.file("4-table.sql", "CREATE TABLE v ();\n");
    case.project.finishes();
}

#[test]
fn a_standalone_migration_at_the_end_is_checked_before_it_is_ready() {
    let case = Case::with_table();
    case.file("2-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.file(
        "3-index.sql",
        "-- segue: no-txn\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
    );
    let run = case.project.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("`2-table.sql` to `3-index.sql`"),
        "{}",
        run.stderr
    );
    assert_eq!(case.deployments(), "settled failed");
    // The expected schema was forgotten.
    case.settled.run("CREATE INDEX i ON t (a)");
    case.expect();
    case.up(
        "
           Up to date nothing is pending
             Verified the schema is as expected ([t])
                Ready after [t] (deployment 3)
              Settled after [t] (deployment 3)
        ",
        0,
    );
}

#[test]
fn without_an_expected_schema_for_this_version_nothing_runs() {
    let case = Case::new();
    case.file("1-table.sql", "CREATE TABLE t (a int);\n")
        .expect_for(13);
    let text = "
        error: the server is PostgreSQL [major], and `expected-schema` holds an expected schema for `pg[major]` only
        help: `majors = [… [n]]` in `segue.toml` lets `segue add` and `segue check` write `pg[major]`; `segue write-schema` writes it from a database
    ";
    let run = case.project.segue(&["up"]);
    let stderr = run.stderr.replace("pg13", "pg[major]");
    let version = super::case::major(&case.database);
    let stderr = stderr.replace(&format!("… {version}]"), "… [n]]");
    crate::support::assert_text("stderr", &stderr, text);
    assert_eq!(run.status, 2);
    assert_eq!(case.database.relations(), "");
    assert_eq!(case.project.segue(&["plan"]).status, 2);
    assert_eq!(case.project.segue(&["verify"]).status, 2);
}

#[test]
fn the_plan_says_what_is_verified() {
    let case = Case::with_table();
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .concurrent(
            "3-index.sql",
            "2-column.sql",
            "CREATE INDEX CONCURRENTLY i ON t (c)",
        )
        .expect();
    case.project.segue(&["plan"]).expect(
        "
        Project `main`: 2 migrations pending.

        Batch
          1. one transaction
               2-column.sql

        Ready by its COMMIT.

        Tail
          3-index.sql

        The schema is verified before COMMIT, which a mismatch turns into a rollback, and after the tail.
        ",
        "",
        0,
    );
}

#[test]
fn what_a_concurrent_migration_changes_is_not_expected_before() {
    let case = Case::with_table();
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .concurrent(
            "3-index.sql",
            "2-column.sql",
            "CREATE INDEX CONCURRENTLY i ON t (c)",
        )
        .expect();
    case.up(
        "
              Planned 1 migration in one transaction, then 1 concurrent migration
                  Ran `2-column.sql`, 1 statement in [t]
             Verified the schema is as expected ([t])
            Committed 1 migration in [t]
                Ready after [t] (deployment 2)
                 Tail 1 concurrent migration: `3-index.sql`
              Running `3-index.sql` (pid [pid])
             Finished `3-index.sql` in [t]
             Verified after the tail the schema is as expected ([t])
              Settled after [t] (deployment 2)
        ",
        0,
    );
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}
