WITH held AS (
    SELECT l.relation, pg_catalog.string_agg(DISTINCT l.mode, ',') AS modes
      FROM pg_catalog.pg_locks l
     WHERE l.pid = :pid AND l.granted AND l.locktype = 'relation'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
     GROUP BY l.relation
)
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relfilenode, i.indrelid, h.modes,
       a.amname, i.indisunique, i.indpred IS NOT NULL,
       CASE WHEN i.indexrelid IS NOT NULL THEN
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.attname, e.attlen) ORDER BY k.place)
              FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (attnum, place)
              JOIN pg_catalog.pg_attribute e ON e.attrelid = c.oid AND e.attnum = k.place
              LEFT JOIN pg_catalog.pg_attribute t ON t.attrelid = i.indrelid AND t.attnum = k.attnum AND k.attnum <> 0)
       END
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN held h ON h.relation = c.oid
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam AND i.indexrelid IS NOT NULL
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'segue')
   AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
   AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'v', 'f')
   AND (:condition)
 ORDER BY c.oid
