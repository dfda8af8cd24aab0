-- step: create an enum
-- changes: enum b.colour
CREATE TYPE b.colour AS ENUM ('red', 'green');
-- undo
DROP TYPE b.colour;

-- step: add a value to an enum
-- changes: enum a.lone
ALTER TYPE a.lone ADD VALUE 'one and a half' BEFORE 'two';
-- undo
DROP TYPE a.lone; CREATE TYPE a.lone AS ENUM ('one', 'two');

-- step: rename a value of an enum
-- changes: enum a.mood
-- changes: table a.kinds_sad
-- changes: table a.person
-- changes: view a.people
ALTER TYPE a.mood RENAME VALUE 'sad' TO 'blue';
-- undo
ALTER TYPE a.mood RENAME VALUE 'blue' TO 'sad';

-- step: rename an enum
-- changes: aggregate a.moods(a.mood)
-- changes: aggregate a.moods(a.temper)
-- changes: enum a.mood
-- changes: enum a.temper
-- changes: function a.fold_mood(text, a.mood)
-- changes: function a.fold_mood(text, a.temper)
-- changes: function a.label(a.mood)
-- changes: function a.label(a.temper)
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
-- changes: table a.event_2027
-- changes: table a.kinds
-- changes: table a.kinds_sad
-- changes: table a.person
-- changes: view a.people
ALTER TYPE a.mood RENAME TO temper;
-- undo
ALTER TYPE a.temper RENAME TO mood;

-- step: move an enum to another namespace
-- changes: aggregate a.moods(a.mood)
-- changes: aggregate a.moods(b.mood)
-- changes: enum a.mood
-- changes: enum b.mood
-- changes: function a.fold_mood(text, a.mood)
-- changes: function a.fold_mood(text, b.mood)
-- changes: function a.label(a.mood)
-- changes: function a.label(b.mood)
-- changes: table a.event
-- changes: table a.event_2025
-- changes: table a.event_2026
-- changes: table a.event_2027
-- changes: table a.kinds
-- changes: table a.kinds_sad
-- changes: table a.person
-- changes: view a.people
ALTER TYPE a.mood SET SCHEMA b;
-- undo
ALTER TYPE b.mood SET SCHEMA a;

-- step: the owner of a type
-- changes: enum a.mood
ALTER TYPE a.mood OWNER TO {role};
-- undo
ALTER TYPE a.mood OWNER TO CURRENT_USER;

-- step: comment on a type
-- changes: enum a.mood
COMMENT ON TYPE a.mood IS 'how it is';
-- undo
COMMENT ON TYPE a.mood IS NULL;

-- step: revoke on a type
-- changes: enum a.mood
REVOKE USAGE ON TYPE a.mood FROM PUBLIC;
-- undo
GRANT USAGE ON TYPE a.mood TO PUBLIC;

-- step: create a domain
-- changes: domain b.email
CREATE DOMAIN b.email AS text COLLATE a.german DEFAULT 'x' CHECK (VALUE ~ '@');
-- undo
DROP DOMAIN b.email;

-- step: add a constraint to a domain
-- changes: domain a.word
ALTER DOMAIN a.word ADD CONSTRAINT short CHECK (length(VALUE) < 100);
-- undo
ALTER DOMAIN a.word DROP CONSTRAINT short;

-- step: add a constraint to a domain that is in use
-- changes: domain a.positive
ALTER DOMAIN a.positive ADD CONSTRAINT is_small CHECK (VALUE < 1000) NOT VALID;
-- undo
ALTER DOMAIN a.positive DROP CONSTRAINT is_small;

-- step: drop a constraint of a domain
-- changes: domain a.positive
ALTER DOMAIN a.positive DROP CONSTRAINT is_positive;
-- undo
ALTER DOMAIN a.positive ADD CONSTRAINT is_positive CHECK (VALUE > 0);

-- step: comment on a constraint of a domain
-- changes: domain a.positive
COMMENT ON CONSTRAINT is_positive ON DOMAIN a.positive IS 'more than nothing';
-- undo
COMMENT ON CONSTRAINT is_positive ON DOMAIN a.positive IS NULL;

