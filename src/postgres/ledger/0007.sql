UPDATE segue.ledger SET version = 7, upgraded_at = pg_catalog.now();

ALTER TABLE segue.migration
    ADD COLUMN schema_version integer[] CHECK (pg_catalog.cardinality(schema_version) = 3);
COMMENT ON COLUMN segue.migration.schema_version IS 'The version that the schema has reached with it, {X,Y,Z}.';

CREATE INDEX migration_by_version ON segue.migration (project, schema_version)
    WHERE schema_version IS NOT NULL AND state = 'applied';

CREATE TABLE segue.version (
    project text PRIMARY KEY,
    schema_version integer[],
    reached_at timestamptz
);
COMMENT ON TABLE segue.version IS 'The version of each project''s schema: the highest that an applied migration has brought; null if none has.';
-- Whoever may look into this namespace may ask for the version.
GRANT SELECT ON segue.version TO PUBLIC;
INSERT INTO segue.version (project)
SELECT project FROM segue.deployment UNION SELECT project FROM segue.migration;
