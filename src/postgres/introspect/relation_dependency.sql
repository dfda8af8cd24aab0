-- `DEPENDS ON EXTENSION`: what is dropped together with one, though no member.
SELECT dependent.oid, dependent.part, dependent.key,
    pg_catalog.json_agg(e.extname ORDER BY e.extname) AS "depends_on_extensions:json"
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
CROSS JOIN LATERAL (
    SELECT c.oid, NULL AS part, NULL AS key
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = d.objid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND c.relkind = 'm' AND $only(c.oid)
    UNION ALL
    SELECT i.indrelid, 'indexes', c.relname
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indexrelid = d.objid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND $only(i.indrelid)
    UNION ALL
    SELECT t.tgrelid, 'triggers', t.tgname
    FROM pg_catalog.pg_trigger AS t
    WHERE t.oid = d.objid AND d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
        AND $only(t.tgrelid)
) AS dependent
WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'x'
GROUP BY dependent.oid, dependent.part, dependent.key
