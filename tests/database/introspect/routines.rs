//! Functions, procedures, aggregates.

use super::made::check;

#[test]
fn what_functions_are_made_of() {
    check(
        r#"
        CREATE FUNCTION f(a integer, INOUT b text DEFAULT 'x', OUT c integer, VARIADIC d numeric[] DEFAULT '{1}')
            LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL SAFE COST 10
            SET search_path = pg_catalog, public SET "app.level" = '1' AS $$ BEGIN c := a; END $$;
        COMMENT ON FUNCTION f IS 'All there is';
        ALTER FUNCTION f OWNER TO :reader;
        "#,
        r#"
        {
          "function public.f(integer, text, numeric[])": {
            "arguments": "a integer, INOUT b text DEFAULT 'x'::text, OUT c integer, VARIADIC d numeric[] DEFAULT '{1}'::numeric[]",
            "body": " BEGIN c := a; END ",
            "comment": "All there is",
            "cost": 10,
            "language": "plpgsql",
            "leakproof": true,
            "owner": "reader",
            "parallel": "safe",
            "returns": "record",
            "security_definer": true,
            "settings": {
              "app.level": "1",
              "search_path": "pg_catalog, public"
            },
            "strict": true,
            "volatility": "stable"
          }
        }
        "#,
    );
}

#[test]
fn what_is_by_default_is_left_out() {
    check(
        r"
        CREATE FUNCTION plain() RETURNS void LANGUAGE sql AS '';
        CREATE FUNCTION costs_as_c() RETURNS integer LANGUAGE internal COST 1 AS 'int4in';
        CREATE FUNCTION hundred() RETURNS SETOF integer LANGUAGE sql COST 100 ROWS 1000 AS 'SELECT 1';
        GRANT EXECUTE ON FUNCTION plain TO public;
        ",
        r#"
        {
          "function public.costs_as_c()": {
            "language": "internal",
            "returns": "integer",
            "symbol": "int4in"
          },
          "function public.hundred()": {
            "body": "SELECT 1",
            "language": "sql",
            "returns": "SETOF integer"
          },
          "function public.plain()": {
            "body": "",
            "language": "sql",
            "returns": "void"
          }
        }
        "#,
    );
}

