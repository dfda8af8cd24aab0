//! Tables, names, types and expressions of every shape.

use super::{after, check, database};

#[test]
fn names_that_want_quotes() {
    let database = database();
    let session = after(
        &database,
        r#"CREATE SCHEMA "My App";
           CREATE TABLE "My App"."Big ""T"" 'x'" ("Old Id" int, "select" bigint, "begin" int, loop bigint, "a.b" text, "C" int);
           SELECT segue.keep_in_sync('"My App"."Big ""T"" ''x''"', 'select', '"Old Id"', 'Old Id', '"select"');
           SELECT segue.keep_in_sync('"My App"."Big ""T"" ''x''"', 'loop', 'begin', 'begin', 'loop');
           SELECT segue.keep_in_sync('"My App"."Big ""T"" ''x''"', 'a.b', '''it''''s '' || "Big ""T"" ''x''"."C" -- so far')"#,
    );
    let table = r#""My App"."Big ""T"" 'x'""#;
    check(
        &session,
        &[&format!(
            r#"INSERT INTO {table} ("Old Id", loop, "C") VALUES (1, 2, 3)"#
        )],
        &format!("TABLE {table}"),
        "1|1|2|2|it's 3|3",
    );
    check(
        &session,
        &[],
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zz%' ORDER BY tgname COLLATE \"C\"",
        "zz_segue_sync_insert_a.b\nzz_segue_sync_insert_loop\nzz_segue_sync_insert_select\nzz_segue_sync_update_a.b\nzz_segue_sync_update_loop\nzz_segue_sync_update_select",
    );
    let quoted = table.replace('\'', "''");
    session.run(&format!(
        "SELECT segue.stop_sync('{quoted}', one) FROM unnest('{{select,loop,a.b}}'::name[]) AS one"
    ));
    check(
        &session,
        &[],
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "0",
    );
}

#[test]
fn names_that_plpgsql_reserves() {
    let database = database();
    let session = after(
        &database,
        r#"CREATE TABLE begin (loop int, "then" int);
           SELECT segue.keep_in_sync('begin', 'loop', 'begin."then"', 'then', 'loop')"#,
    );
    check(
        &session,
        &[
            "INSERT INTO begin (loop) VALUES (3)",
            r#"INSERT INTO begin ("then") VALUES (4)"#,
        ],
        "SELECT * FROM begin ORDER BY 1",
        "3|3\n4|4",
    );
}

#[test]
fn the_longest_names() {
    let database = database();
    let name = |letter: &str| letter.repeat(30) + &"ß".repeat(16);
    let (table, old, new, other) = (name("t"), name("a"), name("b"), name("b") + "1");
    let session = after(
        &database,
        &format!(
            "CREATE TABLE {table} ({old} int, {new} int, {other} int);
             SELECT segue.keep_in_sync('{table}', '{new}', '{old}');
             SELECT segue.keep_in_sync('{table}', '{other}', '{old}')"
        ),
    );
    check(
        &session,
        &[&format!("INSERT INTO {table} VALUES (1)")],
        &format!("TABLE {table}"),
        "1|1|1",
    );
    check(
        &session,
        &[],
        "SELECT count(DISTINCT tgname), max(octet_length(tgname)) <= 63 FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "4|t",
    );
}

