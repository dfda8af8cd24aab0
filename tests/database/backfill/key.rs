//! Tables and keys that a backfill refuses.

use segue::apply::Outcome;

use super::project;
use crate::support::{TestDatabase, Up, settings};

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
    let database = TestDatabase::new();
    for (directive, expected) in cases {
        let bounds = match directive {
            "t by d, b" => "(d, b) > (:lower) AND (d, b) <= (:upper)",
            _ => "id > :lower AND id <= :upper",
        };
        let project = project(
            setup,
            directive,
            &format!("UPDATE t SET c = 1 WHERE {bounds};"),
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
