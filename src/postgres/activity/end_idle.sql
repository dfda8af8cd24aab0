WITH idle AS MATERIALIZED (
    SELECT a.pid, extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change) AS seconds
      FROM pg_catalog.pg_stat_activity a
     WHERE a.pid = :pid AND a.state = 'idle' AND a.query IS DISTINCT FROM :unless
)
SELECT i.seconds, pg_catalog.pg_terminate_backend(i.pid)
  FROM idle i
 WHERE i.seconds >= :idle_min
