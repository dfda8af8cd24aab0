//! Rows that are made up: tables of all kinds take enough of them.

use std::fmt::Write as _;
use std::time::Duration;

use segue::postgres::target::Environment;
use segue::postgres::{Session, Target, tables};
use segue::rehearsal::rows::WANTED;
use segue::statement::RelationName;

use crate::support::{TestDatabase, server_runtime};

/// Fills table `t` after `setup`; what `query` says of its rows.
#[track_caller]
fn check(setup: &str, query: &str, expected: &str) {
    let database = TestDatabase::new();
    let shown = server_runtime().block_on(async {
        let target = Target::resolve(Some(&database.url()), &Environment::default());
        let session = Session::connect(&target.expect("a URL"), Duration::ZERO)
            .await
            .expect("a session");
        session.execute(setup).await.expect("the setup");
        let name = RelationName::bare("t");
        let oid = tables::find(&session, &name).await.expect("an answer");
        let tables = tables::read(&session, oid.expect("a table")).await;
        let filled = tables::fill(&session, &tables.expect("tables"), WANTED).await;
        let filled = filled.expect("rows");
        let mut shown = match filled.rows {
            0 => format!("none: {}\n", filled.refused.unwrap_or_default()),
            rows if rows >= WANTED => "enough\n".to_owned(),
            rows => format!("{rows}\n"),
        };
        if !query.is_empty() {
            for row in session.query(query).await.expect("an answer") {
                let row: Vec<String> = row
                    .into_iter()
                    .map(|cell| cell.unwrap_or_else(|| "NULL".to_owned()))
                    .collect();
                writeln!(shown, "{}", row.join("|")).expect("a string");
            }
        }
        session.close().await;
        shown
    });
    assert_eq!(shown.trim_end(), expected, "{setup}");
}

#[test]
fn every_type_has_ordinary_and_special_values() {
    check(
        "CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TYPE pair AS (a int, b text);
         CREATE DOMAIN positive AS int CHECK (VALUE > 0);
         CREATE DOMAIN code AS text NOT NULL CHECK (length(VALUE) = 3);
         CREATE TABLE t (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            a smallint, b int, c bigint, d numeric, e numeric(6, 2), f real, g double precision,
            h text, i varchar(5), j char(3), k boolean, l date, m time, n timetz, o timestamp,
            p timestamptz, q interval, r uuid, s bytea, t json, u jsonb, v inet, w cidr, x macaddr,
            y bit(4), z varbit(4), aa int[], ab text[], ac mood, ad mood[], ae positive, af code,
            ag int4range, ah tstzrange, ai pair, aj pair[], ak money, al point, am oid, an name,
            ao xml, ap tsvector, aq int GENERATED ALWAYS AS (b / 2) STORED, ar numeric(2, 2));",
        "SELECT count(DISTINCT a) > 4, count(DISTINCT h) > 6, count(*) FILTER (WHERE h = '') > 0,
                max(length(h)), count(DISTINCT u) > 5, bool_or(b = 0), bool_or(b = 2147483647),
                count(DISTINCT ac), count(*) FILTER (WHERE ae IS NULL) > 0, bool_and(ae > 0),
                bool_and(length(af) = 3), count(*) FILTER (WHERE aa = '{}') > 0,
                count(*) FILTER (WHERE ai IS NOT NULL) > 20, max(e), bool_or(ak IS NOT NULL)
           FROM t",
        "enough\nt|t|t|10000|t|t|t|2|t|t|t|t|t|9999.99|t",
    );
}

#[test]
fn constraints_are_met() {
    check(
        "CREATE TABLE t (
            id int PRIMARY KEY,
            state text NOT NULL CHECK (state IN ('new', 'paid')),
            percent int NOT NULL CHECK (percent BETWEEN 10 AND 20),
            price numeric(8, 2) NOT NULL CHECK (price > 0.5),
            iso char(2) NOT NULL CHECK (length(iso) = 2),
            mail text NOT NULL CHECK (mail ~ '^[^@]+@[^@]+$'),
            upper_code text NOT NULL CHECK (upper_code = upper(upper_code) AND upper_code <> ''),
            born date NOT NULL CHECK (born >= '2000-01-01'),
            low int, high int, CHECK (low < high),
            one int, other int, CHECK (num_nonnulls(one, other) = 1));",
        "SELECT count(DISTINCT state), min(percent), max(percent), count(DISTINCT id) = count(*) FROM t",
        "enough\n2|10|20|t",
    );
}

