SELECT c.oid, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       i.indisvalid AND i.indisready AND i.indislive,
       pg_catalog.pg_get_indexdef(c.oid),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indrelid = ANY (:tables)
 ORDER BY c.oid
