-- Sessions of this database that wait for a lock, and how many of them for one
-- of backend :pid. Advisory locks are the application's own business, and who
-- waits for a transaction to end (a concurrent build) knows that it may take
-- long. pg_blocking_pids holds up the lock manager for a moment, so only those
-- are asked that have waited for the longest.
SELECT pg_catalog.json_build_object(
           'all', pg_catalog.count(*),
           'blocked', pg_catalog.count(*) FILTER (WHERE w.is_ours))
  FROM (SELECT CASE WHEN pg_catalog.row_number() OVER (ORDER BY l.since NULLS LAST) <= 20
                    THEN :pid = ANY (pg_catalog.pg_blocking_pids(l.pid)) END AS is_ours
          FROM (SELECT l.pid, pg_catalog.min(l.waitstart) AS since
                  FROM pg_catalog.pg_locks AS l
                 WHERE NOT l.granted
                   AND l.locktype NOT IN ('advisory', 'virtualxid')
                   AND l.pid NOT IN (:pid, pg_catalog.pg_backend_pid())
                 GROUP BY l.pid) AS l
          JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
         WHERE a.datname = pg_catalog.current_database()) AS w
