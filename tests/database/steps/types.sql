-- step: create an enum
CREATE TYPE b.colour AS ENUM ('red', 'green');
-- undo
DROP TYPE b.colour;

-- step: add a value to an enum
ALTER TYPE a.lone ADD VALUE 'one and a half' BEFORE 'two';
-- undo
DROP TYPE a.lone; CREATE TYPE a.lone AS ENUM ('one', 'two');

-- step: rename a value of an enum
ALTER TYPE a.mood RENAME VALUE 'sad' TO 'blue';
-- undo
ALTER TYPE a.mood RENAME VALUE 'blue' TO 'sad';

-- step: rename an enum
ALTER TYPE a.mood RENAME TO temper;
-- undo
ALTER TYPE a.temper RENAME TO mood;

-- step: move an enum to another namespace
ALTER TYPE a.mood SET SCHEMA b;
-- undo
ALTER TYPE b.mood SET SCHEMA a;

-- step: the owner of a type
ALTER TYPE a.mood OWNER TO {role};
-- undo
ALTER TYPE a.mood OWNER TO CURRENT_USER;

-- step: comment on a type
COMMENT ON TYPE a.mood IS 'how it is';
-- undo
COMMENT ON TYPE a.mood IS NULL;

-- step: revoke on a type
REVOKE USAGE ON TYPE a.mood FROM PUBLIC;
-- undo
GRANT USAGE ON TYPE a.mood TO PUBLIC;

-- step: create a domain
CREATE DOMAIN b.email AS text COLLATE a.german DEFAULT 'x' CHECK (VALUE ~ '@');
-- undo
DROP DOMAIN b.email;

-- step: add a constraint to a domain
ALTER DOMAIN a.word ADD CONSTRAINT short CHECK (length(VALUE) < 100);
-- undo
ALTER DOMAIN a.word DROP CONSTRAINT short;

-- step: add a constraint to a domain that is in use
ALTER DOMAIN a.positive ADD CONSTRAINT is_small CHECK (VALUE < 1000) NOT VALID;
-- undo
ALTER DOMAIN a.positive DROP CONSTRAINT is_small;

-- step: drop a constraint of a domain
ALTER DOMAIN a.positive DROP CONSTRAINT is_positive;
-- undo
ALTER DOMAIN a.positive ADD CONSTRAINT is_positive CHECK (VALUE > 0);

-- step: comment on a constraint of a domain
COMMENT ON CONSTRAINT is_positive ON DOMAIN a.positive IS 'more than nothing';
-- undo
COMMENT ON CONSTRAINT is_positive ON DOMAIN a.positive IS NULL;

-- step: a default of a domain
ALTER DOMAIN a.word SET DEFAULT 'word';
-- undo
ALTER DOMAIN a.word DROP DEFAULT;

-- step: a domain is never null
ALTER DOMAIN a.word SET NOT NULL;
-- undo
ALTER DOMAIN a.word DROP NOT NULL;

-- step: rename a domain
ALTER DOMAIN a.positive RENAME TO natural_number;
-- undo
ALTER DOMAIN a.natural_number RENAME TO positive;

-- step: create a composite type
CREATE TYPE b.pair AS (x a.mood, y integer);
-- undo
DROP TYPE b.pair;

-- step: rename an attribute of a composite type
ALTER TYPE a.address RENAME ATTRIBUTE town TO city CASCADE;
-- undo
ALTER TYPE a.address RENAME ATTRIBUTE city TO town CASCADE;

-- step: add an attribute to a composite type
ALTER TYPE a.address ADD ATTRIBUTE country text CASCADE;
-- undo
ALTER TYPE a.address DROP ATTRIBUTE country CASCADE;

-- step: rename a composite type
ALTER TYPE a.address RENAME TO place;
-- undo
ALTER TYPE a.place RENAME TO address;

-- step: comment on an attribute of a composite type
COMMENT ON COLUMN a.address.town IS 'or village';
-- undo
COMMENT ON COLUMN a.address.town IS NULL;