-- step: a default of a domain
-- changes: domain a.word
ALTER DOMAIN a.word SET DEFAULT 'word';
-- undo
ALTER DOMAIN a.word DROP DEFAULT;

-- step: a domain is never null
-- changes: domain a.word
ALTER DOMAIN a.word SET NOT NULL;
-- undo
ALTER DOMAIN a.word DROP NOT NULL;

-- step: rename a domain
-- changes: domain a.natural_number
-- changes: domain a.positive
-- changes: table a.person
ALTER DOMAIN a.positive RENAME TO natural_number;
-- undo
ALTER DOMAIN a.natural_number RENAME TO positive;

-- step: create a composite type
-- changes: composite type b.pair
CREATE TYPE b.pair AS (x a.mood, y integer);
-- undo
DROP TYPE b.pair;

-- step: rename an attribute of a composite type
-- changes: composite type a.address
-- changes: table a.typed
ALTER TYPE a.address RENAME ATTRIBUTE town TO city CASCADE;
-- undo
ALTER TYPE a.address RENAME ATTRIBUTE city TO town CASCADE;

-- step: add an attribute to a composite type
-- changes: composite type a.address
-- changes: table a.typed
ALTER TYPE a.address ADD ATTRIBUTE country text CASCADE;
-- undo
ALTER TYPE a.address DROP ATTRIBUTE country CASCADE;

-- step: rename a composite type
-- changes: cast a.address AS text
-- changes: cast a.place AS text
-- changes: composite type a.address
-- changes: composite type a.place
-- changes: function a.differ(a.address, a.address)
-- changes: function a.differ(a.place, a.place)
-- changes: function a.same(a.address, a.address)
-- changes: function a.same(a.place, a.place)
-- changes: function a.to_text(a.address)
-- changes: function a.to_text(a.place)
-- changes: operator a.!==(a.address, a.address)
-- changes: operator a.!==(a.place, a.place)
-- changes: operator a.===(a.address, a.address)
-- changes: operator a.===(a.place, a.place)
-- changes: table a.person
-- changes: table a.typed
ALTER TYPE a.address RENAME TO place;
-- undo
ALTER TYPE a.place RENAME TO address;

-- step: comment on an attribute of a composite type
-- changes: composite type a.address
COMMENT ON COLUMN a.address.town IS 'or village';
-- undo
COMMENT ON COLUMN a.address.town IS NULL;

-- step: comment on a composite type
-- changes: composite type a.address
COMMENT ON TYPE a.address IS 'where';
-- undo
COMMENT ON TYPE a.address IS NULL;

-- step: create a range type
-- changes: range b.times
CREATE TYPE b.times AS RANGE (subtype = time);
-- undo
DROP TYPE b.times;

-- step: rename a range type
-- changes: range a.gap
-- changes: range a.span
ALTER TYPE a.span RENAME TO gap;
-- undo
ALTER TYPE a.gap RENAME TO span;

-- step: rename a multirange type
-- changes: range a.span
ALTER TYPE a.span_multirange RENAME TO spans;
-- undo
ALTER TYPE a.spans RENAME TO span_multirange;

-- step: comment on a multirange type
-- changes: range a.span
COMMENT ON TYPE a.span_multirange IS 'many';
-- undo
COMMENT ON TYPE a.span_multirange IS NULL;

-- step: change a base type
-- changes: base type a.base
ALTER TYPE a.base SET (STORAGE = external);
-- undo
ALTER TYPE a.base SET (STORAGE = extended);

-- step: a shell type
-- changes: base type b.shell
CREATE TYPE b.shell;
-- undo
DROP TYPE b.shell;

-- step: create a collation
-- changes: collation b.posix
CREATE COLLATION b.posix (provider = libc, locale = 'POSIX');
-- undo
DROP COLLATION b.posix;

