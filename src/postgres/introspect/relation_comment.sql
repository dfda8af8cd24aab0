WITH d AS MATERIALIZED (
    SELECT objoid, classoid, objsubid, description
    FROM pg_catalog.pg_description
    WHERE classoid IN (
        'pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass,
        'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_rewrite'::pg_catalog.regclass,
        'pg_catalog.pg_policy'::pg_catalog.regclass
    )
)
SELECT d.objoid AS oid, CASE WHEN d.objsubid <> 0 THEN 'columns' END AS part, a.attname AS key,
    d.description AS comment
FROM d
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
    AND d.objsubid <> 0
WHERE $only(d.objoid) AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION ALL
SELECT i.indrelid, 'indexes', c.relname, d.description
FROM d
JOIN pg_catalog.pg_index AS i ON i.indexrelid = d.objoid
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE $only(i.indrelid) AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0
UNION ALL
SELECT con.conrelid, 'constraints', con.conname, d.description
FROM d
JOIN pg_catalog.pg_constraint AS con ON con.oid = d.objoid
WHERE $only(con.conrelid) AND d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
UNION ALL
SELECT t.tgrelid, 'triggers', t.tgname, d.description
FROM d
JOIN pg_catalog.pg_trigger AS t ON t.oid = d.objoid
WHERE $only(t.tgrelid) AND d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
UNION ALL
SELECT r.ev_class, 'rules', r.rulename, d.description
FROM d
JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objoid
WHERE $only(r.ev_class) AND d.classoid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
UNION ALL
SELECT p.polrelid, 'policies', p.polname, d.description
FROM d
JOIN pg_catalog.pg_policy AS p ON p.oid = d.objoid
WHERE $only(p.polrelid) AND d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass
