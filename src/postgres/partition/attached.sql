SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.inhdetachpending
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE i.inhparent = :parent AND i.inhrelid = :partition
