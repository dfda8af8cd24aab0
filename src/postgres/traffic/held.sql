WITH RECURSIVE tree AS (
    SELECT w.place, c.oid
      FROM (VALUES :tables) w (place, namespace, name)
      JOIN pg_catalog.pg_namespace n ON n.nspname = w.namespace
      JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
     UNION
    SELECT r.place, h.inhrelid FROM tree r JOIN pg_catalog.pg_inherits h ON h.inhparent = r.oid
), held AS (
    SELECT DISTINCT r.place, l.pid, l.virtualtransaction, l.mode, l.granted
      FROM tree r JOIN pg_catalog.pg_locks l ON l.relation = r.oid AND l.locktype = 'relation'
     WHERE l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
       AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
)
SELECT a.pid, a.usename, coalesce(nullif(a.application_name, ''), nullif(a.backend_type, 'client backend')), a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) AS age,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),
       a.wait_event_type || '/' || a.wait_event,
       pg_catalog.left(pg_catalog.regexp_replace(nullif(a.query, '<insufficient privilege>'), '[[:space:]]+', ' ', 'g'), 120),
       NULL AS gid,
       pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       pg_catalog.to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       h.place, h.mode, h.granted
  FROM held h JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid
UNION ALL
SELECT 0, p.owner, NULL, NULL,
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared),
       NULL, NULL, NULL, p.gid,
       pg_catalog.to_char(p.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL,
       h.place, h.mode, h.granted
  FROM held h
  JOIN pg_catalog.pg_locks x ON x.pid IS NULL AND x.locktype = 'transactionid'
   AND x.virtualtransaction = h.virtualtransaction
  JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE h.pid IS NULL
 ORDER BY age DESC NULLS LAST, 1, 9, 12, 13
