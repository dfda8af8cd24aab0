-- segue: begin-concurrent-migration-with: 2026-09-07-10-00-00-add-abort-requested.sql
-- segue: backfill: jobs by id within 1 day
UPDATE jobs SET abort_requested = true
WHERE id > :lower AND id <= :upper AND status = 'aborting' AND NOT abort_requested;
