-- step: create a function
-- changes: function b.f(a.mood, integer[])
CREATE FUNCTION b.f(x a.mood, VARIADIC y integer[]) RETURNS TABLE (z a.positive) LANGUAGE sql STRICT AS 'SELECT 1';
-- undo
DROP FUNCTION b.f;

-- step: replace the body of a function
-- changes: function a.inc(integer, integer)
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT by + n';
-- undo
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';

-- step: replace the body of a function of triggers
-- changes: function a.touch()
CREATE OR REPLACE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
-- undo
CREATE OR REPLACE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

-- step: replace a default of an argument
-- changes: function a.inc(integer, integer)
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 2) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';
-- undo
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';

-- step: an overloaded function
-- changes: function a.label(text)
CREATE FUNCTION a.label(m text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT m';
-- undo
DROP FUNCTION a.label(text);

-- step: rename a function
-- changes: function a.caption(a.mood)
-- changes: function a.label(a.mood)
-- changes: table a.person
-- changes: view a.people
ALTER FUNCTION a.label(a.mood) RENAME TO caption;
-- undo
ALTER FUNCTION a.caption(a.mood) RENAME TO label;

-- step: rename a function of triggers
-- changes: function a.touch()
-- changes: function a.touching()
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
-- changes: table a.person
-- changes: table a.visit
-- changes: table a.visit_2025
ALTER FUNCTION a.touch() RENAME TO touching;
-- undo
ALTER FUNCTION a.touching() RENAME TO touch;

-- step: move a function to another namespace
-- changes: function a.inc(integer, integer)
-- changes: function b.inc(integer, integer)
-- changes: table a.person
ALTER FUNCTION a.inc(integer, integer) SET SCHEMA b;
-- undo
ALTER FUNCTION b.inc(integer, integer) SET SCHEMA a;

-- step: attributes of a function
-- changes: function a.to_text(a.address)
ALTER FUNCTION a.to_text(a.address) STABLE STRICT COST 5 SECURITY DEFINER SET search_path = pg_catalog;
-- undo
ALTER FUNCTION a.to_text(a.address) IMMUTABLE CALLED ON NULL INPUT COST 100 SECURITY INVOKER RESET search_path;

-- step: the owner of a function
-- changes: function a.newest()
ALTER FUNCTION a.newest() OWNER TO {role};
-- undo
ALTER FUNCTION a.newest() OWNER TO CURRENT_USER;

-- step: comment on a function
-- changes: function a.newest()
COMMENT ON FUNCTION a.newest() IS 'all';
-- undo
COMMENT ON FUNCTION a.newest() IS NULL;

-- step: revoke on a function
-- changes: function a.newest()
REVOKE EXECUTE ON FUNCTION a.newest() FROM PUBLIC;
-- undo
GRANT EXECUTE ON FUNCTION a.newest() TO PUBLIC;

-- step: replace the body of a parsed function
-- changes: function a.orders_of(bigint)
CREATE OR REPLACE FUNCTION a.orders_of(who bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 0::bigint; END;
-- undo
CREATE OR REPLACE FUNCTION a.orders_of(who bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM a.orders WHERE person = who;
END;

-- step: create a procedure
-- changes: procedure b.p(integer)
CREATE PROCEDURE b.p(INOUT x integer) LANGUAGE plpgsql AS 'BEGIN END';
-- undo
DROP PROCEDURE b.p;

-- step: rename a procedure
-- changes: procedure a.toil(integer)
-- changes: procedure a.work(integer)
ALTER PROCEDURE a.work(integer) RENAME TO toil;
-- undo
ALTER PROCEDURE a.toil(integer) RENAME TO work;

-- step: create an aggregate
-- changes: aggregate b.product(integer)
CREATE AGGREGATE b.product(integer) (SFUNC = a.fold, STYPE = integer, INITCOND = '1');
-- undo
DROP AGGREGATE b.product(integer);

-- step: rename an aggregate
-- changes: aggregate a.sum(integer)
-- changes: aggregate a.total(integer)
ALTER AGGREGATE a.total(integer) RENAME TO sum;
-- undo
ALTER AGGREGATE a.sum(integer) RENAME TO total;

-- step: rename the function of an aggregate
-- changes: aggregate a.total(integer)
-- changes: function a.fold(integer, integer)
-- changes: function a.plus(integer, integer)
ALTER FUNCTION a.fold(integer, integer) RENAME TO plus;
-- undo
ALTER FUNCTION a.plus(integer, integer) RENAME TO fold;

-- step: comment on an aggregate
-- changes: aggregate a.total(integer)
COMMENT ON AGGREGATE a.total(integer) IS 'sum';
-- undo
COMMENT ON AGGREGATE a.total(integer) IS NULL;

-- step: create an operator
-- changes: operator b.<~>(integer, integer)
CREATE OPERATOR b.<~> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = a.compare);
-- undo
DROP OPERATOR b.<~> (integer, integer);

-- step: the estimators of an operator
-- changes: operator a.===(a.address, a.address)
ALTER OPERATOR a.=== (a.address, a.address) SET (RESTRICT = eqsel, JOIN = eqjoinsel);
-- undo
ALTER OPERATOR a.=== (a.address, a.address) SET (RESTRICT = NONE, JOIN = NONE);

-- step: move an operator to another namespace
-- changes: operator a.!==(a.address, a.address)
-- changes: operator a.===(a.address, a.address)
-- changes: operator b.===(a.address, a.address)
ALTER OPERATOR a.=== (a.address, a.address) SET SCHEMA b;
-- undo
ALTER OPERATOR b.=== (a.address, a.address) SET SCHEMA a;

-- step: comment on an operator
-- changes: operator a.===(a.address, a.address)
COMMENT ON OPERATOR a.=== (a.address, a.address) IS 'same';
-- undo
COMMENT ON OPERATOR a.=== (a.address, a.address) IS NULL;

-- step: create an operator class
-- changes: operator class b.btree more_ops
CREATE OPERATOR CLASS b.more_ops FOR TYPE bigint USING btree FAMILY a.numbers AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint8cmp(bigint, bigint);
-- undo
DROP OPERATOR CLASS b.more_ops USING btree;

-- step: rename an operator class
-- changes: operator class a.btree ints_ops
-- changes: operator class a.btree numbers_ops
ALTER OPERATOR CLASS a.numbers_ops USING btree RENAME TO ints_ops;
-- undo
ALTER OPERATOR CLASS a.ints_ops USING btree RENAME TO numbers_ops;

-- step: rename a function of an operator class
-- changes: function a.compare(integer, integer)
-- changes: function a.order_of(integer, integer)
-- changes: operator class a.btree numbers_ops
ALTER FUNCTION a.compare(integer, integer) RENAME TO order_of;
-- undo
ALTER FUNCTION a.order_of(integer, integer) RENAME TO compare;

-- step: add to an operator family
-- changes: operator family a.hash loose
ALTER OPERATOR FAMILY a.loose USING hash ADD OPERATOR 1 = (integer, bigint), FUNCTION 1 (integer) hashint4(integer);
-- undo
ALTER OPERATOR FAMILY a.loose USING hash DROP OPERATOR 1 (integer, bigint), FUNCTION 1 (integer);

-- step: rename an operator family
-- changes: operator class a.btree numbers_ops
-- changes: operator family a.btree figures
-- changes: operator family a.btree numbers
ALTER OPERATOR FAMILY a.numbers USING btree RENAME TO figures;
-- undo
ALTER OPERATOR FAMILY a.figures USING btree RENAME TO numbers;

-- step: comment on an operator family
-- changes: operator family a.hash loose
COMMENT ON OPERATOR FAMILY a.loose USING hash IS 'nothing in it';
-- undo
COMMENT ON OPERATOR FAMILY a.loose USING hash IS NULL;

-- step: rename a language
-- changes: function a.spoken()
-- changes: language lingo
-- changes: language slang
-- changes: transform FOR integer LANGUAGE lingo
-- changes: transform FOR integer LANGUAGE slang
ALTER LANGUAGE lingo RENAME TO slang;
-- undo
ALTER LANGUAGE slang RENAME TO lingo;

-- step: comment on a language
-- changes: language lingo
COMMENT ON LANGUAGE lingo IS 'as plpgsql';
-- undo
COMMENT ON LANGUAGE lingo IS NULL;

-- step: create a transform
-- changes: transform FOR integer LANGUAGE sql
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
-- undo
DROP TRANSFORM FOR integer LANGUAGE sql;

-- step: a function depends on an extension
-- changes: function a.inc(integer, integer)
ALTER FUNCTION a.inc(integer, integer) DEPENDS ON EXTENSION citext;
-- undo
ALTER FUNCTION a.inc(integer, integer) NO DEPENDS ON EXTENSION citext;
