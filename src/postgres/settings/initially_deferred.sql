SELECT DISTINCT n.nspname, c.conname
  FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferred
 ORDER BY 1, 2
