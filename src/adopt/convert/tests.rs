//! Folders of each tool, converted.

use super::*;

/// One line for each file that is written: its name, its text on one line.
#[track_caller]
fn check(source: Source, files: &[(&str, &str)], expected: &str) {
    let files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    let conversion = Conversion::new(source, &files, needs_autocommit);
    let mut found: Vec<String> = conversion
        .files
        .iter()
        .map(|file| format!("{} <- {}: {:?}", file.name, file.from, file.text))
        .collect();
    for (path, why) in &conversion.left_out {
        found.push(format!("left out {path}: {why}"));
    }
    for problem in &conversion.problems {
        found.push(format!("problem: {problem}"));
    }
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn dbmates_sections_are_taken_apart() {
    check(
        Source::Dbmate,
        &[
            (
                "20240101120000_users.sql",
                "-- people\n-- migrate:up\nCREATE TABLE users ();\n\n-- migrate:down\nDROP TABLE users;\n",
            ),
            (
                "20240102120000_index.sql",
                "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\n",
            ),
            ("20240103120000_odd.sql", "SELECT 1;"),
        ],
        r#"
        2024-01-01-12-00-00-users.sql <- 20240101120000_users.sql: "-- people\nCREATE TABLE users ();\n\n"
        2024-01-02-12-00-00-index.sql <- 20240102120000_index.sql: "-- segue: no-txn\nVACUUM;\n"
        problem: `20240103120000_odd.sql` has no mark that says where its way up begins
        "#,
    );
}

#[test]
fn gooses_marks_are_taken_out() {
    check(
        Source::Goose,
        &[
            (
                "00001_f.sql",
                "-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;\n-- +goose StatementEnd\n-- +goose Down\nDROP FUNCTION f;\n",
            ),
            (
                "00002_i.sql",
                "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n",
            ),
            (
                "00003_e.sql",
                "-- +goose Up\n-- +goose ENVSUBST ON\nSELECT '${X}';\n",
            ),
            ("00004_code.go", ""),
        ],
        r#"
        0001-f.sql <- 00001_f.sql: "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;\n"
        0002-i.sql <- 00002_i.sql: "-- segue: no-txn\nSELECT 1;\n"
        problem: `00003_e.sql` has `ENVSUBST`: write its variables as segue's `env-vars`
        "#,
    );
}

#[test]
fn ways_down_in_files_of_their_own_are_left_out() {
    check(
        Source::GolangMigrate,
        &[
            ("1_a.up.sql", "BEGIN; CREATE TABLE a (); COMMIT;"),
            ("1_a.down.sql", "DROP TABLE a;"),
            ("10_c.up.sql", ""),
            ("2_b.up.sql", "\u{feff}CREATE TABLE b ();"),
            ("notes.sql", "?"),
        ],
        r#"
        0001-a.sql <- 1_a.up.sql: "-- segue: no-txn\nBEGIN; CREATE TABLE a (); COMMIT;"
        0002-b.sql <- 2_b.up.sql: "CREATE TABLE b ();"
        0010-c.sql <- 10_c.up.sql: ""
        left out 1_a.down.sql: a way down
        left out notes.sql: not a migration by its name
        "#,
    );
    check(
        Source::Sqlx,
        &[
            ("20240101120000_a.sql", "-- no-transaction\nSELECT 1;"),
            ("1700000000_b.up.sql", "SELECT 2;"),
            ("1700000000_b.down.sql", ""),
        ],
        r#"
        01700000000-b.sql <- 1700000000_b.up.sql: "SELECT 2;"
        2024-01-01-12-00-00-a.sql <- 20240101120000_a.sql: "-- segue: no-txn\n-- no-transaction\nSELECT 1;"
        left out 1700000000_b.down.sql: a way down
        "#,
    );
}

#[test]
fn diesels_folders_become_files() {
    check(
        Source::Diesel,
        &[
            ("00000000000000_diesel_initial_setup/up.sql", "SELECT 0;"),
            ("00000000000000_diesel_initial_setup/down.sql", ""),
            ("2024-01-01-120000_users/up.sql", "SELECT 1;"),
            ("2024-01-02-120000_index/up.sql", "SELECT 2;"),
            (
                "2024-01-02-120000_index/metadata.toml",
                "run_in_transaction = false",
            ),
        ],
        r#"
        0000-diesel_initial_setup.sql <- 00000000000000_diesel_initial_setup/up.sql: "SELECT 0;"
        2024-01-01-12-00-00-users.sql <- 2024-01-01-120000_users/up.sql: "SELECT 1;"
        2024-01-02-12-00-00-index.sql <- 2024-01-02-120000_index/up.sql: "-- segue: no-txn\nSELECT 2;"
        left out 00000000000000_diesel_initial_setup/down.sql: a way down
        "#,
    );
}

#[test]
fn versions_sort_as_numbers() {
    check(
        Source::Flyway,
        &[
            ("V1__a.sql", "SELECT 1;"),
            ("V1_10__c.sql", "SELECT 3;"),
            ("V1.2__b.sql", "SELECT 2;"),
            ("V10__e f.sql", "SELECT 5;"),
            ("below/V2__d.sql", "SELECT 4;"),
            ("below/V2__d.sql.conf", "executeInTransaction=false"),
            ("R__views.sql", "SELECT 6;"),
            ("U2__d.sql", "SELECT 0;"),
            ("afterMigrate.sql", "SELECT 7;"),
        ],
        r#"
        0001.00-a.sql <- V1__a.sql: "SELECT 1;"
        0001.02-b.sql <- V1.2__b.sql: "SELECT 2;"
        0001.10-c.sql <- V1_10__c.sql: "SELECT 3;"
        0002.00-d.sql <- below/V2__d.sql: "-- segue: no-txn\nSELECT 4;"
        0010.00-e-f.sql <- V10__e f.sql: "SELECT 5;"
        0011.00-R__views.sql <- R__views.sql: "SELECT 6;"
        left out U2__d.sql: a way down
        left out afterMigrate.sql: not a migration by its name
        "#,
    );
    check(
        Source::Refinery,
        &[
            ("V2__b.sql", "SELECT 2;"),
            ("V10__c.sql", "SELECT 3;"),
            ("x/U3__b.sql", "SELECT 4;"),
            ("V2__again.sql", ""),
        ],
        r#"
        0002-b.sql <- V2__b.sql: "SELECT 2;"
        0002-again.sql <- V2__again.sql: ""
        0003-b.sql <- x/U3__b.sql: "SELECT 4;"
        0010-c.sql <- V10__c.sql: "SELECT 3;"
        problem: `V2__b.sql` and `V2__again.sql` have the same version
        "#,
    );
}
