//! Operators, their classes and families, casts, access methods, languages, transforms.

#![expect(clippy::too_many_lines, reason = "whole snapshots are expected")]

use super::made::check;

#[test]
fn what_operators_are_made_of() {
    check(
        r"
        CREATE OPERATOR === (
            function = int4eq, leftarg = integer, rightarg = integer, commutator = ===, negator = <!>,
            restrict = eqsel, join = eqjoinsel, hashes, merges
        );
        CREATE OPERATOR !- (function = int4um, rightarg = integer);
        COMMENT ON OPERATOR !- (NONE, integer) IS 'Less than nothing';
        ALTER OPERATOR !- (NONE, integer) OWNER TO :reader;
        ",
        r#"
        {
          "operator public.!-(NONE, integer)": {
            "comment": "Less than nothing",
            "function": "int4um(integer)",
            "owner": "reader"
          },
          "operator public.<!>(integer, integer)": {
            "negator": "public.===(integer,integer)",
            "shell": true
          },
          "operator public.===(integer, integer)": {
            "commutator": "public.===(integer,integer)",
            "function": "int4eq(integer,integer)",
            "hashes": true,
            "join": "eqjoinsel(internal,oid,internal,smallint,internal)",
            "merges": true,
            "negator": "public.<!>(integer,integer)",
            "restrict": "eqsel(internal,oid,internal,integer)"
          }
        }
        "#,
    );
}

#[test]
fn operator_classes_and_families() {
    check(
        r"
        CREATE TYPE pair AS (a integer, b integer);
        CREATE FUNCTION less(pair, pair) RETURNS boolean LANGUAGE internal IMMUTABLE AS 'record_lt';
        CREATE OPERATOR <<< (function = less, leftarg = pair, rightarg = pair);
        CREATE FUNCTION compare(pair, pair) RETURNS integer LANGUAGE internal IMMUTABLE AS 'btrecordcmp';
        CREATE FUNCTION compare(pair, integer) RETURNS integer LANGUAGE internal IMMUTABLE AS 'btint4cmp';
        CREATE OPERATOR FAMILY pairs USING btree;
        CREATE OPERATOR CLASS pair_ops DEFAULT FOR TYPE pair USING btree FAMILY pairs AS
            OPERATOR 1 <<< (pair, pair), FUNCTION 1 compare(pair, pair), FUNCTION 4 btequalimage(oid);
        ALTER OPERATOR FAMILY pairs USING btree ADD FUNCTION 1 (pair, integer) compare(pair, integer);
        COMMENT ON OPERATOR FAMILY pairs USING btree IS 'Many pairs';
        COMMENT ON OPERATOR CLASS pair_ops USING btree IS 'Two by two';
        ALTER OPERATOR FAMILY pairs USING btree OWNER TO :reader;
        CREATE OPERATOR CLASS places FOR TYPE point USING gist AS
            OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops,
            FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal),
            FUNCTION 2 gist_box_union(internal, internal), FUNCTION 3 gist_point_compress(internal),
            FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
            FUNCTION 7 gist_box_same(box, box, internal), FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal),
            STORAGE box;
        ",
        r#"
        {
          "composite type public.pair": {
            "columns": {
              "a": {
                "position": 1,
                "type": "integer"
              },
              "b": {
                "position": 2,
                "type": "integer"
              }
            }
          },
          "function public.compare(public.pair, integer)": {
            "arguments": "public.pair, integer",
            "language": "internal",
            "returns": "integer",
            "symbol": "btint4cmp",
            "volatility": "immutable"
          },
          "function public.compare(public.pair, public.pair)": {
            "arguments": "public.pair, public.pair",
            "language": "internal",
            "returns": "integer",
            "symbol": "btrecordcmp",
            "volatility": "immutable"
          },
          "function public.less(public.pair, public.pair)": {
            "arguments": "public.pair, public.pair",
            "language": "internal",
            "returns": "boolean",
            "symbol": "record_lt",
            "volatility": "immutable"
          },
          "operator class public.btree pair_ops": {
            "comment": "Two by two",
            "default": true,
            "family": "public.pairs",
            "functions": {
              "1 (public.pair, public.pair)": {
                "function": "public.compare(public.pair,public.pair)"
              }
            },
            "operators": {
              "1 (public.pair, public.pair)": {
                "operator": "public.<<<(public.pair,public.pair)"
              }
            },
            "type": "public.pair"
          },
          "operator class public.gist places": {
            "family": "public.places",
            "functions": {
              "1 (point, point)": {
                "function": "gist_point_consistent(internal,point,smallint,oid,internal)"
              },
              "2 (point, point)": {
                "function": "gist_box_union(internal,internal)"
              },
              "5 (point, point)": {
                "function": "gist_box_penalty(internal,internal,internal)"
              },
              "6 (point, point)": {
                "function": "gist_box_picksplit(internal,internal)"
              },
              "7 (point, point)": {
                "function": "gist_box_same(box,box,internal)"
              }
            },
            "storage": "box",
            "type": "point"
          },
          "operator family public.btree pairs": {
            "comment": "Many pairs",
            "functions": {
              "1 (public.pair, integer)": {
                "function": "public.compare(public.pair,integer)"
              },
              "4 (public.pair, public.pair)": {
                "function": "btequalimage(oid)"
              }
            },
            "owner": "reader"
          },
          "operator family public.gist places": {
            "functions": {
              "3 (point, point)": {
                "function": "gist_point_compress(internal)"
              },
              "8 (point, point)": {
                "function": "gist_point_distance(internal,point,smallint,oid,internal)"
              }
            },
            "operators": {
              "15 (point, point)": {
                "for_order_by": "pg_catalog.float_ops",
                "operator": "<->(point,point)"
              }
            }
          },
          "operator public.<<<(public.pair, public.pair)": {
            "function": "public.less(public.pair,public.pair)"
          }
        }
        "#,
    );
}

