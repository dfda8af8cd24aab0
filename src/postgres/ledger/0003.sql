ALTER TABLE segue.intent ADD COLUMN before jsonb;
COMMENT ON COLUMN segue.intent.before IS 'What there was before the statement ran, by which its outcome is known later.';

-- What is applied is not resumed: from this version on its intents go with the
-- COMMIT that says so.
DELETE FROM segue.intent i
 USING segue.migration m
 WHERE m.project = i.project AND m.file = i.file AND m.state = 'applied';

ALTER TABLE segue.intent
    ADD COLUMN made oid[] NOT NULL DEFAULT '{}',
    ADD COLUMN partition oid,
    ADD COLUMN partition_indexes_before oid[] NOT NULL DEFAULT '{}';

UPDATE segue.ledger SET version = 3, upgraded_at = pg_catalog.now();
