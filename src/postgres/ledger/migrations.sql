SELECT file, checksum, kind, state, deployment,
       pg_catalog.to_char(coalesce(ended_at, began_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       error,
       CASE WHEN state <> 'applied' THEN schema_diff::pg_catalog.text END,
       :schema_version
  FROM segue.migration
 WHERE project = :project
 ORDER BY file
