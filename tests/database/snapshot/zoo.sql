-- All that rows can be, and all that can stand in their way.
CREATE SCHEMA "Shop";
CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE spot AS (x int, y int);

-- References in a circle, one of them not deferrable, and to itself.
CREATE TABLE team (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    lead int NOT NULL
);
CREATE TABLE person (
    id serial PRIMARY KEY,
    team int NOT NULL REFERENCES team DEFERRABLE,
    boss int NOT NULL REFERENCES person,
    mail mail,
    name text NOT NULL,
    lower_name text GENERATED ALWAYS AS (lower(name)) STORED
);
ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES person;

-- A key of two columns, a partitioned table that refers by it, and a table that
-- refers to a partitioned one.
CREATE TABLE "Shop"."Order" (
    region text, number bigint, at timestamptz, total numeric, "say ""hi""" text,
    PRIMARY KEY (region, number)
);
CREATE TABLE item (
    day date NOT NULL,
    number int NOT NULL,
    region text NOT NULL,
    "order" bigint NOT NULL,
    PRIMARY KEY (day, number),
    FOREIGN KEY (region, "order") REFERENCES "Shop"."Order"
) PARTITION BY RANGE (day);
CREATE TABLE item_old PARTITION OF item FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE item_new PARTITION OF item FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE TABLE note (
    id uuid PRIMARY KEY, day date, item int, own int REFERENCES person,
    FOREIGN KEY (day, item) REFERENCES item
);

-- Values of every kind, without a key.
CREATE TABLE value (
    t text, n int, b bytea, a text[], j jsonb, i interval, f float8, m money, r int4range,
    e mood, c spot, ts timestamptz, d date, v varchar(3)[], o mail
);

-- What stands in the way of rows: a trigger, row security, what is not valid
-- for old rows, and seeds of a migration.
CREATE TABLE guarded (id int PRIMARY KEY, price int, owner int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE 'no row is wanted here'; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE guarded ENABLE ALWAYS TRIGGER refuse;
CREATE TRIGGER sleeps BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE guarded DISABLE TRIGGER sleeps;
CREATE TRIGGER refuse BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON guarded USING (false);
CREATE TABLE seed (id int PRIMARY KEY, word text);
INSERT INTO seed VALUES (1, 'one'), (2, 'two'), (3, 'three');

-- Those that inherit have rows of their own; a view holds what it has read.
CREATE TABLE animal (id int PRIMARY KEY, kind text);
CREATE TABLE bird (wings int) INHERITS (animal);
CREATE MATERIALIZED VIEW birds AS SELECT count(*) AS birds FROM bird;
CREATE TABLE nothing ();
CREATE SEQUENCE "Shop".tickets START 100;
CREATE SEQUENCE unused;
