//! Concurrent migrations inside the batch's transaction, as their plain
//! equivalents: the same schema, in one step.

use crate::support::{Project, TestDatabase, assert_same_snapshot, assert_text, snapshot};

/// A concurrent migration of `1.sql`.
fn concurrent(sql: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: 1.sql\n{sql}\n")
}

/// Files 2, 3 and so on of concurrent statements, after a first one of
/// `tables`.
fn project(database: &TestDatabase<'_>, tables: &str, statements: &[&str]) -> Project {
    let project = Project::deploying(database);
    project.write("segue.toml", "").file("1.sql", tables);
    for (index, sql) in statements.iter().enumerate() {
        project.file(&format!("{}.sql", index + 2), &concurrent(sql));
    }
    project
}

/// The law: folded and unfolded, a fresh `up` makes the same schema. Gives the
/// database of the folded run.
#[track_caller]
fn check_law(tables: &str, statements: &[&str]) -> TestDatabase<'static> {
    let [folded, unfolded] = [TestDatabase::new(), TestDatabase::new()];
    project(&folded, tables, statements).finishes();
    let apart = project(&unfolded, tables, statements);
    apart.segue(&["up", "--no-fold"]).expect_success();
    apart.has_nothing_to_do();
    let what = "folded, against unfolded";
    assert_same_snapshot(what, &snapshot(&folded.url()), &snapshot(&unfolded.url()));
    folded
}

/// What runs in the tail, or ran in a transaction of its own: empty if all was
/// one transaction.
fn apart(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT string_agg(DISTINCT file, ' ') FROM segue.migration WHERE xmin <> \
         (SELECT xmin FROM segue.migration WHERE file = '1.sql')",
    )
}

#[test]
fn indexes_are_the_same() {
    let database = check_law(
        "CREATE TABLE t (a int, b text);\nINSERT INTO t SELECT n, n::text FROM generate_series(1, 9) n;\n\
         CREATE INDEX old ON t (b);\n",
        &[
            "CREATE INDEX CONCURRENTLY ON t (a, b);",
            "CREATE INDEX CONCURRENTLY ON t (lower(b)) INCLUDE (a) WHERE a > 3;",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_b ON t (b);\nALTER TABLE t ADD CONSTRAINT t_b UNIQUE USING INDEX t_b;",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a_b_idx ON t (b DESC);",
            "DROP INDEX CONCURRENTLY IF EXISTS old;",
            "REINDEX (VERBOSE, CONCURRENTLY) TABLE t;",
            "REINDEX INDEX CONCURRENTLY t_b;",
            "VACUUM (FULL, ANALYZE) t;\nVACUUM t;",
            "SET statement_timeout = '1min';\nCREATE INDEX CONCURRENTLY \"Concurrently\" ON t USING hash (b);\nCOMMENT ON INDEX \"Concurrently\" IS 'made CONCURRENTLY';",
        ],
    );
    assert_text("apart", &apart(&database), "");
}

#[test]
fn materialized_views_are_the_same() {
    let database = check_law(
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n\
         CREATE MATERIALIZED VIEW v AS SELECT a FROM t;\nCREATE UNIQUE INDEX v_a ON v (a);\n\
         INSERT INTO t VALUES (2);\n",
        &["REFRESH MATERIALIZED VIEW CONCURRENTLY v;"],
    );
    assert_text("apart", &apart(&database), "");
    assert_text("rows", &database.query("SELECT count(*) FROM v"), "2");
}

const PARTITIONED: &str = "CREATE TABLE p (a int, \"B\" text, c date) PARTITION BY RANGE (a);\n\
     CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);\n\
     CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (\"B\");\n\
     CREATE TABLE p2x PARTITION OF p2 FOR VALUES IN ('x', NULL);\n\
     CREATE TABLE p2y PARTITION OF p2 FOR VALUES IN ('y');\n";