#[test]
fn casts() {
    check(
        r"
        CREATE TYPE mood AS ENUM ('sad');
        CREATE TYPE pair AS (a integer);
        CREATE FUNCTION number(mood) RETURNS integer LANGUAGE sql AS 'SELECT 1';
        CREATE CAST (mood AS integer) WITH FUNCTION number(mood);
        CREATE CAST (mood AS bigint) WITH INOUT AS ASSIGNMENT;
        CREATE CAST (integer AS oid[]) WITH INOUT AS IMPLICIT;
        COMMENT ON CAST (mood AS integer) IS 'Only one';
        CREATE DOMAIN whole AS integer;
        CREATE TYPE number;
        CREATE FUNCTION number_in(cstring) RETURNS number LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
        CREATE FUNCTION number_out(number) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
        CREATE TYPE number (input = number_in, output = number_out, like = integer);
        CREATE CAST (number AS integer) WITHOUT FUNCTION;
        ",
        r#"
        {
          "base type public.number": {
            "input": "public.number_in(cstring)",
            "internallength": 4,
            "output": "public.number_out(public.number)",
            "passedbyvalue": true
          },
          "cast integer AS oid[]": {
            "context": "implicit",
            "method": "inout"
          },
          "cast public.mood AS bigint": {
            "context": "assignment",
            "method": "inout"
          },
          "cast public.mood AS integer": {
            "comment": "Only one",
            "function": "public.number(public.mood)",
            "method": "function"
          },
          "cast public.number AS integer": {
            "method": "binary"
          },
          "composite type public.pair": {
            "columns": {
              "a": {
                "position": 1,
                "type": "integer"
              }
            }
          },
          "domain public.whole": {
            "type": "integer"
          },
          "enum public.mood": {
            "labels": ["sad"]
          },
          "function public.number(public.mood)": {
            "arguments": "public.mood",
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer"
          },
          "function public.number_in(cstring)": {
            "arguments": "cstring",
            "language": "internal",
            "returns": "public.number",
            "strict": true,
            "symbol": "int4in",
            "volatility": "immutable"
          },
          "function public.number_out(public.number)": {
            "arguments": "public.number",
            "language": "internal",
            "returns": "cstring",
            "strict": true,
            "symbol": "int4out",
            "volatility": "immutable"
          }
        }
        "#,
    );
}

