-- `ALTER INDEX … ALTER COLUMN … SET STATISTICS`, by the column's number.
SELECT i.indrelid AS oid, 'indexes' AS part, c.relname AS key,
    pg_catalog.json_object_agg(a.attnum, a.attstattarget ORDER BY a.attnum) AS "statistics:json"
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indexrelid
WHERE $only(i.indrelid) AND $namespace(n.nspname) AND a.attnum > 0 AND a.attstattarget >= 0
GROUP BY i.indrelid, c.relname
