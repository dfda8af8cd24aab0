//! Types of every kind.

#![expect(clippy::too_many_lines, reason = "whole snapshots are expected")]

use super::made::check;

#[test]
fn labels_of_enums_are_in_order() {
    check(
        r#"
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        ALTER TYPE mood ADD VALUE 'it''s "ok"' BEFORE 'happy';
        COMMENT ON TYPE mood IS 'How it goes';
        REVOKE USAGE ON TYPE mood FROM public;
        GRANT USAGE ON TYPE mood TO :reader;
        CREATE TYPE nothing AS ENUM ();
        ALTER TYPE nothing OWNER TO :reader;
        "#,
        r#"
        {
          "enum public.mood": {
            "comment": "How it goes",
            "labels": ["sad", "it's \"ok\"", "happy"],
            "privileges": {
              "public": [],
              "reader": ["USAGE"]
            }
          },
          "enum public.nothing": {
            "owner": "reader"
          }
        }
        "#,
    );
}

#[test]
fn what_domains_are_made_of() {
    check(
        r#"
        CREATE DOMAIN word AS varchar(10) COLLATE "C" DEFAULT 'a' || 'b' NOT NULL
            CONSTRAINT short CHECK (length(value) < 5) CHECK (value IN ('a', 'b'));
        ALTER DOMAIN word ADD CONSTRAINT later CHECK (value <> 'q') NOT VALID;
        COMMENT ON DOMAIN word IS 'Words';
        COMMENT ON CONSTRAINT short ON DOMAIN word IS 'Not long';
        CREATE DOMAIN words AS word[];
        CREATE DOMAIN closed AS integer;
        REVOKE USAGE ON DOMAIN closed FROM public;
        "#,
        r#"
        {
          "domain public.closed": {
            "privileges": {
              "public": []
            },
            "type": "integer"
          },
          "domain public.word": {
            "collation": "\"C\"",
            "comment": "Words",
            "constraints": {
              "later": {
                "definition": "CHECK (((VALUE)::text <> 'q'::text))",
                "validated": false
              },
--@17         "word_not_null": {"definition": "NOT NULL"},
              "short": {
                "comment": "Not long",
                "definition": "CHECK ((length((VALUE)::text) < 5))"
              },
              "word_check": {
                "definition": "CHECK (((VALUE)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))"
              }
            },
            "default": "('a'::text || 'b'::text)",
            "not_null": true,
            "type": "character varying(10)"
          },
          "domain public.words": {
            "type": "public.word[]"
          }
        }
        "#,
    );
}

#[test]
fn columns_of_composite_types() {
    check(
        r#"
        CREATE TYPE pair AS (gone integer, b text COLLATE "C", "A" numeric(10, 2)[]);
        ALTER TYPE pair DROP ATTRIBUTE gone, ADD ATTRIBUTE c date;
        COMMENT ON TYPE pair IS 'Two, or three';
        COMMENT ON COLUMN pair.b IS 'The second';
        CREATE TYPE none AS ();
        "#,
        r#"
        {
          "composite type public.none": {},
          "composite type public.pair": {
            "columns": {
              "A": {
                "position": 2,
                "type": "numeric(10,2)[]"
              },
              "b": {
                "collation": "\"C\"",
                "comment": "The second",
                "position": 1,
                "type": "text"
              },
              "c": {
                "position": 3,
                "type": "date"
              }
            },
            "comment": "Two, or three"
          }
        }
        "#,
    );
}

