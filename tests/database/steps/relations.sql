-- step: create a table
-- changes: sequence a.fresh_id_seq
-- changes: table a.fresh
CREATE TABLE a.fresh (id serial PRIMARY KEY, person bigint REFERENCES a.person);
-- undo
DROP TABLE a.fresh;

-- step: create a table like another
-- changes: sequence b.person_id_seq
-- changes: statistics b.person_name_mood_stat
-- changes: table b.person
CREATE TABLE b.person (LIKE a.person INCLUDING ALL);
-- undo
DROP TABLE b.person;

-- step: drop a table
-- changes: table a.quick
DROP TABLE a.quick;
-- undo
CREATE UNLOGGED TABLE a.quick (x integer, y text);

-- step: drop a table and what depends on it
-- changes: publication part
-- changes: table a.log
-- changes: table a.orders
-- changes: view a.joined
DROP TABLE a.log CASCADE;
-- undo
CREATE TABLE a.log (line text, at timestamptz);
CREATE RULE logged AS ON INSERT TO a.orders DO ALSO INSERT INTO a.log VALUES (NEW.state, now());
CREATE VIEW a.joined AS SELECT id, state, line FROM a.orders JOIN a.log ON line = state;
ALTER PUBLICATION part ADD TABLE a.log;

-- step: rename a table
-- changes: function a.newest()
-- changes: sequence a.person_id_seq
-- changes: statistics a.person_statistics
-- changes: table a.orders
-- changes: table a.people_table
-- changes: table a.person
-- changes: view a.people
ALTER TABLE a.person RENAME TO people_table;
-- undo
ALTER TABLE a.people_table RENAME TO person;

-- step: rename a table that others refer to
-- changes: function a.orders_of(bigint)
-- changes: materialized view a.counted
-- changes: publication part
-- changes: table a.lines
-- changes: table a.orders
-- changes: table a.purchases
-- changes: view a.joined
ALTER TABLE a.orders RENAME TO purchases;
-- undo
ALTER TABLE a.purchases RENAME TO orders;

-- step: move a table to another namespace
-- changes: function a.orders_of(bigint)
-- changes: materialized view a.counted
-- changes: publication part
-- changes: table a.lines
-- changes: table a.orders
-- changes: table b.orders
-- changes: view a.joined
ALTER TABLE a.orders SET SCHEMA b;
-- undo
ALTER TABLE b.orders SET SCHEMA a;

-- step: two tables change names
-- changes: table a.quick
-- changes: table a.slots
ALTER TABLE a.quick RENAME TO x; ALTER TABLE a.slots RENAME TO quick; ALTER TABLE a.x RENAME TO slots;
-- undo
ALTER TABLE a.quick RENAME TO x; ALTER TABLE a.slots RENAME TO quick; ALTER TABLE a.x RENAME TO slots;

-- step: change the owner of a table
-- changes: table a.quick
ALTER TABLE a.quick OWNER TO {role};
-- undo
ALTER TABLE a.quick OWNER TO CURRENT_USER;

-- step: make a table logged
-- changes: table a.quick
ALTER TABLE a.quick SET LOGGED;
-- undo
ALTER TABLE a.quick SET UNLOGGED;

-- step: set a storage parameter
-- changes: table a.log
ALTER TABLE a.log SET (fillfactor = 70);
-- undo
ALTER TABLE a.log RESET (fillfactor);

-- step: set a storage parameter of the TOAST table
-- changes: table a.log
ALTER TABLE a.log SET (toast.autovacuum_enabled = false);
-- undo
ALTER TABLE a.log RESET (toast.autovacuum_enabled);

-- step: enable row security
-- changes: table a.person
ALTER TABLE a.person ENABLE ROW LEVEL SECURITY;
-- undo
ALTER TABLE a.person DISABLE ROW LEVEL SECURITY;

-- step: force row security
-- changes: table a.person
ALTER TABLE a.person FORCE ROW LEVEL SECURITY;
-- undo
ALTER TABLE a.person NO FORCE ROW LEVEL SECURITY;

-- step: set the replica identity to everything
-- changes: table a.orders
ALTER TABLE a.orders REPLICA IDENTITY FULL;
-- undo
ALTER TABLE a.orders REPLICA IDENTITY DEFAULT;

-- step: set the replica identity to an index
-- changes: table a.orders
ALTER TABLE a.orders REPLICA IDENTITY USING INDEX orders_pkey;
-- undo
ALTER TABLE a.orders REPLICA IDENTITY DEFAULT;

