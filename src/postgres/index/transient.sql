SELECT c.oid, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname), false, NULL,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'), i.indrelid
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  -- The table that a TOAST table belongs to says which namespace it is.
  LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = t.oid AND t.relkind = 't'
  JOIN pg_catalog.pg_namespace tn ON tn.oid = coalesce(o.relnamespace, t.relnamespace)
 WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
   AND c.relname ~ '_cc(new|old)[0-9]*$'
   AND (:namespace IS NULL OR tn.nspname = :namespace)
 ORDER BY c.oid
