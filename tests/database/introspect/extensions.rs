//! Extensions: a line of their own, and none for what they bring.

use segue::schema::Kind;

use super::made::{Made, check};

/// Types, ranges, operators, classes of five access methods, casts, functions,
/// aggregates, text search, foreign data, event triggers, views.
const EXTENSIONS: [&str; 27] = [
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "pg_buffercache",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "postgres_fdw",
    "seg",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "unaccent",
    "uuid-ossp",
];

#[test]
fn what_an_extension_brings_is_left_out() {
    let made = EXTENSIONS.map(|name| format!("CREATE EXTENSION \"{name}\""));
    let mut objects = Made::by(&made.join(";")).snapshot().objects;
    objects.retain(|id, _| id.kind != Kind::Role);
    let objects = objects.keys().map(|id| (id.kind, id.name.as_str()));
    let mut expected = vec![(Kind::Database, "current"), (Kind::Namespace, "public")];
    expected.extend(EXTENSIONS.map(|name| (Kind::Extension, name)));
    expected.push((Kind::Extension, "plpgsql"));
    expected.sort_unstable();
    assert_eq!(objects.collect::<Vec<_>>(), expected);
}

#[test]
fn extensions_have_a_version_and_a_namespace() {
    check(
        "CREATE SCHEMA app;
         CREATE EXTENSION hstore SCHEMA app VERSION '1.4';
         COMMENT ON EXTENSION hstore IS 'Keys and values';
         DROP EXTENSION plpgsql;",
        r#"
        {
          "extension hstore": {
            "comment": "Keys and values",
            "namespace": "app",
            "version": "1.4"
          },
          "namespace app": {}
        }
        "#,
    );
}

#[test]
fn members_come_and_go() {
    let made = Made::by(
        "CREATE SCHEMA app;
         CREATE EXTENSION citext SCHEMA app VERSION '1.6';
         CREATE FUNCTION ours() RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE TYPE mood AS ENUM ('sad');
         CREATE TYPE pair AS (a integer);
         CREATE OPERATOR FAMILY family USING btree;
         CREATE CAST (mood AS integer) WITH INOUT;
         ALTER EXTENSION citext ADD FUNCTION theirs();
         ALTER EXTENSION citext ADD TYPE mood;
         ALTER EXTENSION citext ADD TYPE pair;
         ALTER EXTENSION citext ADD OPERATOR FAMILY family USING btree;
         ALTER EXTENSION citext ADD CAST (mood AS integer);
         ALTER EXTENSION citext DROP FUNCTION app.citext_eq(app.citext, app.citext);
         ALTER EXTENSION citext DROP CAST (app.citext AS text);
         ALTER EXTENSION citext DROP FUNCTION app.min(app.citext);",
    );
    made.check(
        r#"
        {
          "aggregate app.min(app.citext)": {
            "arguments": "app.citext",
            "combinefunc": "app.citext_smaller(app.citext,app.citext)",
            "parallel": "safe",
            "returns": "app.citext",
            "sfunc": "app.citext_smaller(app.citext,app.citext)",
            "sortop": "app.<(app.citext,app.citext)",
            "stype": "app.citext"
          },
          "cast app.citext AS text": {
            "context": "implicit",
            "method": "binary"
          },
          "extension citext": {
            "comment": "data type for case-insensitive character strings",
            "namespace": "app",
            "version": "1.6"
          },
          "function app.citext_eq(app.citext, app.citext)": {
            "arguments": "app.citext, app.citext",
            "language": "c",
            "library": "$libdir/citext",
            "parallel": "safe",
            "returns": "boolean",
            "strict": true,
            "symbol": "citext_eq",
            "volatility": "immutable"
          },
          "function public.ours()": {
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer"
          },
          "namespace app": {}
        }
        "#,
    );
}
