//! What a database in a state has.

use std::fmt::Write as _;

use super::{Place, psql};
use crate::support::assert_text;

/// Indexes with what they are, rows, and what the ledger says.
const LOOK: [&str; 4] = [
    "SELECT string_agg(attname || CASE WHEN attnotnull THEN '!' ELSE '' END, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = to_regclass('t') AND attnum > 0",
    "SELECT string_agg(format('%s %s', indexrelid::regclass, CASE WHEN indisvalid THEN 'valid' WHEN indisready THEN 'ready' ELSE 'begun' END), ', ' ORDER BY indexrelid) FROM pg_index WHERE indrelid = to_regclass('t')",
    "SELECT CASE WHEN to_regclass('t') IS NULL THEN '' ELSE (xpath('/row/c/text()', query_to_xml('SELECT count(*) || '' rows'' AS c FROM t', true, true, '')))[1]::text END",
    "SELECT CASE WHEN to_regclass('segue.migration') IS NULL THEN '' ELSE (xpath('/row/c/text()', query_to_xml('SELECT string_agg(file || '' '' || state, '', '' ORDER BY file) AS c FROM segue.migration', true, true, '')))[1]::text END",
];

#[test]
fn each_state_is_what_its_name_says() {
    let place = Place::triple();
    let list = place.project.segue(&["at", "--list"]);
    list.expect_success();
    let mut seen = String::new();
    for line in list.stdout.lines() {
        let state = line.split(' ').next().unwrap_or_default();
        writeln!(seen, "{state}").expect("a string");
        for line in place.query(state, &LOOK).lines() {
            writeln!(seen, "    {line}").expect("a string");
        }
    }
    assert_text(
        "states",
        &seen,
        "empty
    
    
    
    
1.sql
    id! a
    t_pkey valid
    0 rows
    1.sql applied
2.sql@ready
    id! a b
    t_pkey valid
    0 rows
    1.sql applied, 2.sql applied
3.sql@building
    id! a b
    t_pkey valid, t_b ready
    0 rows
    1.sql applied, 2.sql applied, 3.sql begun
3.sql
    id! a b
    t_pkey valid, t_b valid
    0 rows
    1.sql applied, 2.sql applied, 3.sql applied
4.sql@backfilling:50%
    id! a b
    t_pkey valid, t_b valid
    64 rows
    1.sql applied, 2.sql applied, 3.sql applied, 4.sql begun
4.sql
    id! a b
    t_pkey valid, t_b valid
    0 rows
    1.sql applied, 2.sql applied, 3.sql applied, 4.sql applied
5.sql
    id! a b!
    t_pkey valid, t_b valid
    0 rows
    1.sql applied, 2.sql applied, 3.sql applied, 4.sql applied, 5.sql applied
",
    );
}

#[test]
fn an_index_that_is_being_built_refuses_what_it_will_refuse() {
    let place = Place::triple();
    let insert = "INSERT INTO t (id, b) VALUES (1, 'x'), (2, 'x')";
    let run = place.at("3@building", &psql(&[insert]));
    run.expect(
        "",
        "
            Visiting 3.sql@building
        ERROR:  duplicate key value violates unique constraint \"t_b\"
        DETAIL:  Key (b)=(x) already exists.
        ",
        1,
    );
    // Without it the same is taken.
    place.at("2@ready", &psql(&[insert])).expect_success();
}

#[test]
fn a_backfill_has_done_what_was_asked_for_and_can_go_on() {
    let place = Place::triple();
    let done = "SELECT count(*), count(b), count(*) FILTER (WHERE b IS NULL AND id < (SELECT max(id) FROM t WHERE b IS NOT NULL)) FROM t";
    for (part, expected) in [
        ("0%", "64|0|0\n"),
        ("40%", "64|25|0\n"),
        ("100%", "64|64|0\n"),
    ] {
        let state = format!("4@backfilling:{part}");
        assert_eq!(place.query(&state, &[done]), expected, "{part}");
    }
    let settle = format!("{} settle -q && psql -XAtc '{done}'", crate::support::SEGUE);
    let run = place.at("4@backfilling:40%", &["sh", "-c", &settle]);
    run.expect("64|64|0\n", "    Visiting 4.sql@backfilling:40%\n", 0);
}