-- step: cluster on an index
-- changes: table a.orders
ALTER TABLE a.orders CLUSTER ON orders_pkey;
-- undo
ALTER TABLE a.orders SET WITHOUT CLUSTER;

-- step: another access method
-- from: 15
-- changes: table a.log
ALTER TABLE a.log SET ACCESS METHOD heap2;
-- undo
ALTER TABLE a.log SET ACCESS METHOD heap;

-- step: comment on a table
-- changes: table a.log
COMMENT ON TABLE a.log IS 'what happened';
-- undo
COMMENT ON TABLE a.log IS NULL;

-- step: another comment on a table
-- changes: table a.person
COMMENT ON TABLE a.person IS 'persons';
-- undo
COMMENT ON TABLE a.person IS 'people';

-- step: grant on a table
-- changes: table a.log
GRANT INSERT ON a.log TO {role};
-- undo
REVOKE INSERT ON a.log FROM {role};

-- step: a table is of a type no more
-- changes: table a.typed
ALTER TABLE a.typed NOT OF;
-- undo
ALTER TABLE a.typed OF a.address;

-- step: inherit
-- changes: table a.cat
ALTER TABLE a.cat INHERIT a.animal;
-- undo
ALTER TABLE a.cat NO INHERIT a.animal;

-- step: rename an inherited column
-- changes: table a.animal
-- changes: table a.dog
ALTER TABLE a.animal RENAME COLUMN legs TO feet;
-- undo
ALTER TABLE a.animal RENAME COLUMN feet TO legs;

-- step: add a column to a parent
-- changes: table a.animal
-- changes: table a.dog
ALTER TABLE a.animal ADD COLUMN tail boolean;
-- undo
ALTER TABLE a.animal DROP COLUMN tail;

-- step: rename a parent
-- changes: table a.animal
-- changes: table a.beast
-- changes: table a.dog
ALTER TABLE a.animal RENAME TO beast;
-- undo
ALTER TABLE a.beast RENAME TO animal;

-- step: attach a partition
-- changes: table a.event_2027
ALTER TABLE a.event ATTACH PARTITION a.event_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
-- undo
ALTER TABLE a.event DETACH PARTITION a.event_2027;
DROP INDEX a.event_2027_id_idx;

-- step: a default partition
-- changes: table a.event_rest
CREATE TABLE a.event_rest PARTITION OF a.event DEFAULT;
-- undo
DROP TABLE a.event_rest;

-- step: drop a partition
-- changes: table a.event_2026
DROP TABLE a.event_2026;
-- undo
CREATE TABLE a.event_2026 PARTITION OF a.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

-- step: rename a partitioned table
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
-- changes: table a.happening
ALTER TABLE a.event RENAME TO happening;
-- undo
ALTER TABLE a.happening RENAME TO event;

-- step: rename an index of a partitioned table
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
ALTER INDEX a.event_id RENAME TO event_number;
-- undo
ALTER INDEX a.event_number RENAME TO event_id;

-- step: a constraint on a partitioned table
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
ALTER TABLE a.event ADD CONSTRAINT event_number CHECK (id > 0);
-- undo
ALTER TABLE a.event DROP CONSTRAINT event_number;

-- step: drop a trigger of a partitioned table
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
DROP TRIGGER event_touched ON a.event;
-- undo
CREATE TRIGGER event_touched BEFORE UPDATE ON a.event FOR EACH ROW EXECUTE FUNCTION a.touch();

-- step: create a sequence
-- changes: sequence b.tick
CREATE SEQUENCE b.tick INCREMENT 5;
-- undo
DROP SEQUENCE b.tick;

-- step: change a sequence
-- changes: sequence a.counter
ALTER SEQUENCE a.counter INCREMENT BY 2 CYCLE;
-- undo
ALTER SEQUENCE a.counter INCREMENT BY 1 NO CYCLE;

-- step: the type of a sequence
-- changes: sequence a.counter
ALTER SEQUENCE a.counter AS integer;
-- undo
ALTER SEQUENCE a.counter AS bigint;

-- step: rename a sequence
-- changes: sequence a.counter
-- changes: sequence a.ticks
-- changes: table a.person
ALTER SEQUENCE a.counter RENAME TO ticks;
-- undo
ALTER SEQUENCE a.ticks RENAME TO counter;

-- step: a sequence is owned by a column
-- changes: sequence a.counter
ALTER SEQUENCE a.counter OWNED BY a.person.number;
-- undo
ALTER SEQUENCE a.counter OWNED BY NONE;

