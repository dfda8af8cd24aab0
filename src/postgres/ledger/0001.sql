CREATE TABLE segue.ledger (
    version integer NOT NULL,
    upgraded_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE segue.ledger IS 'Version of segue''s own tables: one row.';

CREATE TABLE segue.deployment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'ready', 'settled', 'failed')),
    migration text,
    fingerprint text NOT NULL,
    tail text[] NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ready_at timestamptz,
    settled_at timestamptz,
    failed_at timestamptz,
    error text,
    runner text NOT NULL,
    CHECK (state NOT IN ('ready', 'settled') OR ready_at IS NOT NULL),
    CHECK (state <> 'settled' OR settled_at IS NOT NULL)
);
CREATE INDEX deployment_by_project ON segue.deployment (project, id);
COMMENT ON TABLE segue.deployment IS 'One row per run of segue up with something to do; ready_at is set by the COMMIT of the batch.';

CREATE TABLE segue.migration (
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    checksum text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('batch', 'standalone', 'concurrent')),
    state text NOT NULL CHECK (state IN ('applied', 'begun', 'failed', 'abandoned')),
    deployment bigint REFERENCES segue.deployment,
    statements bigint NOT NULL DEFAULT 0,
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    duration interval,
    error text,
    schema_diff jsonb,
    PRIMARY KEY (project, file)
);
COMMENT ON TABLE segue.migration IS 'What has been applied, and what has begun outside a transaction, by project and file name.';

CREATE TABLE segue.intent (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    checksum text NOT NULL,
    statement integer NOT NULL,
    fingerprint text NOT NULL,
    sql text NOT NULL,
    state text NOT NULL CHECK (state IN ('begun', 'done', 'failed', 'given up')),
    relation oid,
    indexes_before oid[] NOT NULL DEFAULT '{}',
    target oid,
    pid integer NOT NULL,
    backend_start text NOT NULL,
    deployment bigint REFERENCES segue.deployment,
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    error text
);
CREATE INDEX intent_by_file ON segue.intent (project, file, id);
COMMENT ON TABLE segue.intent IS 'Statements run outside a transaction: written before each one, marked when it is done.';

CREATE TABLE segue.progress (
    project text NOT NULL,
    file text COLLATE "C" NOT NULL,
    pid integer,
    phase text NOT NULL,
    done bigint,
    total bigint,
    waits_for text,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (project, file)
);
COMMENT ON TABLE segue.progress IS 'How far the concurrent migrations are that run now.';

INSERT INTO segue.ledger (version) VALUES (1);
