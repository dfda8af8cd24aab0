//! Relations themselves.

use serde_json::json;

use crate::support::check_objects;

#[test]
fn tables() {
    check_objects(
        "
        CREATE UNLOGGED TABLE t (a text) WITH (fillfactor = 70, toast.autovacuum_enabled = false);
        CREATE TABLE u ();
        ALTER TABLE u ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, REPLICA IDENTITY FULL;
        CREATE TABLE v ();
        ALTER TABLE v REPLICA IDENTITY NOTHING;
        COMMENT ON TABLE v IS 'Nothing';
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "text"}},
                "options": {"fillfactor": "70", "toast.autovacuum_enabled": "false"},
                "persistence": "unlogged",
            },
            "table u": {"force_row_security": true, "replica_identity": "full", "row_security": true},
            "table v": {"comment": "Nothing", "replica_identity": "nothing"},
        }),
    );
}

#[test]
fn typed_tables() {
    check_objects(
        "
        CREATE TYPE p AS (x int, y int);
        CREATE TABLE t OF p (x WITH OPTIONS DEFAULT 1);
        ",
        &json!({
            "composite type p": {"columns": {"x": {"type": "integer"}, "y": {"type": "integer"}}},
            "table t": {
                "columns": {"x": {"default": "1", "type": "integer"}, "y": {"type": "integer"}},
                "of": "public.p",
            },
        }),
    );
}

#[test]
fn partitions() {
    check_objects(
        "
        CREATE TABLE t (a int, b date) PARTITION BY RANGE (b, (a + 1));
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01', MINVALUE) TO ('2021-01-01', 5) PARTITION BY HASH (a);
        CREATE TABLE t11 PARTITION OF t1 FOR VALUES WITH (MODULUS 3, REMAINDER 2);
        CREATE TABLE t2 PARTITION OF t DEFAULT;
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "date"}},
                "partition_by": "RANGE (b, ((a + 1)))",
            },
            "table t1": {
                "bound": "FOR VALUES FROM ('2020-01-01', MINVALUE) TO ('2021-01-01', 5)",
                "columns": {
                    "a": {"inherited": 1, "type": "integer"},
                    "b": {"inherited": 1, "type": "date"},
                },
                "partition_by": "HASH (a)",
                "partition_of": "public.t",
            },
            "table t11": {
                "bound": "FOR VALUES WITH (modulus 3, remainder 2)",
                "columns": {
                    "a": {"inherited": 1, "type": "integer"},
                    "b": {"inherited": 1, "type": "date"},
                },
                "partition_of": "public.t1",
            },
            "table t2": {
                "bound": "DEFAULT",
                "columns": {
                    "a": {"inherited": 1, "type": "integer"},
                    "b": {"inherited": 1, "type": "date"},
                },
                "partition_of": "public.t",
            },
        }),
    );
}

#[test]
fn views() {
    check_objects(
        "
        CREATE TABLE t (a int, b varchar);
        CREATE VIEW v WITH (security_barrier) AS
            SELECT t.a, count(*) AS n FROM t JOIN t AS u USING (a) WHERE t.b IN ('x', 'y') GROUP BY t.a;
        CREATE VIEW w AS SELECT v.a FROM v JOIN v AS u USING (a);
        ALTER VIEW w ALTER a SET DEFAULT 7;
        COMMENT ON VIEW w IS 'Why';
        ",
        &json!({
            "table t": {"columns": {"a": {"type": "integer"}, "b": {"type": "character varying"}}},
            "view v": {
                "columns": {"a": {"type": "integer"}, "n": {"type": "bigint"}},
                "definition": " SELECT t.a,\n    count(*) AS n\n   FROM (public.t\n     JOIN public.t u USING (a))\n  WHERE ((t.b)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text]))\n  GROUP BY t.a;",
                "options": {"security_barrier": "true"},
            },
            "view w": {
                "columns": {"a": {"default": "7", "type": "integer"}},
                "comment": "Why",
                "definition": " SELECT v.a\n   FROM (public.v\n     JOIN public.v u USING (a));",
            },
        }),
    );
}

#[test]
fn materialized_views() {
    check_objects(
        "
        CREATE MATERIALIZED VIEW m WITH (fillfactor = 90) AS SELECT 1 AS a WITH NO DATA;
        CREATE UNIQUE INDEX i ON m (a);
        CREATE MATERIALIZED VIEW n AS SELECT 1 AS a;
        COMMENT ON MATERIALIZED VIEW m IS 'Why';
        ",
        &json!({
            "materialized view m": {
                "columns": {"a": {"type": "integer"}},
                "comment": "Why",
                "definition": " SELECT 1 AS a;",
                "indexes": {"i": {"definition": "CREATE UNIQUE INDEX i ON public.m USING btree (a)"}},
                "options": {"fillfactor": "90"},
            },
            "materialized view n": {"columns": {"a": {"type": "integer"}}, "definition": " SELECT 1 AS a;"},
        }),
    );
}

#[test]
fn sequences() {
    check_objects(
        r#"
        CREATE SEQUENCE plain;
        CREATE SEQUENCE odd AS smallint START 5 INCREMENT -1 MINVALUE -9 MAXVALUE 9 CACHE 3 CYCLE;
        CREATE TABLE "T" ("S" serial);
        COMMENT ON SEQUENCE plain IS 'Why';
        "#,
        &json!({
            "sequence T_S_seq": {
                "increment": 1,
                "maximum": 2_147_483_647,
                "minimum": 1,
                "owned_by": "public.\"T\".\"S\"",
                "start": 1,
                "type": "integer",
            },
            "sequence odd": {
                "cache": 3,
                "cycle": true,
                "increment": -1,
                "maximum": 9,
                "minimum": -9,
                "start": 5,
                "type": "smallint",
            },
            "sequence plain": {
                "comment": "Why",
                "increment": 1,
                "maximum": 9_223_372_036_854_775_807_i64,
                "minimum": 1,
                "start": 1,
                "type": "bigint",
            },
            "table T": {
                "columns": {
                    "S": {
                        "default": "nextval('public.\"T_S_seq\"'::regclass)",
                        "not_null": true,
                        "type": "integer",
                    },
                },
            },
        }),
    );
}

#[test]
fn statistics_objects() {
    check_objects(
        "
        CREATE TABLE t (a int, b int);
        CREATE STATISTICS s (ndistinct, mcv) ON a, b, (a + b) FROM t;
        ALTER STATISTICS s SET STATISTICS 50;
        COMMENT ON STATISTICS s IS 'Why';
        ",
        &json!({
            "statistics s": {
                "columns": ["a", "b"],
                "comment": "Why",
                "expressions": "(a + b)",
                "kinds": ["ndistinct", "mcv"],
                "statistics": 50,
                "table": "public.t",
            },
            "table t": {"columns": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
        }),
    );
}
