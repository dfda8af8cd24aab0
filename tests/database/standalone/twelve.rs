//! Where codd and others go wrong, in one place.

use super::{Case, check};
use crate::support::{Project, TestDatabase, wait_until};

#[test]
fn a_file_of_twelve_statements_that_dies_at_the_seventh_goes_on_there() {
    let case = Case::new();
    let inserts = |numbers: std::ops::RangeInclusive<i32>| {
        let each = numbers.map(|number| format!("INSERT INTO t VALUES (10{number:02}, 0);\n"));
        each.collect::<Vec<_>>().concat()
    };
    let text = format!(
        "{}CREATE INDEX CONCURRENTLY i ON t (a);\n{}",
        inserts(1..=6),
        inserts(8..=12)
    );
    case.standalone(&text);
    let writer = case.database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (4, 4)");
    case.dies_while_waiting("CREATE INDEX CONCURRENTLY");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 7 of 12
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        statement 8 of 12
        statement 9 of 12
        statement 10 of 12
        statement 11 of 12
        statement 12 of 12
        settled
        ",
    );
    assert_eq!(
        case.database
            .query("SELECT count(*), count(DISTINCT a) FROM t WHERE a > 100"),
        "11|11"
    );
    assert_eq!(case.indexes(), "i|t");
    assert_eq!(
        case.database.query("SELECT count(*) FROM segue.intent"),
        "0"
    );
}

#[test]
fn a_search_path_that_was_set_before_what_failed_is_there_again() {
    let case = Case::new();
    case.database.run("CREATE SCHEMA other");
    case.standalone("SET search_path = other;\nCREATE TABLE u (a int);\nSELECT 1 / 0;\nCREATE TABLE v (a int);\n");
    let told = case.up();
    assert!(told.contains("division by zero"), "{told}");
    case.standalone(
        "SET search_path = other;\nCREATE TABLE u (a int);\nSELECT 1;\nCREATE TABLE v (a int);\n",
    );
    check(&case.up(), "statement 3 of 4\nstatement 4 of 4\nsettled\n");
    assert_eq!(
        case.database
            .query("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'other'::regnamespace"),
        "u v"
    );
}

#[test]
fn of_two_runners_at_once_one_runs_the_file() {
    let case = Case::new();
    case.standalone("INSERT INTO t VALUES (8, 8);\nCREATE INDEX CONCURRENTLY i ON t (a);\nINSERT INTO t VALUES (9, 9);\n");
    let writer = case.writer();
    let first = case.start();
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    let second = case.start();
    let session = case.database.session();
    wait_until("the second to come as far as the lock", || {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%'";
        session.query(sessions) != "0"
    });
    writer.run("COMMIT");
    check(
        &first.wait(),
        "
        statement 1 of 3
        statement 2 of 3
        statement 3 of 3
        settled
        ",
    );
    check(&second.wait(), "settled\n");
    assert_eq!(
        case.database
            .query("SELECT a, count(*) FROM t WHERE a > 7 GROUP BY a ORDER BY a"),
        "8|1\n9|1"
    );
}

/// A slash is a character like others in the names of databases, relations and
/// roles.
#[test]
fn names_with_a_slash_are_names() {
    let database = TestDatabase::new();
    let project = Project::on(&database);
    project.file(
        "1.sql",
        "-- segue: no-txn\nCREATE TABLE \"a/b\" (\"c/d\" int);\nCREATE INDEX CONCURRENTLY \"i/j\" ON \"a/b\" (\"c/d\");\nREINDEX INDEX CONCURRENTLY \"i/j\";\nDROP INDEX CONCURRENTLY \"i/j\";\n",
    );
    project.segue(&["up"]).expect_success();
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
    project.segue(&["verify"]).expect_success();
}

/// The order of names decides, and nothing else has to differ.
#[test]
fn equal_times_in_names_are_no_matter() {
    let case = Case::new();
    for letter in ["b", "a"] {
        case.project.file(
            &format!("2026-01-01-00-00-00-{letter}.sql"),
            &format!("INSERT INTO t SELECT max(a) + 1, ascii('{letter}') FROM t;\n"),
        );
    }
    check(&case.up(), "settled\n");
    assert_eq!(
        case.database
            .query("SELECT chr(b) FROM t WHERE a > 3 ORDER BY a"),
        "a\nb"
    );
}