/// Names of the leaves' indexes included.
#[test]
fn indexes_of_partitioned_tables_are_the_same() {
    let long = "a_column_with_a_name_that_is_as_long_as_a_name_can_be_and_more";
    let tables =
        format!("{PARTITIONED}CREATE TABLE p1_a_idx ();\nALTER TABLE p ADD COLUMN {long} int;\n");
    let database = check_law(
        &tables,
        &[
            "CREATE INDEX CONCURRENTLY ON p (a);",
            "CREATE INDEX CONCURRENTLY named ON p (\"B\", lower(\"B\"));",
            &format!("CREATE INDEX CONCURRENTLY ON p ({long}, c);"),
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS sub ON p2 (a, \"B\");",
        ],
    );
    assert_text("apart", &apart(&database), "");
}

/// A plain `DETACH` leaves no CHECK.
#[test]
fn a_detached_partition_keeps_its_bounds() {
    let database = check_law(
        PARTITIONED,
        &[
            "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;",
            "ALTER TABLE p2 DETACH PARTITION p2x CONCURRENTLY;",
            "ALTER TABLE p DETACH PARTITION p2 CONCURRENTLY;",
        ],
    );
    assert_text("apart", &apart(&database), "");
    assert_text(
        "checks",
        &database.query(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE contype = 'c' AND conrelid = 'p1'::regclass",
        ),
        "p1|p1_a_check|CHECK (((a IS NOT NULL) AND (a >= 1) AND (a < 10)))",
    );
}

/// Bounds of every kind, and names that are taken.
#[test]
fn bounds_of_every_kind_are_kept() {
    let database = check_law(
        "CREATE SCHEMA \"S\";\n\
         CREATE TABLE h (a int, b text) PARTITION BY HASH (a, b);\n\
         CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);\n\
         CREATE TABLE m (a int NOT NULL, b timestamptz, \"O'x\" text) PARTITION BY RANGE (a, b);\n\
         CREATE TABLE \"S\".\"M 1\" PARTITION OF m (CONSTRAINT \"M 1_check\" CHECK (\"O'x\" <> ''))\n\
         FOR VALUES FROM (1, '2026-01-01 00:00+00') TO (2, MAXVALUE);\n\
         CREATE TABLE e (a int, b int) PARTITION BY RANGE ((a + b));\n\
         CREATE TABLE e1 PARTITION OF e FOR VALUES FROM (1) TO (2);\n\
         CREATE TABLE l (a text COLLATE \"C\") PARTITION BY LIST (a);\n\
         CREATE TABLE l1 PARTITION OF l FOR VALUES IN ('it''s', 'b');\n\
         CREATE TABLE l2 PARTITION OF l FOR VALUES IN ('it''s not');\n\
         CREATE TABLE b (a bool) PARTITION BY LIST (a);\n\
         CREATE TABLE b1 PARTITION OF b FOR VALUES IN (true);\n\
         CREATE TABLE c (a char(3), b varchar(9), c numeric(4, 2)) PARTITION BY RANGE (a, b, c);\n\
         CREATE TABLE c1 PARTITION OF c FOR VALUES FROM ('x', 'y', -1.5) TO (MAXVALUE, MAXVALUE, MAXVALUE);\n",
        &[
            "ALTER TABLE l DETACH PARTITION l2 CONCURRENTLY;",
            "SET search_path = \"S\", public;\nALTER TABLE m DETACH PARTITION \"M 1\" CONCURRENTLY;",
            "ALTER TABLE c DETACH PARTITION public.c1 CONCURRENTLY;",
            "ALTER TABLE h DETACH PARTITION h0 CONCURRENTLY;",
            "ALTER TABLE e DETACH PARTITION e1 CONCURRENTLY;",
            "ALTER TABLE l DETACH PARTITION l1 CONCURRENTLY;",
            "ALTER TABLE b DETACH PARTITION b1 CONCURRENTLY;",
        ],
    );
    // The server folds constants in what the others leave behind.
    assert_text(
        "apart",
        &apart(&database),
        "2.sql 4.sql 5.sql 6.sql 7.sql 8.sql",
    );
}

/// Only the server can tell whether a CHECK implies the bounds; it makes no
/// second one then.
#[test]
fn a_partition_whose_check_may_imply_its_bounds_is_detached_by_itself() {
    let tables = "CREATE TABLE p (a int NOT NULL) PARTITION BY RANGE (a);\n\
         CREATE TABLE p1 PARTITION OF p (CHECK (a > 4 AND a < 6)) FOR VALUES FROM (1) TO (10);\n";
    let detach = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;";
    let database = check_law(tables, &[detach, "CREATE INDEX CONCURRENTLY ON p1 (a);"]);
    // The second one may need what the first one does.
    assert_text("apart", &apart(&database), "2.sql 3.sql");
    let database = TestDatabase::new();
    project(&database, tables, &[detach]).segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction
                Note `2.sql` is folded into the transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Unfolded `2.sql`, which runs by itself: what detaching `p1` concurrently leaves behind is for the server to find out; the block was rolled back and runs without it
        Planned anew 1 migration in one transaction, then 1 concurrent migration
                 Ran `1.sql`, 2 statements in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
                Tail 1 concurrent migration: `2.sql`
             Running `2.sql` (pid [pid])
            Finished `2.sql` in [t]
             Settled after [t] (deployment 1)

        ",
        0,
    );
}

