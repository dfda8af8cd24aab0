SELECT DISTINCT coalesce(l.pid, 0)
  FROM pg_catalog.pg_locks l
 WHERE l.relation = :relation AND l.granted
   AND coalesce(l.pid, 0) = ANY ('{:pids}'::pg_catalog.int4[])
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
