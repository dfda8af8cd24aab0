SELECT file, checksum, kind, statements,
       pg_catalog.to_char(began_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       pg_catalog.to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       coalesce(extract(epoch FROM duration) * 1000000, 0)::pg_catalog.int8
  FROM segue.migration
 WHERE project = :project AND state = 'applied'
 ORDER BY file
