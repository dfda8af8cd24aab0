//! codd's ledger, of each of its five versions.

use super::Case;
use crate::support::{Background, assert_text};

/// codd's own steps from one version of its ledger to the next.
const VERSIONS: [&str; 5] = [
    "CREATE SCHEMA codd_schema; \
     CREATE TABLE codd_schema.sql_migrations ( \
         id serial PRIMARY KEY, \
         migration_timestamp timestamptz NOT NULL UNIQUE, \
         applied_at timestamptz NOT NULL, \
         name text NOT NULL UNIQUE)",
    "ALTER TABLE codd_schema.sql_migrations ADD COLUMN application_duration interval",
    "ALTER TABLE codd_schema.sql_migrations ADD COLUMN num_applied_statements int, \
         ADD COLUMN no_txn_failed_at timestamptz, ALTER COLUMN applied_at DROP NOT NULL, \
         ADD CHECK ((applied_at IS NULL) <> (no_txn_failed_at IS NULL))",
    "ALTER TABLE codd_schema.sql_migrations ADD COLUMN txnid bigint DEFAULT txid_current(), \
         ADD COLUMN connid int DEFAULT pg_backend_pid()",
    "ALTER SCHEMA codd_schema RENAME TO codd",
];

const FIRST: &str = "2022-08-14-14-03-30-bootstrap.sql";
const SECOND: &str = "2022-08-14-14-23-19-employees.sql";
const THIRD: &str = "2023-01-01-00-00-00-slow.sql";

/// A database that codd has brought to `version` and that has its first two
/// migrations, with a third one that is pending.
fn case(version: usize) -> Case {
    let case = Case::new();
    for sql in &VERSIONS[..version] {
        case.database.run(sql);
    }
    let namespace = if version < 5 { "codd_schema" } else { "codd" };
    case.database.run(&format!(
        "INSERT INTO {namespace}.sql_migrations (migration_timestamp, applied_at, name) VALUES \
             ('2022-08-14 14:03:30+00', '2022-09-01 10:00:00+02', '{FIRST}'), \
             ('2022-08-14 14:23:19+00', '2022-09-01 10:00:01+02', '{SECOND}')"
    ));
    case.database.run("CREATE TABLE employee (id int)");
    case.project
        .file(FIRST, "-- codd: no-txn\nCREATE DATABASE app;\n")
        .file(SECOND, "CREATE TABLE employee (id int);\n")
        .file(THIRD, "ALTER TABLE employee ADD COLUMN name text;\n");
    case
}

#[test]
fn a_preview_writes_nothing() {
    let case = case(5);
    case.project.segue(&["adopt", "codd"]).expect(
        "
        codd's ledger, codd.sql_migrations
          take over   `2022-08-14-14-03-30-bootstrap.sql`, [time]
                      `2022-08-14-14-23-19-employees.sql`, [time]
          pending     `2023-01-01-00-00-00-slow.sql`
        codd keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "
             Preview nothing is recorded; `--write` records it
        ",
        0,
    );
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_text("namespaces", &case.database.query(made), "0");
}

#[test]
fn each_version_is_taken_over_and_up_goes_on() {
    for version in 1..=5 {
        let case = case(version);
        if version >= 2 {
            let namespace = if version < 5 { "codd_schema" } else { "codd" };
            case.database.run(&format!(
                "UPDATE {namespace}.sql_migrations SET application_duration = '1.5 s'"
            ));
        }
        let run = case.project.segue(&["adopt", "codd", "--write"]);
        run.expect_success();
        assert_text(
            "stderr",
            &run.stderr,
            "
                 Adopted 2 migrations, as deployment 1
                         `segue up` runs what is pending; `segue write-schema` keeps the schema that it has to have
            ",
        );
        let duration = if version == 1 {
            "00:00:00"
        } else {
            "00:00:01.5"
        };
        assert_text(
            &format!("ledger of version {version}"),
            &case.ledger(),
            &format!(
                "{FIRST}|standalone|applied|0|2022-09-01 08:00:00|{duration}|settled\n\
                 {SECOND}|batch|applied|0|2022-09-01 08:00:01|{duration}|settled"
            ),
        );
        case.project.finishes();
        case.project.segue(&["wait", "settled"]).expect_success();
        assert_text(
            "columns",
            &case.database.query(
                "SELECT string_agg(attname, ' ') FROM pg_attribute \
                  WHERE attrelid = 'employee'::regclass AND attnum > 0",
            ),
            "id name",
        );
    }
}

#[test]
fn what_is_adopted_is_ready_and_a_second_time_is_nothing() {
    let case = case(5);
    std::fs::remove_file(case.project.path().join("migrations").join(THIRD)).expect("removed");
    case.project
        .segue(&["adopt", "codd", "--write"])
        .expect_success();
    case.project.segue(&["wait", "settled"]).expect_success();
    case.project.segue(&["adopt", "codd", "--write"]).expect(
        "
        codd's ledger, codd.sql_migrations
          recorded    2 migrations
        ",
        "
             Adopted nothing to do
                     `segue up` runs what is pending; `segue write-schema` keeps the schema that it has to have
        ",
        0,
    );
    let deployments = "SELECT count(*) FROM segue.deployment";
    assert_text("deployments", &case.database.query(deployments), "1");
    case.project.segue(&["up"]).expect_success();
}

