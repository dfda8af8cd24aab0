SELECT 1
  FROM pg_catalog.pg_stat_progress_create_index
 WHERE datname = pg_catalog.current_database()
   AND (command IS NULL OR command LIKE '%CONCURRENTLY')
 LIMIT 1
