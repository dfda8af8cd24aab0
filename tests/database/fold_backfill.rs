//! Backfills inside the batch's transaction: one statement over all rows that
//! the same folder has made.

use crate::support::{Project, TestDatabase, assert_text};

/// A table, a backfill of it and the migration that ends that.
fn project(database: &TestDatabase<'_>, table: &str, backfill: &str, ending: &str) -> Project {
    let project = Project::deploying(database);
    project
        .write("segue.toml", "")
        .file("1.sql", table)
        .file(
            "2.sql",
            &format!("-- segue: begin-concurrent-migration-with: 1.sql\n{backfill}\n"),
        )
        .file(
            "3.sql",
            &format!("-- segue: end-concurrent-migration: 2.sql\n{ending}\n"),
        );
    project
}

/// The law: folded and batch by batch, a fresh `up` leaves the same rows.
#[track_caller]
fn check_law(table: &str, backfill: &str, rows: &str, expected: &str) {
    for option in ["--no-fold", "--progress=plain"] {
        let database = TestDatabase::new();
        let project = project(&database, table, backfill, "SELECT 1;");
        project.segue(&["up", option]).expect_success();
        assert_text(option, &database.query(rows), expected);
        let state = "SELECT string_agg(state, ' ' ORDER BY file), count(DISTINCT xmin::text) FROM segue.migration";
        let transactions = if option == "--no-fold" { "3" } else { "1" };
        assert_text(
            option,
            &database.query(state),
            &format!("applied applied applied|{transactions}"),
        );
        project.has_nothing_to_do();
    }
}

#[test]
fn rows_of_the_same_folder_are_filled() {
    check_law(
        "CREATE TABLE t (id bigint PRIMARY KEY, a text, b text);\n\
         INSERT INTO t SELECT g * g * 1000000, 'A' || g FROM generate_series(1, 100) g;\n",
        "-- segue: backfill: t by id\nUPDATE t SET b = lower(a) WHERE id > :lower AND id <= :upper;",
        "SELECT count(*), count(*) FILTER (WHERE b = lower(a)) FROM t",
        "100|100",
    );
}

#[test]
fn keys_of_several_columns() {
    check_law(
        "CREATE SCHEMA app;\nCREATE TABLE app.\"T\" (x text, \"Y\" int, n int DEFAULT 0, PRIMARY KEY (x, \"Y\"));\n\
         INSERT INTO app.\"T\" SELECT 'x' || g % 3, g FROM generate_series(1, 30) g;\n",
        "-- segue: backfill: app.\"T\" by x, \"Y\"\n\
         UPDATE app.\"T\" AS t SET n = n + 1\nWHERE (x, \"Y\") > (:lower) AND :upper >= (t.x, t.\"Y\");",
        "SELECT count(*), sum(n) FROM app.\"T\"",
        "30|30",
    );
}

#[test]
fn a_table_without_a_key_and_one_without_rows() {
    check_law(
        "CREATE TABLE t (a text, b text);\nINSERT INTO t SELECT 'A' FROM generate_series(1, 500);\n",
        "-- segue: backfill: t by ctid\nUPDATE t SET b = lower(a) WHERE ctid > :lower AND ctid <= :upper;",
        "SELECT b, count(*) FROM t GROUP BY b",
        "a|500",
    );
    check_law(
        "CREATE TABLE t (id int PRIMARY KEY);\nCREATE TABLE u (id int PRIMARY KEY);\nINSERT INTO t VALUES (-5), (0), (7);\n",
        "-- segue: backfill: t by id\nINSERT INTO u SELECT id FROM t WHERE id > :lower AND id <= :upper;",
        "SELECT string_agg(id::text, ' ' ORDER BY id) FROM u",
        "-5 0 7",
    );
    check_law(
        "CREATE TABLE t (id int PRIMARY KEY);\n",
        "-- segue: backfill: t by id\nDELETE FROM t WHERE id > :lower AND id <= :upper;",
        "SELECT count(*) FROM t",
        "0",
    );
}

