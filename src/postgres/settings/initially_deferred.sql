SELECT DISTINCT n.nspname, c.conname
  FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferred
   -- A name means all constraints of that name in the namespace: one that is
   -- not deferrable makes the statement fail, and so does a namespace that may
   -- not be used, another session's temporary one for example.
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o
                    WHERE o.connamespace = c.connamespace AND o.conname = c.conname
                      AND NOT o.condeferrable)
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
 ORDER BY 1, 2
