-- step: create a namespace
CREATE SCHEMA c AUTHORIZATION {role};
-- undo
DROP SCHEMA c;

-- step: rename a namespace with nearly everything in it
-- changes: many
ALTER SCHEMA a RENAME TO z;
-- undo
ALTER SCHEMA z RENAME TO a;

-- step: rename a namespace with an extension in it
ALTER SCHEMA b RENAME TO y;
-- undo
ALTER SCHEMA y RENAME TO b;

-- step: the owner of a namespace
ALTER SCHEMA b OWNER TO {role};
-- undo
ALTER SCHEMA b OWNER TO CURRENT_USER;

-- step: grant on a namespace
GRANT USAGE ON SCHEMA a TO {role};
-- undo
REVOKE USAGE ON SCHEMA a FROM {role};

-- step: comment on a namespace
COMMENT ON SCHEMA b IS 'the other';
-- undo
COMMENT ON SCHEMA b IS NULL;

-- step: comment on namespace public
COMMENT ON SCHEMA public IS 'for everybody';
-- undo
COMMENT ON SCHEMA public IS 'standard public schema';

-- step: create an extension
CREATE EXTENSION hstore SCHEMA b;
-- undo
DROP EXTENSION hstore;

-- step: move an extension to another namespace
ALTER EXTENSION citext SET SCHEMA a;
-- undo
ALTER EXTENSION citext SET SCHEMA b;

-- step: add a table to an extension
ALTER EXTENSION citext ADD TABLE a.quick;
-- undo
ALTER EXTENSION citext DROP TABLE a.quick;

-- step: add a function to an extension
ALTER EXTENSION citext ADD FUNCTION a.newest();
-- undo
ALTER EXTENSION citext DROP FUNCTION a.newest();

-- step: comment on an extension
COMMENT ON EXTENSION citext IS 'case';
-- undo
COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';

-- step: rename a role
-- changes: many
ALTER ROLE {role} RENAME TO {role}_renamed;
-- undo
ALTER ROLE {role}_renamed RENAME TO {role};

-- step: a setting of a role
ALTER ROLE {role} SET work_mem = '5MB';
-- undo
ALTER ROLE {role} RESET work_mem;

-- step: an attribute of a role
ALTER ROLE {role} CREATEDB;
-- undo
ALTER ROLE {role} NOCREATEDB;

-- step: a member of a role
GRANT {role} TO {other};
-- undo
REVOKE {role} FROM {other};

-- step: a setting of a role in this database
ALTER ROLE {role} IN DATABASE {database} SET work_mem = '7MB';
-- undo
ALTER ROLE {role} IN DATABASE {database} RESET work_mem;

-- step: a setting of the database
ALTER DATABASE {database} SET statement_timeout = '1h';
-- undo
ALTER DATABASE {database} RESET statement_timeout;

-- step: grant on the database
GRANT CREATE ON DATABASE {database} TO {role};
-- undo
REVOKE CREATE ON DATABASE {database} FROM {role};

-- step: comment on the database
COMMENT ON DATABASE {database} IS 'of a test';
-- undo
COMMENT ON DATABASE {database} IS NULL;

-- step: default privileges
ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT EXECUTE ON FUNCTIONS TO {other};
-- undo
ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE EXECUTE ON FUNCTIONS FROM {other};

-- step: default privileges go
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA a REVOKE SELECT ON TABLES FROM {other};
-- undo
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA a GRANT SELECT ON TABLES TO {other};

-- step: create a publication
CREATE PUBLICATION another FOR TABLE a.log WITH (publish = 'insert');
-- undo
DROP PUBLICATION another;

-- step: add a table to a publication
ALTER PUBLICATION part ADD TABLE a.animal;
-- undo
ALTER PUBLICATION part DROP TABLE a.animal;

-- step: a row filter and columns of a publication
-- from: 15
ALTER PUBLICATION part SET TABLE a.orders (id, state) WHERE (id > 5), a.log;
-- undo
ALTER PUBLICATION part SET TABLE a.orders, a.log;

-- step: a namespace in a publication
-- from: 15
ALTER PUBLICATION part ADD TABLES IN SCHEMA b;
-- undo
ALTER PUBLICATION part DROP TABLES IN SCHEMA b;

-- step: an option of a publication
ALTER PUBLICATION everything SET (publish = 'insert, update');
-- undo
ALTER PUBLICATION everything SET (publish = 'insert, update, delete, truncate');

-- step: rename a publication
ALTER PUBLICATION part RENAME TO few;
-- undo
ALTER PUBLICATION few RENAME TO part;

-- step: comment on a publication
COMMENT ON PUBLICATION part IS 'not all';
-- undo
COMMENT ON PUBLICATION part IS NULL;

-- step: rename a subscription
ALTER SUBSCRIPTION {role}_subscription RENAME TO {role}_other;
-- undo
ALTER SUBSCRIPTION {role}_other RENAME TO {role}_subscription;

-- step: comment on a subscription
COMMENT ON SUBSCRIPTION {role}_subscription IS 'from nowhere';
-- undo
COMMENT ON SUBSCRIPTION {role}_subscription IS NULL;

-- step: disable an event trigger
ALTER EVENT TRIGGER noticed DISABLE;
-- undo
ALTER EVENT TRIGGER noticed ENABLE;

-- step: create an event trigger
CREATE EVENT TRIGGER ended ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION a.noticed();
-- undo
DROP EVENT TRIGGER ended;

-- step: rename the function of an event trigger
ALTER FUNCTION a.noticed() RENAME TO seen;
-- undo
ALTER FUNCTION a.seen() RENAME TO noticed;

-- step: comment on an event trigger
COMMENT ON EVENT TRIGGER noticed IS 'quiet';
-- undo
COMMENT ON EVENT TRIGGER noticed IS NULL;

-- step: options of a foreign data wrapper
ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (SET format 'y');
-- undo
ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (SET format 'x');

-- step: rename a foreign data wrapper
ALTER FOREIGN DATA WRAPPER wrapper RENAME TO envelope;
-- undo
ALTER FOREIGN DATA WRAPPER envelope RENAME TO wrapper;

-- step: options of a foreign server
ALTER SERVER far VERSION '2' OPTIONS (SET host 'i', ADD port '1');
-- undo
ALTER SERVER far VERSION '1' OPTIONS (SET host 'h', DROP port);

-- step: rename a foreign server
ALTER SERVER far RENAME TO near;
-- undo
ALTER SERVER near RENAME TO far;

-- step: grant on a foreign server
GRANT USAGE ON FOREIGN SERVER far TO {role};
-- undo
REVOKE USAGE ON FOREIGN SERVER far FROM {role};

-- step: create a foreign server
CREATE SERVER further FOREIGN DATA WRAPPER wrapper;
-- undo
DROP SERVER further;

-- step: create a user mapping
CREATE USER MAPPING FOR {other} SERVER far;
-- undo
DROP USER MAPPING FOR {other} SERVER far;

-- step: create an access method
CREATE ACCESS METHOD heap3 TYPE TABLE HANDLER heap_tableam_handler;
-- undo
DROP ACCESS METHOD heap3;

-- step: comment on an access method
COMMENT ON ACCESS METHOD heap2 IS 'the same';
-- undo
COMMENT ON ACCESS METHOD heap2 IS NULL;
