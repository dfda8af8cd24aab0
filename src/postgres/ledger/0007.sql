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

-- Reverting.
ALTER TABLE segue.deployment ADD COLUMN reverts text[];
COMMENT ON COLUMN segue.deployment.reverts IS 'Of a run of segue revert: what it takes back, newest first; null of any other.';

CREATE TABLE segue.reverted (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    checksum text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    deployment bigint REFERENCES segue.deployment,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    duration interval,
    reverted_by bigint REFERENCES segue.deployment,
    reverted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    revert_checksum text
);
CREATE INDEX reverted_by_deployment ON segue.reverted (reverted_by);
COMMENT ON TABLE segue.reverted IS 'What was applied once and has been taken back: the row that segue.migration had of it, and by which run and which text it was taken back.';

CREATE TABLE segue.past (
    project text NOT NULL,
    major integer NOT NULL,
    applied text NOT NULL,
    deployment bigint REFERENCES segue.deployment,
    taken_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    snapshot text NOT NULL,
    PRIMARY KEY (project, major, applied)
);
COMMENT ON TABLE segue.past IS 'Schemas that deployments have found or left, by the texts that were applied then: what segue revert is verified against. The newest 50 of each project and major version of the server.';

-- What the last settled deployment has left, if nothing was applied since.
INSERT INTO segue.past (project, major, applied, deployment, taken_at, snapshot)
SELECT s.project, s.major, a.applied, s.deployment, s.taken_at, s.snapshot
  FROM segue.snapshot s
 CROSS JOIN LATERAL (
       SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(
                  pg_catalog.string_agg(m.checksum, ' ' ORDER BY m.checksum), ''), 'UTF8')), 'hex'),
              pg_catalog.max(m.deployment)
         FROM segue.migration m
        WHERE m.project = s.project AND m.state = 'applied') AS a (applied, newest)
 WHERE a.newest <= s.deployment;
