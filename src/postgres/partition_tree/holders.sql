SELECT DISTINCT l.relation, coalesce(l.pid, 0)
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.relation = ANY (':tables'::pg_catalog.oid[]) AND l.granted
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                  'ExclusiveLock', 'AccessExclusiveLock')
   AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
   -- Only autovacuum workers have no role, and everyone may see that.
   AND (l.pid IS NULL OR a.usesysid IS NOT NULL)
 ORDER BY 1, 2
