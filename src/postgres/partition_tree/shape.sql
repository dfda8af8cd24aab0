SELECT pg_catalog.pg_get_indexdef(i.indexrelid),
       i.indisunique,
       pg_catalog.format('%I', c.relname),
       -- The name of a temporary namespace is not what a definition has.
       (SELECT pg_catalog.format('%I.%I', CASE WHEN n.oid = pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END, r.relname)
          FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
         WHERE r.oid = i.indrelid),
       pg_catalog.pg_get_expr(i.indpred, i.indrelid),
       (SELECT pg_catalog.format('%I', s.spcname) FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace),
       pg_catalog.array_to_json(ARRAY(
           SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid ORDER BY a.attnum)),
       (SELECT pg_catalog.pg_encoding_max_length(d.encoding)
          FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
       c.relpersistence = 't'
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indexrelid = :index