#[test]
fn functions_that_differ_in_their_arguments() {
    check(
        r#"
        CREATE SCHEMA other;
        CREATE TYPE other.pair AS (a integer);
        CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE FUNCTION f(VARIADIC integer[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION f(other.pair, OUT x integer, OUT y text) RETURNS SETOF record LANGUAGE sql ROWS 7 AS 'SELECT 1, NULL';
        CREATE FUNCTION "F (" (character varying, "char") RETURNS TABLE (z integer) LANGUAGE sql PARALLEL RESTRICTED AS 'SELECT 1';
        "#,
        r#"
        {
          "composite type other.pair": {
            "columns": {
              "a": {
                "position": 1,
                "type": "integer"
              }
            }
          },
          "function public.\"F (\"(character varying, \"char\")": {
            "arguments": "character varying, \"char\"",
            "body": "SELECT 1",
            "language": "sql",
            "parallel": "restricted",
            "returns": "TABLE(z integer)"
          },
          "function public.f()": {
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer"
          },
          "function public.f(integer)": {
            "arguments": "integer",
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer",
            "volatility": "immutable"
          },
          "function public.f(integer[])": {
            "arguments": "VARIADIC integer[]",
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer"
          },
          "function public.f(other.pair)": {
            "arguments": "other.pair, OUT x integer, OUT y text",
            "body": "SELECT 1, NULL",
            "language": "sql",
            "returns": "SETOF record",
            "rows": 7
          },
          "namespace other": {}
        }
        "#,
    );
}

#[test]
fn bodies_in_c_and_in_standard_sql() {
    check(
        r"
        CREATE TABLE t (a integer, b text);
        CREATE FUNCTION standard(x integer) RETURNS SETOF integer
            BEGIN ATOMIC INSERT INTO t (a) VALUES (x); SELECT a FROM t WHERE b IN ('p', 'q'); END;
        CREATE FUNCTION returned(x integer) RETURNS integer RETURN x + 1;
        CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
        CREATE FUNCTION support(internal) RETURNS internal LANGUAGE internal STRICT AS 'generate_series_int4_support';
        CREATE FUNCTION supported(integer) RETURNS integer LANGUAGE internal WINDOW IMMUTABLE SUPPORT support AS 'window_ntile';
        ",
        r#"
        {
          "function public.handler()": {
            "language": "c",
            "library": "$libdir/plpgsql",
            "returns": "language_handler",
            "symbol": "plpgsql_call_handler"
          },
          "function public.returned(integer)": {
            "arguments": "x integer",
            "language": "sql",
            "returns": "integer",
            "sql_body": "RETURN (x + 1)"
          },
          "function public.standard(integer)": {
            "arguments": "x integer",
            "language": "sql",
            "returns": "SETOF integer",
            "sql_body": "BEGIN ATOMIC\n INSERT INTO public.t (a)\n   VALUES (standard.x);\n SELECT t.a\n    FROM public.t\n   WHERE (t.b = ANY (ARRAY['p'::text, 'q'::text]));\nEND"
          },
          "function public.support(internal)": {
            "arguments": "internal",
            "language": "internal",
            "returns": "internal",
            "strict": true,
            "symbol": "generate_series_int4_support"
          },
          "function public.supported(integer)": {
            "arguments": "integer",
            "language": "internal",
            "returns": "integer",
            "support": "public.support(internal)",
            "symbol": "window_ntile",
            "volatility": "immutable",
            "window": true
          }
        }
        "#,
    );
}

#[test]
fn procedures_and_their_privileges() {
    check(
        r"
        CREATE PROCEDURE p(INOUT a integer, b text, OUT c text) LANGUAGE sql AS 'SELECT 1, NULL';
        REVOKE EXECUTE ON PROCEDURE p FROM public;
        GRANT EXECUTE ON PROCEDURE p TO :reader WITH GRANT OPTION;
        COMMENT ON PROCEDURE p IS 'Proceeds';
        CREATE PROCEDURE closed() LANGUAGE sql AS '';
        REVOKE EXECUTE ON PROCEDURE closed FROM public, postgres;
        ",
        r#"
        {
          "procedure public.closed()": {
            "body": "",
            "language": "sql",
            "owner_privileges": [],
            "privileges": {
              "public": []
            }
          },
          "procedure public.p(integer, text)": {
            "arguments": "INOUT a integer, IN b text, OUT c text",
            "body": "SELECT 1, NULL",
            "comment": "Proceeds",
            "language": "sql",
            "privileges": {
              "public": [],
              "reader": ["EXECUTE WITH GRANT OPTION"]
            }
          }
        }
        "#,
    );
}

#[test]
fn what_aggregates_are_made_of() {
    check(
        r#"
        CREATE AGGREGATE total(integer) (
            sfunc = int4pl, stype = integer, sspace = 8, initcond = '0', combinefunc = int4pl,
            finalfunc = int4um, finalfunc_modify = shareable,
            msfunc = int4pl, minvfunc = int4mi, mstype = integer, msspace = 9, minitcond = '5',
            mfinalfunc = int4abs, mfinalfunc_modify = read_write, sortop = <, parallel = safe
        );
        CREATE AGGREGATE median(double precision ORDER BY anyelement) (
            sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra
        );
        CREATE AGGREGATE place(VARIADIC "any" ORDER BY VARIADIC "any") (
            sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical
        );
        CREATE AGGREGATE mean(numeric) (
            sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg,
            combinefunc = numeric_avg_combine, serialfunc = numeric_avg_serialize, deserialfunc = numeric_avg_deserialize
        );
        CREATE AGGREGATE counted(*) (sfunc = int8inc, stype = bigint, initcond = '7');
        COMMENT ON AGGREGATE counted(*) IS 'Of all';
        REVOKE EXECUTE ON FUNCTION counted() FROM public;
        "#,
        r#"
        {
          "aggregate public.counted()": {
            "comment": "Of all",
            "initcond": "7",
            "privileges": {
              "public": []
            },
            "returns": "bigint",
            "sfunc": "int8inc(bigint)",
            "stype": "bigint"
          },
          "aggregate public.mean(numeric)": {
            "arguments": "numeric",
            "combinefunc": "numeric_avg_combine(internal,internal)",
            "deserialfunc": "numeric_avg_deserialize(bytea,internal)",
            "finalfunc": "numeric_avg(internal)",
            "returns": "numeric",
            "serialfunc": "numeric_avg_serialize(internal)",
            "sfunc": "numeric_avg_accum(internal,numeric)",
            "stype": "internal"
          },
          "aggregate public.median(double precision, anyelement)": {
            "arguments": "double precision ORDER BY anyelement",
            "finalfunc": "percentile_disc_final(internal,double precision,anyelement)",
            "finalfunc_extra": true,
            "returns": "anyelement",
            "sfunc": "ordered_set_transition(internal,\"any\")",
            "stype": "internal"
          },
          "aggregate public.place(\"any\")": {
            "arguments": "VARIADIC \"any\" ORDER BY VARIADIC \"any\"",
            "finalfunc": "rank_final(internal,\"any\")",
            "finalfunc_extra": true,
            "hypothetical": true,
            "returns": "bigint",
            "sfunc": "ordered_set_transition_multi(internal,\"any\")",
            "stype": "internal"
          },
          "aggregate public.total(integer)": {
            "arguments": "integer",
            "combinefunc": "int4pl(integer,integer)",
            "finalfunc": "int4um(integer)",
            "finalfunc_modify": "shareable",
            "initcond": "0",
            "mfinalfunc": "int4abs(integer)",
            "mfinalfunc_modify": "read_write",
            "minitcond": "5",
            "minvfunc": "int4mi(integer,integer)",
            "msfunc": "int4pl(integer,integer)",
            "msspace": 9,
            "mstype": "integer",
            "parallel": "safe",
            "returns": "integer",
            "sfunc": "int4pl(integer,integer)",
            "sortop": "<(integer,integer)",
            "sspace": 8,
            "stype": "integer"
          }
        }
        "#,
    );
}