#[test]
fn languages_transforms_and_access_methods() {
    check(
        r"
        CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
        CREATE FUNCTION validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
        CREATE FUNCTION inline(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
        CREATE TRUSTED LANGUAGE ours HANDLER handler INLINE inline VALIDATOR validator;
        COMMENT ON LANGUAGE ours IS 'A tongue';
        REVOKE USAGE ON LANGUAGE ours FROM public;
        GRANT USAGE ON LANGUAGE ours TO :reader;
        CREATE LANGUAGE plain HANDLER handler;
        CREATE TYPE pair AS (a integer);
        CREATE FUNCTION from_sql(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'textin';
        CREATE FUNCTION to_sql(internal) RETURNS pair LANGUAGE internal IMMUTABLE AS 'textin';
        CREATE TRANSFORM FOR pair LANGUAGE sql (FROM SQL WITH FUNCTION from_sql(internal), TO SQL WITH FUNCTION to_sql(internal));
        COMMENT ON TRANSFORM FOR pair LANGUAGE sql IS 'There and back';
        CREATE FUNCTION transformed(pair) RETURNS integer LANGUAGE sql TRANSFORM FOR TYPE pair AS 'SELECT 1';
        CREATE ACCESS METHOD tree TYPE INDEX HANDLER bthandler;
        COMMENT ON ACCESS METHOD tree IS 'Another one';
        CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler;
        ",
        r#"
        {
          "access method pile": {
            "handler": "heap_tableam_handler(internal)",
            "type": "table"
          },
          "access method tree": {
            "comment": "Another one",
            "handler": "bthandler(internal)",
            "type": "index"
          },
          "composite type public.pair": {
            "columns": {
              "a": {
                "position": 1,
                "type": "integer"
              }
            }
          },
          "function public.from_sql(internal)": {
            "arguments": "internal",
            "language": "internal",
            "returns": "internal",
            "symbol": "textin",
            "volatility": "immutable"
          },
          "function public.handler()": {
            "language": "c",
            "library": "$libdir/plpgsql",
            "returns": "language_handler",
            "symbol": "plpgsql_call_handler"
          },
          "function public.inline(internal)": {
            "arguments": "internal",
            "language": "c",
            "library": "$libdir/plpgsql",
            "returns": "void",
            "symbol": "plpgsql_inline_handler"
          },
          "function public.to_sql(internal)": {
            "arguments": "internal",
            "language": "internal",
            "returns": "public.pair",
            "symbol": "textin",
            "volatility": "immutable"
          },
          "function public.transformed(public.pair)": {
            "arguments": "public.pair",
            "body": "SELECT 1",
            "language": "sql",
            "returns": "integer",
            "transforms": ["public.pair"]
          },
          "function public.validator(oid)": {
            "arguments": "oid",
            "language": "c",
            "library": "$libdir/plpgsql",
            "returns": "void",
            "symbol": "plpgsql_validator"
          },
          "language ours": {
            "comment": "A tongue",
            "handler": "public.handler()",
            "inline": "public.inline(internal)",
            "privileges": {
              "public": [],
              "reader": ["USAGE"]
            },
            "trusted": true,
            "validator": "public.validator(oid)"
          },
          "language plain": {
            "handler": "public.handler()"
          },
          "transform FOR public.pair LANGUAGE sql": {
            "comment": "There and back",
            "from_sql": "public.from_sql(internal)",
            "to_sql": "public.to_sql(internal)"
          }
        }
        "#,
    );
}
