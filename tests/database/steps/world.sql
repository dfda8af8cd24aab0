-- What the steps change. {role} and {other} are roles of the test.
CREATE SCHEMA a;
CREATE SCHEMA b;
COMMENT ON SCHEMA a IS 'where most of it is';

CREATE TYPE a.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE a.lone AS ENUM ('one', 'two');
CREATE DOMAIN a.positive AS integer CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE DOMAIN a.word AS text;
CREATE TYPE a.address AS (street text, town text);
CREATE TYPE a.span AS RANGE (subtype = double precision);
CREATE TYPE a.base;
CREATE FUNCTION a.base_in(cstring) RETURNS a.base LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION a.base_out(a.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE a.base (INPUT = a.base_in, OUTPUT = a.base_out, LIKE = text);

CREATE FUNCTION a.inc(n integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + by';
CREATE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION a.label(m a.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'm'$$;
CREATE FUNCTION a.noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION a.same(x a.address, y a.address) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION a.differ(x a.address, y a.address) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE FUNCTION a.fold(state integer, next integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT state + next';
CREATE FUNCTION a.fold_mood(state text, next a.mood) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT state';
CREATE FUNCTION a.compare(x integer, y integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE FUNCTION a.to_text(x a.address) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'x'$$;
CREATE PROCEDURE a.work(n integer) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE a.total(integer) (SFUNC = a.fold, STYPE = integer, INITCOND = '0');
CREATE AGGREGATE a.moods(a.mood) (SFUNC = a.fold_mood, STYPE = text, INITCOND = '');
CREATE OPERATOR a.=== (LEFTARG = a.address, RIGHTARG = a.address, FUNCTION = a.same, COMMUTATOR = OPERATOR(a.===),
    NEGATOR = OPERATOR(a.!==));
CREATE OPERATOR a.!== (LEFTARG = a.address, RIGHTARG = a.address, FUNCTION = a.differ, NEGATOR = OPERATOR(a.===));
CREATE OPERATOR FAMILY a.numbers USING btree;
CREATE OPERATOR CLASS a.numbers_ops FOR TYPE integer USING btree FAMILY a.numbers AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 a.compare(integer, integer);
CREATE OPERATOR FAMILY a.loose USING hash;
CREATE CAST (a.address AS text) WITH FUNCTION a.to_text(a.address) AS ASSIGNMENT;
CREATE COLLATION a.german (provider = libc, locale = 'C');
CREATE CONVERSION a.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY a.plain (TEMPLATE = pg_catalog.simple);
CREATE TEXT SEARCH CONFIGURATION a.search (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION a.search ADD MAPPING FOR asciiword, word WITH a.plain;
CREATE TEXT SEARCH PARSER a.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE a.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE LANGUAGE lingo HANDLER plpgsql_call_handler;
CREATE FUNCTION a.spoken() RETURNS integer LANGUAGE lingo AS 'BEGIN RETURN 1; END';
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TRANSFORM FOR integer LANGUAGE lingo (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));

CREATE SEQUENCE a.counter;
CREATE TABLE a.person (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT person_pk PRIMARY KEY,
    name text NOT NULL,
    mood a.mood DEFAULT 'ok',
    moods a.mood[],
    amount a.positive,
    home a.address,
    number integer DEFAULT nextval('a.counter'),
    next integer GENERATED ALWAYS AS (a.inc(2)) STORED,
    born date DEFAULT DATE '2000-01-01',
    CONSTRAINT has_name CHECK (name <> ''),
    CONSTRAINT person_name UNIQUE (name, born)
);
COMMENT ON TABLE a.person IS 'people';
COMMENT ON COLUMN a.person.name IS 'how they are called';
CREATE INDEX person_mood ON a.person (mood) WHERE mood <> 'sad';
CREATE INDEX person_label ON a.person (a.label(mood), lower(name));
CREATE TRIGGER touched BEFORE UPDATE OF name ON a.person FOR EACH ROW WHEN (NEW.mood = 'happy') EXECUTE FUNCTION a.touch();
CREATE POLICY own ON a.person FOR SELECT TO {role} USING (name = CURRENT_USER);
CREATE STATISTICS a.person_statistics ON name, mood FROM a.person;
CREATE TABLE a.orders (
    id integer PRIMARY KEY,
    person bigint CONSTRAINT of_person REFERENCES a.person (id),
    state text,
    note text
);
CREATE TABLE a.lines (orders integer CONSTRAINT of_orders REFERENCES a.orders (id) ON DELETE CASCADE, text text);
CREATE TABLE a.log (line text, at timestamptz);
CREATE RULE logged AS ON INSERT TO a.orders DO ALSO INSERT INTO a.log VALUES (NEW.state, now());
CREATE VIEW a.people AS SELECT p.id, p.name, p.mood, a.label(p.mood) AS label FROM a.person AS p WHERE p.mood <> 'sad';
CREATE VIEW a.names AS SELECT name FROM a.people;
CREATE VIEW a.joined AS SELECT id, state, line FROM a.orders JOIN a.log ON line = state;
CREATE MATERIALIZED VIEW a.counted AS SELECT person, count(*) AS orders FROM a.orders GROUP BY person;
CREATE UNIQUE INDEX counted_person ON a.counted (person);
CREATE FUNCTION a.newest() RETURNS SETOF a.person LANGUAGE sql AS 'SELECT * FROM a.person';
CREATE VIEW a.latest AS SELECT f.id, f.name FROM a.newest() AS f;
CREATE FUNCTION a.orders_of(who bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM a.orders WHERE person = who;
END;
CREATE FUNCTION a.view_insert() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead INSTEAD OF INSERT ON a.names FOR EACH ROW EXECUTE FUNCTION a.view_insert();

CREATE TABLE a.animal (name text, legs integer CONSTRAINT some_legs CHECK (legs >= 0));
CREATE TABLE a.dog (breed text) INHERITS (a.animal);
CREATE TABLE a.cat (name text, legs integer CONSTRAINT some_legs CHECK (legs >= 0), lives integer);
CREATE TABLE a.event (id integer NOT NULL, at date NOT NULL, kind a.mood) PARTITION BY RANGE (at);
CREATE TABLE a.event_2025 PARTITION OF a.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE a.event_2026 PARTITION OF a.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE a.event_2027 (id integer NOT NULL, at date NOT NULL, kind a.mood);
CREATE INDEX event_id ON a.event (id);
CREATE TRIGGER event_touched BEFORE UPDATE ON a.event FOR EACH ROW EXECUTE FUNCTION a.touch();
CREATE TABLE a.site (id integer PRIMARY KEY);
CREATE TABLE a.visit (place integer CONSTRAINT of_place REFERENCES a.site, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE a.visit_2025 PARTITION OF a.visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TRIGGER visited BEFORE UPDATE ON a.visit FOR EACH ROW EXECUTE FUNCTION a.touch();
CREATE TABLE a.kinds (kind a.mood) PARTITION BY LIST (kind);
CREATE TABLE a.kinds_sad PARTITION OF a.kinds FOR VALUES IN ('sad');
CREATE TABLE a.slots (room integer, during tsrange, EXCLUDE USING gist (during WITH &&));
CREATE TABLE a.typed OF a.address;
CREATE TABLE a.computed (x integer, y integer GENERATED ALWAYS AS (x * 2) STORED);
CREATE UNLOGGED TABLE a.quick (x integer, y text);

CREATE FOREIGN DATA WRAPPER wrapper OPTIONS (format 'x');
CREATE SERVER far VERSION '1' FOREIGN DATA WRAPPER wrapper OPTIONS (host 'h');
CREATE FOREIGN TABLE a.distant (id integer OPTIONS (column_name 'i'), name text) SERVER far OPTIONS (table_name 't');
CREATE USER MAPPING FOR {role} SERVER far OPTIONS (password 'secret');
CREATE PUBLICATION part FOR TABLE a.orders, a.log;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE EVENT TRIGGER noticed ON sql_drop EXECUTE FUNCTION a.noticed();
CREATE SUBSCRIPTION {role}_subscription CONNECTION 'dbname=nowhere' PUBLICATION far WITH (connect = false, slot_name = NONE);
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA a GRANT SELECT ON TABLES TO {other};
GRANT SELECT ON a.person TO {other};
GRANT UPDATE (name) ON a.person TO {other};
CREATE EXTENSION citext SCHEMA b;
CREATE TABLE a.mail (address b.citext, size integer);
