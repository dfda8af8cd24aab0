SELECT c.oid, n.nspname AS namespace,
    CASE c.relkind
        WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized-view' WHEN 'f' THEN 'foreign-table' WHEN 'S' THEN 'sequence'
    END AS kind,
    c.relname AS name,
    c.relowner::pg_catalog.regrole::pg_catalog.text AS owner
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
