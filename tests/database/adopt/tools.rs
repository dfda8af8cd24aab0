//! Each other tool's table, as it makes it, and files as it has them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Case, ledger_now};
use crate::support::assert_text;

/// Runs `adopt TOOL --write` and compares what it prints and what the ledger
/// says then.
#[track_caller]
fn takes_over(case: &Case, tool: &str, stdout: &str, ledger: &str) {
    let run = case.project.segue(&["adopt", tool, "--write"]);
    assert_text("stdout", &run.stdout, stdout);
    run.expect_success();
    assert_text("ledger", &case.ledger(), ledger);
    let again = case.project.segue(&["adopt", tool, "--write"]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    again.expect_success();
}

#[test]
fn sqlx() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE a (); CREATE TABLE b (); \
         CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
             installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, \
             checksum bytea NOT NULL, execution_time bigint NOT NULL); \
         INSERT INTO _sqlx_migrations VALUES \
             (20240101120000, 'a', '2024-01-02 03:04:05+00', true, sha384('CREATE TABLE a ();'), 2500000), \
             (20240102120000, 'b', '2024-01-02 03:04:06+00', true, sha384('CREATE TABLE b ( );'), -1)",
    );
    case.project
        .file("20240101120000_a.sql", "CREATE TABLE a ();")
        .file("20240102120000_b.sql", "CREATE TABLE b ();")
        .file("20240103120000_c.sql", "CREATE TABLE c ();");
    takes_over(
        &case,
        "sqlx",
        "
        sqlx's ledger, public._sqlx_migrations
          taken over  `20240101120000_a.sql`, [time]
                      `20240102120000_b.sql`, [time]
          pending     `20240103120000_c.sql`
          changed     `20240102120000_b.sql`
        compared with sqlx's checksums: all
        ",
        "20240101120000_a.sql|batch|applied|0|2024-01-02 03:04:05|00:00:00.0025|settled\n\
         20240102120000_b.sql|batch|applied|0|2024-01-02 03:04:06|00:00:00|settled",
    );
    case.project.finishes();
}

#[test]
fn refinery() {
    let case = Case::new();
    // As refinery has hashed them since its first versions.
    let text = "CREATE TABLE persons (id int);\n";
    let mut hasher = DefaultHasher::new();
    ("initial", 1_i32, text).hash(&mut hasher);
    let checksum = hasher.finish();
    case.database.run(&format!(
        "CREATE TABLE persons (id int); \
         CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name varchar(255), \
             applied_on varchar(255), checksum varchar(255)); \
         INSERT INTO refinery_schema_history VALUES \
             (1, 'initial', '2024-01-02T03:04:05.123456789Z', '{checksum}'), \
             (2, 'cars', 'yesterday', '1')"
    ));
    case.project
        .file("V1__initial.sql", text)
        .file("V2__cars.sql", "SELECT 1;\n")
        .file("V3__motos.sql", "SELECT 2;\n");
    takes_over(
        &case,
        "refinery",
        "
        refinery's ledger, public.refinery_schema_history
          taken over  `V1__initial.sql`, [time]
                      `V2__cars.sql`
          pending     `V3__motos.sql`
          changed     `V2__cars.sql`
        compared with refinery's checksums: all
        ",
        &format!(
            "V1__initial.sql|batch|applied|0|2024-01-02 03:04:05|00:00:00|settled\n{}",
            ledger_now("V2__cars.sql")
        ),
    );
    case.project.finishes();
}

#[test]
fn diesel_is_converted() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE users (id int); \
         CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT NULL, \
             run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         INSERT INTO __diesel_schema_migrations VALUES \
             ('00000000000000', '2024-01-02 03:04:05'), ('20240101120000', '2024-01-02 03:04:06')",
    );
    case.project
        .write(
            "diesel/00000000000000_diesel_initial_setup/up.sql",
            "SELECT 0;\n",
        )
        .write(
            "diesel/2024-01-01-120000_users/up.sql",
            "CREATE TABLE users (id int);\n",
        )
        .write(
            "diesel/2024-01-01-120000_users/down.sql",
            "DROP TABLE users;\n",
        )
        .write(
            "diesel/2024-01-02-120000_index/up.sql",
            "CREATE INDEX CONCURRENTLY i ON users (id);\n",
        )
        .write(
            "diesel/2024-01-02-120000_index/metadata.toml",
            "run_in_transaction = false\n",
        );
    let run = case
        .project
        .segue(&["--migrations", "diesel", "adopt", "diesel"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: none of the migrations in diesel's ledger has a file here, 00000000000000 for example
        note: nothing is recorded
        help: `--migrations DIR` names the folder; `segue adopt diesel --convert DIR` makes one of diesel's own
        ",
    );
    let arguments = [
        "--migrations",
        "diesel",
        "adopt",
        "diesel",
        "--convert",
        "migrations",
    ];
    case.project.segue(&arguments).expect(
        "
        0000-diesel_initial_setup.sql <- 00000000000000_diesel_initial_setup/up.sql
        2024-01-01-12-00-00-users.sql <- 2024-01-01-120000_users/up.sql
        2024-01-02-12-00-00-index.sql <- 2024-01-02-120000_index/up.sql
            no-txn: as it says for its tool
        left out: 2024-01-01-120000_users/down.sql, a way down
        ",
        "
           Converted 3 migrations into `migrations`
                     `segue adopt diesel --migrations migrations` takes over what is applied
        ",
        0,
    );
    takes_over(
        &case,
        "diesel",
        "
        diesel's ledger, public.__diesel_schema_migrations
          taken over  `0000-diesel_initial_setup.sql`, [time]
                      `2024-01-01-12-00-00-users.sql`, [time]
          pending     `2024-01-02-12-00-00-index.sql`
        diesel keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "0000-diesel_initial_setup.sql|batch|applied|0|2024-01-02 03:04:05|00:00:00|settled\n\
         2024-01-01-12-00-00-users.sql|batch|applied|0|2024-01-02 03:04:06|00:00:00|settled",
    );
    case.project.finishes();
    assert_text(
        "index",
        &case.database.query("SELECT to_regclass('i')"),
        "i",
    );
    // A folder that holds something is left alone.
    let run = case.project.segue(&arguments);
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(run.stderr.contains("not empty"), "{}", run.stderr);
}

