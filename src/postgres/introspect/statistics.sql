-- Its definition in parts: `pg_get_statisticsobjdef` has columns in the order of
-- their numbers, and leaves parentheses out of expressions, unlike all others.
SELECT s.oid, n.nspname AS namespace, 'statistics' AS kind, s.stxname AS name,
    pg_catalog.pg_get_userbyid(s.stxowner) AS owner,
    s.stxrelid::pg_catalog.regclass::pg_catalog.text AS table,
    (
        SELECT pg_catalog.json_agg(a.attname ORDER BY a.attname)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)
    ) AS "columns:json",
    pg_catalog.pg_get_expr(s.stxexprs, s.stxrelid) AS "expressions:sql",
    -- `e`, of expressions, follows from there being any.
    (
        SELECT pg_catalog.json_agg(
            CASE one WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' END
            ORDER BY one
        )
        FROM pg_catalog.unnest(s.stxkind) AS one
        WHERE one <> 'e'
    ) AS "kinds:json",
    -- Until 16, -1 is the default.
    CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END AS "statistics:json"
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
WHERE $only(s.oid) AND $owned(s.oid) AND $namespace(n.nspname)
