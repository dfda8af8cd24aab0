-- step: create a namespace
-- changes: namespace c
CREATE SCHEMA c AUTHORIZATION {role};
-- undo
DROP SCHEMA c;

-- step: rename a namespace with nearly everything in it
-- changes: many
ALTER SCHEMA a RENAME TO z;
-- undo
ALTER SCHEMA z RENAME TO a;

-- step: rename a namespace with an extension in it
-- changes: extension citext
-- changes: namespace b
-- changes: namespace y
-- changes: table a.mail
ALTER SCHEMA b RENAME TO y;
-- undo
ALTER SCHEMA y RENAME TO b;

-- step: the owner of a namespace
-- changes: namespace b
ALTER SCHEMA b OWNER TO {role};
-- undo
ALTER SCHEMA b OWNER TO CURRENT_USER;

-- step: grant on a namespace
-- changes: namespace a
GRANT USAGE ON SCHEMA a TO {role};
-- undo
REVOKE USAGE ON SCHEMA a FROM {role};

-- step: comment on a namespace
-- changes: namespace b
COMMENT ON SCHEMA b IS 'the other';
-- undo
COMMENT ON SCHEMA b IS NULL;

-- step: comment on namespace public
-- changes: namespace public
COMMENT ON SCHEMA public IS 'for everybody';
-- undo
COMMENT ON SCHEMA public IS 'standard public schema';

-- step: create an extension
-- changes: extension hstore
CREATE EXTENSION hstore SCHEMA b;
-- undo
DROP EXTENSION hstore;

-- step: move an extension to another namespace
-- changes: extension citext
-- changes: table a.mail
ALTER EXTENSION citext SET SCHEMA a;
-- undo
ALTER EXTENSION citext SET SCHEMA b;

-- step: add a table to an extension
-- changes: table a.quick
ALTER EXTENSION citext ADD TABLE a.quick;
-- undo
ALTER EXTENSION citext DROP TABLE a.quick;

-- step: add a function to an extension
-- changes: function a.newest()
ALTER EXTENSION citext ADD FUNCTION a.newest();
-- undo
ALTER EXTENSION citext DROP FUNCTION a.newest();

-- step: comment on an extension
-- changes: extension citext
COMMENT ON EXTENSION citext IS 'case';
-- undo
COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';

-- step: rename a role
-- changes: default privileges a.{role} ON TABLES
-- changes: default privileges a.{role}_renamed ON TABLES
-- changes: role {role}
-- changes: role {role}_renamed
-- changes: table a.person
-- changes: user mapping {role} ON far
-- changes: user mapping {role}_renamed ON far
ALTER ROLE {role} RENAME TO {role}_renamed;
-- undo
ALTER ROLE {role}_renamed RENAME TO {role};

-- step: a setting of a role
-- changes: role {role}
ALTER ROLE {role} SET work_mem = '5MB';
-- undo
ALTER ROLE {role} RESET work_mem;

-- step: an attribute of a role
-- changes: role {role}
ALTER ROLE {role} CREATEDB;
-- undo
ALTER ROLE {role} NOCREATEDB;

-- step: a member of a role
-- changes: role {other}
GRANT {role} TO {other};
-- undo
REVOKE {role} FROM {other};

-- step: a setting of a role in this database
-- changes: database current
ALTER ROLE {role} IN DATABASE {database} SET work_mem = '7MB';
-- undo
ALTER ROLE {role} IN DATABASE {database} RESET work_mem;

-- step: a setting of the database
-- changes: database current
ALTER DATABASE {database} SET statement_timeout = '1h';
-- undo
ALTER DATABASE {database} RESET statement_timeout;

-- step: grant on the database
-- changes: database current
GRANT CREATE ON DATABASE {database} TO {role};
-- undo
REVOKE CREATE ON DATABASE {database} FROM {role};

-- step: comment on the database
-- changes: database current
COMMENT ON DATABASE {database} IS 'of a test';
-- undo
COMMENT ON DATABASE {database} IS NULL;

-- step: default privileges
-- changes: default privileges {role} ON FUNCTIONS
ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT EXECUTE ON FUNCTIONS TO {other};
-- undo
ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE EXECUTE ON FUNCTIONS FROM {other};

-- step: default privileges go
-- changes: default privileges a.{role} ON TABLES
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA a REVOKE SELECT ON TABLES FROM {other};
-- undo
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA a GRANT SELECT ON TABLES TO {other};

-- step: create a publication
-- changes: publication another
CREATE PUBLICATION another FOR TABLE a.log WITH (publish = 'insert');
-- undo
DROP PUBLICATION another;

