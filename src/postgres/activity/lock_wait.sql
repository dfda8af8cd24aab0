SELECT b.pid, a.usename, a.application_name, a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),
       a.wait_event_type || '/' || a.wait_event,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 120),
       NULL,
       l.relation,
       l.relation::pg_catalog.regclass
  FROM pg_catalog.pg_locks l
  LEFT JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(l.pid)) AS b(pid) ON true
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
 WHERE l.pid = :pid AND NOT l.granted