/// What refuses a transaction block although its text does not tell.
#[test]
fn what_turns_out_to_refuse_a_transaction_runs_by_itself() {
    let database = check_law(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a);\n\
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);\n\
         CREATE INDEX i ON p (a);\nCREATE TABLE t (a int);\n",
        &[
            "REINDEX INDEX CONCURRENTLY i;",
            "CREATE INDEX CONCURRENTLY ON t (a);",
        ],
    );
    assert_text("apart", &apart(&database), "2.sql");
}

/// What its own statements leave to deferred triggers, a COMMIT behind each
/// fires outside a block.
#[test]
fn events_of_its_own_deferred_triggers_are_no_obstacle() {
    let database = check_law(
        "CREATE TABLE a (id int PRIMARY KEY);\n\
         CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n",
        &[
            "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nCREATE INDEX CONCURRENTLY ON b (a);",
            "INSERT INTO b VALUES (1);\nREINDEX TABLE CONCURRENTLY b;",
        ],
    );
    assert_text("rows", &database.query("SELECT count(*) FROM b"), "2");
}

#[test]
fn a_fresh_up_is_one_transaction() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TABLE t (a int);\n",
        &["CREATE INDEX CONCURRENTLY i ON t (a);"],
    );
    project.file(
        "3.sql",
        "-- segue: end-concurrent-migration: 2.sql\nALTER INDEX i RENAME TO j;\n",
    );
    project.segue(&["plan"]).expect(
        "
         Project `main`: 3 migrations pending.

         Batch
           1. one transaction, 3 migrations
                1.sql
                2.sql, folded into the transaction
                3.sql

         Ready by its COMMIT.

         The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    project.segue(&["plan", "--no-fold"]).expect(
        "
         Not ready before `2.sql` is done, because `3.sql` needs it.
         Project `main`: 3 migrations pending.

         Batch
           1. one transaction
                1.sql
           2. concurrent, before ready because `3.sql` needs it; then plan again
                2.sql
           3. one transaction
                3.sql

         Ready by the COMMIT of step 3.

         The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    let dot = project.segue(&["plan", "--format", "dot"]).stdout;
    assert!(dot.contains("2.sql, folded into the transaction"), "{dot}");
    project.segue(&["up"]).expect(
        "",
        "
             Planned 3 migrations in one transaction
                Note `2.sql` is folded into the transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 1 statement in [t]
                 Ran `3.sql`, 1 statement in [t]
           Committed 3 migrations in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ",
        0,
    );
    assert_text(
        "ledger",
        &database.query("SELECT file, kind, state, statements FROM segue.migration ORDER BY 1"),
        "1.sql|batch|applied|1\n2.sql|concurrent|applied|1\n3.sql|batch|applied|1",
    );
    assert_text("apart", &apart(&database), "");
    project.has_nothing_to_do();
}

/// An error is told at its place in the file, and nothing is there.
#[test]
fn an_error_in_a_folded_migration_commits_nothing() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TABLE t (a int);\n",
        &["CREATE INDEX CONCURRENTLY i\n  ON t (a, misspelt);"],
    );
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 2 migrations in one transaction
                Note `2.sql` is folded into the transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: column "misspelt" does not exist
          --> migrations/2.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
    assert_text("relations", &database.relations(), "");
}