#[test]
fn ranges_with_their_multiranges() {
    check(
        r#"
        CREATE FUNCTION apart(double precision, double precision) RETURNS double precision
            LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
        CREATE TYPE span AS RANGE (subtype = double precision, subtype_diff = apart, multirange_type_name = spans);
        CREATE TYPE words AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops);
        COMMENT ON TYPE span IS 'From here to there';
        COMMENT ON TYPE spans IS 'Many';
        CREATE TYPE steps;
        CREATE FUNCTION steps_canonical(steps) RETURNS steps LANGUAGE internal STRICT IMMUTABLE AS 'int4range_canonical';
        CREATE TYPE steps AS RANGE (subtype = integer, canonical = steps_canonical);
        "#,
        r#"
        {
          "function public.apart(double precision, double precision)": {
            "arguments": "double precision, double precision",
            "body": "SELECT $1 - $2",
            "language": "sql",
            "returns": "double precision",
            "volatility": "immutable"
          },
          "function public.steps_canonical(public.steps)": {
            "arguments": "public.steps",
            "language": "internal",
            "returns": "public.steps",
            "strict": true,
            "symbol": "int4range_canonical",
            "volatility": "immutable"
          },
          "range public.span": {
            "comment": "From here to there",
            "multirange_comment": "Many",
            "multirange_type_name": "public.spans",
            "subtype": "double precision",
            "subtype_diff": "public.apart(double precision,double precision)",
            "subtype_opclass": "pg_catalog.float8_ops"
          },
          "range public.steps": {
            "canonical": "public.steps_canonical(public.steps)",
            "multirange_type_name": "public.steps_multirange",
            "subtype": "integer",
            "subtype_opclass": "pg_catalog.int4_ops"
          },
          "range public.words": {
            "collation": "\"C\"",
            "multirange_type_name": "public.words_multirange",
            "subtype": "text",
            "subtype_opclass": "pg_catalog.text_pattern_ops"
          }
        }
        "#,
    );
}

#[test]
fn base_types_and_shells() {
    check(
        r"
        CREATE TYPE number;
        CREATE FUNCTION number_in(cstring) RETURNS number LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
        CREATE FUNCTION number_out(number) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
        CREATE TYPE number (
            input = number_in, output = number_out, internallength = 4, passedbyvalue, alignment = int4,
            category = 'N', preferred, default = '7', delimiter = ';'
        );
        CREATE TYPE words;
        CREATE FUNCTION words_in(cstring, oid, integer) RETURNS words LANGUAGE internal STRICT STABLE AS 'array_in';
        CREATE FUNCTION words_out(words) RETURNS cstring LANGUAGE internal STRICT STABLE AS 'array_out';
        CREATE FUNCTION words_receive(internal, oid, integer) RETURNS words LANGUAGE internal STRICT STABLE AS 'array_recv';
        CREATE FUNCTION words_send(words) RETURNS bytea LANGUAGE internal STRICT STABLE AS 'array_send';
        CREATE TYPE words (
            input = words_in, output = words_out, receive = words_receive, send = words_send,
            typmod_in = varchartypmodin, typmod_out = varchartypmodout, analyze = array_typanalyze,
            subscript = raw_array_subscript_handler, element = text, alignment = double, storage = extended, collatable = true
        );
        COMMENT ON TYPE words IS 'An array in disguise';
        CREATE TYPE shell;
        ",
        r#"
        {
          "base type public.number": {
            "category": "N",
            "default": "7",
            "delimiter": ";",
            "input": "public.number_in(cstring)",
            "internallength": 4,
            "output": "public.number_out(public.number)",
            "passedbyvalue": true,
            "preferred": true
          },
          "base type public.shell": {
            "shell": true
          },
          "base type public.words": {
            "alignment": "double",
            "analyze": "array_typanalyze(internal)",
            "collatable": true,
            "comment": "An array in disguise",
            "element": "text",
            "input": "public.words_in(cstring,oid,integer)",
            "output": "public.words_out(public.words)",
            "receive": "public.words_receive(internal,oid,integer)",
            "send": "public.words_send(public.words)",
            "storage": "extended",
            "subscript": "raw_array_subscript_handler(internal)",
            "typmod_in": "varchartypmodin(cstring[])",
            "typmod_out": "varchartypmodout(integer)"
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
          },
          "function public.words_in(cstring, oid, integer)": {
            "arguments": "cstring, oid, integer",
            "language": "internal",
            "returns": "public.words",
            "strict": true,
            "symbol": "array_in",
            "volatility": "stable"
          },
          "function public.words_out(public.words)": {
            "arguments": "public.words",
            "language": "internal",
            "returns": "cstring",
            "strict": true,
            "symbol": "array_out",
            "volatility": "stable"
          },
          "function public.words_receive(internal, oid, integer)": {
            "arguments": "internal, oid, integer",
            "language": "internal",
            "returns": "public.words",
            "strict": true,
            "symbol": "array_recv",
            "volatility": "stable"
          },
          "function public.words_send(public.words)": {
            "arguments": "public.words",
            "language": "internal",
            "returns": "bytea",
            "strict": true,
            "symbol": "array_send",
            "volatility": "stable"
          }
        }
        "#,
    );
}
