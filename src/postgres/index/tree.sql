WITH tree AS (
    SELECT c.oid, c.reltoastrelid
      FROM pg_catalog.pg_class c
     WHERE c.oid = :table
        OR c.oid IN (SELECT t.relid::pg_catalog.oid
                       FROM pg_catalog.pg_partition_tree(:table::pg_catalog.oid::pg_catalog.regclass) t)
)
SELECT oid FROM tree
UNION
SELECT reltoastrelid FROM tree WHERE reltoastrelid <> 0
 ORDER BY 1
