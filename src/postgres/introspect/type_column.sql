SELECT t.oid, 'columns' AS part, a.attname AS key,
    pg_catalog.row_number() OVER (PARTITION BY t.oid ORDER BY a.attnum) AS "position:json",
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN a.attcollation <> b.typcollation THEN
        a.attcollation::pg_catalog.regcollation::pg_catalog.text
    END AS collation,
    (
        SELECT d.description FROM pg_catalog.pg_description AS d
        WHERE d.objoid = c.oid AND d.objsubid = a.attnum
            AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    ) AS comment,
    (
        SELECT pg_catalog.jsonb_object_agg(l.provider, l.label) FROM pg_catalog.pg_seclabel AS l
        WHERE l.objoid = c.oid AND l.objsubid = a.attnum
            AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    ) AS "security_labels:json"
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = c.reltype
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS b ON b.oid = a.atttypid
WHERE $only(t.oid) AND $owned(t.oid) AND $namespace(n.nspname)
    AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
