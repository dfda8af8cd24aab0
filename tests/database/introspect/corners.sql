-- What PostgreSQL's own regression tests are full of, and few schemas. A line
-- that begins with `--@15 ` is there from major version 15 on, with `--@<15 `
-- below it; `:owner` and `:reader` are roles.

CREATE SCHEMA corners;
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION btree_gin SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
SET search_path = corners, ext, public;

-- Types on types.
CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
CREATE DOMAIN smaller AS small DEFAULT 7 CHECK (VALUE < 100 AND VALUE IN (1, 2, 7));
CREATE DOMAIN row_of AS smaller[] CHECK (array_length(VALUE, 1) < 5) CHECK (VALUE[1] > 0);
CREATE DOMAIN grid AS row_of[] NOT NULL;
CREATE DOMAIN mail AS citext COLLATE "C" CHECK (VALUE ~ '@');
CREATE TYPE pair AS (x smaller, y row_of);
CREATE TYPE nest AS (one pair, many pair[], tags hstore, path ltree);
CREATE DOMAIN positive_pair AS pair CHECK ((VALUE).x > 0 OR (VALUE).y IS NULL);
CREATE TYPE level AS ENUM ('low', 'high');
ALTER TYPE level ADD VALUE 'mid' BEFORE 'high';
ALTER TYPE level RENAME VALUE 'low' TO 'it''s, "low"';
CREATE TYPE empty AS ENUM ();
CREATE TYPE nothing AS ();
CREATE TYPE mails AS RANGE (subtype = text, collation = "POSIX", multirange_type_name = "mails of ranges");
CREATE TYPE levels AS RANGE (subtype = level);
CREATE DOMAIN office AS int4range CHECK (NOT isempty(VALUE));
CREATE DOMAIN offices AS int4multirange;

