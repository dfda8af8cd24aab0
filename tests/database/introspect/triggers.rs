//! Triggers, rules and policies.

use serde_json::json;

use crate::support::check_objects;

#[test]
fn triggers() {
    check_objects(
        "
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TABLE t (a int, b int);
        CREATE TRIGGER one BEFORE UPDATE OF a OR INSERT ON t FOR EACH ROW WHEN (new.a > 1) EXECUTE FUNCTION f('x', '1');
        CREATE TRIGGER two AFTER DELETE ON t REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION f();
        CREATE TRIGGER three BEFORE TRUNCATE ON t EXECUTE FUNCTION f();
        CREATE CONSTRAINT TRIGGER four AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE t DISABLE TRIGGER two, ENABLE REPLICA TRIGGER three, ENABLE ALWAYS TRIGGER four;
        COMMENT ON TRIGGER one ON t IS 'Why';
        CREATE VIEW v AS SELECT 1 AS a;
        CREATE TRIGGER instead INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f();
        ",
        &json!({
            "function f()": {"body": "BEGIN RETURN new; END", "language": "plpgsql", "returns": "trigger"},
            "table t": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "constraints": {"four": {"definition": "TRIGGER DEFERRABLE"}},
                "triggers": {
                    "four": {
                        "definition": "CREATE CONSTRAINT TRIGGER four AFTER INSERT ON public.t DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION public.f()",
                        "enabled": "always",
                    },
                    "one": {
                        "comment": "Why",
                        "definition": "CREATE TRIGGER one BEFORE INSERT OR UPDATE OF a ON public.t FOR EACH ROW WHEN ((new.a > 1)) EXECUTE FUNCTION public.f('x', '1')",
                    },
                    "three": {
                        "definition": "CREATE TRIGGER three BEFORE TRUNCATE ON public.t FOR EACH STATEMENT EXECUTE FUNCTION public.f()",
                        "enabled": "replica",
                    },
                    "two": {
                        "definition": "CREATE TRIGGER two AFTER DELETE ON public.t REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.f()",
                        "enabled": "disabled",
                    },
                },
            },
            "view v": {
                "columns": {"a": {"type": "integer"}},
                "definition": " SELECT 1 AS a;",
                "triggers": {
                    "instead": {
                        "definition": "CREATE TRIGGER instead INSTEAD OF INSERT ON public.v FOR EACH ROW EXECUTE FUNCTION public.f()",
                    },
                },
            },
        }),
    );
}

#[test]
fn triggers_of_partitions() {
    check_objects(
        "
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TABLE t (a int) PARTITION BY LIST (a);
        CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER s AFTER INSERT ON t EXECUTE FUNCTION f();
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
        ALTER TABLE t1 DISABLE TRIGGER r;
        ",
        &json!({
            "function f()": {"body": "BEGIN RETURN new; END", "language": "plpgsql", "returns": "trigger"},
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "partition_by": "LIST (a)",
                "triggers": {
                    "r": {
                        "definition": "CREATE TRIGGER r AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()",
                    },
                    "s": {
                        "definition": "CREATE TRIGGER s AFTER INSERT ON public.t FOR EACH STATEMENT EXECUTE FUNCTION public.f()",
                    },
                },
            },
            "table t1": {
                "bound": "FOR VALUES IN (1)",
                "columns": {"a": {"inherited": 1, "type": "integer"}},
                "partition_of": "public.t",
                "triggers": {
                    "r": {
                        "definition": "CREATE TRIGGER r AFTER INSERT ON public.t1 FOR EACH ROW EXECUTE FUNCTION public.f()",
                        "enabled": "disabled",
                        "parent": "r",
                    },
                },
            },
        }),
    );
}

#[test]
fn rules() {
    check_objects(
        "
        CREATE TABLE t (a int);
        CREATE RULE also AS ON INSERT TO t WHERE new.a > 1 DO ALSO (DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (2));
        CREATE RULE never AS ON DELETE TO t DO INSTEAD NOTHING;
        ALTER TABLE t DISABLE RULE never;
        COMMENT ON RULE also ON t IS 'Why';
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "integer"}},
                "rules": {
                    "also": {
                        "comment": "Why",
                        "definition": "CREATE RULE also AS\n    ON INSERT TO public.t\n   WHERE (new.a > 1) DO ( DELETE FROM public.t\n  WHERE (t.a = 1);\n INSERT INTO public.t (a)\n  VALUES (2);\n);",
                    },
                    "never": {
                        "definition": "CREATE RULE never AS\n    ON DELETE TO public.t DO INSTEAD NOTHING;",
                        "enabled": "disabled",
                    },
                },
            },
        }),
    );
}

#[test]
fn policies() {
    check_objects(
        "
        CREATE TABLE t (a int, b varchar);
        CREATE POLICY p ON t;
        CREATE POLICY q ON t AS RESTRICTIVE FOR UPDATE TO public USING (a > 1) WITH CHECK (b IN ('x', 'y'));
        COMMENT ON POLICY q ON t IS 'Why';
        ",
        &json!({
            "table t": {
                "columns": {"a": {"type": "integer"}, "b": {"type": "character varying"}},
                "policies": {
                    "p": {},
                    "q": {
                        "command": "update",
                        "comment": "Why",
                        "permissive": false,
                        "using": "(a > 1)",
                        "with_check": "((b)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text]))",
                    },
                },
            },
        }),
    );
}
