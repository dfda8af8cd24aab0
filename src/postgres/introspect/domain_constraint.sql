SELECT t.oid, 'constraints' AS part, c.conname AS key,
    pg_catalog.regexp_replace(
        pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID$', ''
    ) AS "definition:sql",
    CASE WHEN NOT c.convalidated THEN 'false' END AS "validated:json",
    (
        SELECT d.description FROM pg_catalog.pg_description AS d
        WHERE d.objoid = c.oid AND d.objsubid = 0
            AND d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
    ) AS comment
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_constraint AS c ON c.contypid = t.oid
WHERE $only(t.oid) AND $owned(t.oid) AND $namespace(n.nspname) AND t.typtype = 'd'
