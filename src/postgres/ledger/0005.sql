ALTER TABLE segue.progress ADD COLUMN ends_wait text;
COMMENT ON COLUMN segue.progress.ends_wait IS 'What would end that wait, for people: of each in its way, in the order of waits_for.';

UPDATE segue.ledger SET version = 5, upgraded_at = pg_catalog.now();
