CREATE TABLE segue.snapshot (
    project text NOT NULL,
    major integer NOT NULL,
    deployment bigint NOT NULL REFERENCES segue.deployment,
    taken_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    snapshot text NOT NULL,
    PRIMARY KEY (project, major)
);
COMMENT ON TABLE segue.snapshot IS 'The schema as the last settled deployment of each project left it, to tell drift from; only the newest, by major version of the server.';

UPDATE segue.ledger SET version = 2, upgraded_at = pg_catalog.now();
