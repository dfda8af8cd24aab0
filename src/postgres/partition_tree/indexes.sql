-- The last column is what PostgreSQL's CompareIndexInfo says of an index and the
-- target: order and storage parameters do not count, names of columns do.
SELECT i.indrelid, c.oid, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       i.indisvalid AND i.indisready AND i.indislive,
       CASE WHEN i.indrelid = :table THEN pg_catalog.pg_get_indexdef(c.oid) ELSE '' END,
       (SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid),
       CASE WHEN t.indexrelid IS NULL OR t.indrelid = i.indrelid
              OR i.indisunique <> t.indisunique
              OR i.indnatts <> t.indnatts OR i.indnkeyatts <> t.indnkeyatts
              OR i.indisexclusion
              OR i.indcollation <> t.indcollation
              OR c.relam <> tc.relam
            THEN false
            WHEN pg_catalog.to_jsonb(i) -> 'indnullsnotdistinct'
                 IS DISTINCT FROM pg_catalog.to_jsonb(t) -> 'indnullsnotdistinct'
            THEN false
            ELSE ARRAY(SELECT o.opcfamily
                         FROM pg_catalog.unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY k (class, position)
                         JOIN pg_catalog.pg_opclass o ON o.oid = k.class ORDER BY k.position)
               = ARRAY(SELECT o.opcfamily
                         FROM pg_catalog.unnest(t.indclass::pg_catalog.oid[]) WITH ORDINALITY k (class, position)
                         JOIN pg_catalog.pg_opclass o ON o.oid = k.class ORDER BY k.position)
             AND ARRAY(SELECT a.attname
                         FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (number, position)
                         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
                        ORDER BY k.position)
               = ARRAY(SELECT a.attname
                         FROM pg_catalog.unnest(t.indkey::pg_catalog.int2[]) WITH ORDINALITY k (number, position)
                         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.indrelid AND a.attnum = k.number
                        ORDER BY k.position)
             AND pg_catalog.pg_get_expr(i.indexprs, i.indrelid)
                 IS NOT DISTINCT FROM pg_catalog.pg_get_expr(t.indexprs, t.indrelid)
             AND pg_catalog.pg_get_expr(i.indpred, i.indrelid)
                 IS NOT DISTINCT FROM pg_catalog.pg_get_expr(t.indpred, t.indrelid)
       END
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (pg_catalog.pg_index t JOIN pg_catalog.pg_class tc ON tc.oid = t.indexrelid)
         ON t.indexrelid = :target
 WHERE i.indrelid = ANY (':tables'::pg_catalog.oid[])
 ORDER BY c.oid