-- Names.
CREATE TABLE "
" ("a
b" integer, "tab	stop" text, "\back" text, "'" text, """" text, " " text, "$1" text, "%s" text, "--" text, "/*" text);
CREATE TABLE "äöüßéèêñçøåæœłžšćđð" ("длинное имя столбца из мног" integer PRIMARY KEY, "名前名前名前名前名前名前名前名前名前名前名" text);
CREATE INDEX "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀" ON "äöüßéèêñçøåæœłžšćđð" ("名前名前名前名前名前名前名前名前名前名前名");
CREATE TABLE "CamelCase" ("Id" integer PRIMARY KEY, "id" integer REFERENCES "CamelCase", "ID" integer);
CREATE TABLE "camelcase" ("user" integer, "select" integer CHECK ("select" > "user"), "table" integer);
CREATE VIEW "SELECT" AS SELECT "Id" AS "from", "id" AS "?column?" FROM "CamelCase" AS "as";
CREATE FUNCTION "odd name, (integer)"("a ""b" "CamelCase", "IN" text DEFAULT $$it's, "x"$$) RETURNS "camelcase" LANGUAGE sql
    AS 'SELECT 1, 2, 3';
CREATE TYPE "comma, type" AS ("a, b" integer);
CREATE FUNCTION takes("comma, type", "comma, type"[]) RETURNS "CamelCase" LANGUAGE sql AS 'SELECT NULL::corners."CamelCase"';

-- Shapes.
CREATE TABLE zero ();
CREATE TABLE emptied (a integer, b text);
ALTER TABLE emptied DROP a, DROP b;
CREATE VIEW no_columns AS SELECT FROM zero;
DO $$ BEGIN EXECUTE (
    SELECT 'CREATE TABLE corners.wide (' || string_agg('c' || i || ' integer', ', ') || ')' FROM generate_series(1, 1600) AS i
); END $$;
CREATE TABLE holes (a integer, b integer, c integer DEFAULT 5, d integer, CHECK (a < c), UNIQUE (c, a));
ALTER TABLE holes DROP b, ADD e integer GENERATED ALWAYS AS (a * c) STORED, DROP d, ADD f pair DEFAULT ROW (1, '{1,2}');
CREATE INDEX ON holes (c) INCLUDE (f, a);
CREATE TABLE typed OF pair (x WITH OPTIONS DEFAULT 2 CHECK (x > 1), PRIMARY KEY (x));
CREATE TABLE uses (
    whole holes, wholes holes[], n nest, p positive_pair, g grid, m mail[], o office, os offices,
    r mails, rs "mails of ranges", num nummultirange DEFAULT '{[1,2),[3,4)}', days datemultirange,
    spans tstzmultirange[], bits bit(3)[] DEFAULT '{101}', vb varbit(7), ts timestamp(3), tz timetz(0), i interval day to second(2),
    c "char", b bpchar, nm name, n20 numeric(20, 5)[][], j jsonb DEFAULT '{"a": [1, null]}', x xml, pt point DEFAULT '(1,2)',
    reg regclass DEFAULT 'corners.holes'::regclass, l level DEFAULT 'it''s, "low"', e empty, le levels, h hstore DEFAULT 'a=>1', lt ltree,
    CHECK ((whole).a > 0), CHECK ((n).one.x > 0 AND (n).many[1].y[1] IS NOT NULL), CHECK (h -> 'a' = '1' OR lt <@ 'a.b'),
    CHECK (rs && '{[a,b)}'::"mails of ranges"), CHECK (m[1] = 'A@b')
);
CREATE INDEX uses_whole ON uses ((whole)) WHERE (whole).c = 3;
CREATE INDEX uses_mail ON uses (upper((m[1])::text) DESC, (j ->> 'a') COLLATE "C" text_pattern_ops NULLS FIRST);
CREATE INDEX uses_json ON uses USING gin (j jsonb_path_ops) WITH (fastupdate = off, gin_pending_list_limit = 100);
CREATE INDEX uses_tree ON uses USING gist (lt gist_ltree_ops (siglen = 100), h gist_hstore_ops (siglen = 32)) WITH (buffering = off);
CREATE INDEX uses_words ON uses USING gist ((m[1]::text) gist_trgm_ops (siglen = 24), num);
CREATE INDEX uses_block ON uses USING brin (ts timestamp_minmax_multi_ops (values_per_range = 16), tz) WITH (pages_per_range = 4, autosummarize);
CREATE INDEX uses_point ON uses USING spgist (pt kd_point_ops);
CREATE INDEX uses_hash ON uses USING hash (nm) WITH (fillfactor = 40);
CREATE INDEX uses_both ON uses USING gin (c, (to_tsvector('english', b)));
CREATE STATISTICS several (dependencies, ndistinct) ON ts, tz, (ts::date), (j -> 'a') FROM uses;
CREATE STATISTICS single ON (lower(b)) FROM uses;

-- Inheritance.
CREATE TABLE top (a integer NOT NULL, b text DEFAULT 'top' CONSTRAINT named CHECK (b <> ''), CONSTRAINT mine CHECK (a > 0) NO INHERIT);
CREATE TABLE left_side (c integer CHECK (c > 1)) INHERITS (top);
CREATE TABLE right_side (c integer CHECK (c > 1), d integer DEFAULT 4) INHERITS (top);
CREATE TABLE bottom (a integer CHECK (a < 9), e integer, b text DEFAULT 'bottom' CONSTRAINT named CHECK (b <> '')) INHERITS (left_side, right_side);
CREATE TABLE lone (a integer NOT NULL, b text CONSTRAINT named CHECK (b <> ''), c integer, gone text);
ALTER TABLE lone DROP gone, INHERIT top;
ALTER TABLE ONLY bottom ALTER a SET STATISTICS 9, ALTER b SET STORAGE main;
CREATE TABLE left_over () INHERITS (top);
ALTER TABLE left_over NO INHERIT top;
CREATE VIEW only_top AS SELECT a, tableoid::regclass AS relation FROM ONLY top UNION ALL SELECT b.a, NULL FROM bottom AS b;

-- Constraints.
CREATE TABLE tree (
    id integer PRIMARY KEY, up integer CONSTRAINT to_itself REFERENCES tree ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    ring integer UNIQUE DEFERRABLE, a integer, b integer, UNIQUE (a, b) INCLUDE (ring) WITH (fillfactor = 30),
    FOREIGN KEY (a, b) REFERENCES tree (a, b) MATCH FULL ON UPDATE SET DEFAULT,
--@15 CONSTRAINT partly FOREIGN KEY (up, ring) REFERENCES tree (a, b) ON DELETE SET NULL (ring),
    CONSTRAINT "odd name" CHECK (a IS DISTINCT FROM b), CHECK (up > 0), CHECK (up < 9)
);
CREATE TABLE hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE egg (id integer PRIMARY KEY, hen integer NOT NULL REFERENCES hen DEFERRABLE);
ALTER TABLE hen ADD CONSTRAINT comes_first FOREIGN KEY (egg) REFERENCES egg NOT VALID;
CREATE UNIQUE INDEX egg_hen ON egg (hen, id);
CREATE TABLE chick (hen integer, egg integer, FOREIGN KEY (hen, egg) REFERENCES egg (hen, id) ON DELETE RESTRICT);
ALTER TABLE egg REPLICA IDENTITY USING INDEX egg_hen, CLUSTER ON egg_hen;
CREATE TABLE booking (
    room integer, whole boolean, during tstzrange, at point,
    CONSTRAINT apart EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (whole) DEFERRABLE INITIALLY DEFERRED,
    EXCLUDE USING gist ((room + 1) WITH =, (whole::integer) WITH <>, during range_ops WITH -|-),
    EXCLUDE USING hash (room WITH =) WITH (fillfactor = 50),
    EXCLUDE (room WITH =) INCLUDE (whole) WHERE (room IN (1, 2) AND whole IS NOT TRUE),
    CONSTRAINT circles EXCLUDE USING gist (circle(at, 5) WITH &&)
);
CREATE TABLE identities (
    a integer GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME corners."its sequence" START WITH 5 INCREMENT BY -2 MAXVALUE 9 MINVALUE -9 CYCLE CACHE 4),
    b smallint GENERATED BY DEFAULT AS IDENTITY, c smallserial, d bigserial,
    e text GENERATED ALWAYS AS (CASE WHEN c IN (1, 2) THEN 'x'::varchar || c::text ELSE coalesce(NULL, 'y') END) STORED
);
ALTER SEQUENCE identities_d_seq RENAME TO renamed;
ALTER TABLE identities ALTER d DROP DEFAULT, ALTER b TYPE bigint;
CREATE SEQUENCE free AS integer OWNED BY NONE;
CREATE TABLE borrows (a integer DEFAULT nextval('free'), b integer DEFAULT currval('renamed'::text::regclass));
ALTER SEQUENCE free OWNED BY borrows.a;
--@15 CREATE TABLE nulls (a integer, b integer, CONSTRAINT nulls_once UNIQUE NULLS NOT DISTINCT (a, b));
--@18 CREATE TABLE periods (
--@18     id integer, valid_at daterange, CONSTRAINT periods_key PRIMARY KEY (id, valid_at WITHOUT OVERLAPS),
--@18     other integer, UNIQUE (other, valid_at WITHOUT OVERLAPS),
--@18     FOREIGN KEY (other, PERIOD valid_at) REFERENCES periods (id, PERIOD valid_at)
--@18 );
--@18 CREATE TABLE computed (a integer, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL, c integer GENERATED ALWAYS AS (a * 2));
--@18 ALTER TABLE chick ADD CONSTRAINT unenforced FOREIGN KEY (hen) REFERENCES hen NOT ENFORCED;
--@18 ALTER TABLE chick ADD CONSTRAINT given NOT NULL hen NO INHERIT, ADD CONSTRAINT later NOT NULL egg NOT VALID;

