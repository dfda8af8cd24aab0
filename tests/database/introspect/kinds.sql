-- Something of every kind that is no relation. A line that begins with `--@15 `
-- is there from major version 15 on; `:owner` and `:reader` are roles.

CREATE SCHEMA kinds AUTHORIZATION :owner;
GRANT USAGE ON SCHEMA kinds TO :reader WITH GRANT OPTION;
CREATE EXTENSION hstore SCHEMA kinds;
CREATE EXTENSION citext SCHEMA kinds;
CREATE EXTENSION ltree SCHEMA kinds;
COMMENT ON EXTENSION ltree IS 'Trees';

-- Types.
CREATE TYPE kinds.mood AS ENUM ('sad', 'it''s "ok"', 'happy');
COMMENT ON TYPE kinds.mood IS 'How it goes';
CREATE DOMAIN kinds.word AS varchar(10) COLLATE "C" DEFAULT 'a' || 'b' NOT NULL
    CONSTRAINT short CHECK (length(value) < 5) CHECK (value IN ('a', 'b') AND value NOT IN ('c', 'd'));
ALTER DOMAIN kinds.word ADD CONSTRAINT later CHECK (value <> 'q') NOT VALID;
COMMENT ON CONSTRAINT short ON DOMAIN kinds.word IS 'Not long';
REVOKE USAGE ON DOMAIN kinds.word FROM public;
CREATE TYPE kinds.pair AS (gone integer, b text COLLATE "C", "A" numeric(10, 2)[], c kinds.hstore);
ALTER TYPE kinds.pair DROP ATTRIBUTE gone;
ALTER TYPE kinds.pair OWNER TO :owner;
COMMENT ON COLUMN kinds.pair.b IS 'The second';
CREATE FUNCTION kinds.apart(double precision, double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE TYPE kinds.span AS RANGE (
    subtype = double precision, subtype_diff = kinds.apart, multirange_type_name = kinds.spans
);
COMMENT ON TYPE kinds.span IS 'From here to there';
CREATE TYPE kinds.words AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops);
CREATE TYPE kinds.number;
CREATE FUNCTION kinds.number_in(cstring) RETURNS kinds.number LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
CREATE FUNCTION kinds.number_out(kinds.number) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
CREATE TYPE kinds.number (
    input = kinds.number_in, output = kinds.number_out, internallength = 4, passedbyvalue, alignment = int4,
    category = 'N', preferred, default = '7', delimiter = ';'
);
CREATE TYPE kinds.shell;

-- Routines.
CREATE FUNCTION kinds.f(a integer, INOUT b text DEFAULT 'x', OUT c integer, VARIADIC d kinds.hstore[] DEFAULT '{}')
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL SAFE COST 10
    SET search_path = kinds, public SET "app.level" = '1' AS $$ BEGIN c := a; END $$;
ALTER FUNCTION kinds.f OWNER TO :owner;
COMMENT ON FUNCTION kinds.f IS 'All there is';
CREATE FUNCTION kinds.f(kinds.citext, w varchar DEFAULT 'x', i interval DEFAULT '1 day') RETURNS SETOF integer
    LANGUAGE sql ROWS 7 AS 'SELECT 1';
CREATE TABLE kinds.t (a integer PRIMARY KEY, b text, c varchar);
CREATE FUNCTION kinds.standard(x integer) RETURNS SETOF integer
    BEGIN ATOMIC INSERT INTO kinds.t (a) VALUES (x); SELECT a FROM kinds.t WHERE c IN ('p', 'q'); END;
CREATE FUNCTION kinds.returned(x integer) RETURNS integer RETURN x + 1;
CREATE PROCEDURE kinds.p(INOUT a integer, b text, OUT c text) LANGUAGE sql AS 'SELECT 1, NULL';
REVOKE EXECUTE ON PROCEDURE kinds.p FROM public;
GRANT EXECUTE ON PROCEDURE kinds.p TO :reader;
CREATE AGGREGATE kinds.total(integer) (
    sfunc = int4pl, stype = integer, sspace = 8, initcond = '0', combinefunc = int4pl,
    finalfunc = int4um, finalfunc_modify = shareable,
    msfunc = int4pl, minvfunc = int4mi, mstype = integer, msspace = 9, minitcond = '5',
    mfinalfunc = int4abs, mfinalfunc_modify = read_write, sortop = <, parallel = safe
);
COMMENT ON AGGREGATE kinds.total(integer) IS 'Of all';
CREATE AGGREGATE kinds.median(double precision ORDER BY anyelement) (
    sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra
);
CREATE AGGREGATE kinds.place(VARIADIC "any" ORDER BY VARIADIC "any") (
    sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical
);

