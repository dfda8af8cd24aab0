//! Every kind of object, made or changed by a migration of its own and taken
//! back by its file: all at once by `segue revert`, one by one by `segue
//! check`.

use super::developing;
use crate::support::{Project, TestDatabase, assert_same_snapshot, snapshot};

/// What is there before.
const BASE: &str = "\
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL DEFAULT 'nobody', age int);
CREATE TABLE pets (id int PRIMARY KEY, owner int);
CREATE TABLE spare (id int PRIMARY KEY, owner int);
CREATE TABLE events (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE SEQUENCE numbers;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE VIEW adults AS SELECT id FROM people WHERE age > 17;
";

/// Name, migration, and what takes it back.
const KINDS: &[(&str, &str, &str)] = &[
    ("table", "CREATE TABLE t (id int);", "DROP TABLE t;"),
    (
        "dropped-table",
        "DROP TABLE spare;",
        "CREATE TABLE spare (id int PRIMARY KEY, owner int);",
    ),
    (
        "column",
        "ALTER TABLE people ADD COLUMN email text;",
        "ALTER TABLE people DROP COLUMN email;",
    ),
    (
        "renamed-column",
        "ALTER TABLE people RENAME COLUMN age TO years;",
        "ALTER TABLE people RENAME COLUMN years TO age;",
    ),
    (
        "column-type",
        "ALTER TABLE pets ALTER COLUMN owner TYPE bigint;",
        "ALTER TABLE pets ALTER COLUMN owner TYPE int;",
    ),
    (
        "default",
        "ALTER TABLE people ALTER COLUMN name DROP DEFAULT;",
        "ALTER TABLE people ALTER COLUMN name SET DEFAULT 'nobody';",
    ),
    (
        "not-null",
        "ALTER TABLE people ALTER COLUMN name DROP NOT NULL;",
        "ALTER TABLE people ALTER COLUMN name SET NOT NULL;",
    ),
    (
        "index",
        "CREATE INDEX people_by_name ON people (name);",
        "DROP INDEX people_by_name;",
    ),
    (
        "check-constraint",
        "ALTER TABLE pets ADD CONSTRAINT owned CHECK (owner > 0);",
        "ALTER TABLE pets DROP CONSTRAINT owned;",
    ),
    (
        "foreign-key",
        "ALTER TABLE pets ADD CONSTRAINT pets_owner FOREIGN KEY (owner) REFERENCES people (id) NOT VALID;",
        "ALTER TABLE pets DROP CONSTRAINT pets_owner;",
    ),
    (
        "view",
        "CREATE VIEW names AS SELECT name FROM people;",
        "DROP VIEW names;",
    ),
    (
        "changed-view",
        "CREATE OR REPLACE VIEW adults AS SELECT id FROM people WHERE id > 18;",
        "CREATE OR REPLACE VIEW adults AS SELECT id FROM people WHERE PLACEHOLDER > 17;",
    ),
    (
        "materialized-view",
        "CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM people;",
        "DROP MATERIALIZED VIEW counts;",
    ),
    (
        "function",
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n + n';",
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';",
    ),
    (
        "procedure",
        "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';",
        "DROP PROCEDURE nothing();",
    ),
    (
        "aggregate",
        "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');",
        "DROP AGGREGATE total(int);",
    ),
    (
        "trigger",
        "CREATE TRIGGER stamped BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION stamp();",
        "DROP TRIGGER stamped ON people;",
    ),
    (
        "type",
        "CREATE TYPE pair AS (a int, b text);",
        "DROP TYPE pair;",
    ),
    (
        "enum",
        "CREATE TYPE colour AS ENUM ('red');",
        "DROP TYPE colour;",
    ),
    (
        "enum-value",
        "ALTER TYPE mood ADD VALUE 'so-so';",
        "ALTER TYPE mood RENAME TO mood_old;\nCREATE TYPE mood AS ENUM ('good', 'bad');\nDROP TYPE mood_old;",
    ),
    (
        "domain",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0);",
        "DROP DOMAIN positive;",
    ),
    (
        "sequence",
        "ALTER SEQUENCE numbers INCREMENT BY 5;",
        "ALTER SEQUENCE numbers INCREMENT BY 1;",
    ),
    (
        "new-sequence",
        "CREATE SEQUENCE more_numbers OWNED BY people.id;",
        "DROP SEQUENCE more_numbers;",
    ),
    (
        "policy",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own ON people USING (id = 1);",
        "DROP POLICY own ON people;\nALTER TABLE people DISABLE ROW LEVEL SECURITY;",
    ),
    (
        "grant",
        "GRANT SELECT ON people TO pg_monitor;\nGRANT UPDATE (name) ON people TO pg_monitor;",
        "REVOKE ALL ON people FROM pg_monitor;\nREVOKE UPDATE (name) ON people FROM pg_monitor;",
    ),
    (
        "default-privileges",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM pg_monitor;",
    ),
    (
        "partition",
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (10);",
        "DROP TABLE events_1;",
    ),
    (
        "rule",
        "CREATE RULE quiet AS ON DELETE TO pets DO INSTEAD NOTHING;",
        "DROP RULE quiet ON pets;",
    ),
    (
        "comment",
        "COMMENT ON TABLE people IS 'who';",
        "COMMENT ON TABLE people IS NULL;",
    ),
    (
        "namespace",
        "CREATE SCHEMA aside;\nCREATE TABLE aside.t ();",
        "DROP TABLE aside.t;\nDROP SCHEMA aside;",
    ),
    (
        "statistics",
        "CREATE STATISTICS together ON name, id FROM people;",
        "DROP STATISTICS together;",
    ),
    (
        "collation",
        "CREATE COLLATION plain FROM \"C\";",
        "DROP COLLATION plain;",
    ),
    (
        "cast",
        "CREATE FUNCTION mood_rank(mood) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';\nCREATE CAST (mood AS int) WITH FUNCTION mood_rank(mood);",
        "DROP CAST (mood AS int);\nDROP FUNCTION mood_rank(mood);",
    ),
    (
        "operator",
        "CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);",
        "DROP OPERATOR @@@ (int, int);",
    ),
    (
        "event-trigger",
        "CREATE FUNCTION heed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';\nCREATE EVENT TRIGGER heeds ON ddl_command_end WHEN TAG IN ('CREATE CAST') EXECUTE FUNCTION heed();",
        "DROP EVENT TRIGGER heeds;\nDROP FUNCTION heed();",
    ),
    (
        "foreign-data",
        "CREATE FOREIGN DATA WRAPPER far;\nCREATE SERVER there FOREIGN DATA WRAPPER far;",
        "DROP SERVER there;\nDROP FOREIGN DATA WRAPPER far;",
    ),
    (
        "publication",
        "CREATE PUBLICATION news FOR TABLE people;",
        "DROP PUBLICATION news;",
    ),
    (
        "text-search",
        "CREATE TEXT SEARCH CONFIGURATION simpler (COPY = pg_catalog.simple);",
        "DROP TEXT SEARCH CONFIGURATION simpler;",
    ),
    (
        "unlogged",
        "ALTER TABLE pets SET UNLOGGED;",
        "ALTER TABLE pets SET LOGGED;",
    ),
    (
        "concurrently",
        "-- segue: begin-concurrent-migration-with: 00-base.sql\nCREATE INDEX CONCURRENTLY pets_by_owner ON pets (owner);",
        "-- segue: no-txn\nDROP INDEX CONCURRENTLY pets_by_owner;",
    ),
];

