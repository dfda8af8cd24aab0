//! The schema is the one that the plain statement makes, names of indexes
//! included.

use super::{FLAT, assert_like_plain, case};

#[track_caller]
fn like_plain(setup: &str, sql: &str) {
    let mut case = case(setup, sql);
    // Whatever ends first.
    case.jobs = 3;
    let told = case.up();
    assert!(
        told.ends_with("settled\n") && !told.contains("not settled"),
        "{told}"
    );
    assert_like_plain(&case, setup, sql);
}

#[test]
fn flat_ones() {
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON p (a)",
        "CREATE INDEX CONCURRENTLY ON p (a, b)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON p (a)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"I x\" ON public.p USING hash (b)",
        "CREATE INDEX CONCURRENTLY ON p (a DESC NULLS LAST) INCLUDE (b) WITH (fillfactor = 70) WHERE p.b > 0",
        "CREATE INDEX CONCURRENTLY ON p ((a + b), abs(p.a), (b::text) COLLATE \"C\" text_pattern_ops)",
        "CREATE INDEX CONCURRENTLY ON p (a, a, (a + 1), (b + 1))",
    ] {
        like_plain(FLAT, sql);
    }
}

#[test]
fn a_table_without_partitions() {
    like_plain(
        "CREATE TABLE p (a int) PARTITION BY LIST (a)",
        "CREATE INDEX CONCURRENTLY i ON p (a)",
    );
}

#[test]
fn partitions_of_partitions_and_columns_in_another_order() {
    let setup = "
        CREATE SCHEMA s;
        CREATE TABLE p (a int, b text, c int) PARTITION BY LIST (a);
        CREATE TABLE s.p1 (c int, gone int, b text, a int) PARTITION BY RANGE (c);
        ALTER TABLE s.p1 DROP gone;
        CREATE TABLE \"P 1 1\" (b text, a int, c int);
        ALTER TABLE s.p1 ATTACH PARTITION \"P 1 1\" FOR VALUES FROM (0) TO (10);
        CREATE TABLE s.p12 PARTITION OF s.p1 DEFAULT;
        ALTER TABLE p ATTACH PARTITION s.p1 FOR VALUES IN (1);
        CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (c);
        CREATE TABLE p3 PARTITION OF p DEFAULT;
        INSERT INTO p SELECT 1 + 2 * (i % 2), 'x', i FROM generate_series(1, 50) i;";
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON p (c, lower(b)) WHERE a > 0",
        "CREATE INDEX CONCURRENTLY ON p (b COLLATE \"C\")",
        "CREATE UNIQUE INDEX CONCURRENTLY ON p (a, c)",
    ] {
        like_plain(setup, sql);
    }
}

#[test]
fn indexes_that_are_there_already() {
    let setup = format!(
        "{FLAT}
        CREATE INDEX same ON p1 (a);
        CREATE INDEX same_too ON p1 (a);
        CREATE INDEX descending ON p2 (a DESC) WITH (fillfactor = 50);
        CREATE INDEX p3_a_idx ON p3 (b);
        CREATE INDEX p2_a_b_idx ON p2 (b) WHERE a > 0;
        CREATE VIEW p2_a_b_idx1 AS SELECT 1;
        CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (30) TO (40) PARTITION BY LIST (b);
        CREATE TABLE p41 PARTITION OF p4 FOR VALUES IN (1);
        CREATE INDEX of_p4 ON p4 (a);
        CREATE UNIQUE INDEX u ON p1 (a, b);
        ALTER TABLE p3 ADD PRIMARY KEY (a, b);"
    );
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON p (a)",
        "CREATE INDEX CONCURRENTLY ON p (a, b)",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a, b)",
    ] {
        like_plain(&setup, sql);
    }
}

#[test]
fn long_names() {
    let long = "x".repeat(59);
    let wide = "ä".repeat(30);
    // The order of the bounds is not that in which they were made.
    let setup = format!(
        "CREATE TABLE p (a int, {long} int, \"{wide}\" int) PARTITION BY RANGE (a);
         CREATE TABLE {long}_c PARTITION OF p FOR VALUES FROM (20) TO (30);
         CREATE TABLE {long}_d PARTITION OF p DEFAULT;
         CREATE TABLE {long}_a PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE {long}_b PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (a);
         CREATE TABLE {long}_e PARTITION OF {long}_b FOR VALUES IN (12);
         CREATE TABLE {long}_f PARTITION OF {long}_b FOR VALUES IN (11);
         CREATE TABLE \"{wide}\" PARTITION OF p FOR VALUES FROM (-10) TO (0);"
    );
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON p (a)".to_owned(),
        format!("CREATE INDEX CONCURRENTLY ON p ({long}, a)"),
        format!("CREATE INDEX CONCURRENTLY ON p (\"{wide}\", {long})"),
    ] {
        like_plain(&setup, &sql);
    }
}

#[test]
fn foreign_tables_among_the_partitions() {
    let setup = format!(
        "{FLAT}
        CREATE FOREIGN DATA WRAPPER w;
        CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (30) TO (40) PARTITION BY LIST (b);
        CREATE TABLE p41 PARTITION OF p4 FOR VALUES IN (1);
        CREATE FOREIGN TABLE p42 PARTITION OF p4 FOR VALUES IN (2) SERVER s;"
    );
    like_plain(&setup, "CREATE INDEX CONCURRENTLY i ON p (a)");
    like_plain(&setup, "CREATE INDEX CONCURRENTLY ON p (lower(b::text))");
    let case = case(&setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a, b);\n");
    super::check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: cannot create a unique index on partitioned table `public.p`
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON p (a, b);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not run
          = note: `public.p42` is a partition and a foreign table, whose rows PostgreSQL cannot keep unique
          = help: create unique indexes on the other partitions one by one, or detach `public.p42` before
        not settled
        ",
    );
}

#[test]
fn a_tablespace() {
    let setup = format!(
        "{FLAT}
        SET allow_in_place_tablespaces = on;"
    );
    let case = case(&setup, "SELECT 1");
    // Before 15, a tablespace needs a folder of its own.
    if crate::support::Server::shared_major() < 15 {
        return;
    }
    let space = format!("s{}", std::process::id());
    case.database.run("SET allow_in_place_tablespaces = on");
    let session = case.database.session();
    session.run("SET allow_in_place_tablespaces = on");
    session.run(&format!("CREATE TABLESPACE {space} LOCATION ''"));
    let sql = format!("CREATE INDEX CONCURRENTLY i ON p (a) TABLESPACE {space} WHERE b > 0");
    case.concurrent(&sql);
    assert!(case.up().ends_with("settled\n"));
    assert_eq!(
        case.database.query(&format!(
            "SELECT count(*) FROM pg_class WHERE reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = '{space}')"
        )),
        "4"
    );
    assert_like_plain(&case, FLAT, &sql);
    session.run("DROP INDEX i");
}
