SELECT a.pid, a.usename, a.application_name, a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),
       a.wait_event_type || '/' || a.wait_event,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 120),
       NULL
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid = :pid