#[test]
fn what_is_referred_to_is_made_first() {
    check(
        "CREATE TABLE country (code char(2) PRIMARY KEY);
         CREATE TABLE customer (id serial PRIMARY KEY, country char(2) NOT NULL REFERENCES country);
         CREATE TABLE product (a int, b int, PRIMARY KEY (a, b));
         CREATE TABLE t (
            customer int NOT NULL REFERENCES customer, a int NOT NULL, b int NOT NULL,
            boss int, PRIMARY KEY (customer, a, b),
            FOREIGN KEY (a, b) REFERENCES product);
         ALTER TABLE customer ADD favourite int, ADD FOREIGN KEY (favourite) REFERENCES customer;",
        "SELECT count(DISTINCT customer), count(DISTINCT (a, b)) FROM t",
        "enough\n8|8",
    );
    check(
        "CREATE TABLE account (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
         CREATE TABLE t (id uuid PRIMARY KEY REFERENCES account, note text);",
        "SELECT count(DISTINCT note) > 20 FROM t",
        "enough\nt",
    );
    check(
        "CREATE TABLE t (id int PRIMARY KEY, parent int NOT NULL REFERENCES t, note text);",
        "SELECT bool_and(id = parent) FROM t",
        "enough\nt",
    );
}

#[test]
fn a_cycle_ends_where_a_column_may_be_null() {
    check(
        "CREATE TABLE team (id int PRIMARY KEY, captain int);
         CREATE TABLE t (id int PRIMARY KEY, team int NOT NULL REFERENCES team);
         ALTER TABLE team ADD FOREIGN KEY (captain) REFERENCES t;",
        "SELECT count(DISTINCT team) FROM t",
        "enough\n8",
    );
    check(
        "CREATE TABLE team (id int PRIMARY KEY, captain int NOT NULL);
         CREATE TABLE t (id int PRIMARY KEY, team int NOT NULL REFERENCES team);
         ALTER TABLE team ADD FOREIGN KEY (captain) REFERENCES t;",
        "",
        "none:",
    );
}

#[test]
fn each_partition_has_rows() {
    check(
        "CREATE TABLE t (id int, region text, at date, PRIMARY KEY (id, region, at)) PARTITION BY LIST (region);
         CREATE TABLE t_eu PARTITION OF t FOR VALUES IN ('eu', 'uk') PARTITION BY RANGE (at);
         CREATE TABLE t_eu_old PARTITION OF t_eu FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
         CREATE TABLE t_eu_new PARTITION OF t_eu FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE t_us PARTITION OF t FOR VALUES IN ('us');",
        "SELECT tableoid::regclass, count(*) > 5 FROM t GROUP BY 1 ORDER BY 1::text",
        "enough\nt_eu_new|t\nt_eu_old|t\nt_us|t",
    );
    check(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (100) TO (1000);
         CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (1000) TO (2000);",
        "SELECT tableoid::regclass, count(*) FROM t GROUP BY 1 ORDER BY 1::text",
        "enough\nt_1|32\nt_2|32",
    );
    check(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY HASH (id);
         CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE t_2 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);",
        "SELECT count(DISTINCT tableoid) FROM t",
        "enough\n2",
    );
}

#[test]
fn triggers_fire_and_may_refuse() {
    check(
        "CREATE TABLE t (id serial PRIMARY KEY, a text, b text);
         CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN IF new.a = '' THEN RAISE 'no'; END IF; new.b := 'by trigger'; RETURN new; END$$;
         CREATE TRIGGER fill BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fill();",
        "SELECT DISTINCT b, count(*) FILTER (WHERE a = '') FROM t GROUP BY b",
        "enough\nby trigger|0",
    );
    check(
        "CREATE TABLE t (id serial PRIMARY KEY);
         CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'never'; END$$;
         CREATE TRIGGER never BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION never();",
        "SELECT count(*) FROM t",
        "none: never\n0",
    );
}

#[test]
fn no_two_ranges_overlap_where_they_may_not() {
    check(
        "CREATE TABLE t (during tstzrange NOT NULL, note text, EXCLUDE USING gist (during WITH &&));",
        "",
        "enough",
    );
}

#[test]
fn names_that_need_quotes() {
    check(
        "CREATE SCHEMA \"Odd\";
         CREATE TYPE \"Odd\".\"Kind of\" AS ENUM ('it''s');
         CREATE TABLE \"Odd\".\"the ''parent\" (\"the id\" int PRIMARY KEY);
         CREATE TABLE t (\"a \"\"b\" int PRIMARY KEY REFERENCES \"Odd\".\"the ''parent\",
            \"Kind\" \"Odd\".\"Kind of\" NOT NULL, dropped int, \"last\" text NOT NULL CHECK (\"last\" IN ('x''y')));
         ALTER TABLE t DROP dropped;",
        "SELECT DISTINCT \"Kind\", \"last\" FROM t",
        "enough\nit's|x'y",
    );
}