-- step: add a table to a publication
-- changes: publication part
ALTER PUBLICATION part ADD TABLE a.animal;
-- undo
ALTER PUBLICATION part DROP TABLE a.animal;

-- step: a row filter and columns of a publication
-- from: 15
-- changes: publication part
ALTER PUBLICATION part SET TABLE a.orders (id, state) WHERE (id > 5), a.log;
-- undo
ALTER PUBLICATION part SET TABLE a.orders, a.log;

-- step: a namespace in a publication
-- from: 15
-- changes: publication part
ALTER PUBLICATION part ADD TABLES IN SCHEMA b;
-- undo
ALTER PUBLICATION part DROP TABLES IN SCHEMA b;

-- step: an option of a publication
-- changes: publication everything
ALTER PUBLICATION everything SET (publish = 'insert, update');
-- undo
ALTER PUBLICATION everything SET (publish = 'insert, update, delete, truncate');

-- step: rename a publication
-- changes: publication few
-- changes: publication part
ALTER PUBLICATION part RENAME TO few;
-- undo
ALTER PUBLICATION few RENAME TO part;

-- step: comment on a publication
-- changes: publication part
COMMENT ON PUBLICATION part IS 'not all';
-- undo
COMMENT ON PUBLICATION part IS NULL;

-- step: rename a subscription
-- changes: subscription {role}_other
-- changes: subscription {role}_subscription
ALTER SUBSCRIPTION {role}_subscription RENAME TO {role}_other;
-- undo
ALTER SUBSCRIPTION {role}_other RENAME TO {role}_subscription;

-- step: comment on a subscription
-- changes: subscription {role}_subscription
COMMENT ON SUBSCRIPTION {role}_subscription IS 'from nowhere';
-- undo
COMMENT ON SUBSCRIPTION {role}_subscription IS NULL;

-- step: disable an event trigger
-- changes: event trigger noticed
ALTER EVENT TRIGGER noticed DISABLE;
-- undo
ALTER EVENT TRIGGER noticed ENABLE;

-- step: create an event trigger
-- changes: event trigger ended
CREATE EVENT TRIGGER ended ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION a.noticed();
-- undo
DROP EVENT TRIGGER ended;

-- step: rename the function of an event trigger
-- changes: event trigger noticed
-- changes: function a.noticed()
-- changes: function a.seen()
ALTER FUNCTION a.noticed() RENAME TO seen;
-- undo
ALTER FUNCTION a.seen() RENAME TO noticed;

-- step: comment on an event trigger
-- changes: event trigger noticed
COMMENT ON EVENT TRIGGER noticed IS 'quiet';
-- undo
COMMENT ON EVENT TRIGGER noticed IS NULL;

-- step: options of a foreign data wrapper
-- changes: foreign data wrapper wrapper
ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (SET format 'y');
-- undo
ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (SET format 'x');

-- step: rename a foreign data wrapper
-- changes: foreign data wrapper envelope
-- changes: foreign data wrapper wrapper
-- changes: foreign server far
ALTER FOREIGN DATA WRAPPER wrapper RENAME TO envelope;
-- undo
ALTER FOREIGN DATA WRAPPER envelope RENAME TO wrapper;

-- step: options of a foreign server
-- changes: foreign server far
ALTER SERVER far VERSION '2' OPTIONS (SET host 'i', ADD port '1');
-- undo
ALTER SERVER far VERSION '1' OPTIONS (SET host 'h', DROP port);

-- step: rename a foreign server
-- changes: foreign server far
-- changes: foreign server near
-- changes: foreign table a.distant
-- changes: user mapping {role} ON far
-- changes: user mapping {role} ON near
ALTER SERVER far RENAME TO near;
-- undo
ALTER SERVER near RENAME TO far;

-- step: grant on a foreign server
-- changes: foreign server far
GRANT USAGE ON FOREIGN SERVER far TO {role};
-- undo
REVOKE USAGE ON FOREIGN SERVER far FROM {role};

-- step: create a foreign server
-- changes: foreign server further
CREATE SERVER further FOREIGN DATA WRAPPER wrapper;
-- undo
DROP SERVER further;

-- step: create a user mapping
-- changes: user mapping {other} ON far
CREATE USER MAPPING FOR {other} SERVER far;
-- undo
DROP USER MAPPING FOR {other} SERVER far;

-- step: create an access method
-- changes: access method heap3
CREATE ACCESS METHOD heap3 TYPE TABLE HANDLER heap_tableam_handler;
-- undo
DROP ACCESS METHOD heap3;

-- step: comment on an access method
-- changes: access method heap2
COMMENT ON ACCESS METHOD heap2 IS 'the same';
-- undo
COMMENT ON ACCESS METHOD heap2 IS NULL;
