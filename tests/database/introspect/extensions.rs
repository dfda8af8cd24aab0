//! Extensions: a line of their own, and none for what they bring.

use super::made::{Made, check};

#[test]
fn what_an_extension_brings_is_left_out() {
    let versions = |extension: &str| {
        let made = Made::by(&format!("CREATE EXTENSION {extension} CASCADE"));
        let made = made.snapshot().objects;
        made.into_keys()
            .map(|id| id.to_string())
            .collect::<Vec<_>>()
    };
    // Types, ranges, operators, classes of five access methods, casts,
    // functions, aggregates, text search, foreign data, event triggers, views.
    for extension in [
        "hstore",
        "citext",
        "ltree",
        "cube",
        "seg",
        "isn",
        "intarray",
        "pg_trgm",
        "btree_gist",
        "btree_gin",
        "bloom",
        "unaccent",
        "dict_int",
        "dict_xsyn",
        "postgres_fdw",
        "file_fdw",
        "dblink",
        "pgcrypto",
        "tablefunc",
        "pg_stat_statements",
        "pg_buffercache",
        "lo",
        "tcn",
        "tsm_system_rows",
        "earthdistance",
        "fuzzystrmatch",
        "\"uuid-ossp\"",
    ] {
        let name = extension.trim_matches('"');
        let also = if name == "earthdistance" {
            Some("extension cube")
        } else {
            None
        };
        let mut expected = vec!["database current".to_owned(), "namespace public".to_owned()];
        expected.extend(also.map(str::to_owned));
        expected.extend([format!("extension {name}"), "extension plpgsql".to_owned()]);
        expected.sort();
        let mut made = versions(extension);
        made.retain(|object| !object.starts_with("role "));
        made.sort();
        assert_eq!(made, expected);
    }
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
         CREATE EXTENSION citext SCHEMA app;
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
