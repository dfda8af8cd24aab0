-- segue: end-concurrent-migration: 2026-04-13-11-01-00-fill-details.sql, 2026-04-13-11-02-00-prove-details.sql
-- segue: allow: drop-breaks-code, the servers that wrote `profile` are gone
-- The old code is gone. Once more the proof that no row is left, with no lock
-- that is in anybody's way; then the triggers go, and what they were for.
SELECT segue.stop_sync('account', 'details');
ALTER TABLE account ALTER COLUMN details SET NOT NULL;
ALTER TABLE account DROP COLUMN profile;
DROP FUNCTION account_details(jsonb);
DROP FUNCTION account_profile(jsonb);
