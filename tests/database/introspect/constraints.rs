//! Constraints.

use serde_json::json;

use crate::support::check_objects;

#[test]
fn of_every_kind() {
    check_objects(
        "
        CREATE TABLE r (id int PRIMARY KEY, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE t (
            a int CONSTRAINT positive CHECK (a > 0) NO INHERIT,
            b int REFERENCES r ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE,
            c tsrange,
            CONSTRAINT apart EXCLUDE USING gist (c WITH &&) WHERE (a > 1)
        );
        COMMENT ON CONSTRAINT positive ON t IS 'Why';
        ",
        &json!({
            "table r": {
                "columns": {"id": {"not_null": true, "type": "integer"}},
                "constraints": {
                    "r_id_key": {"definition": "UNIQUE (id) DEFERRABLE INITIALLY DEFERRED"},
                    "r_pkey": {"definition": "PRIMARY KEY (id)"},
                },
                "indexes": {
                    "r_id_key": {
                        "definition": "CREATE UNIQUE INDEX r_id_key ON public.r USING btree (id)",
                    },
                    "r_pkey": {
                        "definition": "CREATE UNIQUE INDEX r_pkey ON public.r USING btree (id)",
                    },
                },
            },
            "table t": {
                "columns": {
                    "a": {"type": "integer"},
                    "b": {"type": "integer"},
                    "c": {"type": "tsrange"},
                },
                "constraints": {
                    "apart": {"definition": "EXCLUDE USING gist (c WITH &&) WHERE ((a > 1))"},
                    "positive": {"comment": "Why", "definition": "CHECK ((a > 0)) NO INHERIT"},
                    "t_b_fkey": {
                        "definition": "FOREIGN KEY (b) REFERENCES public.r(id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE",
                    },
                },
                "indexes": {
                    "apart": {
                        "definition": "CREATE INDEX apart ON public.t USING gist (c) WHERE (a > 1)",
                    },
                },
            },
        }),
    );
}

#[test]
fn not_yet_validated() {
    check_objects(
        "
        CREATE TABLE r (id int PRIMARY KEY);
        CREATE TABLE t (a int);
        ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NO INHERIT NOT VALID;
        ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r NOT VALID;
        ",
        &json!({
            "table r": {
                "columns": {"id": {"not_null": true, "type": "integer"}},
                "constraints": {"r_pkey": {"definition": "PRIMARY KEY (id)"}},
                "indexes": {
                    "r_pkey": {
                        "definition": "CREATE UNIQUE INDEX r_pkey ON public.r USING btree (id)",
                    },
                },
            },
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "constraints": {
                    "c": {"definition": "CHECK ((a > 0)) NO INHERIT", "validated": false},
                    "f": {
                        "definition": "FOREIGN KEY (a) REFERENCES public.r(id)",
                        "validated": false,
                    },
                },
            },
        }),
    );
}

#[test]
fn inherited_ones() {
    check_objects(
        "
        CREATE TABLE a (x int CONSTRAINT big CHECK (x > 9));
        CREATE TABLE b () INHERITS (a);
        CREATE TABLE c (x int CONSTRAINT big CHECK (x > 9)) INHERITS (a);
        ",
        &json!({
            "table a": {
                "columns": {"x": {"type": "integer"}},
                "constraints": {"big": {"definition": "CHECK ((x > 9))"}},
            },
            "table b": {
                "columns": {"x": {"inherited": 1, "type": "integer"}},
                "constraints": {"big": {"definition": "CHECK ((x > 9))", "inherited": 1}},
                "inherits": ["public.a"],
            },
            "table c": {
                "columns": {"x": {"inherited": 1, "local": true, "type": "integer"}},
                "constraints": {"big": {"definition": "CHECK ((x > 9))", "inherited": 1, "local": true}},
                "inherits": ["public.a"],
            },
        }),
    );
}

/// A foreign key to a partitioned table has further ones for its partitions, which are not shown.
#[test]
fn foreign_keys_from_and_to_partitions() {
    check_objects(
        "
        CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (9);
        CREATE TABLE t (a int CONSTRAINT f REFERENCES r) PARTITION BY LIST (a);
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
        ",
        &json!({
            "table r": {
                "columns": {"id": {"not_null": true, "type": "integer"}},
                "constraints": {"r_pkey": {"definition": "PRIMARY KEY (id)"}},
                "indexes": {
                    "r_pkey": {
                        "definition": "CREATE UNIQUE INDEX r_pkey ON ONLY public.r USING btree (id)",
                    },
                },
                "partition_by": "RANGE (id)",
            },
            "table r1": {
                "bound": "FOR VALUES FROM (0) TO (9)",
                "columns": {"id": {"inherited": 1, "not_null": true, "type": "integer"}},
                "constraints": {
                    "r1_pkey": {"definition": "PRIMARY KEY (id)", "inherited": 1, "parent": "r_pkey"},
                },
                "indexes": {
                    "r1_pkey": {
                        "definition": "CREATE UNIQUE INDEX r1_pkey ON public.r1 USING btree (id)",
                        "parent": "public.r_pkey",
                    },
                },
                "partition_of": "public.r",
            },
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "constraints": {"f": {"definition": "FOREIGN KEY (a) REFERENCES public.r(id)"}},
                "partition_by": "LIST (a)",
            },
            "table t1": {
                "bound": "FOR VALUES IN (1)",
                "columns": {"a": {"inherited": 1, "type": "integer"}},
                "constraints": {
                    "f": {
                        "definition": "FOREIGN KEY (a) REFERENCES public.r(id)",
                        "inherited": 1,
                        "parent": "f",
                    },
                },
                "partition_of": "public.t",
            },
        }),
    );
}

#[test]
fn checks_turned_off() {
    check_objects(
        "
        CREATE TABLE r (id int PRIMARY KEY);
        CREATE TABLE t (a int CONSTRAINT f REFERENCES r);
        ALTER TABLE t DISABLE TRIGGER ALL;
        ",
        &json!({
            "table r": {
                "columns": {"id": {"not_null": true, "type": "integer"}},
                "constraints": {"r_pkey": {"definition": "PRIMARY KEY (id)"}},
                "indexes": {
                    "r_pkey": {
                        "definition": "CREATE UNIQUE INDEX r_pkey ON public.r USING btree (id)",
                    },
                },
            },
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "constraints": {
                    "f": {
                        "definition": "FOREIGN KEY (a) REFERENCES public.r(id)",
                        "triggers": {
                            "public.t RI_FKey_check_ins": "disabled",
                            "public.t RI_FKey_check_upd": "disabled",
                        },
                    },
                },
            },
        }),
    );
}

/// As after a dump and restore.
#[test]
fn in_lists_over_varchar() {
    check_objects(
        "
        CREATE TABLE t (a varchar(9) CHECK (a IN ('x', 'it''s)')), b varchar CHECK (b <> ALL (ARRAY['p', 'q'])));
        ",
        &json!({
            "table t": {
                "columns": {
                    "a": {"type": "character varying(9)"},
                    "b": {"type": "character varying"},
                },
                "constraints": {
                    "t_a_check": {
                        "definition": "CHECK (((a)::text = ANY (ARRAY[('x'::character varying)::text, ('it''s)'::character varying)::text])))",
                    },
                    "t_b_check": {
                        "definition": "CHECK (((b)::text <> ALL (ARRAY['p'::text, 'q'::text])))",
                    },
                },
            },
        }),
    );
}
