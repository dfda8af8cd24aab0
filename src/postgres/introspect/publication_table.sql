SELECT p.oid, 'tables' AS part, m.prrelid::pg_catalog.regclass::pg_catalog.text AS key
--@15     , (
--@15         SELECT pg_catalog.jsonb_agg(a.attname ORDER BY a.attname COLLATE "C")
--@15         FROM pg_catalog.unnest(m.prattrs::pg_catalog.int2[]) AS listed (attnum)
--@15         JOIN pg_catalog.pg_attribute AS a
--@15             ON a.attrelid = m.prrelid AND a.attnum = listed.attnum
--@15     ) AS "columns:json",
--@15     pg_catalog.pg_get_expr(m.prqual, m.prrelid) AS "where:sql"
FROM pg_catalog.pg_publication AS p
JOIN pg_catalog.pg_publication_rel AS m ON m.prpubid = p.oid
WHERE $only(p.oid) AND $owned(p.oid)
