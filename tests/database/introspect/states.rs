//! States that are seldom, and what stands for them.

use serde_json::json;

use crate::support::{TestDatabase, assert_objects, check_objects, of_version};

#[test]
fn an_invalid_index() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)");
    let session = database.session();
    session
        .try_query("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
        .expect_err("duplicates");
    assert_objects(
        &database,
        &json!({"table t": {
            "columns": {"a": {"type": "integer"}},
            "indexes": {
                "i": {
                    "definition": "CREATE UNIQUE INDEX i ON public.t USING btree (a)",
                    "ready": false,
                    "valid": false,
                },
            },
        }}),
    );
    // As a drop that was ended late leaves it.
    database.run("UPDATE pg_index SET indislive = false WHERE indexrelid = 'i'::regclass");
    assert_objects(
        &database,
        &json!({"table t": {
            "columns": {"a": {"type": "integer"}},
            "indexes": {
                "i": {
                    "definition": "CREATE UNIQUE INDEX i ON public.t USING btree (a)",
                    "live": false,
                    "ready": false,
                    "valid": false,
                },
            },
        }}),
    );
}

#[test]
fn a_partition_that_is_being_detached() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE t (a int) PARTITION BY LIST (a);
         CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
    );
    let reader = database.session();
    reader.run("BEGIN");
    reader.run("SELECT FROM t");
    let detaching = database.session();
    detaching.run("SET lock_timeout = '50 ms'");
    detaching
        .try_query("ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY")
        .expect_err("the reader is in the way");
    reader.run("ROLLBACK");
    let left_behind = json!({"definition": "CHECK (((a IS NOT NULL) AND (a = 1)))"});
    assert_objects(
        &database,
        &json!({
            "table t": {"columns": {"a": {"type": "integer"}}, "partition_by": "LIST (a)"},
            "table t1": {
                "bound": "FOR VALUES IN (1)",
                "columns": {"a": {"inherited": 1, "type": "integer"}},
                "constraints": {"t1_a_check": left_behind},
                "detach_pending": true,
                "partition_of": "public.t",
            },
        }),
    );
    detaching.run("ALTER TABLE t DETACH PARTITION t1 FINALIZE");
    assert_objects(
        &database,
        &json!({
            "table t": {"columns": {"a": {"type": "integer"}}, "partition_by": "LIST (a)"},
            "table t1": {
                "columns": {"a": {"type": "integer"}},
                "constraints": {"t1_a_check": left_behind},
            },
        }),
    );
}

#[test]
fn dropped_columns_leave_no_gap() {
    let database = TestDatabase::new();
    database
        .run("CREATE TABLE t (a int, b int, c int); ALTER TABLE t DROP b; ALTER TABLE t ADD d int");
    let other = TestDatabase::new();
    other.run("CREATE TABLE t (a int, c int, d int)");
    let [left, right] = [&database, &other].map(|one| crate::support::snapshot(&one.url()));
    crate::support::assert_same_snapshot("what was altered", &left, &right);
}

#[test]
fn what_belongs_to_an_extension_is_left_out() {
    check_objects(
        "CREATE TABLE member (a int PRIMARY KEY);
         CREATE VIEW seen AS SELECT 1 AS a;
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
         CREATE TRIGGER ours BEFORE INSERT ON member FOR EACH ROW EXECUTE FUNCTION f();
         COMMENT ON TABLE member IS 'Theirs';
         ALTER EXTENSION plpgsql ADD TABLE member;
         ALTER EXTENSION plpgsql ADD VIEW seen;
         ALTER EXTENSION plpgsql ADD FUNCTION f();",
        &json!({}),
    );
}

#[test]
fn temporary_ones_are_left_out() {
    let database = TestDatabase::new();
    let session = database.session();
    session.run("CREATE TEMP TABLE t (a int); CREATE TEMP VIEW v AS SELECT 1 AS a");
    assert_objects(&database, &json!({}));
}

#[test]
fn security_labels() {
    // No provider is at hand on a test server, so the label is put where one
    // would have put it.
    check_objects(
        "CREATE TABLE t (a int);
         INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label)
         VALUES ('t'::regclass, 'pg_class'::regclass, 0, 'x', 'one'),
             ('t'::regclass, 'pg_class'::regclass, 0, 'y', 'two'),
             ('t'::regclass, 'pg_class'::regclass, 1, 'x', 'three')",
        &json!({"table t": {
            "columns": {"a": {"security_labels": {"x": "three"}, "type": "integer"}},
            "security_labels": {"x": "one", "y": "two"},
        }}),
    );
}

#[test]
fn access_methods() {
    check_objects(
        "CREATE ACCESS METHOD own TYPE TABLE HANDLER heap_tableam_handler;
         CREATE TABLE t () USING own;
         CREATE MATERIALIZED VIEW m USING own AS SELECT 1 AS a;
         CREATE TABLE u () USING heap",
        &json!({
            "materialized view m": {
                "access_method": "own",
                "columns": {"a": {"type": "integer"}},
                "definition": " SELECT 1 AS a;",
            },
            "table t": {"access_method": "own"},
            "table u": {},
        }),
    );
}

