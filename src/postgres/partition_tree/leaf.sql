-- Only while it is a partition.
SELECT c.oid, NULL, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname, c.relnamespace, c.relkind
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = :table
   AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid AND NOT h.inhdetachpending)
