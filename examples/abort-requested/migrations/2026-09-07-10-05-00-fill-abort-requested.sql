-- segue: begin-concurrent-migration-with: 2026-09-07-10-00-00-add-abort-requested.sql
-- segue: backfill: jobs by id within 1 day
-- segue: schema-version: 3.0.0
-- segue: schema-diff-begin
-- Written by `segue add`, not to be edited: what this migration changes, for each major version of PostgreSQL.
-- {
--   "14": [],
--   "15": [],
--   "16": [],
--   "17": [],
--   "18": []
-- }
-- segue: schema-diff-end
UPDATE jobs SET abort_requested = true
WHERE id > :lower AND id <= :upper AND status = 'aborting' AND NOT abort_requested;
