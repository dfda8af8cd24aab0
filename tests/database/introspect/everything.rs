//! Kinds beside relations: all at once, and in any order.

use std::collections::BTreeSet;

use segue::schema::Kind;

use super::made::Made;
use crate::support::{
    TestDatabase, assert_same_snapshot, rich_schema, snapshot, snapshot_with_roles,
};

/// The other tests of `rich_schema` would not miss what it does not make.
#[test]
fn the_rich_schema_has_every_kind() {
    let database = TestDatabase::new();
    rich_schema(&database);
    // It has none on older versions, for pg_dump's sake.
    database.run("CREATE SUBSCRIPTION other CONNECTION '' PUBLICATION p WITH (connect = false)");
    let snapshot = snapshot_with_roles(&database.url());
    let found: BTreeSet<_> = snapshot.objects.keys().map(|id| id.kind).collect();
    let missing: Vec<_> = Kind::ALL
        .iter()
        .filter(|kind| !found.contains(kind))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// None needs another one.
const INDEPENDENT: [&str; 24] = [
    "CREATE SCHEMA one",
    "CREATE SCHEMA two",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE DOMAIN word AS text CHECK (value <> '')",
    "CREATE TYPE span AS RANGE (subtype = double precision)",
    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer)",
    "CREATE OPERATOR === (function = int4eq, leftarg = integer, rightarg = integer)",
    "CREATE OPERATOR CLASS ops FOR TYPE integer USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(integer)",
    "CREATE CAST (bytea AS date[]) WITH INOUT",
    "CREATE COLLATION bytes (lc_collate = 'C', lc_ctype = 'C')",
    "CREATE TEXT SEARCH DICTIONARY words (template = simple)",
    "CREATE TEXT SEARCH CONFIGURATION reading (copy = english)",
    "CREATE PUBLICATION news",
    "CREATE PUBLICATION olds",
    "CREATE FOREIGN DATA WRAPPER wrapper OPTIONS (a '1', b '2')",
    "CREATE ACCESS METHOD tree TYPE INDEX HANDLER bthandler",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO :reader",
    "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO public",
    "GRANT CREATE ON DATABASE :database TO :reader",
    "GRANT TEMPORARY ON DATABASE :database TO postgres WITH GRANT OPTION",
    "ALTER DATABASE :database SET work_mem = '8MB'",
];

#[test]
fn the_order_of_creation_changes_nothing() {
    // The role, and so the privileges, are the same one.
    let forwards = Made::by(&INDEPENDENT.join(";"));
    let reader = format!("{}_reader", forwards.database.name());
    let backwards = TestDatabase::new();
    for sql in INDEPENDENT.iter().rev() {
        let sql = sql.replace(":database", backwards.name());
        backwards.run(&sql.replace(":reader", &reader));
    }
    assert_same_snapshot(
        "made in another order",
        &snapshot(&backwards.url()),
        &snapshot(&forwards.database.url()),
    );
    drop(backwards);
}

/// Labels need a provider, which PostgreSQL does not bring; they are rows.
#[test]
fn security_labels_are_read() {
    let made = Made::by(
        "SET allow_system_table_mods = on;
         CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE TYPE pair AS (a integer, b integer);
         CREATE PUBLICATION news;
         CREATE SCHEMA app;
         INSERT INTO pg_catalog.pg_seclabel (objoid, classoid, objsubid, provider, label) VALUES
             ('f()'::regprocedure, 'pg_proc'::regclass, 0, 'one', 'secret'),
             ('f()'::regprocedure, 'pg_proc'::regclass, 0, 'other', 'not so'),
             ('pair'::regtype, 'pg_type'::regclass, 0, 'one', 'twice'),
             ('pair'::regclass, 'pg_class'::regclass, 2, 'one', 'the second'),
             ('app'::regnamespace, 'pg_namespace'::regclass, 0, 'one', 'open'),
             ((SELECT oid FROM pg_publication), 'pg_publication'::regclass, 0, 'one', 'told');
         INSERT INTO pg_catalog.pg_shseclabel (objoid, classoid, provider, label) VALUES
             ((SELECT oid FROM pg_database WHERE datname = ':database'), 'pg_database'::regclass, 'one', 'all of it'),
             (':reader'::regrole, 'pg_authid'::regclass, 'one', 'reads');",
    );
    made.check(
        r#"
        {
          "composite type public.pair": {
            "columns": {
              "a": {
                "position": 1,
                "type": "integer"
              },
              "b": {
                "position": 2,
                "security_labels": {
                  "one": "the second"
                },
                "type": "integer"
              }
            },
            "security_labels": {
              "one": "twice"
            }
          },
          "database current": {
            "security_labels": {
              "one": "all of it"
            }
          },
          "function public.f()": {
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer",
            "security_labels": {
              "one": "secret",
              "other": "not so"
            }
          },
          "namespace app": {
            "security_labels": {
              "one": "open"
            }
          },
          "publication news": {
            "security_labels": {
              "one": "told"
            }
          },
          "role reader": {
            "login": true,
            "security_labels": {
              "one": "reads"
            }
          }
        }
        "#,
    );
}
