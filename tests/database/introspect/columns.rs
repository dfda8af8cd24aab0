use serde_json::json;

use crate::support::check_objects;

#[test]
fn types_and_defaults() {
    check_objects(
        "CREATE TYPE mood AS (x int); CREATE TABLE t (a int NOT NULL DEFAULT 1 + 1, b varchar(10) DEFAULT 'x', \
         c numeric(10, 2)[], d mood, e timestamptz(3));
         ALTER TABLE t ADD f int; ALTER TABLE t DROP f;",
        &json!({
            "composite type mood": {"columns": {"x": {"type": "integer"}}},
            "table t": {"columns": {
                "a": {"type": "integer", "not_null": true, "default": "(1 + 1)"},
                "b": {"type": "character varying(10)", "default": "'x'::character varying"},
                "c": {"type": "numeric(10,2)[]"},
                "d": {"type": "public.mood"},
                "e": {"type": "timestamp(3) with time zone"},
            }},
        }),
    );
}
