//! What PostgreSQL leaves half-way is legal while its migration is in flight,
//! and drift beside it is found.

use super::case::{Case, let_go, major};
use crate::support::wait_until;

/// A database where `sql`, a concurrent migration, is stuck behind a snapshot
/// once `reached` gives `t`; `prepared` was applied before. Gives what `verify`
/// prints, then checks that drift elsewhere is found and that the end is well.
#[track_caller]
fn check(prepared: &str, sql: &str, reached: &str, seen: &str) {
    let case = Case::new();
    case.file("1-tables.sql", prepared)
        .concurrent("2-concurrent.sql", "1-tables.sql", sql)
        .expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    let holder = case.hold_up();
    let settle = case.project.spawn(&["settle"]);
    wait_until(reached, || case.database.query(reached) == "t");
    let stdout = format!(
        "Half-way: `2-concurrent.sql` is not done, and seen in {seen}\n\
         Project `main`: the schema is as expected ([t])."
    );
    case.verify(&stdout, 0);
    // In the very transaction of a batch.
    case.file("3-table.sql", "CREATE TABLE later ();\n")
        .expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    // And drift is found, at the table at work too; what takes a lock on it
    // would wait for the build.
    for (drift, back) in [
        ("CREATE TABLE stray ()", "DROP TABLE stray"),
        (
            "GRANT SELECT ON t TO PUBLIC",
            "REVOKE SELECT ON t FROM PUBLIC",
        ),
    ] {
        case.database.run(drift);
        assert_eq!(case.project.segue(&["verify"]).status, 1, "{drift}");
        case.database.run(back);
    }
    let_go(holder);
    let run = settle.wait();
    // Its folder lacks what was applied meanwhile.
    assert_eq!(run.status, 0, "{}", run.stderr);
    let overtaken = "Not verified the database has `3-table.sql` by now";
    assert!(run.stderr.contains(overtaken), "{}", run.stderr);
    assert_eq!(case.deployments(), "ready ready");
    case.project.segue(&["settle"]).expect_success();
    assert_eq!(case.deployments(), "settled settled");
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}

#[test]
fn an_index_that_is_built() {
    check(
        "CREATE TABLE t (a int);",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
        "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('i')",
        "table public.t",
    );
}

#[test]
fn an_index_of_a_partitioned_table_that_is_built() {
    check(
        "CREATE TABLE t (a int, b int) PARTITION BY LIST (a); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); \
         CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (b); \
         CREATE TABLE t21 PARTITION OF t2 FOR VALUES IN (1);",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "SELECT count(*) = 2 FROM pg_index \
          WHERE NOT indisvalid AND indexrelid IN (to_regclass('t1_a_idx'), to_regclass('t21_a_idx'))",
        "table public.t, table public.t1, table public.t2, table public.t21",
    );
}

#[test]
fn an_index_that_is_dropped() {
    check(
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a);",
        "DROP INDEX CONCURRENTLY i",
        "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('i')",
        "table public.t",
    );
}

#[test]
fn an_index_that_is_rebuilt() {
    check(
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a);",
        "REINDEX INDEX CONCURRENTLY i",
        "SELECT to_regclass('i_ccnew') IS NOT NULL",
        "table public.t",
    );
}

#[test]
fn a_partition_that_is_detached() {
    check(
        "CREATE TABLE t (a int) PARTITION BY LIST (a); \
         CREATE TABLE p PARTITION OF t FOR VALUES IN (1);",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        "SELECT bool_or(inhdetachpending) FROM pg_inherits WHERE inhrelid = 'p'::regclass",
        "table public.p",
    );
}

#[test]
fn a_build_that_has_failed() {
    let case = Case::new();
    case.file("1-table.sql", "CREATE TABLE t (a int);\n")
        .concurrent(
            "2-index.sql",
            "1-table.sql",
            "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
        )
        .expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.database.run("INSERT INTO t VALUES (1), (1)");
    assert_eq!(case.project.segue(&["settle"]).status, 6);
    // Whatever of it is left, it is legal.
    assert_eq!(case.project.segue(&["verify"]).status, 0);
    case.file("3-table.sql", "CREATE TABLE u ();\n").expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.database.run("DELETE FROM t");
    case.project.segue(&["up"]).expect_success();
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}

#[test]
fn a_constraint_between_its_two_statements() {
    let case = Case::new();
    case.file("1-table.sql", "CREATE TABLE t (a int);\n");
    let add = "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID;";
    let validate = "ALTER TABLE t VALIDATE CONSTRAINT k;";
    case.concurrent("2-check.sql", "1-table.sql", &format!("{add} {validate}"))
        .expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.database.run("INSERT INTO t VALUES (-1)");
    assert_eq!(case.project.segue(&["settle"]).status, 6);
    let added = case
        .database
        .query("SELECT NOT convalidated FROM pg_constraint WHERE conname = 'k'");
    assert_eq!(added, "t", "PostgreSQL {}", major(&case.database));
    case.verify(
        "
        Half-way: `2-check.sql` is not done, and seen in table public.t
        Project `main`: the schema is as expected ([t]).
        ",
        0,
    );
    case.database.run("UPDATE t SET a = 1");
    case.project.segue(&["settle"]).expect_success();
}