#[test]
fn a_backfill_has_the_rows_of_its_file() {
    let place = Place::triple();
    let rows = |count: usize| format!("INSERT INTO t (id) SELECT generate_series(1, {count});\n");
    let count = &["SELECT count(*), count(b) FROM t"];
    place.project.file("4.rows.sql", &rows(10));
    assert_eq!(place.query("4@backfilling:40%", count), "10|4\n");
    // Another text, other rows.
    place.project.file("4.rows.sql", &rows(20));
    assert_eq!(place.query("4@backfilling:40%", count), "20|8\n");
    place
        .project
        .file("4.rows.sql", "INSERT INTO u SELECT 1;\n");
    let run = place.at("4@backfilling:40%", &["true"]);
    assert!(
        run.stderr.contains("--> migrations/4.rows.sql:1:13"),
        "{}",
        run.stderr
    );
    assert_eq!(run.status, 4);
    place.project.file("4.rows.sql", "SELECT 1;\n");
    place.at("4@backfilling:40%", &["true"]).expect(
        "",
        "
            Visiting 4.sql@backfilling:40%
        error: `4.sql@backfilling:40%` cannot be reached: `migrations/4.rows.sql` puts no rows into `t`
        help: put rows into it by `migrations/4.rows.sql`, plain SQL that is run for it
        ",
        2,
    );
}

#[test]
fn each_visitor_has_a_copy_of_its_own() {
    let place = Place::triple();
    let templates = "SELECT count(*) FROM pg_database WHERE datname ~ '^segue_state_'";
    assert_eq!(
        place.query("2", &["DROP TABLE t", templates]),
        "1\n",
        "the one that was visited"
    );
    assert_eq!(
        place.query("2", &["SELECT count(*) FROM t", templates]),
        "0\n1\n"
    );
    // A text that is changed leads to another state, from the nearest earlier.
    place
        .project
        .file("2.sql", "ALTER TABLE t ADD b text DEFAULT 'x';\n");
    let default = "SELECT column_default FROM information_schema.columns WHERE column_name = 'b'";
    assert_eq!(place.query("2", &[default, templates]), "'x'::text\n2\n");
}

#[test]
fn what_is_set_for_a_database_is_copied_too() {
    let place = Place::new();
    place.project.file(
        "1.sql",
        "DO $$ BEGIN
             EXECUTE format('ALTER DATABASE %I SET search_path = \"a b\", public', current_database());
             EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
             EXECUTE format('ALTER DATABASE %I SET shop.colour = %L', current_database(), 'it''s red');
             EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
             EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), 'the shop''s');
         END $$;
         CREATE SCHEMA \"a b\";\n",
    );
    let look = [
        "SHOW search_path",
        "SHOW default_transaction_read_only",
        "SHOW shop.colour",
        "SELECT datacl, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    ];
    let expected =
        "\"a b\", public\non\nit's red\n{=c/postgres,postgres=CTc/postgres}|the shop's\n";
    for _ in 0..2 {
        assert_eq!(place.query("1", &look), expected);
    }
}

#[test]
fn a_name_may_be_odd() {
    let place = Place::new();
    let names = ["1 a'b\"c$d%.sql", "2@ready.sql", "3 ünï@x.sql"];
    for (number, name) in names.into_iter().enumerate() {
        place
            .project
            .file(name, &format!("CREATE TABLE t{number} ();\n"));
    }
    let count = &["SELECT count(*) FROM pg_class WHERE relname ~ '^t\\d$'"];
    for (state, expected) in [
        ("1 a'b\"c$d%", "1\n"),
        ("2@ready", "2\n"),
        ("2@ready@before", "1\n"),
        ("3 ünï@x", "3\n"),
        ("3 ünï@x.sql@before", "2\n"),
    ] {
        assert_eq!(place.query(state, count), expected, "{state}");
    }
}

#[test]
fn variables_are_part_of_a_state() {
    let mut place = Place::new();
    place.project.file(
        "1.sql",
        "-- segue: env-vars: COLOUR\nCREATE TABLE t AS SELECT '${COLOUR}' AS colour;\n",
    );
    for colour in ["red", "blue"] {
        place.project.env("COLOUR", colour);
        assert_eq!(
            place.query("1", &["SELECT * FROM t"]),
            format!("{colour}\n")
        );
    }
}
