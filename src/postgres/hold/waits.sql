-- A build in this database that waits for this session with its last step but
-- one; who waits for its locks has not begun.
SELECT progress.pid
  FROM pg_catalog.pg_stat_progress_create_index AS progress
 WHERE progress.datname = :database
   AND progress.phase = 'waiting for old snapshots'
   AND :pid = ANY (pg_catalog.pg_blocking_pids(progress.pid))
 LIMIT 1
