-- Versions 1 to 5 have more columns each; as JSON, those that are not there are null.
SELECT row->>'name', row->>'name',
       pg_catalog.to_char(coalesce(row->>'applied_at', row->>'no_txn_failed_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       (1000000 * extract(epoch FROM (row->>'application_duration')::interval))::bigint,
       coalesce((row->>'num_applied_statements')::bigint, 0),
       NULL,
       CASE WHEN row->>'applied_at' IS NULL THEN 'partly' ELSE 'applied' END
  FROM (SELECT pg_catalog.to_jsonb(t) AS row FROM :table t) AS r
 ORDER BY (row->>'migration_timestamp')::timestamptz, row->>'name'
