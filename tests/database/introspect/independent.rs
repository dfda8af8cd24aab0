//! What a snapshot does not depend on.

use crate::support::{TestDatabase, assert_same_snapshot, dump_and_restore, rich_schema, snapshot};

#[test]
fn restoring_a_dump_changes_nothing() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let restored = TestDatabase::new();
    if dump_and_restore(&database, &restored) {
        let after = snapshot(&restored.url());
        assert_same_snapshot("what was restored", &after, &snapshot(&database.url()));
    }
}

#[test]
fn a_role_that_may_only_connect_reads_the_same() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let stranger = database.role("stranger", "LOGIN");
    let seen = snapshot(&database.url_as(&stranger));
    assert_same_snapshot("what a stranger sees", &seen, &snapshot(&database.url()));
}

#[test]
fn settings_of_role_and_database_change_nothing() {
    let database = TestDatabase::new();
    rich_schema(&database);
    let before = snapshot(&database.url());
    let odd = database.role("odd", "LOGIN");
    for (name, value) in [
        ("DateStyle", "'SQL, DMY'"),
        ("IntervalStyle", "iso_8601"),
        ("TimeZone", "'Asia/Tokyo'"),
        ("search_path", "app, public"),
        ("quote_all_identifiers", "on"),
        ("extra_float_digits", "-5"),
        ("bytea_output", "escape"),
        ("lc_monetary", "'C.UTF-8'"),
        ("standard_conforming_strings", "off"),
        ("default_transaction_isolation", "serializable"),
        ("enable_hashjoin", "off"),
        ("enable_sort", "off"),
    ] {
        database.run(&format!("ALTER ROLE {odd} SET {name} = {value}"));
    }
    let seen = snapshot(&database.url_as(&odd));
    assert_same_snapshot("what is seen under odd settings", &seen, &before);
}
