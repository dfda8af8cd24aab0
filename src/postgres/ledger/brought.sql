UPDATE segue.deployment
   SET state = 'failed', failed_at = pg_catalog.clock_timestamp(),
       error = 'it was running in the database that was dumped'
 WHERE state = 'running';
-- Its OIDs and its sessions are those of another database.
UPDATE segue.intent
   SET state = 'given up', ended_at = pg_catalog.clock_timestamp()
 WHERE state IN ('begun', 'failed');
DELETE FROM segue.progress;
-- What differs from it is not drift, but what the dump left out.
DELETE FROM segue.snapshot;
DELETE FROM segue.past
