//! Indexes.

use serde_json::json;

use crate::support::check_objects;

#[test]
fn definitions() {
    check_objects(
        "
        CREATE TABLE t (a int, b text, UNIQUE (a) INCLUDE (b) WITH (fillfactor = 50));
        CREATE INDEX i ON t USING btree (lower(b) text_pattern_ops DESC NULLS LAST, a) INCLUDE (b)
            WITH (fillfactor = 60) WHERE a > 0;
        CREATE INDEX h ON t USING hash (a);
        ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 99;
        COMMENT ON INDEX i IS 'Why';
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "text"}},
                "constraints": {"t_a_b_key": {"definition": "UNIQUE (a) INCLUDE (b)"}},
                "indexes": {
                    "h": {"definition": "CREATE INDEX h ON public.t USING hash (a)"},
                    "i": {
                        "comment": "Why",
                        "definition": "CREATE INDEX i ON public.t USING btree (lower(b) text_pattern_ops DESC NULLS LAST, a) INCLUDE (b) WITH (fillfactor='60') WHERE (a > 0)",
                        "statistics": {"1": 99},
                    },
                    "t_a_b_key": {
                        "definition": "CREATE UNIQUE INDEX t_a_b_key ON public.t USING btree (a) INCLUDE (b) WITH (fillfactor='50')",
                    },
                },
            },
        }),
    );
}

#[test]
fn clustered_and_replica_identity() {
    check_objects(
        "
        CREATE TABLE t (a int NOT NULL);
        CREATE UNIQUE INDEX i ON t (a);
        ALTER TABLE t CLUSTER ON i;
        ALTER TABLE t REPLICA IDENTITY USING INDEX i;
        ",
        &json!({
            "table t": {
                "columns": {"a": {"not_null": true, "type": "integer"}},
                "indexes": {
                    "i": {
                        "clustered": true,
                        "definition": "CREATE UNIQUE INDEX i ON public.t USING btree (a)",
                        "replica_identity": true,
                    },
                },
                "replica_identity": "index",
            },
        }),
    );
}

#[test]
fn of_partitions() {
    check_objects(
        "
        CREATE TABLE t (a int, b int) PARTITION BY RANGE (a);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9);
        CREATE INDEX i ON t (a);
        CREATE INDEX j ON ONLY t (b);
        CREATE INDEX alone ON t1 (b);
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "indexes": {
                    "i": {"definition": "CREATE INDEX i ON ONLY public.t USING btree (a)"},
                    "j": {
                        "definition": "CREATE INDEX j ON ONLY public.t USING btree (b)",
                        "valid": false,
                    },
                },
                "partition_by": "RANGE (a)",
            },
            "table t1": {
                "bound": "FOR VALUES FROM (0) TO (9)",
                "columns": {
                    "a": {"inherited": 1, "type": "integer"},
                    "b": {"inherited": 1, "type": "integer"},
                },
                "indexes": {
                    "alone": {"definition": "CREATE INDEX alone ON public.t1 USING btree (b)"},
                    "t1_a_idx": {
                        "definition": "CREATE INDEX t1_a_idx ON public.t1 USING btree (a)",
                        "parent": "public.i",
                    },
                },
                "partition_of": "public.t",
            },
        }),
    );
}
