SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind = 'p'
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = :table
