SELECT extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid = :pid AND a.state = 'idle'
