SELECT file, coalesce(pid, 0), phase, done, total, waits_for,
       extract(epoch FROM pg_catalog.clock_timestamp() - updated_at)
  FROM segue.progress
 WHERE project = :project
 ORDER BY file
