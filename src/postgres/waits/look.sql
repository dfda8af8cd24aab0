-- The phase in which backend $1 waits for $2; empty if it does not, no row if it
-- runs nothing.
SELECT CASE WHEN $2 = ANY (pg_catalog.pg_blocking_pids(a.pid))
            THEN coalesce(nullif(p.phase, 'initializing'), 'waiting for ' || coalesce(a.wait_event, 'others'))
            ELSE '' END
  FROM pg_catalog.pg_stat_activity AS a
  LEFT JOIN pg_catalog.pg_stat_progress_create_index AS p ON p.pid = a.pid
 WHERE a.pid = $1
   AND a.state = 'active'