/// An error is told at its place in the file, in its words.
#[test]
fn an_error_is_at_its_place() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TABLE t (id bigint PRIMARY KEY, a text);\n",
        "-- segue: backfill: t by id\nUPDATE t SET a = 'é'\nWHERE id > :lower AND id <= :upper AND misspelt;",
        "SELECT 1;",
    );
    project.segue(&["up"]).expect(
        "",
        r#"
             Planned 3 migrations in one transaction
                Note `2.sql` is folded into the transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: column "misspelt" does not exist
          --> migrations/2.sql:4:40
          |
        4 | WHERE id > :lower AND id <= :upper AND misspelt;
          |                                        ^^^^^^^^
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#,
        4,
    );
}

/// What batches would refuse is refused of a fresh database too, not passed
/// over in silence.
#[test]
fn a_key_that_cannot_be_counted_off_by_is_told_everywhere() {
    let database = TestDatabase::new();
    let project = project(
        &database,
        "CREATE TABLE t (id bigint UNIQUE, a int);\nINSERT INTO t VALUES (NULL, 1);\n",
        "-- segue: backfill: t by id\nUPDATE t SET a = 2 WHERE id > :lower AND id <= :upper;",
        "SELECT 1;",
    );
    let run = project.segue(&["up"]);
    let told = [
        "is not folded: `id` of `t` may be NULL, and a row without a key would be left out",
        "error[backfill-key]: `id` of `t` may be NULL, and a row without a key would be left out",
    ];
    for told in told {
        assert!(run.stderr.contains(told), "{}", run.stderr);
    }
    assert_ne!(run.status, 0);
}

/// Of a database in use, only where the table is made by the same batch and
/// readiness needs it.
#[test]
fn a_database_in_use_runs_it_in_batches() {
    let plan = |table: &str, ending: &str, option: &str| {
        let database = TestDatabase::new();
        database.run("CREATE TABLE old (id bigint PRIMARY KEY, a int)");
        let project = Project::deploying(&database);
        let ending = match ending {
            "" => "SELECT 2;".to_owned(),
            name => format!("-- segue: end-concurrent-migration: {name}\nSELECT 2;"),
        };
        project
            .write("segue.toml", "")
            .file(
                "1.sql",
                "CREATE TABLE new (id bigint PRIMARY KEY, a int);\n",
            )
            .file(
                "2.sql",
                &format!(
                    "-- segue: begin-concurrent-migration-with: 1.sql\n\
                     -- segue: backfill: {table} by id within 2 weeks batch-time 1500ms pause 2s\n\
                     UPDATE {table} SET a = 1 WHERE id > :lower AND id <= :upper;\n"
                ),
            )
            .file("3.sql", &ending);
        project.segue(&["plan", option]).stdout
    };
    assert_text(
        "what is new is folded",
        &plan("new", "2.sql", "--format=text"),
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
    );
    assert_text(
        "somebody waits for it",
        &plan("old", "2.sql", "--format=text"),
        "
         Not ready before `2.sql` is done, because `3.sql` needs it.
         Project `main`: 3 migrations pending.

         Batch
           1. one transaction
                1.sql
           2. concurrent, before ready because `3.sql` needs it; then plan again
                2.sql, a backfill of `old` by `id`, in batches of 1500ms, without pauses
           3. one transaction
                3.sql

         Ready by the COMMIT of step 3.

         The schema is not verified: there is no expected schema.
        ",
    );
    assert_text(
        "nobody does",
        &plan("new", "", "--format=text"),
        "
         Project `main`: 3 migrations pending.

         Batch
           1. one transaction, 2 migrations
                1.sql
                3.sql

         Ready by its COMMIT.

         Tail
           2.sql, a backfill of `new` by `id` within 14d, in batches of 1500ms and pauses of 2s or more

         The schema is not verified: there is no expected schema.
        ",
    );
    let dot = plan("old", "", "--format=dot");
    assert!(dot.contains("2.sql, a backfill of old by id"), "{dot}");
    let json: serde_json::Value =
        serde_json::from_str(&plan("old", "", "--format=json")).expect("JSON");
    assert_eq!(
        json["backfills"],
        serde_json::json!([{
            "migration": "2.sql", "table": "old", "key": ["id"], "within_seconds": 1_209_600.0,
            "batch_time_seconds": 1.5, "pause_seconds": 2.0, "quarantine": 100,
        }])
    );
}
