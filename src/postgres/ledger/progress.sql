SELECT file, coalesce(pid, 0), phase, done, total, waits_for,
       extract(epoch FROM pg_catalog.clock_timestamp() - updated_at),
       -- Since version 4 and 5, and whoever only reads does not upgrade.
       pg_catalog.to_jsonb(p) ->> 'partitions_done', pg_catalog.to_jsonb(p) ->> 'partitions_total',
       pg_catalog.to_jsonb(p) ->> 'ends_wait'
  FROM segue.progress p
 -- A batch has no file.
 WHERE project = :project AND file <> ''
 ORDER BY file
