SELECT pg_catalog.count(*) AS waiting,
       pg_catalog.min(d.modification) FILTER (WHERE d.name = s.last_failed_wal || '.ready') AS failing_since
  FROM pg_catalog.pg_ls_archive_statusdir() AS d
 WHERE d.name LIKE '%.ready'
