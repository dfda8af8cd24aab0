//! Which file is which migration.

use super::*;

#[track_caller]
fn check(source: Source, name: &str, row: &str) {
    let key = source.key(name);
    let expected = (!row.is_empty()).then(|| source.key_of_row(row).expect("a row"));
    assert_eq!(key, expected, "{name}");
}

#[test]
fn files_are_known_by_their_names() {
    check(
        Source::Codd,
        "2024-01-01-10-00-00-x.sql",
        "2024-01-01-10-00-00-x.sql",
    );
    check(
        Source::Sqlx,
        "20240101120000_add_users.sql",
        "20240101120000",
    );
    check(Source::Sqlx, "0007_add_users.up.sql", "7");
    check(Source::Sqlx, "0007_add_users.down.sql", "");
    check(Source::Sqlx, "readme.sql", "");
    check(Source::Refinery, "V7__initial.sql", "7");
    check(Source::Refinery, "U7__initial.sql", "7");
    check(Source::Refinery, "V7_initial.sql", "");
    check(
        Source::Diesel,
        "2024-01-01-120000_add_users.sql",
        "20240101120000",
    );
    check(
        Source::Diesel,
        "00000000000000_diesel_initial_setup.sql",
        "00000000000000",
    );
    check(
        Source::Dbmate,
        "20240101120000_add_users.sql",
        "20240101120000",
    );
    check(Source::GolangMigrate, "000007_add_users.up.sql", "7");
    check(Source::Goose, "00007_add_users.sql", "7");
    check(Source::Flyway, "V1_2__x.sql", "1.2");
    check(Source::Flyway, "V1.02.0__x.sql", "1.2");
    check(Source::Flyway, "R__views.sql", "db/R__views.sql");
    check(Source::Flyway, "afterMigrate.sql", "");
}

#[test]
fn converted_files_are_known_too() {
    for source in Source::ALL {
        if source == Source::Codd {
            continue;
        }
        check(source, "0007-add-users.sql", "7");
        check(
            source,
            "2024-01-01-12-00-00-add-users.sql",
            "20240101120000",
        );
    }
    check(Source::Flyway, "0001.0002-add-users.sql", "1.2");
    check(Source::Flyway, "0008-R__views.sql", "R__views.sql");
}

#[test]
fn tables_are_known_by_their_columns() {
    let of = |namespace: &str, table: &str, columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        Source::of_table(namespace, table, &columns)
    };
    assert_eq!(
        of("public", "schema_migrations", &["version"]),
        Some(Source::Dbmate)
    );
    assert_eq!(
        of("public", "schema_migrations", &["version", "dirty"]),
        Some(Source::GolangMigrate)
    );
    // Ecto's.
    assert_eq!(
        of("public", "schema_migrations", &["version", "inserted_at"]),
        None
    );
    assert_eq!(of("app", "sql_migrations", &["migration_timestamp"]), None);
}
