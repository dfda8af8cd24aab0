ALTER TABLE segue.intent ADD COLUMN building jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN segue.intent.building IS 'Partitions whose indexes are being built, by OID, each with the OIDs of the indexes that it had before.';

ALTER TABLE segue.progress
    ADD COLUMN partitions_done bigint,
    ADD COLUMN partitions_total bigint;

UPDATE segue.ledger SET version = 4, upgraded_at = pg_catalog.now();
