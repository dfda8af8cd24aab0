//! Each kind of tail, pre-empted.

use super::super::{concurrent, gated, left, open, shut, wait_for_rows};
use crate::support::{Run, TestDatabase};

/// A gate for statements in a transaction, where lock waits are short.
const POLLED: &str = "CREATE FUNCTION polled(key int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$\n\
    BEGIN WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(key) LOOP\n\
    PERFORM pg_catalog.pg_sleep(0.02); END LOOP; RETURN key; END $$;\n";

const AT_A_GATE: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
    AND wait_event IN ('advisory', 'PgSleep')";

/// Pre-empts a tail of `sql` at gates by a batch of `batch`, on the table of
/// [`gated`] and what `more` makes.
#[track_caller]
fn preempts(more: &str, sql: &str, gates: &[i32], batch: &str) -> (Run, Run, String) {
    let database = TestDatabase::new();
    let project = gated(&database);
    let table = project.read("migrations/1-table.sql");
    project.file("1-table.sql", &format!("{table}{POLLED}{more}"));
    project.file("2-index.sql", &concurrent(sql));
    // Made by the batch, it passes the gates.
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let holder = shut(&database, gates);
    let first = project.spawn(&["settle"]);
    wait_for_rows(&database, AT_A_GATE);
    project.file("3-batch.sql", batch);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("Ready");
    first.wait_for_stderr("Pre-empted");
    open(&holder);
    let (first, second) = (first.wait(), second.wait());
    first.expect_success();
    second.expect_success();
    let again = project.segue(&["up"]);
    assert!(again.stderr.contains("Up to date"), "{}", again.stderr);
    let ledger = "SELECT state, error FROM segue.migration WHERE file = '2-index.sql'";
    assert_eq!(database.query(ledger), "applied|");
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(database.query(invalid), "0");
    let indexes = database.query(
        "SELECT relname FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace ORDER BY 1",
    );
    (first, second, indexes)
}

#[test]
fn preempt_of_reindex() {
    let (_, _, indexes) = preempts(
        "CREATE INDEX t_a ON t (gate(a));\n",
        "REINDEX INDEX CONCURRENTLY t_a;",
        &[1],
        "ALTER TABLE t ADD COLUMN b int;\n",
    );
    assert_eq!(indexes, "t_a");
}

#[test]
fn preempt_of_validate() {
    preempts(
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (polled(a) > 0) NOT VALID;\n",
        "ALTER TABLE t VALIDATE CONSTRAINT positive;",
        &[1],
        "ALTER TABLE t ADD COLUMN b int;\n",
    );
}

#[test]
fn preempt_of_refresh() {
    preempts(
        "CREATE MATERIALIZED VIEW v AS SELECT polled(a) AS a FROM t;\nCREATE UNIQUE INDEX v_a ON v (a);\n",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
        &[1],
        "CREATE INDEX v_b ON v ((a + 1));\n",
    );
}

#[test]
fn preempt_of_several_statements_goes_on_after_those_that_are_done() {
    let (first, second, indexes) = preempts(
        "",
        "CREATE INDEX CONCURRENTLY t_b ON t ((a + 1));\nCREATE INDEX CONCURRENTLY t_a ON t (gate(a));",
        &[1],
        "ALTER TABLE t ADD COLUMN b int;\n",
    );
    assert_eq!(indexes, "t_a\nt_b");
    let repaired = |run: &Run| run.stderr.contains("t_b");
    assert!(!repaired(&first) && !repaired(&second));
}

#[test]
fn preempt_of_an_index_on_a_partitioned_table_keeps_what_is_built() {
    let (first, second, indexes) = preempts(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a);\n\
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2);\n\
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (2) TO (3);\n\
         INSERT INTO p VALUES (1), (2);\n",
        "CREATE INDEX CONCURRENTLY p_a ON p (gate(a));",
        &[2],
        "ALTER TABLE p ADD COLUMN b int;\n",
    );
    assert_eq!(indexes, "p1_gate_idx\np2_gate_idx\np_a");
    let told = format!("{}{}", first.stderr, second.stderr);
    assert!(told.contains("`public.p2_gate_idx`, which a try"), "{told}");
    assert!(!told.contains("`public.p1_gate_idx`"), "{told}");
    assert!(told.matches("partition 1 of 2").count() == 1, "{told}");
}

#[test]
fn preempt_of_vacuum() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project.file("2-index.sql", &concurrent("VACUUM (FREEZE) t;"));
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    // A cursor pins the page that it stands on.
    let cursor = database.session();
    cursor.run("BEGIN; DECLARE c CURSOR FOR SELECT * FROM t; FETCH c");
    let first = project.spawn(&["settle"]);
    wait_for_rows(
        &database,
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'BufferPin' AND datname = current_database()",
    );
    project.file("3-index.sql", "CREATE INDEX t_b ON t (a);\n");
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("Ready");
    first.wait_for_stderr("Pre-empted");
    cursor.run("ROLLBACK");
    first.wait().expect_success();
    second.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_b");
}