-- step: comment on a composite type
COMMENT ON TYPE a.address IS 'where';
-- undo
COMMENT ON TYPE a.address IS NULL;

-- step: create a range type
CREATE TYPE b.times AS RANGE (subtype = time);
-- undo
DROP TYPE b.times;

-- step: rename a range type
ALTER TYPE a.span RENAME TO gap;
-- undo
ALTER TYPE a.gap RENAME TO span;

-- step: rename a multirange type
ALTER TYPE a.span_multirange RENAME TO spans;
-- undo
ALTER TYPE a.spans RENAME TO span_multirange;

-- step: comment on a multirange type
COMMENT ON TYPE a.span_multirange IS 'many';
-- undo
COMMENT ON TYPE a.span_multirange IS NULL;

-- step: change a base type
ALTER TYPE a.base SET (STORAGE = external);
-- undo
ALTER TYPE a.base SET (STORAGE = extended);

-- step: a shell type
CREATE TYPE b.shell;
-- undo
DROP TYPE b.shell;

-- step: create a collation
CREATE COLLATION b.posix (provider = libc, locale = 'POSIX');
-- undo
DROP COLLATION b.posix;

-- step: rename a collation
ALTER COLLATION a.german RENAME TO deutsch;
-- undo
ALTER COLLATION a.deutsch RENAME TO german;

-- step: comment on a collation
COMMENT ON COLLATION a.german IS 'not quite';
-- undo
COMMENT ON COLLATION a.german IS NULL;

-- step: create a cast
CREATE CAST (a.mood AS integer) WITH INOUT AS IMPLICIT;
-- undo
DROP CAST (a.mood AS integer);

-- step: drop a cast
DROP CAST (a.address AS text);
-- undo
CREATE CAST (a.address AS text) WITH FUNCTION a.to_text(a.address) AS ASSIGNMENT;

-- step: comment on a cast
COMMENT ON CAST (a.address AS text) IS 'as written on letters';
-- undo
COMMENT ON CAST (a.address AS text) IS NULL;

-- step: create a conversion
CREATE CONVERSION b.to_latin FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- undo
DROP CONVERSION b.to_latin;

-- step: rename a conversion
ALTER CONVERSION a.latin RENAME TO western;
-- undo
ALTER CONVERSION a.western RENAME TO latin;

-- step: the options of a text search dictionary
ALTER TEXT SEARCH DICTIONARY a.plain (Accept = false);
-- undo
ALTER TEXT SEARCH DICTIONARY a.plain (Accept);

-- step: rename a text search dictionary
ALTER TEXT SEARCH DICTIONARY a.plain RENAME TO simple;
-- undo
ALTER TEXT SEARCH DICTIONARY a.simple RENAME TO plain;

-- step: add a mapping to a text search configuration
ALTER TEXT SEARCH CONFIGURATION a.search ADD MAPPING FOR email WITH pg_catalog.simple;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.search DROP MAPPING FOR email;

-- step: replace a mapping of a text search configuration
ALTER TEXT SEARCH CONFIGURATION a.search ALTER MAPPING FOR word WITH pg_catalog.simple, a.plain;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.search ALTER MAPPING FOR word WITH a.plain;

-- step: create a text search configuration
CREATE TEXT SEARCH CONFIGURATION b.copied (COPY = a.search);
-- undo
DROP TEXT SEARCH CONFIGURATION b.copied;

-- step: rename a text search configuration
ALTER TEXT SEARCH CONFIGURATION a.search RENAME TO lookup;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.lookup RENAME TO search;

-- step: rename a text search parser
ALTER TEXT SEARCH PARSER a.parser RENAME TO words;
-- undo
ALTER TEXT SEARCH PARSER a.words RENAME TO parser;

-- step: comment on a text search template
COMMENT ON TEXT SEARCH TEMPLATE a.template IS 'for others';
-- undo
COMMENT ON TEXT SEARCH TEMPLATE a.template IS NULL;