-- step: create a view
-- changes: view b.all_orders
CREATE VIEW b.all_orders AS SELECT * FROM a.orders;
-- undo
DROP VIEW b.all_orders;

-- step: replace a view
-- changes: view a.names
CREATE OR REPLACE VIEW a.names AS SELECT upper(name) AS name FROM a.people;
-- undo
CREATE OR REPLACE VIEW a.names AS SELECT name FROM a.people;

-- step: rename a view
-- changes: view a.names
-- changes: view a.people
-- changes: view a.persons
ALTER VIEW a.people RENAME TO persons;
-- undo
ALTER VIEW a.persons RENAME TO people;

-- step: rename a column of a view
-- changes: view a.names
-- changes: view a.people
ALTER VIEW a.people RENAME COLUMN name TO called;
-- undo
ALTER VIEW a.people RENAME COLUMN called TO name;

-- step: an option of a view
-- changes: view a.names
ALTER VIEW a.names SET (security_barrier = true);
-- undo
ALTER VIEW a.names RESET (security_barrier);

-- step: a default of a view
-- changes: view a.names
ALTER VIEW a.names ALTER COLUMN name SET DEFAULT 'nobody';
-- undo
ALTER VIEW a.names ALTER COLUMN name DROP DEFAULT;

-- step: drop a trigger of a view
-- changes: view a.names
DROP TRIGGER instead ON a.names;
-- undo
CREATE TRIGGER instead INSTEAD OF INSERT ON a.names FOR EACH ROW EXECUTE FUNCTION a.view_insert();

-- step: comment on a view
-- changes: view a.names
COMMENT ON VIEW a.names IS 'only names';
-- undo
COMMENT ON VIEW a.names IS NULL;

-- step: create a materialized view
-- changes: materialized view b.states
CREATE MATERIALIZED VIEW b.states AS SELECT DISTINCT state FROM a.orders WITH NO DATA;
-- undo
DROP MATERIALIZED VIEW b.states;

-- step: rename a materialized view
-- changes: materialized view a.counted
-- changes: materialized view a.sums
ALTER MATERIALIZED VIEW a.counted RENAME TO sums;
-- undo
ALTER MATERIALIZED VIEW a.sums RENAME TO counted;

-- step: index a materialized view
-- changes: materialized view a.counted
CREATE INDEX counted_orders ON a.counted (orders);
-- undo
DROP INDEX a.counted_orders;

-- step: create a foreign table
-- changes: foreign table b.remote
CREATE FOREIGN TABLE b.remote (id integer) SERVER far;
-- undo
DROP FOREIGN TABLE b.remote;

-- step: options of a foreign table
-- changes: foreign table a.distant
ALTER FOREIGN TABLE a.distant OPTIONS (SET table_name 'u', ADD schema_name 's');
-- undo
ALTER FOREIGN TABLE a.distant OPTIONS (SET table_name 't', DROP schema_name);

-- step: options of a foreign column
-- changes: foreign table a.distant
ALTER FOREIGN TABLE a.distant ALTER COLUMN id OPTIONS (SET column_name 'j');
-- undo
ALTER FOREIGN TABLE a.distant ALTER COLUMN id OPTIONS (SET column_name 'i');

-- step: create statistics
-- changes: statistics b.more
CREATE STATISTICS b.more (dependencies) ON id, person FROM a.orders;
-- undo
DROP STATISTICS b.more;

-- step: the target of statistics
-- changes: statistics a.person_statistics
ALTER STATISTICS a.person_statistics SET STATISTICS 500;
-- undo
ALTER STATISTICS a.person_statistics SET STATISTICS -1;

-- step: rename statistics
-- changes: statistics a.person_numbers
-- changes: statistics a.person_statistics
ALTER STATISTICS a.person_statistics RENAME TO person_numbers;
-- undo
ALTER STATISTICS a.person_numbers RENAME TO person_statistics;

-- step: comment on statistics
-- changes: statistics a.person_statistics
COMMENT ON STATISTICS a.person_statistics IS 'both';
-- undo
COMMENT ON STATISTICS a.person_statistics IS NULL;

-- step: a materialized view depends on an extension
-- changes: materialized view a.counted
ALTER MATERIALIZED VIEW a.counted DEPENDS ON EXTENSION citext;
-- undo
ALTER MATERIALIZED VIEW a.counted NO DEPENDS ON EXTENSION citext;