-- Operators and casts.
CREATE FUNCTION kinds.equal(kinds.number, kinds.number) RETURNS boolean LANGUAGE internal IMMUTABLE AS 'int4eq';
CREATE FUNCTION kinds.less(kinds.number, kinds.number) RETURNS boolean LANGUAGE internal IMMUTABLE AS 'int4lt';
CREATE FUNCTION kinds.minus(kinds.number) RETURNS kinds.number LANGUAGE internal IMMUTABLE AS 'int4um';
CREATE FUNCTION kinds.compare(kinds.number, kinds.number) RETURNS integer LANGUAGE internal IMMUTABLE AS 'btint4cmp';
CREATE FUNCTION kinds.compare(kinds.number, integer) RETURNS integer LANGUAGE internal IMMUTABLE AS 'btint4cmp';
CREATE OPERATOR kinds.=== (
    function = kinds.equal, leftarg = kinds.number, rightarg = kinds.number, commutator = OPERATOR(kinds.===),
    negator = OPERATOR(kinds.<!>), restrict = eqsel, join = eqjoinsel, hashes, merges
);
CREATE OPERATOR kinds.<<< (function = kinds.less, leftarg = kinds.number, rightarg = kinds.number);
CREATE OPERATOR kinds.!- (function = kinds.minus, rightarg = kinds.number);
COMMENT ON OPERATOR kinds.!- (NONE, kinds.number) IS 'Less than nothing';
CREATE OPERATOR FAMILY kinds.numbers USING btree;
CREATE OPERATOR CLASS kinds.number_ops DEFAULT FOR TYPE kinds.number USING btree FAMILY kinds.numbers AS
    OPERATOR 1 kinds.<<<, FUNCTION 1 kinds.compare(kinds.number, kinds.number), FUNCTION 4 btequalimage(oid);
ALTER OPERATOR FAMILY kinds.numbers USING btree ADD
    OPERATOR 3 kinds.=== (kinds.number, kinds.number),
    FUNCTION 1 (kinds.number, integer) kinds.compare(kinds.number, integer);
COMMENT ON OPERATOR FAMILY kinds.numbers USING btree IS 'Many';
CREATE OPERATOR CLASS kinds.places FOR TYPE point USING gist AS
    OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops,
    FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal),
    FUNCTION 2 gist_box_union(internal, internal), FUNCTION 3 gist_point_compress(internal),
    FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
    FUNCTION 7 gist_box_same(box, box, internal),
    FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal), STORAGE box;
CREATE CAST (kinds.number AS integer) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (kinds.mood AS integer) WITH INOUT;
COMMENT ON CAST (kinds.mood AS integer) IS 'By name';

-- Text.
CREATE COLLATION kinds.plain (lc_collate = 'C', lc_ctype = 'POSIX');
CREATE COLLATION kinds.loose (provider = icu, locale = 'de-u-ks-level2', deterministic = false);
--@16 CREATE COLLATION kinds.ruled (provider = icu, locale = 'de', rules = '&V << w <<< W');
--@17 CREATE COLLATION kinds.builtin (provider = builtin, locale = 'C.UTF-8');
CREATE CONVERSION kinds.ours FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH PARSER kinds.parser (
    start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline
);
CREATE TEXT SEARCH TEMPLATE kinds.template (init = dsimple_init, lexize = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY kinds.ours (template = kinds.template, stopwords = english, accept = false);
CREATE TEXT SEARCH CONFIGURATION kinds.reading (parser = kinds.parser);
ALTER TEXT SEARCH CONFIGURATION kinds.reading ADD MAPPING FOR word, email WITH kinds.ours, english_stem;
COMMENT ON TEXT SEARCH CONFIGURATION kinds.reading IS 'As read';

-- What stands in the database itself.
CREATE FUNCTION kinds.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE ours HANDLER kinds.handler;
REVOKE USAGE ON LANGUAGE ours FROM public;
GRANT USAGE ON LANGUAGE ours TO :reader;
CREATE FUNCTION kinds.from_sql(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'textin';
CREATE TRANSFORM FOR kinds.pair LANGUAGE sql (FROM SQL WITH FUNCTION kinds.from_sql(internal));
CREATE FUNCTION kinds.transformed(kinds.pair) RETURNS integer
    LANGUAGE sql TRANSFORM FOR TYPE kinds.pair AS 'SELECT 1';
CREATE ACCESS METHOD tree TYPE INDEX HANDLER bthandler;
CREATE FUNCTION kinds.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN tag IN ('DROP TABLE', 'CREATE TABLE')
    EXECUTE FUNCTION kinds.watch();
ALTER EVENT TRIGGER watch ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER watch IS 'Sees';
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate', publish_via_partition_root);
CREATE PUBLICATION one FOR TABLE kinds.t;
--@15 CREATE PUBLICATION part FOR TABLE kinds.t (c, a) WHERE (a IN (1, 2));
--@15 CREATE PUBLICATION space FOR TABLES IN SCHEMA kinds, public;
--@18 CREATE PUBLICATION generated FOR TABLE kinds.t WITH (publish_generated_columns = stored);
-- pg_dump 18 writes options that 14 and 15 do not know.
--@16 CREATE SUBSCRIPTION one CONNECTION 'host=nowhere' PUBLICATION b, "A"
--@16     WITH (connect = false, slot_name = slot, binary, streaming, origin = none);
CREATE SERVER there TYPE 'kind' VERSION '1.2' FOREIGN DATA WRAPPER wrapper OPTIONS (port '5433', host 'example.org');
GRANT USAGE ON FOREIGN SERVER there TO :reader;
CREATE USER MAPPING FOR :reader SERVER there OPTIONS ("user" 'u');
CREATE USER MAPPING FOR public SERVER there;
ALTER DEFAULT PRIVILEGES FOR ROLE :owner IN SCHEMA kinds GRANT SELECT, INSERT ON TABLES TO :reader;
ALTER DEFAULT PRIVILEGES FOR ROLE :owner REVOKE EXECUTE ON FUNCTIONS FROM public;
ALTER DEFAULT PRIVILEGES FOR ROLE :owner GRANT USAGE ON SCHEMAS TO :reader WITH GRANT OPTION;