#[test]
fn types_without_an_equality_or_with_a_lenient_one() {
    let database = database();
    let session = after(
        &database,
        "CREATE TYPE mood AS ENUM ('calm', 'keen');
         CREATE DOMAIN short AS varchar(8) CHECK (VALUE <> 'no');
         CREATE COLLATION lenient (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (id int, j json, jb jsonb, m mood, d short, x numeric, y numeric(10, 2), p point, q text,
             l text COLLATE lenient, u text COLLATE lenient);
         SELECT segue.keep_in_sync('t', 'jb', 'jsonb_build_object(''v'', j)', 'j', '(jb -> ''v'')::json');
         SELECT segue.keep_in_sync('t', 'd', 'm::text', 'm', 'd::text::mood');
         SELECT segue.keep_in_sync('t', 'y', 'x', 'x', 'y');
         SELECT segue.keep_in_sync('t', 'q', 'p::text', 'p', 'q::point');
         SELECT segue.keep_in_sync('t', 'u', 'l', 'l', 'u')",
    );
    check(
        &session,
        &[
            "INSERT INTO t (id, j, m, x, p, l) VALUES (1, '{\"a\": 1}', 'calm', 1.5, '(1,2)', 'Low')",
            "INSERT INTO t (id, jb, d, y, q, u) VALUES (2, '{\"v\": [2]}', 'keen', 2.5, '(3,4)', 'Up')",
            "UPDATE t SET j = '{\"a\":1}', m = 'keen', x = 1.50, p = '(1,3)', l = 'low' WHERE id = 1",
            "UPDATE t SET u = 'UP', y = 2.50 WHERE id = 2",
        ],
        "SELECT * FROM t ORDER BY id",
        "1|{\"a\":1}|{\"v\": {\"a\": 1}}|keen|keen|1.50|1.50|(1,3)|(1,3)|low|low\n2|[2]|{\"v\": [2]}|keen|keen|2.50|2.50|(3,4)|(3,4)|UP|UP",
    );
}

#[test]
fn an_expression_means_what_its_column_s_collation_says() {
    let database = database();
    let session = after(
        &database,
        "CREATE COLLATION turkish (provider = icu, locale = 'tr');
         CREATE TABLE t (a text COLLATE turkish, b text);
         SELECT segue.keep_in_sync('t', 'b', 'upper(a)')",
    );
    check(
        &session,
        &["INSERT INTO t VALUES ('i')"],
        "SELECT b = 'İ', segue.divergence('t', 'b') FROM t",
        "t|0",
    );
}

#[test]
fn a_writer_s_search_path_changes_nothing() {
    let database = database();
    let session = after(
        &database,
        "CREATE SCHEMA app; CREATE SCHEMA other;
         CREATE FUNCTION app.inner(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
         CREATE FUNCTION app.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * inner($1); END';
         CREATE FUNCTION other.twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 0';
         CREATE FUNCTION other.inner(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 0';
         CREATE TABLE app.t (a int, b int, c int)",
    );
    session.run("SET search_path = app");
    session.run(
        "SELECT segue.keep_in_sync('t', 'b', 'twice(a)'), segue.keep_in_sync('t', 'c', 'a * 3')",
    );
    check(
        &session,
        &[
            "SET search_path = other",
            "INSERT INTO app.t (a) VALUES (1)",
            "SET search_path = ''",
            "INSERT INTO app.t (a) VALUES (2)",
        ],
        "SELECT * FROM app.t ORDER BY a",
        "1|4|3\n2|6|6",
    );
    // The migration's path only where a function of the user's own asks for it.
    check(
        &session,
        &[],
        "SELECT proname, proconfig FROM pg_catalog.pg_proc WHERE proname LIKE 'segue%' AND pronamespace = 'app'::regnamespace ORDER BY 1",
        "segue_sync_t_b|{\"search_path=app, pg_temp\"}\nsegue_sync_t_c|",
    );
}

#[test]
fn a_query_over_the_row_s_own_values() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int, tags text[], name text, b text);
         SELECT segue.keep_in_sync('t', 'b', '(SELECT string_agg(upper(tag), '','' ORDER BY tag) FROM unnest(tags) AS tag (name))')",
    );
    check(
        &session,
        &["INSERT INTO t VALUES (1, '{b,a}', 'x')"],
        "SELECT b, segue.divergence('t', 'b') FROM t",
        "A,B|0",
    );
}

#[test]
fn several_columns_make_one() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int, first text, last text, whole text);
         INSERT INTO t VALUES (1, 'Ada', 'Lovelace');
         SELECT segue.keep_in_sync('t', 'whole', 'first || '' '' || last', 'first', 'split_part(whole, '' '', 1)')",
    );
    check(
        &session,
        &[
            "UPDATE t SET last = 'King'",
            "UPDATE t SET whole = 'Augusta King'",
        ],
        "TABLE t",
        "1|Augusta|King|Augusta King",
    );
    // The new column holds, also where the way back cannot say all of it, and
    // such a row is none that is left.
    check(
        &session,
        &[
            "UPDATE t SET whole = 'Augusta Ada King'",
            "UPDATE t SET id = 2",
        ],
        "SELECT *, segue.divergence('t', 'whole') FROM t",
        "2|Augusta|King|Augusta Ada King|0",
    );
}

#[test]
fn one_after_the_other() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (a int, b int, c int);
         SELECT segue.keep_in_sync('t', 'b', 'a + 1'), segue.keep_in_sync('t', 'c', 'b * 2')",
    );
    check(
        &session,
        &["INSERT INTO t (a) VALUES (1)", "UPDATE t SET a = 2"],
        "TABLE t",
        "2|3|6",
    );
}

