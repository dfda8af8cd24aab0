-- step: create a function
CREATE FUNCTION b.f(x a.mood, VARIADIC y integer[]) RETURNS TABLE (z a.positive) LANGUAGE sql STRICT AS 'SELECT 1';
-- undo
DROP FUNCTION b.f;

-- step: replace the body of a function
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT by + n';
-- undo
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';

-- step: replace the body of a function of triggers
CREATE OR REPLACE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
-- undo
CREATE OR REPLACE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

-- step: replace a default of an argument
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 2) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';
-- undo
CREATE OR REPLACE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';

-- step: an overloaded function
CREATE FUNCTION a.label(m text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT m';
-- undo
DROP FUNCTION a.label(text);

-- step: rename a function
ALTER FUNCTION a.label(a.mood) RENAME TO caption;
-- undo
ALTER FUNCTION a.caption(a.mood) RENAME TO label;

-- step: rename a function of triggers
ALTER FUNCTION a.touch() RENAME TO touching;
-- undo
ALTER FUNCTION a.touching() RENAME TO touch;

-- step: move a function to another namespace
ALTER FUNCTION a.inc(integer, integer) SET SCHEMA b;
-- undo
ALTER FUNCTION b.inc(integer, integer) SET SCHEMA a;

-- step: attributes of a function
ALTER FUNCTION a.to_text(a.address) STABLE STRICT COST 5 SECURITY DEFINER SET search_path = pg_catalog;
-- undo
ALTER FUNCTION a.to_text(a.address) IMMUTABLE CALLED ON NULL INPUT COST 100 SECURITY INVOKER RESET search_path;

-- step: the owner of a function
ALTER FUNCTION a.newest() OWNER TO {role};
-- undo
ALTER FUNCTION a.newest() OWNER TO CURRENT_USER;

-- step: comment on a function
COMMENT ON FUNCTION a.newest() IS 'all';
-- undo
COMMENT ON FUNCTION a.newest() IS NULL;

-- step: revoke on a function
REVOKE EXECUTE ON FUNCTION a.newest() FROM PUBLIC;
-- undo
GRANT EXECUTE ON FUNCTION a.newest() TO PUBLIC;

-- step: replace the body of a parsed function
CREATE OR REPLACE FUNCTION a.orders_of(who bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 0::bigint; END;
-- undo
CREATE OR REPLACE FUNCTION a.orders_of(who bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM a.orders WHERE person = who;
END;

-- step: create a procedure
CREATE PROCEDURE b.p(INOUT x integer) LANGUAGE plpgsql AS 'BEGIN END';
-- undo
DROP PROCEDURE b.p;

-- step: rename a procedure
ALTER PROCEDURE a.work(integer) RENAME TO toil;
-- undo
ALTER PROCEDURE a.toil(integer) RENAME TO work;

-- step: create an aggregate
CREATE AGGREGATE b.product(integer) (SFUNC = a.fold, STYPE = integer, INITCOND = '1');
-- undo
DROP AGGREGATE b.product(integer);

-- step: rename an aggregate
ALTER AGGREGATE a.total(integer) RENAME TO sum;
-- undo
ALTER AGGREGATE a.sum(integer) RENAME TO total;

-- step: rename the function of an aggregate
ALTER FUNCTION a.fold(integer, integer) RENAME TO plus;
-- undo
ALTER FUNCTION a.plus(integer, integer) RENAME TO fold;

-- step: comment on an aggregate
COMMENT ON AGGREGATE a.total(integer) IS 'sum';
-- undo
COMMENT ON AGGREGATE a.total(integer) IS NULL;

-- step: create an operator
CREATE OPERATOR b.<~> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = a.compare);
-- undo
DROP OPERATOR b.<~> (integer, integer);

-- step: the estimators of an operator
ALTER OPERATOR a.=== (a.address, a.address) SET (RESTRICT = eqsel, JOIN = eqjoinsel);
-- undo
ALTER OPERATOR a.=== (a.address, a.address) SET (RESTRICT = NONE, JOIN = NONE);

-- step: move an operator to another namespace
ALTER OPERATOR a.=== (a.address, a.address) SET SCHEMA b;
-- undo
ALTER OPERATOR b.=== (a.address, a.address) SET SCHEMA a;

-- step: comment on an operator
COMMENT ON OPERATOR a.=== (a.address, a.address) IS 'same';
-- undo
COMMENT ON OPERATOR a.=== (a.address, a.address) IS NULL;

-- step: create an operator class
CREATE OPERATOR CLASS b.more_ops FOR TYPE bigint USING btree FAMILY a.numbers AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint8cmp(bigint, bigint);
-- undo
DROP OPERATOR CLASS b.more_ops USING btree;

-- step: rename an operator class
ALTER OPERATOR CLASS a.numbers_ops USING btree RENAME TO ints_ops;
-- undo
ALTER OPERATOR CLASS a.ints_ops USING btree RENAME TO numbers_ops;

-- step: rename a function of an operator class
ALTER FUNCTION a.compare(integer, integer) RENAME TO order_of;
-- undo
ALTER FUNCTION a.order_of(integer, integer) RENAME TO compare;

-- step: add to an operator family
ALTER OPERATOR FAMILY a.loose USING hash ADD OPERATOR 1 = (integer, bigint), FUNCTION 1 (integer) hashint4(integer);
-- undo
ALTER OPERATOR FAMILY a.loose USING hash DROP OPERATOR 1 (integer, bigint), FUNCTION 1 (integer);

-- step: rename an operator family
ALTER OPERATOR FAMILY a.numbers USING btree RENAME TO figures;
-- undo
ALTER OPERATOR FAMILY a.figures USING btree RENAME TO numbers;

-- step: comment on an operator family
COMMENT ON OPERATOR FAMILY a.loose USING hash IS 'nothing in it';
-- undo
COMMENT ON OPERATOR FAMILY a.loose USING hash IS NULL;

-- step: rename a language
ALTER LANGUAGE lingo RENAME TO slang;
-- undo
ALTER LANGUAGE slang RENAME TO lingo;

-- step: comment on a language
COMMENT ON LANGUAGE lingo IS 'as plpgsql';
-- undo
COMMENT ON LANGUAGE lingo IS NULL;

-- step: create a transform
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
-- undo
DROP TRANSFORM FOR integer LANGUAGE sql;
