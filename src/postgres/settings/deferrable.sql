-- A name means all constraints of that name in its namespace, and one of them
-- that is not deferrable makes SET CONSTRAINTS … DEFERRED fail, as a namespace
-- does that may not be used, another session's temporary one for example.
SELECT n.nspname, c.conname,
       pg_catalog.bool_or(c.condeferred) AND pg_catalog.bool_and(c.condeferrable)
  FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
 WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
 GROUP BY 1, 2
HAVING pg_catalog.bool_or(c.condeferrable)
 ORDER BY 1, 2