-- Partitions.
CREATE TABLE world (region text, at date, n integer, note text DEFAULT 'x', CONSTRAINT world_key PRIMARY KEY (region, at, n))
    PARTITION BY LIST (region);
CREATE TABLE world_eu PARTITION OF world (note DEFAULT 'eu' NOT NULL, CONSTRAINT short CHECK (length(note) < 9))
    FOR VALUES IN ('de', 'it''s', NULL) PARTITION BY RANGE (at, n);
CREATE TABLE world_eu_1 PARTITION OF world_eu FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-01-01', MAXVALUE) PARTITION BY HASH (n);
CREATE TABLE world_eu_1_0 PARTITION OF world_eu_1 FOR VALUES WITH (MODULUS 3, REMAINDER 0) WITH (fillfactor = 60);
CREATE TABLE world_eu_1_1 (n integer NOT NULL, gone text, note text NOT NULL, at date NOT NULL, region text NOT NULL,
    CONSTRAINT short CHECK (length(note) < 9));
ALTER TABLE world_eu_1_1 DROP gone;
ALTER TABLE world_eu_1 ATTACH PARTITION world_eu_1_1 FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE world_eu_rest PARTITION OF world_eu DEFAULT;
CREATE TABLE world_rest PARTITION OF world DEFAULT PARTITION BY LIST (n);
CREATE TABLE world_rest_rest PARTITION OF world_rest DEFAULT;
CREATE TABLE by_expression (t text, at timestamp) PARTITION BY RANGE (lower(t) COLLATE "C" text_pattern_ops, date_trunc('day', at));
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM ('a', '2020-01-02 03:04:05') TO ('it''s', MAXVALUE);
CREATE INDEX world_note ON world (note, lower(region)) WHERE n > 3;
CREATE INDEX world_at ON ONLY world (at);
CREATE INDEX world_at_eu ON ONLY world_eu (at);
ALTER INDEX world_at ATTACH PARTITION world_at_eu;
COMMENT ON INDEX world_note IS 'On all of them';
CREATE TABLE refers (region text, at date, n integer, FOREIGN KEY (region, at, n) REFERENCES world ON DELETE CASCADE);
CREATE TABLE watched (id integer PRIMARY KEY, hen integer REFERENCES hen) PARTITION BY RANGE (id);
CREATE TABLE watched_1 PARTITION OF watched FOR VALUES FROM (1) TO (2);
CREATE FOREIGN DATA WRAPPER far_wrapper;
CREATE SERVER far FOREIGN DATA WRAPPER far_wrapper;
CREATE TABLE scattered (id integer, t text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE scattered_far PARTITION OF scattered FOR VALUES FROM (1) TO (9) SERVER far OPTIONS (table_name 'x');
CREATE FOREIGN TABLE far_child (extra integer) INHERITS (top) SERVER far;

-- Routines.
CREATE FUNCTION next_one(a integer = 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION defaults(a integer DEFAULT corners.next_one(2), b date DEFAULT '2020-01-02', INOUT c text[] DEFAULT '{a}',
    OUT d record, VARIADIC e numeric(3, 1)[] DEFAULT ARRAY[1.5]) LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION as_table(n integer DEFAULT NULL) RETURNS TABLE (a integer, "B" text, c corners.holes) LANGUAGE sql ROWS 5
    AS $$ SELECT 1, '$', NULL::corners.holes $$;
CREATE FUNCTION row_in(tree, OUT tree) LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION rows_out() RETURNS SETOF world LANGUAGE sql BEGIN ATOMIC SELECT * FROM world; END;
CREATE FUNCTION any_one(anyelement, anyarray, VARIADIC anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION any_range(anyrange, anymultirange) RETURNS anymultirange LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION compatible(anycompatible, anycompatiblearray, anycompatiblerange) RETURNS anycompatiblenonarray LANGUAGE plpgsql
    AS 'BEGIN RETURN 1; END';
CREATE FUNCTION "any"(VARIADIC "any") RETURNS integer LANGUAGE internal IMMUTABLE AS 'pg_num_nulls';
CREATE FUNCTION deep(level) RETURNS SETOF record LANGUAGE sql WINDOW AS 'SELECT 1, 2';
CREATE PROCEDURE changes(a integer, INOUT b integer DEFAULT 3) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO hen VALUES (a) ON CONFLICT (id) DO UPDATE SET egg = excluded.egg WHERE hen.id IN (1, 2);
    WITH gone AS MATERIALIZED (DELETE FROM egg WHERE hen = ANY (ARRAY[1, 2]) RETURNING id, hen)
        INSERT INTO chick SELECT hen, id FROM gone;
    UPDATE tree AS t SET (a, b) = (SELECT 1, 2), ring = DEFAULT FROM hen WHERE hen.id = t.id;
--@15 MERGE INTO hen AS h USING egg AS e ON h.id = e.hen WHEN MATCHED AND e.id > 3 THEN DELETE
--@15     WHEN MATCHED THEN UPDATE SET egg = e.id WHEN NOT MATCHED THEN INSERT (id) VALUES (e.id);
--@17 MERGE INTO hen AS h USING egg AS e ON h.id = e.hen WHEN NOT MATCHED BY SOURCE THEN DELETE
--@17     WHEN NOT MATCHED BY TARGET THEN DO NOTHING RETURNING merge_action(), h.*;
    VALUES (b);
END;
CREATE FUNCTION nothing_at_all() RETURNS void LANGUAGE sql BEGIN ATOMIC END;
CREATE FUNCTION condition(x row_of) RETURNS boolean IMMUTABLE RETURN x[1] BETWEEN 1 AND 5 OR x[2] = ANY ('{{1},{2}}'::integer[]);
CREATE FUNCTION trigger_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION with_settings() RETURNS void LANGUAGE sql SET DateStyle = 'SQL, DMY' SET search_path TO '' SET TimeZone TO 'Asia/Tokyo'
    SET work_mem FROM CURRENT SET "my.own" TO 'a, "b"' AS '';
CREATE FUNCTION supported(integer) RETURNS boolean LANGUAGE internal IMMUTABLE SUPPORT generate_series_int4_support AS 'int4up';
CREATE FUNCTION gather(anyarray, anyelement, integer) RETURNS anyarray LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
CREATE AGGREGATE gathered (anyelement, integer) (sfunc = gather, stype = anyarray, initcond = '{}');
CREATE AGGREGATE counted (*) (sfunc = int8inc, stype = bigint, initcond = '0', parallel = restricted);
CREATE AGGREGATE serial_sum (numeric) (sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg, combinefunc = numeric_avg_combine,
    serialfunc = numeric_avg_serialize, deserialfunc = numeric_avg_deserialize, finalfunc_modify = read_only);

-- Operators.
CREATE FUNCTION cross_equal(small, bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::bigint = $2';
CREATE OPERATOR ==== (function = int48eq, leftarg = integer, rightarg = bigint, commutator = ====, restrict = eqsel, join = eqjoinsel, hashes, merges);
CREATE OPERATOR ==== (function = int84eq, leftarg = bigint, rightarg = integer, commutator = ====);
CREATE OPERATOR |||> (function = next_one, rightarg = integer);
CREATE OPERATOR ~<> (function = any_range, leftarg = anyrange, rightarg = anymultirange);
CREATE OPERATOR FAMILY whole USING btree;
CREATE OPERATOR CLASS whole4 FOR TYPE integer USING btree FAMILY whole AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer),
    FUNCTION 2 btint4sortsupport(internal), FUNCTION 3 in_range(integer, integer, integer, boolean, boolean);
CREATE OPERATOR CLASS whole8 FOR TYPE bigint USING btree FAMILY whole AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint8cmp(bigint, bigint);
ALTER OPERATOR FAMILY whole USING btree ADD
    OPERATOR 1 < (integer, bigint), OPERATOR 3 ==== (integer, bigint), FUNCTION 1 (integer, bigint) btint48cmp(integer, bigint),
    FUNCTION 3 (integer, bigint) in_range(integer, integer, bigint, boolean, boolean), FUNCTION 1 (bigint, integer) btint84cmp(bigint, integer);
ALTER OPERATOR FAMILY whole USING btree DROP FUNCTION 1 (bigint, integer);
CREATE INDEX tree_whole ON tree (a whole4, b);
CREATE CAST (pair AS level) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION to_pair(bigint, integer, boolean) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT NULL::corners.pair';
CREATE CAST (bigint AS pair) WITH FUNCTION to_pair(bigint, integer, boolean) AS IMPLICIT;

-- Views.
CREATE VIEW base_view AS SELECT id, up, a + b AS sum, 'x' AS unknown, NULL AS nothing FROM tree WHERE ring IN (1, 2, 3);
CREATE VIEW above (id, "a b") WITH (check_option = cascaded, security_barrier) AS SELECT id, a FROM tree WHERE a > 0;
CREATE VIEW on_top AS SELECT above.*, v.sum FROM above JOIN base_view AS v USING (id);
CREATE RULE on_top_insert AS ON INSERT TO on_top DO INSTEAD (
    INSERT INTO tree (id) VALUES (new.id) RETURNING id, a, b; NOTIFY changed, 'it''s'; UPDATE hen SET egg = new.sum WHERE id = new.id
);
CREATE RULE on_top_update AS ON UPDATE TO on_top WHERE old.sum <> new.sum DO INSTEAD NOTHING;
CREATE RULE on_top_otherwise AS ON UPDATE TO on_top DO ALSO DELETE FROM hen USING egg WHERE egg.hen = old.id AND hen.id = egg.id;
ALTER RULE on_top_update ON on_top RENAME TO "On Update";
CREATE RULE quiet AS ON DELETE TO zero DO INSTEAD NOTHING;
ALTER TABLE zero DISABLE RULE quiet;
CREATE VIEW upwards AS WITH RECURSIVE chain (id, up, depth) AS (
    SELECT id, up, 1 FROM tree WHERE up IS NULL UNION ALL SELECT t.id, t.up, c.depth + 1 FROM tree AS t JOIN chain AS c ON t.up = c.id
) SEARCH BREADTH FIRST BY id, up SET place CYCLE id SET is_cycle USING path SELECT id, up, depth, is_cycle FROM chain ORDER BY place;
CREATE RECURSIVE VIEW counting (n, t) AS VALUES (1, 'a'::text) UNION SELECT n + 1, t || 'b' FROM counting WHERE n < 5;
CREATE VIEW joins AS SELECT x.id, j.*, z.n, l.ord, row_number() OVER w AS number, sum(x.a) FILTER (WHERE x.b > 1) OVER (w ROWS 2 PRECEDING EXCLUDE TIES)
    FROM tree AS x FULL JOIN (tree AS y (id, w) NATURAL LEFT JOIN hen) AS j (k) ON j.k = x.id CROSS JOIN LATERAL generate_series(1, x.a) AS z (n)
    LEFT JOIN unnest(ARRAY[x.a, x.b], ARRAY['p', 'q']) WITH ORDINALITY AS l (v, t, ord) ON true
    WINDOW w AS (PARTITION BY x.a ORDER BY x.b DESC NULLS LAST);
CREATE VIEW alias_of_join AS SELECT j.id, tree.a FROM tree JOIN hen USING (id) AS j WHERE (tree.a, j.id) < (1, 2) ORDER BY 1 USING > LIMIT 5 OFFSET 2;
CREATE VIEW ties AS SELECT a, b FROM tree TABLESAMPLE bernoulli (10) REPEATABLE (3) ORDER BY a, b FETCH FIRST 3 ROWS WITH TIES;
CREATE VIEW distinct_on AS SELECT DISTINCT ON (a, lower('x')) a, b FROM tree ORDER BY a;
CREATE VIEW locked AS SELECT t.a FROM tree AS t, hen FOR NO KEY UPDATE OF t SKIP LOCKED;
CREATE VIEW grouped AS SELECT a, b, grouping(a, b), string_agg(DISTINCT a::text, ',' ORDER BY a::text), percentile_cont(0.5) WITHIN GROUP (ORDER BY id),
    rank(1, 2) WITHIN GROUP (ORDER BY a, b DESC) FROM tree GROUP BY DISTINCT ROLLUP (a, b), CUBE (a), GROUPING SETS ((), (b)) HAVING count(*) > 1;
CREATE VIEW expressions AS SELECT (n).one.x, (n).many[1:2], g[1], h -> 'a' AS h, lt || 'x' AS lt, extract(year FROM ts) AS year, ts AT TIME ZONE 'UTC' AS zoned,
    substring(b FROM 2 FOR 3) AS part, overlay(b PLACING 'x' FROM 1) AS laid, position('a' IN b) AS place, trim(BOTH 'x' FROM b) AS trimmed,
    b SIMILAR TO 'a%' AS similar, b LIKE 'a\%' ESCAPE '\' AS like, collation for (b) AS coll, xmlelement(name foo, xmlattributes(b AS "B"), 'x') AS made,
    x IS DOCUMENT AS doc, CASE l WHEN 'high' THEN 1 END AS c, ROW (1, b) = ROW (2, 'x') AS r, ARRAY[[1, 2], [3, 4]] AS arr, ARRAY(SELECT a FROM tree) AS sub, NOT EXISTS (SELECT FROM zero) AS ex,
    b = ALL (SELECT 'x') AS every, (1, b) IN (SELECT 1, 'x') AS within, uses IS NULL AS null_row, uses.*::text AS whole_row, current_date AS today, current_user AS me, localtimestamp(2) AS now,
    greatest(1, 2), nullif(b, ''), -1 AS neg, (-1)::smallint AS small, '-5'::integer AS five, 1e10 AS big, 'x'::"char" AS ch, interval '1' day AS i, $$a\b'c$$ AS q, U&'\0041' AS u, B'101' AS bits, 2 OPERATOR(pg_catalog.+) 3 AS five2,
    next_one(a => 3) AS named, any_one(1, ARRAY[1], VARIADIC ARRAY[2]) AS variadic FROM uses;
CREATE VIEW tables_of_functions AS SELECT * FROM ROWS FROM (next_one(1), as_table(), json_to_record('{}') AS (p integer, q text)) WITH ORDINALITY AS f (one);
CREATE VIEW xml_of AS SELECT t.* FROM uses, XMLTABLE('/a/b' PASSING x COLUMNS id integer PATH '@id' DEFAULT 7 NOT NULL, o FOR ORDINALITY) AS t;
--@16 CREATE VIEW json_of AS SELECT b IS JSON OBJECT WITH UNIQUE KEYS AS is_json, json_object('a': 1, 'b': max(b) ABSENT ON NULL WITH UNIQUE KEYS),
--@16     json_arrayagg(b ORDER BY b NULL ON NULL RETURNING jsonb) AS all FROM uses GROUP BY b;
--@17 CREATE VIEW json_table_of AS SELECT t.*, json_value(j, '$.a' RETURNING integer DEFAULT 3 ON EMPTY ERROR ON ERROR) AS v,
--@17     json_query(j, '$.b' WITH CONDITIONAL WRAPPER) AS q, json_exists(j, '$.c' PASSING 1 AS one) AS e
--@17     FROM uses, JSON_TABLE(j, '$[*]' AS root COLUMNS (o FOR ORDINALITY, a integer PATH '$.a', NESTED '$.b[*]' COLUMNS (c text EXISTS))) AS t;
CREATE VIEW unnamed AS SELECT a FROM tree WHERE EXISTS (SELECT 'x', -1, -1.5, -5000000000, NULL, 1, true, DATE '2020-01-02', B'1', 'x' || 'y', -a, ROW (1, 2))
    AND a > ALL (SELECT -1 UNION ALL SELECT DISTINCT -2 ORDER BY 1) AND b = (WITH w AS (SELECT -1) SELECT * FROM w) OR (SELECT 'x') = 'y'
    UNION SELECT -1 UNION ALL (SELECT -3 LIMIT 1);
CREATE POLICY unnamed ON hen USING (EXISTS (SELECT 'x', -1 FROM egg) AND id IN (VALUES (1), (2)) AND id > ANY (VALUES (-1), (2) ORDER BY 1));
CREATE VIEW over_whole AS SELECT h, (h).egg, count(h) AS n FROM hen AS h GROUP BY h, h.egg;
CREATE VIEW grouped_by_key AS SELECT id, a, b FROM tree GROUP BY id;
CREATE VIEW over_function AS SELECT f.a, f.c FROM as_table(3) AS f WHERE f."B" <> '';
CREATE VIEW set_operations AS (SELECT a FROM tree EXCEPT ALL SELECT b FROM tree) INTERSECT (VALUES (1), (2) ORDER BY 1 LIMIT 1) UNION SELECT 3 ORDER BY 1 DESC;
ALTER VIEW base_view RENAME COLUMN sum TO "Sum";
ALTER TABLE hen RENAME COLUMN egg TO "Egg";
CREATE MATERIALIZED VIEW stored AS SELECT id, "Sum" FROM base_view WITH NO DATA;
CREATE MATERIALIZED VIEW stored_again WITH (autovacuum_enabled = off) AS SELECT DISTINCT "Sum" FROM stored WITH NO DATA;
CREATE UNIQUE INDEX ON stored_again ("Sum") WHERE "Sum" > 0;
ALTER MATERIALIZED VIEW stored ALTER "Sum" SET STATISTICS 50;

-- Triggers and policies.
CREATE TRIGGER columns_changed AFTER UPDATE OF "Egg" ON hen FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION trigger_it('a', '$1', 'it''s');
CREATE TRIGGER "Both Tables" AFTER UPDATE ON hen REFERENCING OLD TABLE AS "Old" NEW TABLE AS new_ones FOR EACH STATEMENT EXECUTE FUNCTION trigger_it();
CREATE TRIGGER emptied BEFORE TRUNCATE ON hen EXECUTE FUNCTION trigger_it();
CREATE CONSTRAINT TRIGGER on_both AFTER INSERT OR DELETE ON egg FROM hen DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (pg_trigger_depth() < 3) EXECUTE FUNCTION trigger_it();
CREATE TRIGGER of_tree AFTER INSERT OR UPDATE ON world FOR EACH ROW EXECUTE FUNCTION trigger_it();
ALTER TABLE world_eu_1_1 DISABLE TRIGGER of_tree;
CREATE TRIGGER on_view INSTEAD OF UPDATE OR DELETE ON base_view FOR EACH ROW EXECUTE FUNCTION trigger_it();
ALTER TABLE tree ENABLE ROW LEVEL SECURITY;
CREATE POLICY nested ON tree FOR ALL TO PUBLIC USING (id IN (SELECT h.id FROM hen AS h WHERE h."Egg" = tree.a AND h.id = ANY (ARRAY[1, 2])))
    WITH CHECK (EXISTS (SELECT FROM above WHERE above."a b" = tree.a));
CREATE POLICY for_insert ON tree FOR INSERT TO CURRENT_USER, :reader WITH CHECK (a IN (1, 2));

-- Privileges by others than the owner.
GRANT USAGE, CREATE ON SCHEMA corners TO :owner WITH GRANT OPTION;
GRANT SELECT, REFERENCES (id) ON tree TO :owner WITH GRANT OPTION;
SET ROLE :owner;
GRANT USAGE ON SCHEMA corners TO :reader;
GRANT SELECT ON tree TO :reader;
RESET ROLE;
REVOKE ALL ON hen FROM postgres;
REVOKE ALL ON FUNCTION next_one FROM PUBLIC;
GRANT EXECUTE ON FUNCTION next_one TO :reader WITH GRANT OPTION;
