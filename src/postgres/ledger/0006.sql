CREATE TABLE segue.backfill (
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    checksum text NOT NULL,
    deployment bigint REFERENCES segue.deployment,
    relation text NOT NULL,
    key text[] NOT NULL,
    cursor text[],
    ends_at text[],
    batches bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    total bigint,
    batch_rows bigint,
    pause interval,
    throttled_by text[] NOT NULL DEFAULT '{}',
    throttled_since timestamptz,
    paused_by text,
    paused_at timestamptz,
    pause_reason text,
    rate bigint,
    within interval,
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    earliest_at timestamptz,
    likely_at timestamptz,
    latest_at timestamptz,
    impossible text,
    quarantined bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (project, file)
);
COMMENT ON TABLE segue.backfill IS 'How far each backfill is: the cursor moves in the transaction of the batch.';

CREATE TABLE segue.quarantine (
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    key text[] NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    tries integer NOT NULL DEFAULT 1,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (project, file, key)
);
COMMENT ON TABLE segue.quarantine IS 'Rows that a backfill could not do and has set aside, with the server''s words.';

UPDATE segue.ledger SET version = 6, upgraded_at = pg_catalog.now();