-- step: rename a collation
-- changes: collation a.deutsch
-- changes: collation a.german
ALTER COLLATION a.german RENAME TO deutsch;
-- undo
ALTER COLLATION a.deutsch RENAME TO german;

-- step: comment on a collation
-- changes: collation a.german
COMMENT ON COLLATION a.german IS 'not quite';
-- undo
COMMENT ON COLLATION a.german IS NULL;

-- step: create a cast
-- changes: cast a.mood AS integer
-- changes: table a.person
-- changes: view a.people
CREATE CAST (a.mood AS integer) WITH INOUT AS IMPLICIT;
-- undo
DROP CAST (a.mood AS integer);

-- step: drop a cast
-- changes: cast a.address AS text
DROP CAST (a.address AS text);
-- undo
CREATE CAST (a.address AS text) WITH FUNCTION a.to_text(a.address) AS ASSIGNMENT;

-- step: comment on a cast
-- changes: cast a.address AS text
COMMENT ON CAST (a.address AS text) IS 'as written on letters';
-- undo
COMMENT ON CAST (a.address AS text) IS NULL;

-- step: create a conversion
-- changes: conversion b.to_latin
CREATE CONVERSION b.to_latin FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
-- undo
DROP CONVERSION b.to_latin;

-- step: rename a conversion
-- changes: conversion a.latin
-- changes: conversion a.western
ALTER CONVERSION a.latin RENAME TO western;
-- undo
ALTER CONVERSION a.western RENAME TO latin;

-- step: the options of a text search dictionary
-- changes: text search dictionary a.plain
ALTER TEXT SEARCH DICTIONARY a.plain (Accept = false);
-- undo
ALTER TEXT SEARCH DICTIONARY a.plain (Accept);

-- step: rename a text search dictionary
-- changes: text search configuration a.search
-- changes: text search dictionary a.plain
-- changes: text search dictionary a.simple
ALTER TEXT SEARCH DICTIONARY a.plain RENAME TO simple;
-- undo
ALTER TEXT SEARCH DICTIONARY a.simple RENAME TO plain;

-- step: add a mapping to a text search configuration
-- changes: text search configuration a.search
ALTER TEXT SEARCH CONFIGURATION a.search ADD MAPPING FOR email WITH pg_catalog.simple;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.search DROP MAPPING FOR email;

-- step: replace a mapping of a text search configuration
-- changes: text search configuration a.search
ALTER TEXT SEARCH CONFIGURATION a.search ALTER MAPPING FOR word WITH pg_catalog.simple, a.plain;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.search ALTER MAPPING FOR word WITH a.plain;

-- step: create a text search configuration
-- changes: text search configuration b.copied
CREATE TEXT SEARCH CONFIGURATION b.copied (COPY = a.search);
-- undo
DROP TEXT SEARCH CONFIGURATION b.copied;

-- step: rename a text search configuration
-- changes: text search configuration a.lookup
-- changes: text search configuration a.search
ALTER TEXT SEARCH CONFIGURATION a.search RENAME TO lookup;
-- undo
ALTER TEXT SEARCH CONFIGURATION a.lookup RENAME TO search;

-- step: rename a text search parser
-- changes: text search parser a.parser
-- changes: text search parser a.words
ALTER TEXT SEARCH PARSER a.parser RENAME TO words;
-- undo
ALTER TEXT SEARCH PARSER a.words RENAME TO parser;

-- step: comment on a text search template
-- changes: text search template a.template
COMMENT ON TEXT SEARCH TEMPLATE a.template IS 'for others';
-- undo
COMMENT ON TEXT SEARCH TEMPLATE a.template IS NULL;

-- step: a security label of an attribute of a composite type
-- changes: composite type a.address
SET allow_system_table_mods = on;
INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label)
VALUES ('a.address'::regclass, 'pg_class'::regclass, 1, 'one', 'secret');
RESET allow_system_table_mods;
-- undo
SET allow_system_table_mods = on;
DELETE FROM pg_seclabel WHERE objoid = 'a.address'::regclass;
RESET allow_system_table_mods;
