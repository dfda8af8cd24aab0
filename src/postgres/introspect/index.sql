SELECT i.indrelid AS oid, 'indexes' AS part, c.relname AS key,
    pg_catalog.pg_get_indexdef(i.indexrelid) AS "definition:sql",
    spc.spcname AS tablespace,
    CASE WHEN NOT i.indisvalid THEN 'false' END AS "valid:json",
    CASE WHEN NOT i.indisready THEN 'false' END AS "ready:json",
    CASE WHEN NOT i.indislive THEN 'false' END AS "live:json",
    CASE WHEN i.indisclustered THEN 'true' END AS "clustered:json",
    CASE WHEN i.indisreplident THEN 'true' END AS "replica_identity:json",
    CASE WHEN c.relispartition THEN parent.inhparent::pg_catalog.regclass::pg_catalog.text END AS parent,
    -- `ALTER INDEX … ALTER COLUMN … SET STATISTICS`, by the column's number; only
    -- one that is an expression may have it.
    CASE WHEN i.indexprs IS NOT NULL THEN (
        SELECT pg_catalog.json_object_agg(a.attnum, a.attstattarget)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = i.indexrelid AND a.attnum > 0 AND a.attstattarget >= 0
    ) END AS "statistics:json"
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_tablespace AS spc ON spc.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_inherits AS parent ON parent.inhrelid = i.indexrelid
WHERE $only(i.indrelid) AND $namespace(n.nspname)
