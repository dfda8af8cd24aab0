//! What an expression means is settled when it is written down: no session's
//! path or settings, and no function that is made later, change it.

use super::{after, check, database};

/// What fits better and was made later.
#[test]
fn operators_and_functions_of_others() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (a int, b text, m text, l text);
         SELECT segue.keep_in_sync('t', 'b', '''v'' || a'), segue.keep_in_sync('t', 'l', 'lower(m)');
         CREATE FUNCTION cat(text, int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''another''';
         CREATE OPERATOR || (LEFTARG = text, RIGHTARG = int, FUNCTION = cat);
         CREATE FUNCTION lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''another'''",
    );
    check(
        &session,
        &[
            "SET search_path = public",
            "INSERT INTO t (a, m) VALUES (1, 'M')",
        ],
        "SELECT b, l, segue.divergence('t', 'b'), segue.divergence('t', 'l') FROM t",
        "v1|m|0|0",
    );
}

/// Also where bodies that the server has read call one that it has not.
#[test]
fn a_body_below_others_has_the_migration_s_path() {
    let database = database();
    let session = after(
        &database,
        "CREATE SCHEMA app; SET search_path = app;
         CREATE FUNCTION inmost(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
         CREATE FUNCTION inside(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inmost($1); END';
         CREATE FUNCTION outside(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN inside($1);
         CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + inmost($2); END';
         CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = 0);
         CREATE DOMAIN small AS int CHECK (CASE WHEN VALUE IS NOT NULL THEN inside(VALUE) < 100 END);
         CREATE TABLE t (a int, b int, c int, d small);
         SELECT segue.keep_in_sync('t', 'b', 'outside(a)'),
             segue.keep_in_sync('t', 'c', '(SELECT total(one) FROM unnest(ARRAY[a, a]) AS one)'),
             segue.keep_in_sync('t', 'd', 'a')",
    );
    check(
        &session,
        &["SET search_path = ''", "INSERT INTO app.t (a) VALUES (1)"],
        "SELECT *, segue.divergence('app.t', 'b'), segue.divergence('app.t', 'c') FROM app.t",
        "1|2|4|1|0|0",
    );
}

#[test]
fn dates_intervals_and_backslashes() {
    let database = database();
    let session = after(
        &database,
        r"SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard';
         CREATE TABLE t (id int, at timestamp, tz timestamptz, day date, age text, i interval, j interval, a text, b text);
         SELECT segue.keep_in_sync('t', 'tz', 'at', 'at', 'tz'),
             segue.keep_in_sync('t', 'age', 'CASE WHEN day < ''03/02/2026'' THEN ''old'' ELSE ''new'' END'),
             segue.keep_in_sync('t', 'j', 'i + interval ''-1 day -2 hours'''),
             segue.keep_in_sync('t', 'b', 'regexp_replace(a, ''\d'', ''#'')');
         RESET ALL",
    );
    for set in [
        "timezone = 'Europe/Berlin'",
        "datestyle = 'ISO, MDY'",
        "intervalstyle = 'sql_standard'",
        "standard_conforming_strings = off",
    ] {
        // A session of its own: a body is read once in each.
        let writer = database.session();
        writer.run(&format!("SET {set}"));
        writer.run("INSERT INTO t (id, at, day, i, a) SELECT count(*), '2026-01-01', '2026-02-20', '0', 'd1' FROM t");
        check(
            &writer,
            &[],
            "SELECT sum(segue.divergence('t', one::name)) FROM unnest('{tz,age,j,b}'::text[]) AS one",
            "0",
        );
    }
    check(
        &session,
        &[],
        "SELECT DISTINCT tz AT TIME ZONE 'UTC' = at, age, extract(epoch FROM j)::int, b FROM t",
        "t|new|-93600|d#",
    );
    // Each is paid for with each row, so they are there only where they count.
    check(
        &session,
        &[],
        "SELECT proname, array_length(proconfig, 1) FROM pg_proc WHERE proname LIKE 'segue_sync_t%' ORDER BY 1",
        "segue_sync_t_age|\nsegue_sync_t_b|1\nsegue_sync_t_j|\nsegue_sync_t_tz|3",
    );
}
