SELECT datname
  FROM pg_catalog.pg_database
 WHERE datname NOT IN ('postgres', 'template0', 'template1')
 ORDER BY datname COLLATE "C"
