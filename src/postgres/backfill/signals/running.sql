SELECT pg_catalog.count(*)
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.state = 'active'
   AND a.backend_type = 'client backend'
   AND a.pid NOT IN (:pid, pg_catalog.pg_backend_pid())