#[test]
fn tablespaces() {
    let database = TestDatabase::new();
    let space = format!("{}_space", database.name());
    let session = database.session();
    session.run("SET allow_in_place_tablespaces = on");
    session.run(&format!("CREATE TABLESPACE {space} LOCATION ''"));
    session.run(&format!(
        "CREATE TABLE t (a int) TABLESPACE {space};
         CREATE TABLE u (a int CONSTRAINT p PRIMARY KEY USING INDEX TABLESPACE {space})"
    ));
    let expected = json!({
        "table t": {"columns": {"a": {"type": "integer"}}, "tablespace": "space"},
        "table u": {
            "columns": {"a": {"not_null": true, "type": "integer"}},
            "constraints": {"p": {"definition": "PRIMARY KEY (a)"}},
            "indexes": {
                "p": {
                    "definition": "CREATE UNIQUE INDEX p ON public.u USING btree (a)",
                    "tablespace": "space",
                },
            },
        },
    });
    let compared = std::panic::catch_unwind(|| assert_objects(&database, &expected));
    session.run("DROP TABLE t, u");
    session.run(&format!("DROP TABLESPACE {space}"));
    compared.expect("as expected");
}

#[test]
fn check_options() {
    let database = TestDatabase::new();
    let sql = "CREATE TABLE t (a int);
CREATE VIEW v AS SELECT 1 AS one, t.a FROM t WITH CASCADED CHECK OPTION;
--@15 ALTER VIEW v SET (security_invoker = on);";
    database.run(&of_version(sql, &database));
    let mut view = json!({
        "columns": {"a": {"type": "integer"}, "one": {"type": "integer"}},
        "definition": " SELECT 1 AS one,\n    t.a\n   FROM public.t;",
        "options": {"check_option": "cascaded"},
    });
    if major(&database) >= 15 {
        view["options"]["security_invoker"] = "on".into();
    }
    if major(&database) >= 16 {
        view["definition"] = " SELECT 1 AS one,\n    a\n   FROM public.t;".into();
    }
    assert_objects(
        &database,
        &json!({"table t": {"columns": {"a": {"type": "integer"}}}, "view v": view}),
    );
}

#[test]
fn what_came_with_15() {
    let database = TestDatabase::new();
    if major(&database) < 15 {
        return;
    }
    database.run(
        "CREATE UNLOGGED SEQUENCE s;
         CREATE TABLE t (a int, UNIQUE NULLS NOT DISTINCT (a));
         CREATE TABLE u (a int, b int, FOREIGN KEY (a) REFERENCES t (a) ON DELETE SET NULL (a))",
    );
    assert_objects(
        &database,
        &json!({
            "sequence s": {
                "increment": 1,
                "maximum": 9_223_372_036_854_775_807_i64,
                "minimum": 1,
                "persistence": "unlogged",
                "start": 1,
                "type": "bigint",
            },
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "constraints": {"t_a_key": {"definition": "UNIQUE NULLS NOT DISTINCT (a)"}},
                "indexes": {
                    "t_a_key": {
                        "definition": "CREATE UNIQUE INDEX t_a_key ON public.t USING btree (a) NULLS NOT DISTINCT",
                    },
                },
            },
            "table u": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "constraints": {
                    "u_a_fkey": {
                        "definition": "FOREIGN KEY (a) REFERENCES public.t(a) ON DELETE SET NULL (a)",
                    },
                },
            },
        }),
    );
}

#[test]
fn what_came_with_18() {
    let database = TestDatabase::new();
    if major(&database) < 18 {
        return;
    }
    database.run(
        "CREATE TABLE t (a int CONSTRAINT given NOT NULL NO INHERIT, b int GENERATED ALWAYS AS (a + 1) VIRTUAL);
         ALTER TABLE t ADD CONSTRAINT later NOT NULL b NOT VALID;
         ALTER TABLE t ADD CONSTRAINT loose CHECK (a > 0) NOT ENFORCED;
         CREATE TABLE u (a int4range, b daterange, PRIMARY KEY (a, b WITHOUT OVERLAPS));
         CREATE TABLE v (a int4range, b daterange,
             CONSTRAINT during FOREIGN KEY (a, PERIOD b) REFERENCES u (a, PERIOD b))",
    );
    let snapshot = crate::support::snapshot(&database.url());
    let constraints: serde_json::Map<_, _> = snapshot
        .objects
        .iter()
        .filter_map(|(id, table)| Some((id.name.clone(), table.get("constraints")?.clone())))
        .collect();
    assert_eq!(
        json!(constraints),
        json!({
            "t": {
                "given": {"definition": "NOT NULL a NO INHERIT"},
                "later": {"definition": "NOT NULL b", "validated": false},
                "loose": {"definition": "CHECK ((a > 0)) NOT ENFORCED"},
            },
            "u": {
                "u_a_not_null": {"definition": "NOT NULL a"},
                "u_b_not_null": {"definition": "NOT NULL b"},
                "u_pkey": {"definition": "PRIMARY KEY (a, b WITHOUT OVERLAPS)"},
            },
            "v": {
                "during": {
                    "definition": "FOREIGN KEY (a, PERIOD b) REFERENCES public.u(a, PERIOD b)",
                },
            },
        })
    );
}

fn major(database: &TestDatabase<'_>) -> u32 {
    let major = database.query("SELECT current_setting('server_version_num')::integer / 10000");
    major.parse().expect("a number")
}