/// Of a database in use, only what readiness needs anyway, and only on tables
/// that nobody can use yet.
#[test]
fn a_database_in_use_folds_what_is_new() {
    let tables = "CREATE TABLE app.new (a int);\nCREATE TABLE bare (a int);\n";
    let plan = |statement: &str| {
        let database = TestDatabase::new();
        database.run("CREATE SCHEMA app; CREATE TABLE app.old (a int)");
        let project = project(&database, tables, &[statement]);
        project.file(
            "3.sql",
            "-- segue: end-concurrent-migration: 2.sql\nSELECT 1;\n",
        );
        let plan = project.segue(&["plan"]).stdout;
        plan.contains("2.sql, folded into the transaction")
    };
    assert!(plan("CREATE INDEX CONCURRENTLY ON app.new (a);"));
    assert!(plan("CREATE INDEX CONCURRENTLY ON bare (a);"));
    assert!(plan("VACUUM ANALYZE app.new, bare;"));
    assert!(!plan("CREATE INDEX CONCURRENTLY ON app.old (a);"));
    assert!(!plan("CREATE INDEX CONCURRENTLY ON new (a);"));
    assert!(!plan("CREATE INDEX CONCURRENTLY ON public.bare (a);"));
    assert!(!plan(
        "SET search_path = app;\nCREATE INDEX CONCURRENTLY ON bare (a);"
    ));
    assert!(!plan(
        "UPDATE app.new SET a = 1;\nCREATE INDEX CONCURRENTLY ON app.new (a);"
    ));
    assert!(!plan("VACUUM app.new, app.old;"));
    // A tail is not made shorter: nobody waits for it.
    let database = TestDatabase::new();
    database.run("CREATE SCHEMA app; CREATE TABLE app.old (a int)");
    let project = project(
        &database,
        tables,
        &["CREATE INDEX CONCURRENTLY ON app.new (a);"],
    );
    project.finishes();
    assert_text("apart", &apart(&database), "2.sql");
}

/// Where a folded migration adds an enum value, the transaction is cut behind
/// it as behind any other.
#[test]
fn a_folded_migration_cuts_as_others_do() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE t (a mood);\n",
        &["ALTER TYPE mood ADD VALUE 'happy';"],
    );
    project
        .file("3.sql", "INSERT INTO t VALUES ('happy');\n")
        .file(
            "4.sql",
            &concurrent("CREATE INDEX CONCURRENTLY ON t (a) WHERE a = 'happy';"),
        );
    project.finishes();
    assert_text("apart", &apart(&database), "3.sql 4.sql");
    assert_text(
        "tail",
        &database.query("SELECT tail FROM segue.deployment WHERE id = 1"),
        "{}",
    );
}

/// `settle` runs what `up` would fold.
#[test]
fn settle_folds_nothing() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TYPE mood AS ENUM ('sad');\n",
        &["ALTER TYPE mood ADD VALUE 'happy';"],
    );
    project
        .segue(&["up", "--no-fold", "--until", "ready"])
        .expect_success();
    project.segue(&["settle"]).expect_success();
    assert_text("apart", &apart(&database), "2.sql");
    project.has_nothing_to_do();
}

/// Readiness is verified inside the transaction, what is folded included.
#[test]
fn a_folded_migration_is_verified_with_its_block() {
    let [first, second] = [TestDatabase::new(), TestDatabase::new()];
    let tables = "CREATE TABLE t (a int);\n";
    let index = ["CREATE INDEX CONCURRENTLY i ON t (a);"];
    let mut project = project(&first, tables, &index);
    project.finishes();
    project
        .segue(&["write-schema", "--database-url", &first.url()])
        .expect_success();
    project.env("DATABASE_URL", second.url());
    let run = project.segue(&["up"]);
    run.expect_success();
    assert!(run.stderr.contains("Verified"), "{}", run.stderr);
    assert_text("apart", &apart(&second), "");
    project.has_nothing_to_do();
}
