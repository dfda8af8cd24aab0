SELECT n.oid, NULL AS namespace, 'namespace' AS kind, n.nspname AS name,
    n.nspowner::pg_catalog.regrole::pg_catalog.text AS owner
FROM pg_catalog.pg_namespace AS n
WHERE $only(n.oid) AND $owned(n.oid) AND $namespace(n.nspname)
