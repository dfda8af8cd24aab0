-- Three shared advisory locks of a session are the three numbers of its code's
-- version: see segue.version_tell.
WITH told AS (
    SELECT l.pid, l.classid::pg_catalog.int8 AS class, l.objid::pg_catalog.int8 AS number
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.mode = 'ShareLock'
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
SELECT a.pid, a.usename, nullif(a.application_name, ''),
       (SELECT t.number FROM told t WHERE t.pid = a.pid AND t.class = :major LIMIT 1),
       (SELECT t.number FROM told t WHERE t.pid = a.pid AND t.class = :minor LIMIT 1),
       (SELECT t.number FROM told t WHERE t.pid = a.pid AND t.class = :patch LIMIT 1)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database()
   -- Of other roles' sessions the server does not tell everybody what they are.
   -- What it does tell everybody: which ones replicate, and as whom one is there.
   AND (a.backend_type = 'client backend'
        OR a.backend_type IS NULL AND a.usesysid IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication r WHERE r.pid = a.pid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_subscription s WHERE s.pid = a.pid))
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.application_name <> 'segue'
 ORDER BY a.pid
