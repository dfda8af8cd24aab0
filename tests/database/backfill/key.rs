//! Tables and keys that a backfill refuses.

use segue::apply::Outcome;

use super::{FILL, counted, project};
use crate::support::{Project, TestDatabase, Up, settings};

#[test]
fn keys_that_would_do_harm_are_refused() {
    let setup = "CREATE TABLE t (id int PRIMARY KEY, a int, b int NOT NULL, c int NOT NULL, d int NOT NULL);\n\
        CREATE INDEX ON t (b) WHERE a > 0;\n\
        CREATE INDEX ON t (a, id);\n\
        CREATE INDEX ON t (c NULLS FIRST);\n\
        CREATE INDEX ON t (d, b DESC);\n\
        CREATE VIEW v AS SELECT * FROM t;\n\
        CREATE TABLE p (id int PRIMARY KEY) PARTITION BY HASH (id);";
    let cases = [
        ("nowhere by id", "there is no table `nowhere`"),
        ("t by number", "`t` has no column `number`"),
        (
            "t by a",
            "`a` of `t` may be NULL, and a row without a key would be left out",
        ),
        (
            "t by b",
            "no index of `t` has its rows in the order of `b`, and each batch would read all of it",
        ),
        (
            "t by c",
            "no index of `t` has its rows in the order of `c`, and each batch would read all of it",
        ),
        (
            "t by d, b",
            "no index of `t` has its rows in the order of `d, b`, and each batch would read all of it",
        ),
        ("v by id", "`v` is a view, which has no rows of its own"),
        (
            "p by ctid",
            "`p` has its rows in several tables, where the same `ctid` comes again",
        ),
    ];
    refuses(setup, &cases);
}

/// What is NOT NULL in a table need not be in those that inherit from it.
#[test]
fn keys_of_tables_that_inherit_are_looked_at() {
    let database = TestDatabase::new();
    // Since 18 the server sees to that itself.
    let version = database.query("SHOW server_version_num");
    if version.parse::<u32>().expect("a number") >= 180_000 {
        return;
    }
    refuses(
        "CREATE TABLE t (id int PRIMARY KEY);\n\
         CREATE TABLE child () INHERITS (t);\n\
         CREATE TABLE \"Grandchild\" () INHERITS (child);\n\
         ALTER TABLE \"Grandchild\" ALTER id DROP NOT NULL;",
        &[(
            "t by id",
            "`id` of `\"Grandchild\"`, which inherits from `t`, may be NULL, and a row without a key would be left out",
        )],
    );
}

/// Runs backfills behind this batch, each of which is refused.
#[track_caller]
fn refuses(setup: &str, cases: &[(&str, &str)]) {
    let database = TestDatabase::new();
    for &(directive, expected) in cases {
        let (table, key) = directive.split_once(" by ").expect("a directive");
        let bounds = format!("({key}) > (:lower) AND ({key}) <= (:upper)");
        let project = project(
            setup,
            directive,
            &format!("SELECT 1 FROM {table} WHERE {bounds};"),
        );
        let mut up = Up::start(&project, &database.url(), settings());
        let Outcome::Unsettled(report) = up.wait().expect("ready") else {
            panic!("`{directive}` was settled");
        };
        let failed: Vec<_> = report
            .failed
            .iter()
            .map(|(_, diagnostic)| (diagnostic.code.as_str(), diagnostic.message.as_str()))
            .collect();
        assert_eq!(failed, [("backfill-key", expected)], "{directive}");
    }
    assert_eq!(database.query("SELECT count(*) FROM segue.backfill"), "0");
}

/// Rows that a policy hides would be left out without a word.
#[test]
fn rows_that_row_security_hides_are_not_passed_over() {
    let database = TestDatabase::new();
    let owner = database.role("owner", "LOGIN");
    database.run(&format!(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO {owner}', current_database()); END$$; ALTER SCHEMA public OWNER TO {owner}"
    ));
    let setup = format!(
        "{}\nCREATE TABLE u AS SELECT id, 1 AS b FROM t;\n\
         ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n\
         ALTER TABLE u ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n\
         CREATE POLICY few ON t USING (id < 10);\n\
         CREATE POLICY few ON u USING (id < 10);",
        counted(100)
    );
    let of = project(&setup, "t by id", FILL);
    assert_eq!(
        refused(&of, &database, &owner),
        (
            "backfill-row-security".to_owned(),
            format!(
                "row security lets role `{owner}` see only some rows of `t`, and the others would be left out"
            )
        )
    );
    // Of a table that the statement reads the server says so.
    database.run("ALTER TABLE t NO FORCE ROW LEVEL SECURITY");
    let other = project(
        &setup,
        "t by id",
        "UPDATE t SET b = u.b FROM u WHERE u.id = t.id AND t.id > :lower AND t.id <= :upper;",
    );
    let (_, message) = refused(&other, &database, &owner);
    assert_eq!(
        message,
        "query would be affected by row-level security policy for table \"u\""
    );
    assert_eq!(database.query("SELECT count(b) FROM t"), "0");
    let mut up = Up::start(&of, &database.url_as(&owner), settings());
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert_eq!(database.query("SELECT count(b) FROM t"), "100");
}

/// Code and message of the only failure.
#[track_caller]
fn refused(project: &Project, database: &TestDatabase<'_>, role: &str) -> (String, String) {
    let mut up = Up::start(project, &database.url_as(role), settings());
    let Outcome::Unsettled(report) = up.wait().expect("ready") else {
        panic!("settled");
    };
    let (_, diagnostic) = report.failed.first().expect("a failure");
    (
        diagnostic.code.as_str().to_owned(),
        diagnostic.message.clone(),
    )
}