#[test]
fn dbmate_is_converted() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE users (id int); \
         CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('20240101120000')",
    );
    case.project
        .write(
            "db/20240101120000_users.sql",
            "-- migrate:up\nCREATE TABLE users (id int);\n\n-- migrate:down\nDROP TABLE users;\n",
        )
        .write(
            "db/20240102120000_names.sql",
            "-- migrate:up\nALTER TABLE users ADD name text;\n\n-- migrate:down\nDROP TABLE users;\n",
        );
    let run = case
        .project
        .segue(&["--migrations", "db", "adopt", "dbmate"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: `20240101120000_users.sql` says how to come down again, and `segue up` would run that
        note: `20240102120000_names.sql` says how to come down again, and `segue up` would run that
        note: nothing is recorded
        help: `segue adopt TOOL --convert DIR` writes files without it
        ",
    );
    let arguments = [
        "--migrations",
        "db",
        "adopt",
        "dbmate",
        "--convert",
        "migrations",
    ];
    case.project.segue(&arguments).expect_success();
    takes_over(
        &case,
        "dbmate",
        "
        dbmate's ledger, public.schema_migrations
          taken over  `2024-01-01-12-00-00-users.sql`
          pending     `2024-01-02-12-00-00-names.sql`
        dbmate keeps no checksums that can be compared: the files are taken to be what has run
        ",
        &ledger_now("2024-01-01-12-00-00-users.sql"),
    );
    case.project.finishes();
}

#[test]
fn golang_migrate() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE a (); CREATE TABLE b (); \
         CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (2, false)",
    );
    case.project
        .write("db/1_a.up.sql", "CREATE TABLE a ();")
        .write("db/1_a.down.sql", "DROP TABLE a;")
        .write("db/2_b.up.sql", "CREATE TABLE b ();")
        .write("db/10_c.up.sql", "CREATE TABLE c ();");
    let run = case
        .project
        .segue(&["--migrations", "db", "adopt", "golang-migrate"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: `1_a.down.sql` says how to come down again, and `segue up` would run that
        note: `2_b.up.sql` runs before `10_c.up.sql` under golang-migrate, and after it under segue, which goes by the bytes of names
        note: nothing is recorded
        help: `segue adopt TOOL --convert DIR` writes files without it
        help: `segue adopt golang-migrate --convert DIR` writes files that fit
        ",
    );
    let arguments = [
        "--migrations",
        "db",
        "adopt",
        "golang-migrate",
        "--convert",
        "migrations",
    ];
    case.project.segue(&arguments).expect_success();
    let both = format!("{}\n{}", ledger_now("0001-a.sql"), ledger_now("0002-b.sql"));
    takes_over(
        &case,
        "golang-migrate",
        "
        golang-migrate's ledger, public.schema_migrations
          taken over  `0001-a.sql`
                      `0002-b.sql`
          pending     `0010-c.sql`
        golang-migrate keeps no checksums that can be compared: the files are taken to be what has run
        ",
        &both,
    );
    case.project.finishes();
}

#[test]
fn goose() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE a (); \
         CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, \
             version_id bigint NOT NULL, is_applied boolean NOT NULL, \
             tstamp timestamp NOT NULL DEFAULT now()); \
         INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES \
             (0, true, '2024-01-02 03:04:05'), (1, true, '2024-01-02 03:04:06'), \
             (2, true, '2024-01-02 03:04:07'), (2, false, '2024-01-02 03:04:08'), \
             (3, true, '2024-01-02 03:04:09')",
    );
    case.project
        .file(
            "00001_a.sql",
            "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\n",
        )
        .file("00002_b.sql", "-- +goose Up\nCREATE TABLE b ();\n");
    takes_over(
        &case,
        "goose",
        "
        goose's ledger, public.goose_db_version
          taken over  `00001_a.sql`, [time]
          pending     `00002_b.sql`
          no file     3
        goose keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "00001_a.sql|batch|applied|0|2024-01-02 03:04:06|00:00:00|settled",
    );
    case.project.finishes();
}