/// Of codd's own example: it dies at the third of three statements.
#[test]
fn a_file_that_codd_left_goes_on_where_it_stopped() {
    let case = case(5);
    case.project.file(
        THIRD,
        "-- codd: no-txn\nSET search_path = pg_catalog;\nINSERT INTO public.employee VALUES (1);\n\
         COPY public.employee FROM STDIN;\n2\n\\.\nINSERT INTO public.employee VALUES (3);\n",
    );
    case.database.run(&format!(
        "INSERT INTO codd.sql_migrations \
             (migration_timestamp, no_txn_failed_at, name, num_applied_statements) \
         VALUES ('2023-01-01', '2023-01-02 00:00:00+00', '{THIRD}', 3); \
         INSERT INTO employee VALUES (1), (2)"
    ));
    case.project.segue(&["adopt", "codd", "--write"]).expect(
        "
        codd's ledger, codd.sql_migrations
          taken over  `2022-08-14-14-03-30-bootstrap.sql`, [time]
                      `2022-08-14-14-23-19-employees.sql`, [time]
                      `2023-01-01-00-00-00-slow.sql`, begun: the first 3 statements are done, [time]
        codd keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "
             Adopted 3 migrations, as deployment 1
                     `segue up` runs what is pending; `segue write-schema` keeps the schema that it has to have
        ",
        0,
    );
    case.project
        .segue(&["adopt", "codd", "--write"])
        .expect_success();
    case.project.finishes();
    assert_text(
        "rows",
        &case.database.query("SELECT * FROM employee ORDER BY id"),
        "1\n2\n3",
    );
}

#[test]
fn a_statement_inserted_at_the_top_is_found_out() {
    let case = case(5);
    case.project.file(
        THIRD,
        "-- codd: no-txn\nINSERT INTO employee VALUES (1);\nINSERT INTO employee VALUES (2);\n",
    );
    case.database.run(&format!(
        "INSERT INTO codd.sql_migrations \
             (migration_timestamp, no_txn_failed_at, name, num_applied_statements) \
         VALUES ('2023-01-01', '2023-01-02', '{THIRD}', 1)"
    ));
    case.project
        .segue(&["adopt", "codd", "--write"])
        .expect_success();
    case.project.file(
        THIRD,
        "-- codd: no-txn\nINSERT INTO employee VALUES (0);\nINSERT INTO employee VALUES (1);\n\
         INSERT INTO employee VALUES (2);\n",
    );
    let run = case.project.segue(&["up"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("changed-while-begun"), "{}", run.stderr);
    let count = case.database.query("SELECT count(*) FROM employee");
    assert_text("rows", &count, "0");
}

#[test]
fn a_count_that_the_file_cannot_have_is_refused() {
    let case = case(5);
    case.database.run(&format!(
        "INSERT INTO codd.sql_migrations \
             (migration_timestamp, no_txn_failed_at, name, num_applied_statements) \
         VALUES ('2023-01-01', '2023-01-02', '{THIRD}', 7)"
    ));
    let run = case.project.segue(&["adopt", "codd", "--write"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: codd has run 7 statements of `2023-01-01-00-00-00-slow.sql` outside a transaction, and the file does not say `no-txn`
        note: nothing is recorded
        help: bring the text back that has run
        ",
    );
    case.project.file(THIRD, "-- codd: no-txn\nSELECT 1;\n");
    let run = case.project.segue(&["adopt", "codd", "--write"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: codd has run 7 statements of `2023-01-01-00-00-00-slow.sql`, and the file has 1
        note: nothing is recorded
        help: bring the text back that has run
        ",
    );
    assert_eq!(run.status, 2);
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_text("namespaces", &case.database.query(made), "0");
}

#[test]
fn rows_without_files_and_files_without_rows_are_told() {
    let case = case(4);
    case.project
        .file("2022-08-14-14-10-00-early.sql", "SELECT 1;\n");
    case.database.run(
        "INSERT INTO codd_schema.sql_migrations (migration_timestamp, applied_at, name) \
         VALUES ('2022-08-20', '2022-09-02', '2022-08-20-00-00-00-dev-data.sql')",
    );
    case.project.segue(&["adopt", "codd"]).expect(
        "
        codd's ledger, codd_schema.sql_migrations
          take over   `2022-08-14-14-03-30-bootstrap.sql`, [time]
                      `2022-08-14-14-23-19-employees.sql`, [time]
          pending     `2022-08-14-14-10-00-early.sql`, although later ones are applied
                      `2023-01-01-00-00-00-slow.sql`
          no file     2022-08-20-00-00-00-dev-data.sql
        codd keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "
             Preview nothing is recorded; `--write` records it
        ",
        0,
    );
}

/// Whoever comes second finds that there is nothing to do any more.
#[test]
fn two_at_once_record_once() {
    let case = case(5);
    let runs: Vec<Background<'_>> = (0..2)
        .map(|_| case.project.spawn(&["adopt", "codd", "--write"]))
        .collect();
    for run in runs {
        run.wait().expect_success();
    }
    let deployments = "SELECT count(*) FROM segue.deployment";
    assert_text("deployments", &case.database.query(deployments), "1");
}
