//! What codd 0.1.8 has no eye for: two databases that differ in one thing only,
//! and the snapshots differ there, and nowhere else.

use segue::schema::Diff;

use crate::support::{TestDatabase, assert_text, of_version, snapshot};

/// Runs `both` in two databases and `one` in the second: what differs, as
/// `object: path` lines, the path's keys joined by ` / `.
#[track_caller]
fn check(both: &str, one: &str, expected: &str) {
    let (first, second) = (TestDatabase::new(), TestDatabase::new());
    for database in [&first, &second] {
        database.run(&of_version(both, database));
    }
    second.run(&of_version(one, &second));
    let diff = Diff::between(&snapshot(&first.url()), &snapshot(&second.url()));
    let lines = diff.changes().iter().map(|change| {
        let mut line = format!("{}: {}", change.object, change.path.join(" / "));
        line.truncate(line.trim_end_matches([':', ' ']).len());
        line
    });
    let expected = of_version(expected, &first);
    assert_text(
        "the difference",
        &lines.collect::<Vec<_>>().join("\n"),
        &expected,
    );
}

#[test]
fn materialized_views() {
    check(
        "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;",
        "DROP MATERIALIZED VIEW v; CREATE MATERIALIZED VIEW v AS SELECT 2 AS a;",
        "materialized view public.v: definition",
    );
}

#[test]
fn indexes_of_materialized_views() {
    check(
        "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;",
        "CREATE INDEX i ON v (a);",
        "materialized view public.v: indexes / i",
    );
}

#[test]
fn partition_bounds() {
    let partition =
        |to: u8| format!("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO ({to});");
    check(
        &format!(
            "CREATE TABLE t (a integer) PARTITION BY RANGE (a); {}",
            partition(5)
        ),
        &format!("DROP TABLE t_1; {}", partition(6)),
        "table public.t_1: bound",
    );
}

#[test]
fn function_bodies_in_standard_sql() {
    check(
        "CREATE FUNCTION f() RETURNS integer RETURN 1;",
        "CREATE OR REPLACE FUNCTION f() RETURNS integer RETURN 2;",
        "function public.f(): sql_body",
    );
}

#[test]
fn triggers_instead_of() {
    check(
        "CREATE VIEW v AS SELECT 1 AS a;
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';",
        "CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();",
        "view public.v: triggers / t",
    );
}

#[test]
fn rules() {
    check(
        "CREATE TABLE t (a integer); CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING;",
        "CREATE OR REPLACE RULE r AS ON INSERT TO t DO ALSO NOTHING;",
        "table public.t: rules / r / definition",
    );
}

#[test]
fn aggregates() {
    check(
        "CREATE AGGREGATE a(integer) (sfunc = int4pl, stype = integer);",
        "CREATE OR REPLACE AGGREGATE a(integer) (sfunc = int4mi, stype = integer);",
        "aggregate public.a(integer): sfunc",
    );
}

#[test]
fn operators() {
    check(
        "CREATE OPERATOR === (function = int4eq, leftarg = integer, rightarg = integer);",
        "ALTER OPERATOR === (integer, integer) SET (restrict = eqsel);",
        "operator public.===(integer, integer): restrict",
    );
}

#[test]
fn publications() {
    check(
        "CREATE TABLE t (a integer); CREATE PUBLICATION p WITH (publish = 'insert');",
        "ALTER PUBLICATION p ADD TABLE t; ALTER PUBLICATION p SET (publish = 'delete');",
        "
        publication p: publish
        publication p: tables / public.t
        ",
    );
}

#[test]
fn comments() {
    check(
        "CREATE TABLE t (a integer); COMMENT ON TABLE t IS 'One';",
        "COMMENT ON TABLE t IS 'Other'; COMMENT ON COLUMN t.a IS 'Also';",
        "
        table public.t: columns / a / comment
        table public.t: comment
        ",
    );
}

#[test]
fn storage_of_columns() {
    check(
        "CREATE TABLE t (a text);",
        "ALTER TABLE t ALTER a SET STORAGE external;",
        "table public.t: columns / a / storage",
    );
}

#[test]
fn statistics_targets_of_columns() {
    check(
        "CREATE TABLE t (a text);",
        "ALTER TABLE t ALTER a SET STATISTICS 99;",
        "table public.t: columns / a / statistics",
    );
}

#[test]
fn default_privileges() {
    check(
        "",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public;",
        "default privileges postgres ON TABLES",
    );
}

#[test]
fn foreign_servers() {
    check(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'a');",
        "ALTER SERVER s OPTIONS (SET host 'b');",
        "foreign server s: options / host",
    );
}

#[test]
fn event_triggers() {
    check(
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER t ON sql_drop EXECUTE FUNCTION f();",
        "ALTER EVENT TRIGGER t DISABLE;",
        "event trigger t: enabled",
    );
}

#[test]
fn casts() {
    check(
        "CREATE TYPE mood AS ENUM ('sad'); CREATE CAST (mood AS integer) WITH INOUT;",
        "DROP CAST (mood AS integer); CREATE CAST (mood AS integer) WITH INOUT AS ASSIGNMENT;",
        "cast public.mood AS integer: context",
    );
}

#[test]
fn text_search() {
    check(
        "CREATE TEXT SEARCH CONFIGURATION c (copy = simple);",
        "ALTER TEXT SEARCH CONFIGURATION c ALTER MAPPING FOR word WITH english_stem;",
        "text search configuration public.c: mappings / word",
    );
}

#[test]
fn base_types() {
    check(
        "CREATE TYPE t;
         CREATE FUNCTION t_in(cstring) RETURNS t LANGUAGE internal STRICT IMMUTABLE AS 'textin';
         CREATE FUNCTION t_out(t) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
         CREATE TYPE t (input = t_in, output = t_out, storage = main);",
        "ALTER TYPE t SET (storage = extended);",
        "base type public.t: storage",
    );
}

#[test]
fn versions_of_extensions() {
    check(
        "CREATE EXTENSION hstore VERSION '1.4';",
        "ALTER EXTENSION hstore UPDATE TO '1.5';",
        "extension hstore: version",
    );
}