const FLYWAY: &str = "CREATE TABLE flyway_schema_history (installed_rank int NOT NULL PRIMARY KEY, \
    version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, \
    script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL, \
    installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, \
    success boolean NOT NULL)";

#[test]
fn flyway_in_place() {
    let case = Case::new();
    case.database.run(FLYWAY);
    // The CRC-32 of the second script's lines.
    case.database.run(
        "INSERT INTO flyway_schema_history VALUES \
             (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '\"public\"', NULL, 'me', '2024-01-02 03:04:05', 0, true), \
             (1, '1', 'base', 'BASELINE', 'base', NULL, 'me', '2024-01-02 03:04:05', 0, true), \
             (2, '2', 'check', 'SQL', 'V2__check.sql', -873187034, 'me', '2024-01-02 03:04:06', 15, true), \
             (3, '3', 'undone', 'SQL', 'V3__undone.sql', 1, 'me', '2024-01-02 03:04:07', 15, true), \
             (4, '3', 'undone', 'UNDO_SQL', 'U3__undone.sql', 1, 'me', '2024-01-02 03:04:08', 15, true), \
             (5, '4', 'code', 'JDBC', 'V4__code', 7, 'me', '2024-01-02 03:04:09', 15, true)",
    );
    case.project
        .file("V1__base.sql", "SELECT 1;\n")
        .file("V2__check.sql", "1234\r\n56\n789")
        .file("V3__undone.sql", "SELECT 3;\n");
    takes_over(
        &case,
        "flyway",
        "
        flyway's ledger, public.flyway_schema_history
          taken over  `V1__base.sql`
                      `V2__check.sql`, [time]
          pending     `V3__undone.sql`
          no file     4 code
        compared with flyway's checksums: 1; the other 1 are taken to be what has run
        ",
        &format!(
            "{}\nV2__check.sql|batch|applied|0|2024-01-02 03:04:06|00:00:00.015|settled",
            ledger_now("V1__base.sql")
        ),
    );
    case.project.finishes();
}

#[test]
fn flyways_repeatable_scripts_are_converted() {
    let case = Case::new();
    case.database.run(FLYWAY);
    case.database.run(
        "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; \
         INSERT INTO flyway_schema_history VALUES \
             (1, '1.1', 't', 'SQL', 'V1_1__t.sql', NULL, 'me', '2024-01-02 03:04:06', 15, true), \
             (2, NULL, 'v', 'SQL', 'R__v.sql', NULL, 'me', '2024-01-02 03:04:07', 15, true)",
    );
    case.project
        .write("fw/V1_1__t.sql", "CREATE TABLE t (a int);\n")
        .write(
            "fw/R__v.sql",
            "CREATE OR REPLACE VIEW v AS SELECT a FROM t;\n",
        )
        .write("fw/new/V1_2__u.sql", "CREATE TABLE u (a int);\n");
    let run = case
        .project
        .segue(&["--migrations", "fw", "adopt", "flyway"]);
    assert!(
        run.stderr
            .contains("`R__v.sql` runs again whenever it changes"),
        "{}",
        run.stderr
    );
    let arguments = [
        "--migrations",
        "fw",
        "adopt",
        "flyway",
        "--convert",
        "migrations",
    ];
    case.project.segue(&arguments).expect_success();
    takes_over(
        &case,
        "flyway",
        "
        flyway's ledger, public.flyway_schema_history
          taken over  `0001.1-t.sql`, [time]
                      `0001.3-R__v.sql`, [time]
          pending     `0001.2-u.sql`, although later ones are applied
        flyway keeps no checksums that can be compared: the files are taken to be what has run
        ",
        "0001.1-t.sql|batch|applied|0|2024-01-02 03:04:06|00:00:00.015|settled\n\
         0001.3-R__v.sql|batch|applied|0|2024-01-02 03:04:07|00:00:00.015|settled",
    );
    case.project.segue(&["up"]).expect_success();
}

#[test]
fn a_table_of_another_name() {
    let case = Case::new();
    case.database.run(
        "CREATE SCHEMA app; CREATE TABLE a (); \
         CREATE TABLE app.\"db Migrations\" (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO app.\"db Migrations\" VALUES (1, false)",
    );
    case.project.file("000001_a.up.sql", "CREATE TABLE a ();");
    let run = case.project.segue(&["adopt", "golang-migrate"]);
    assert!(
        run.stderr
            .contains("this database has no ledger of golang-migrate"),
        "{}",
        run.stderr
    );
    let arguments = [
        "adopt",
        "golang-migrate",
        "--table",
        "app.\"db Migrations\"",
        "--write",
    ];
    case.project.segue(&arguments).expect_success();
    case.project.has_nothing_to_do();
}
