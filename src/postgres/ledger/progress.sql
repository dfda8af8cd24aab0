SELECT file, coalesce(pid, 0), phase, done, total, waits_for
  FROM segue.progress
 WHERE project = :project
 ORDER BY file