#[test]
fn partitions() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE p (id int, part int, b text, a int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
         CREATE TABLE p0 PARTITION OF p FOR VALUES IN (0);
         CREATE TABLE p1 (a int, gone int, part int NOT NULL, b text, id int NOT NULL);
         ALTER TABLE p1 DROP COLUMN gone;
         ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1);
         INSERT INTO p (id, part, a) VALUES (1, 0, 1), (2, 1, 2);
         SELECT segue.keep_in_sync('p', 'b', '''v'' || a', 'a', 'substr(b, 2)::int', always => true);
         CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)",
    );
    check(
        &session,
        &[],
        "SELECT segue.divergence('p', 'b'), segue.divergence('p1', 'b')",
        "2|1",
    );
    check(
        &session,
        &[
            "INSERT INTO p (id, part, a) VALUES (3, 2, 3)",
            "INSERT INTO p1 (id, part, b) VALUES (4, 1, 'v4')",
            "UPDATE p SET part = 1 - part WHERE id < 3",
            "UPDATE p SET part = 2, b = 'v40' WHERE id = 4",
        ],
        "SELECT tableoid::regclass, id, a, b FROM p ORDER BY id",
        "p1|1|1|v1\np0|2|2|v2\np2|3|3|v3\np2|4|40|v40",
    );
    check(
        &session,
        &[],
        "SELECT string_agg(DISTINCT tgenabled::text, ''), count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "A|8",
    );
    check(
        &session,
        &["SELECT segue.stop_sync('p', 'b')"],
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'), to_regproc('segue_sync_p_b')",
        "0|",
    );
}

#[test]
fn inheritance() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE parent (a int, b int); CREATE TABLE child () INHERITS (parent)",
    );
    assert_eq!(
        super::refused(&session, "SELECT segue.keep_in_sync('parent', 'b', 'a')"),
        "55000 public.parent has children that inherit from it: public.child\nhint: A trigger is of one table: call segue.keep_in_sync for each child first."
    );
    check(
        &session,
        &[
            "SELECT segue.keep_in_sync('child', 'b', 'a')",
            "SELECT segue.keep_in_sync('parent', 'b', 'a')",
            "INSERT INTO child (a) VALUES (1)",
            "INSERT INTO parent (a) VALUES (2)",
        ],
        "SELECT * FROM parent ORDER BY a",
        "1|1\n2|2",
    );
}

#[test]
fn the_same_again_changes_nothing() {
    let database = database();
    let session = after(&database, "CREATE TABLE t (a int, b int, c int DEFAULT 1)");
    let sync = "SELECT segue.keep_in_sync('t', 'b', 'a', 'a', 'b')";
    let triggers = "SELECT string_agg(xmin::text, ' ') FROM pg_trigger WHERE tgname LIKE 'zz%'";
    session.run(sync);
    let before = session.query(triggers);
    check(&session, &[sync], triggers, &before);
    // A default that has come since is taken into account by another call.
    check(
        &session,
        &[
            "ALTER TABLE t ALTER b SET DEFAULT 7",
            sync,
            "INSERT INTO t (a) VALUES (1)",
            "INSERT INTO t (b) VALUES (2)",
        ],
        "SELECT a, b FROM t ORDER BY a",
        "1|1\n2|2",
    );
    assert_ne!(session.query(triggers), before);
}

#[test]
fn names_that_run_together() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE x_y (z int, zz int); CREATE TABLE x (y_zz int, q int);
         SELECT segue.keep_in_sync('x_y', 'zz', 'z'), segue.keep_in_sync('x', 'y_zz', 'q')",
    );
    check(
        &session,
        &[
            "INSERT INTO x (q) VALUES (1)",
            "INSERT INTO x_y VALUES (2)",
            "SELECT segue.stop_sync('x', 'y_zz'), segue.stop_sync('x_y', 'zz')",
        ],
        "SELECT * FROM x, x_y",
        "1|1|2|2",
    );
}

/// A call that changes something makes nobody wait who only reads.
#[test]
fn another_call_lets_readers_be() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (a int PRIMARY KEY, b int);
         SELECT segue.keep_in_sync('t', 'b', 'a');
         ALTER TABLE t ALTER b SET DEFAULT 5",
    );
    session.run("BEGIN");
    check(
        &session,
        &["SELECT segue.keep_in_sync('t', 'b', 'a', always => true)"],
        "SELECT (SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock'),
             (SELECT string_agg(tgenabled::text, '') FROM pg_trigger WHERE tgrelid = 't'::regclass)",
        "0|AA",
    );
}

/// Triggers of a partition alone are seen too.
#[test]
fn a_trigger_that_runs_behind_is_warned_of() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE p (id int, a int, b int) PARTITION BY LIST (id);
         CREATE TABLE p0 PARTITION OF p FOR VALUES IN (0);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
         CREATE TRIGGER zzz BEFORE INSERT ON p0 FOR EACH ROW EXECUTE FUNCTION f()",
    );
    session.notices();
    session.run("SELECT segue.keep_in_sync('p', 'b', 'a')");
    assert_eq!(
        session.notices(),
        ["of the triggers of public.p, \"zzz\" run behind those that keep \"b\" in sync"]
    );
}