/// Files of all kinds; `00-base.sql` is what is there before.
fn files(project: &Project) {
    let years = KINDS.iter().any(|(name, ..)| *name == "renamed-column");
    for (number, (name, migration, revert)) in KINDS.iter().enumerate() {
        let number = number + 10;
        // The column has its new name when the view is taken back.
        let revert = revert.replace("PLACEHOLDER", if years { "years" } else { "age" });
        project
            .file(&format!("{number}-{name}.sql"), &format!("{migration}\n"))
            .file(
                &format!("{number}-{name}.revert.sql"),
                &format!("{revert}\n"),
            );
    }
}

#[test]
fn all_at_once() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project.file("00-base.sql", BASE);
    project.segue(&["up"]).expect_success();
    let before = snapshot(&database.url());
    files(&project);
    project.segue(&["up"]).expect_success();
    let after = snapshot(&database.url());
    project
        .segue(&["revert", "--to", "00-base"])
        .expect_success();
    assert_same_snapshot("taken back", &snapshot(&database.url()), &before);
    project.segue(&["up"]).expect_success();
    assert_same_snapshot("applied again", &snapshot(&database.url()), &after);
}

#[test]
fn one_by_one() {
    let project = Project::throwaway();
    project.file("00-base.sql", BASE);
    files(&project);
    let run = project.segue(&["check", "--no-lint"]);
    let told = format!(
        "✓ {} migrations taken back and applied again in ",
        KINDS.len()
    );
    assert!(
        run.status == 0 && run.stdout.contains(&told),
        "{}{}",
        run.stdout,
        run.stderr
    );
}
