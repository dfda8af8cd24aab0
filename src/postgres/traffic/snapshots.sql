-- Without pg_read_all_stats backend_xmin of other roles' sessions is NULL.
SELECT a.pid, a.usename, coalesce(nullif(a.application_name, ''), nullif(a.backend_type, 'client backend')), a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) AS age,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),
       a.wait_event_type || '/' || a.wait_event,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '[[:space:]]+', ' ', 'g'), 120),
       NULL AS gid,
       pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       pg_catalog.to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database()
   AND a.backend_xmin IS NOT NULL
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.leader_pid IS NULL
   AND a.backend_type IS DISTINCT FROM 'walsender'
   -- Those of VACUUM, which builds do not wait for.
   AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
   -- What has only just begun ends soon.
   AND a.xact_start < pg_catalog.clock_timestamp() - interval '1 second'
UNION ALL
SELECT 0, p.owner, NULL, NULL,
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared),
       NULL, NULL, NULL, p.gid,
       pg_catalog.to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.database = pg_catalog.current_database()
 ORDER BY age DESC NULLS LAST, 1, 9
